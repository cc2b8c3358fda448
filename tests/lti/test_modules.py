"""What holds for every module: probes, batches, gradients, copies, and a start where it was put."""

import copy
import functools
import math
import pickle

import pytest
import torch

from diffFx_pytorch import lti

RATE = 48000.0
NFFT = 32


def _grow(value, batch):
    return value.expand(*batch, *value.shape).clone() * (
        1 + 0.01 * torch.randn(*batch, *[1] * value.dim(), dtype=value.dtype)
    )


@functools.cache
def _modules():
    dtype = torch.float64
    g = torch.Generator().manual_seed(0)

    def normal(*size):
        return torch.randn(*size, generator=g, dtype=dtype)

    freq = torch.tensor([[[300.0, 4000.0]], [[1000.0, 9000.0]]], dtype=dtype)
    learned = {"requires_grad": True}
    m = torch.tensor([3, 7])
    return {
        "gain": lti.Gain(normal(2, 3), **learned),
        "gains": lti.Gain(normal(3), diagonal=True, **learned),
        **{f"matrix {k}": lti.Matrix(4, k, generator=g, dtype=dtype, **learned) for k in lti.gains.KINDS},
        "scattering": lti.ScatteringMatrix(3, 2, generator=g, dtype=dtype, **learned),
        "fir": lti.FIR(normal(2, 1, 5), **learned),
        "firs": lti.FIR(normal(2, 40), diagonal=True, **learned),
        "velvet": lti.VelvetNoiseMatrix((2, 2), 60, density=9600.0, sample_rate=RATE, generator=g, **learned).to(dtype),
        "delay": lti.Delay(m, dtype=dtype, **learned),
        "delays": lti.Delay(
            torch.tensor([[3.0, 7.25], [0.0, 5.5]]), diagonal=False, integer=False, dtype=dtype, **learned
        ),
        "gain delay": lti.GainDelay(torch.tensor([[3.0, 7.0]]), normal(1, 2), **learned),
        "all-pass": lti.AllPass(m, torch.tensor([0.5, -0.7], dtype=dtype), **learned),
        "biquad": lti.Biquad("peak", freq, 2.0, 6.0, sample_rate=RATE, **learned),
        "low-pass": lti.Biquad("low_pass", freq[:, 0], diagonal=True, sample_rate=RATE, **learned),
        "svf": lti.SVF(freq, sample_rate=RATE, **learned),
        "sos": lti.SOS(torch.tensor([[[[1.0, 0.5, 0.2, 1.0, -0.3, 0.4]]]], dtype=dtype), **learned),
        "peq": lti.PEQ(torch.tensor([[[100.0, 900.0, 8000.0]]], dtype=dtype), 1.0, 3.0, sample_rate=RATE, **learned),
        "geq": lti.GEQ(3 * normal(1, 10), sample_rate=RATE, diagonal=True, **learned),
        "accurate geq": lti.GEQ(3 * normal(1, 10), sample_rate=RATE, diagonal=True, accurate=True, **learned),
        "absorption": lti.ShelvingAbsorption(
            torch.tensor([2.0], dtype=dtype), torch.tensor([1.0], dtype=dtype), m, sample_rate=RATE, **learned
        ),
        "all-pass network": lti.AllpassFDN(m, 2, generator=g, dtype=dtype, **learned),
        "homogeneous": lti.networks._Homogeneous(torch.tensor([0.1, 0.2], dtype=dtype), m, RATE, True),
        "series": lti.Series(lti.Gain(normal(2, 1), **learned), lti.Delay(m, dtype=dtype)),
        "fdn": lti.Series(
            lti.Gain(normal(2, 1), **learned),
            lti.Recursion(lti.Delay(m, dtype=dtype), lti.Matrix(2, generator=g, dtype=dtype, **learned)),
            lti.Gain(normal(1, 2), **learned),
        ),
    }


def _at(sample_rate):
    return lti.PEQ(torch.tensor([[[100.0, 1000.0]]]), sample_rate=sample_rate)


NAMES = tuple(_modules())


def _module(name):
    return copy.deepcopy(_modules()[name])


@pytest.mark.parametrize("name", NAMES)
def test_probes_on_the_circle_are_the_response(name):
    system = _module(name)
    z = system.circle(NFFT, 40.0).z
    H = system.frequency_response(NFFT, alias_decay_db=40.0)
    assert torch.allclose(system.probe(z), H, atol=1e-11)
    assert system.probe(z.view(1, -1)).shape == (*H.shape[:-1], 1, len(z))


@pytest.mark.parametrize("name", NAMES)
def test_signals_pass_as_the_response_says(name):
    system = _module(name)
    x = torch.randn(2, system.inputs, 20, dtype=torch.float64)
    grid = system.circle(NFFT, 20.0)
    expected = torch.einsum("oim,bim->bom", system.frequency_response(NFFT, alias_decay_db=20.0), grid.spectrum(x))
    assert torch.allclose(system.through(x, grid), expected, atol=1e-11)
    assert system(x).shape == (2, system.outputs, 20)


@pytest.mark.parametrize("name", NAMES)
def test_float32_is_float64_to_its_precision(name):
    exact = _module(name).frequency_response(NFFT).detach()
    H = _module(name).float().frequency_response(NFFT).detach()
    assert H.dtype == torch.complex64
    assert torch.allclose(H.to(exact.dtype), exact, atol=1e-4 * float(exact.abs().max()))


@pytest.mark.parametrize("name", NAMES)
def test_32_parameter_sets_in_one_call_are_32_calls(name):
    torch.manual_seed(5)
    system = _module(name)
    sets = {key: _grow(value.detach(), (32,)) for key, value in system.named_parameters()}
    before = copy.deepcopy(system.state_dict())
    H = system.frequency_response(NFFT, parameters=sets)
    assert H.shape == (32, system.outputs, system.inputs, NFFT // 2 + 1)
    for i in (0, 7, 31):
        one = system.frequency_response(NFFT, parameters={key: value[i] for key, value in sets.items()})
        assert torch.allclose(H[i], one, atol=1e-12)
    assert all(torch.equal(before[key], value) for key, value in system.state_dict().items())
    grid_of_sets = {key: _grow(value.detach(), (2, 3)) for key, value in system.named_parameters()}
    assert system.frequency_response(NFFT, parameters=grid_of_sets).shape[:2] == (2, 3)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("delay", "gain delay")])
def test_gradients_are_right(name):
    system = _module(name)
    parameters = {
        key: value.detach().clone().requires_grad_() for key, value in system.named_parameters() if value.requires_grad
    }

    def response(*values):
        H = system.frequency_response(9, alias_decay_db=20.0, parameters=dict(zip(parameters, values, strict=True)))
        return torch.view_as_real(H)

    assert torch.autograd.gradcheck(response, tuple(parameters.values()), atol=1e-6, rtol=1e-4)


def test_whole_delays_get_the_gradient_of_delays_that_are_not():
    delay = lti.Delay(torch.tensor([5]), requires_grad=True, dtype=torch.float64)
    free = lti.Delay(torch.tensor([5.0]), integer=False, requires_grad=True, dtype=torch.float64)
    for system in (delay, free):
        system.frequency_response(16)[0, 0, 3].real.backward()
    assert torch.allclose(delay.offset.grad, free.offset.grad)
    assert float(delay.offset.grad.abs()) > 0.1
    with torch.no_grad():
        delay.offset += 0.4
        before = delay.frequency_response(16)
        delay.offset += 0.2
    assert torch.allclose(before, lti.Delay(torch.tensor([5]), dtype=torch.float64).frequency_response(16))
    assert torch.allclose(
        delay.frequency_response(16), lti.Delay(torch.tensor([6]), dtype=torch.float64).frequency_response(16)
    )


def test_delays_start_where_they_were_put():
    samples = torch.tensor([100003.25, 0.5, 17.0], dtype=torch.float64)
    for dtype in (torch.float32, torch.float64):
        put = lti.Delay(samples, integer=False, requires_grad=True, dtype=dtype).samples()
        assert float((put - samples).abs().max().detach()) < 1e-6
    seconds = lti.Delay(torch.tensor([0.5]), unit="seconds", sample_rate=RATE)
    metres = lti.Delay(torch.tensor([343.0]), unit="metres", sample_rate=RATE)
    assert (int(seconds.samples()), int(metres.samples())) == (24000, 48000)


@pytest.mark.parametrize("name", NAMES)
def test_copies_answer_alike(name):
    system = _module(name)
    expected = system.frequency_response(NFFT)
    fresh = _module(name)
    with torch.no_grad():
        for value in fresh.parameters():
            value.mul_(0.5)
    fresh.load_state_dict(system.state_dict())
    for other in (copy.deepcopy(system), pickle.loads(pickle.dumps(system)), fresh):
        assert torch.equal(other.frequency_response(NFFT), expected)


def test_200_fresh_conditionings_are_each_answered():
    system = _module("fdn")
    unit = system.frequency_response(NFFT, parameters={"0.gain": torch.ones(2, 1, dtype=torch.float64)})
    for i in range(200):
        gain = torch.full((2, 1), float(i), dtype=torch.float64)
        assert torch.allclose(system.frequency_response(NFFT, parameters={"0.gain": gain}), i * unit, atol=1e-9)
        del gain


def test_gradients_accumulate_and_a_changed_map_is_seen():
    system = _module("fdn")
    for _ in range(2):
        system.frequency_response(NFFT).abs().sum().backward()
    twice = {n: p.grad.clone() for n, p in system.named_parameters() if p.grad is not None}
    system.zero_grad()
    (2 * system.frequency_response(NFFT).abs().sum()).backward()
    assert all(torch.allclose(twice[n], p.grad) for n, p in system.named_parameters() if p.grad is not None)
    gain = lti.Gain(torch.ones(1, 1))
    gain.maps["gain"] = torch.tanh
    assert float(gain.frequency_response(4)[0, 0, 0].real) == pytest.approx(math.tanh(1.0))


def test_an_unknown_parameter_is_named_with_the_nearest():
    with pytest.raises(ValueError, match=r"no parameter '0.gian'; did you mean '0.gain'"):
        _module("fdn").frequency_response(NFFT, parameters={"0.gian": torch.ones(2, 1)})


@pytest.mark.slow
def test_compiled_systems_answer_alike():
    system = _module("fdn")
    x = torch.randn(1, 1, 30, dtype=torch.float64)
    compiled = torch.compile(system, backend="aot_eager", fullgraph=True)
    assert torch.allclose(compiled(x), system(x), atol=1e-12)


def test_a_shell_shows_what_it_is_asked_for():
    system = _module("fdn")
    x = torch.randn(1, 1, 30, dtype=torch.float64)
    shell = lti.Shell(system, NFFT, alias_decay_db=30.0, output="spectrum")
    H = system.frequency_response(NFFT, alias_decay_db=30.0)
    assert torch.equal(shell(), H)
    shell.output = "magnitude"
    assert torch.equal(shell(), H.abs())
    assert shell(x).shape == (1, 1, NFFT // 2 + 1)
    shell.output = "signal"
    assert torch.allclose(shell(x)[..., :30], system(x, nfft=NFFT, alias_decay_db=30.0))
    shell.nfft, shell.alias_decay_db, shell.output = 64, 0.0, lambda H: H.real
    assert torch.equal(shell(), system.frequency_response(64).real)
    with pytest.raises(ValueError, match="output"):
        lti.Shell(system, NFFT, output="phase")


@pytest.mark.parametrize("kind", [k for k in lti.gains.KINDS if k != "random"])
@pytest.mark.parametrize("n", [1, 2, 6, 8, 16])
def test_matrices_stay_orthogonal_while_trained(kind, n):
    if kind in ("rotation", "hadamard") and n & (n - 1):
        with pytest.raises(ValueError, match="powers of two"):
            lti.Matrix(n, kind)
        return
    generator = torch.Generator().manual_seed(0)
    matrix = lti.Matrix(n, kind, requires_grad=True, generator=generator)
    target = torch.randn(n, n, generator=generator)
    optimizer = torch.optim.Adam(matrix.parameters(), lr=0.05)
    first = matrix.value("matrix").detach()
    if n == 1:
        assert float(first.abs().squeeze()) == pytest.approx(1.0)
        return
    for _ in range(200 if n == 6 else 30):
        optimizer.zero_grad()
        (matrix.value("matrix") * target).sum().backward()
        optimizer.step()
    A = matrix.value("matrix").detach()
    assert float((A @ A.T - torch.eye(n)).abs().max()) < 1e-6
    if n > 2 and kind != "rotation":
        assert float((A * target).sum()) < float((first * target).sum()) - 0.05


def test_hadamard_starts_as_hadamard():
    A = lti.Matrix(8, "hadamard", dtype=torch.float64).value("matrix")
    assert torch.allclose(A.abs(), torch.full((8, 8), 8**-0.5, dtype=torch.float64))


def test_a_scattering_matrix_stays_paraunitary():
    matrix = lti.ScatteringMatrix(4, 3, requires_grad=True, dtype=torch.float64)
    optimizer = torch.optim.Adam(matrix.parameters(), lr=0.25)
    for _ in range(20):
        optimizer.zero_grad()
        matrix.frequency_response(256).abs()[0, 1].sum().backward()
        optimizer.step()
    H = matrix.frequency_response(256).detach().movedim(-1, 0)
    assert float((H @ H.mH - torch.eye(4)).abs().max()) < 1e-12
    assert int(matrix.delays.max()) > 4
    lossy = lti.ScatteringMatrix(2, 1, delays=torch.tensor([[10, 10], [0, 0]]), gain_per_sample=0.99)
    assert float(lossy.frequency_response(16)[:, 0, 1].norm()) == pytest.approx(0.99**10, rel=1e-5)


def test_velvet_noise_is_sparse_and_as_dense_as_asked():
    matrix = lti.VelvetNoiseMatrix((2, 3), 4800, density=2000.0, sample_rate=RATE)
    assert matrix.taps.shape == (2, 3, 4800)
    assert set(matrix.taps.unique().tolist()) == {-1.0, 0.0, 1.0}
    assert torch.equal(matrix.taps.abs().sum(-1), torch.full((2, 3), 200.0))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: lti.Gain(), "either values or a size"),
        (lambda: lti.Gain(torch.ones(2), size=(2,)), "either values or a size"),
        (lambda: lti.Gain(torch.ones(2)), "outputs, inputs"),
        (lambda: lti.Matrix(4, "unitary"), "kind must be one of"),
        (lambda: lti.Matrix(4, raw=torch.ones(3, 3)), "raw must be"),
        (lambda: lti.Delay(torch.tensor([-1])), "at least 0"),
        (lambda: lti.Delay(torch.tensor([1.0]), unit="seconds"), "need a sample_rate"),
        (lambda: lti.Delay(torch.tensor([1.0]), unit="feet"), "unit must be"),
        (lambda: lti.AllPass(torch.tensor([1]), torch.tensor([1.0])), "inside -1 .. 1"),
        (lambda: lti.Delay(torch.tensor([64])).frequency_response(64), "does not fit nfft=64"),
        (lambda: lti.Series(_at(48000.0), _at(44100.0)), "'0' is made for 48000 Hz and '1' for 44100 Hz"),
        (lambda: lti.Recursion(_at(48000.0), _at(44100.0)), "'feedback' for 44100 Hz"),
        (
            lambda: _at(48000.0).frequency_response(freqs_hz=torch.ones(1), sample_rate=44100.0),
            "the system' is made for 48000",
        ),
        (lambda: lti.SOS(torch.ones(1, 1, 1, 5)), "must end in 6"),
        (lambda: lti.PEQ(torch.ones(1, 1, 1), sample_rate=RATE), "at least two bands"),
        (lambda: lti.ScatteringMatrix(2, 0), "at least one"),
        (lambda: lti.Bounded(1.0, 1.0), "low < high"),
    ],
)
def test_what_cannot_be_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
