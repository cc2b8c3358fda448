"""FLAMO's modules taken over: one response, whatever they have been trained to, and back again."""

import importlib
import importlib.util
import types
from collections import OrderedDict

import pytest
import torch

from diffFx_pytorch import lti
from tests.flamo_peer import stand_ins

RATE, NFFT = 48000, 4096


@pytest.fixture(scope="module")
def flamo():
    if importlib.util.find_spec("flamo") is None:
        pytest.skip("flamo is not installed")
    names = ("processor.dsp", "processor.system", "auxiliary.reverb", "auxiliary.velvet", "functional")
    with stand_ins():
        yield types.SimpleNamespace(**{n.split(".")[-1]: importlib.import_module(f"flamo.{n}") for n in names})


def theirs(module):
    """The response of a module of FLAMO to an impulse at each input, (outputs, inputs, M)."""
    channels = module.input_channels
    x = torch.eye(channels, dtype=module.dtype).expand(1, NFFT // 2 + 1, channels, channels)
    with torch.no_grad():
        return module(x.to(torch.complex128 if module.dtype == torch.float64 else torch.complex64))[0].movedim(0, -1)


def ours(system, decay=0.0):
    with torch.no_grad():
        H = system.frequency_response(NFFT, alias_decay_db=decay)
    return H


def modules(f, **kw):
    delays = torch.tensor([100.0, 131.0, 173.0])
    d = f.dsp
    yield "Gain", d.Gain(size=(2, 3), **kw)
    yield "Gain, mapped", d.Gain(size=(2, 3), map=torch.tanh, requires_grad=True, **kw)
    yield "parallelGain", d.parallelGain(size=(3,), **kw)
    for kind in ("random", "orthogonal"):
        yield f"Matrix {kind}", d.Matrix(size=(4, 4), matrix_type=kind, requires_grad=True, **kw)
    yield "Matrix hadamard", d.Matrix(size=(4, 4), matrix_type="hadamard", **kw)
    yield "HouseholderMatrix", d.HouseholderMatrix(size=(4, 4), **kw)
    yield "Filter", d.Filter(size=(20, 2, 3), requires_grad=True, **kw)
    yield "parallelFilter", d.parallelFilter(size=(20, 3), map=torch.sin, **kw)
    for kind in ("lowpass", "highpass", "bandpass"):
        yield f"Biquad {kind}", d.Biquad(size=(2, 3), n_sections=2, filter_type=kind, fs=RATE, **kw)
        if kind == "bandpass":
            continue  # FLAMO cannot build the parallel one
        yield f"parallelBiquad {kind}", d.parallelBiquad(size=(3,), n_sections=2, filter_type=kind, fs=RATE, **kw)
    for kind in (None, "lowpass", "peaking", "lowshelf"):
        yield f"SVF {kind}", d.SVF(size=(2, 3), n_sections=2, filter_type=kind, fs=RATE, **kw)
    yield "parallelSVF", d.parallelSVF(size=(3,), n_sections=2, filter_type="highshelf", fs=RATE, **kw)
    yield "SOSFilter", d.SOSFilter(size=(2, 3), n_sections=2, fs=RATE, **kw)
    yield "GEQ", d.GEQ(size=(2, 1), fs=RATE, **kw)
    yield "parallelGEQ", d.parallelGEQ(size=(3,), fs=RATE, **kw)
    yield "AccurateGEQ", d.AccurateGEQ(size=(2, 1), fs=RATE, **kw)
    for design in ("biquad", "svf"):
        yield f"PEQ {design}", d.PEQ(size=(2, 1), n_bands=4, design=design, fs=RATE, **kw)
        yield f"parallelPEQ {design}", d.parallelPEQ(size=(3,), n_bands=4, design=design, fs=RATE, **kw)
    for whole in (True, False):
        yield f"Delay {whole}", d.Delay(size=(2, 3), isint=whole, fs=RATE, requires_grad=not whole, **kw)
        yield f"parallelDelay {whole}", d.parallelDelay(size=(3,), isint=whole, fs=RATE, **kw)
        yield f"GainDelay {whole}", d.GainDelay(size=(2, 3), isint=whole, fs=RATE, requires_grad=not whole, **kw)
    yield "parallelGainDelay", d.parallelGainDelay(size=(3,), fs=RATE, **kw)
    m = torch.tensor([3, 5, 7, 9])
    yield "ScatteringMatrix", d.ScatteringMatrix(size=(3, 4, 4), m_L=m, m_R=m, **kw)
    yield "VelvetNoiseMatrix", d.VelvetNoiseMatrix(size=(3, 4, 4), m_L=m, m_R=m, **kw)
    yield (
        "VelvetNoiseFilter",
        f.velvet.VelvetNoiseFilter(size=(960, 2, 1), nfft=NFFT, alias_decay_db=kw["alias_decay_db"]),
    )
    own = {k: v for k, v in kw.items() if k != "dtype"}
    yield "parallelFDNGEQ", f.reverb.parallelFDNGEQ(fs=RATE, delays=delays, **own)
    yield "parallelFirstOrderShelving", f.reverb.parallelFirstOrderShelving(fs=RATE, delays=delays, **own)


@pytest.mark.slow
@pytest.mark.parametrize("decay", [0.0, 30.0])
def test_every_module_has_the_same_response(flamo, decay):
    torch.manual_seed(0)
    kw = {"nfft": NFFT, "alias_decay_db": decay, "dtype": torch.float64, "device": "cpu"}
    # These compute in float32 in part: the first multiplies spectra of eleven sections, two of them below 50 Hz.
    rough = {"parallelFDNGEQ": 2e-2, "VelvetNoiseFilter": 1e-4, "VelvetNoiseMatrix": 1e-5}
    for name, module in modules(flamo, **kw):
        system = lti.from_flamo(module)
        with torch.random.fork_rng():  # the velvet filter draws its noise whenever it is asked
            torch.manual_seed(1)
            H = theirs(module)
        torch.manual_seed(1)
        apart = float((ours(system, decay) - H).abs().max() / H.abs().max())
        assert apart < rough.get(name, 1e-6), (name, apart)


def network(f, decay=0.0):
    kw = {"nfft": NFFT, "alias_decay_db": decay, "dtype": torch.float64, "device": "cpu"}
    delays = f.dsp.parallelDelay(size=(4,), max_len=300, isint=True, fs=RATE, **kw)
    delays.assign_value(delays.sample2s(torch.tensor([101.0, 143.0, 165.0, 177.0])))
    back = f.system.Series(
        OrderedDict(
            mix=f.dsp.Matrix(size=(4, 4), matrix_type="orthogonal", requires_grad=True, **kw),
            loss=f.dsp.parallelGain(size=(4,), map=lambda x: 0.7 * torch.sigmoid(x), requires_grad=True, **kw),
        )
    )
    wet = f.system.Series(
        OrderedDict(
            b=f.dsp.Gain(size=(4, 1), requires_grad=True, **kw),
            loop=f.system.Recursion(fF=delays, fB=back),
            c=f.dsp.Gain(size=(1, 4), requires_grad=True, **kw),
        )
    )
    core = f.system.Parallel(wet, f.dsp.Filter(size=(30, 1, 1), requires_grad=True, **kw))
    return f.system.Shell(core, f.dsp.FFT(NFFT, dtype=torch.float64), f.dsp.iFFT(NFFT, dtype=torch.float64))


def test_a_network_in_a_shell_learns_on_and_goes_back(flamo):
    torch.manual_seed(0)
    shell, other = network(flamo), network(flamo)
    system = lti.from_flamo(shell)
    x = torch.zeros(1, NFFT, 1, dtype=torch.float64)
    x[:, 0] = 1.0
    with torch.no_grad():
        torch.testing.assert_close(system(x.mT).mT, shell(x), rtol=1e-8, atol=1e-9)
    optimizer = torch.optim.SGD(system.parameters(), lr=1e-3)
    system(x.mT).square().sum().backward()
    optimizer.step()
    state = lti.to_flamo(system, other)
    assert state.keys() == shell.state_dict().keys()
    with torch.no_grad():
        torch.testing.assert_close(other(x), system(x.mT).mT, rtol=1e-8, atol=1e-9)
        assert not torch.allclose(other(x), shell(x))


def test_what_cannot_be_taken_over_is_named(flamo):
    with pytest.raises(TypeError, match="Transform is no system that could be taken over"):
        lti.from_flamo(flamo.dsp.Transform(torch.abs))
    shell = network(flamo)
    shell.set_outputLayer(flamo.dsp.Transform(torch.abs))
    with pytest.raises(TypeError, match=r"from_flamo\(shell.get_core\(\)\)"):
        lti.from_flamo(shell)


def test_state_variable_filters_by_type_have_a_name_here(flamo):
    f, R, gain = torch.tensor([700.0]).double(), torch.tensor([0.4]).double(), torch.tensor([0.3]).double()
    q, root = 1 / (2 * R), gain.sqrt()
    given = {"sample_rate": RATE, "diagonal": True}
    db = 20 * gain.log10()
    bands = torch.full((1, 2), 700.0).double()
    ours = {
        "lowpass": lti.Biquad("low_pass", f[None], q[None], **given),
        "highpass": lti.Biquad("high_pass", f[None], q[None], **given),
        "bandpass": lti.Biquad("band_pass", f[None], q[None], 20 * q[None].log10(), **given),
        "peaking": lti.SVF(f[None], R[None], 1.0, 2 * R[None] * root, 1.0, **given),
        "lowshelf": lti.PEQ(bands, q[None].expand(1, 2), torch.stack([0 * db, db], -1), design="svf", **given),
        "highshelf": lti.PEQ(bands, q[None].expand(1, 2), torch.stack([db, 0 * db], -1), design="svf", **given),
    }
    for kind, system in ours.items():  # FLAMO's low shelf cuts the highs, its high shelf the lows
        b, a = flamo.functional.svf(f, R, G=gain, filter_type=kind, fs=RATE, dtype=torch.float64)
        w = torch.exp(-2j * torch.pi * torch.arange(101).double() / 200)
        powers = torch.stack([w**0, w, w**2])
        H = (b.to(powers) * powers).sum(0) / (a.to(powers) * powers).sum(0)
        torch.testing.assert_close(system.frequency_response(200)[0, 0], H, rtol=1e-9, atol=1e-12, msg=kind)
