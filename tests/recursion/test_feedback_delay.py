"""The delay line with feedback against the loop on paper, and what delay and modulation effects rely on."""

import math

import numpy as np
import pytest
import torch

from diffFx_pytorch.recursion import attack_release, delay_line, delay_state_length, feedback_delay
from diffFx_pytorch.recursion.fallback.feedback_delay import feedback_delay_blocks
from tests.recursion.reference.feedback_delay import feedback_delay as reference

D = torch.float64
NAMES = ["linear", "cubic", "lagrange", "sinc", "allpass"]
LONGEST = 40
# feedback, low-pass, high-pass, tanh, moving, with past
LOOPS = {
    "plain": (True, False, False, False, False, False),
    "low-pass, with past": (True, True, False, False, False, True),
    "high-pass, moving": (True, False, True, False, True, False),
    "everything": (True, True, True, True, True, True),
    "read": (False, False, False, False, False, False),
    "moving read, with past": (False, False, False, False, True, True),
}


S = torch.float32
# Each loop, each interpolator through the longest loop and through a moving read, each in float32: the rest is slow.
QUICK = {("linear", loop, D) for loop in LOOPS}
QUICK |= {(name, loop, D) for name in NAMES for loop in ("everything", "moving read, with past")}
QUICK |= {("linear", "everything", S), ("lagrange", "plain", S), ("allpass", "low-pass, with past", S)}
QUICK |= {("sinc", "read", S), ("cubic", "high-pass, moving", S)}


def combinations():
    for dtype in (S, D):
        for name in NAMES:
            for loop in LOOPS:
                slow = () if (name, loop, dtype) in QUICK else pytest.mark.slow
                yield pytest.param(loop, name, dtype, marks=slow)


pytestmark = pytest.mark.usefixtures("poisoned_memory")


def generator(seed):
    return torch.Generator().manual_seed(seed)


def case(loop, interpolation, T, dtype=D, fast=False):
    """Leaves of one row: x, delay, feedback, low-pass, high-pass, zi; None where the loop has none."""
    feedback, low, high, _, moving, past = LOOPS[loop]
    g = generator(T)
    L = T if moving else 1
    least = 1.0 if feedback else 0.0
    if fast:
        delay = least + 30 * torch.rand(L, dtype=D, generator=g)
    else:
        delay = least + 14 * (1 + torch.sin(torch.arange(L, dtype=D) * 0.11)) + 0.37
    zi = torch.randn(delay_state_length(LONGEST, interpolation), dtype=D, generator=g)
    zi[-3:] *= torch.tensor([interpolation == "allpass", low, high])
    leaves = {
        "x": torch.randn(T, dtype=D, generator=g),
        "delay": delay,
        "feedback": 0.8 * torch.rand(L, dtype=D, generator=g) if feedback else None,
        "lowpass": torch.rand(L, dtype=D, generator=g) if low else None,
        "highpass": torch.rand(1, dtype=D, generator=g) if high else None,
        "zi": zi if past else None,
    }
    return {n: None if t is None else t.to(dtype).requires_grad_() for n, t in leaves.items()}


def run(loop, interpolation, x, delay, feedback, lowpass, highpass, zi):
    keywords = {"interpolation": interpolation, "max_delay": LONGEST, "zi": zi, "return_zf": True}
    if feedback is None:
        return delay_line(x, delay, **keywords)
    saturation = "tanh" if LOOPS[loop][3] else None
    return feedback_delay(x, delay, feedback, lowpass=lowpass, highpass=highpass, saturation=saturation, **keywords)


def expected(loop, interpolation, x, delay, feedback, lowpass, highpass, zi):
    T = x.shape[0]
    wide = [None if p is None else p.double().expand(T) for p in (delay, feedback, lowpass, highpass)]
    past, tail = (None, None) if zi is None else (zi.double()[:-3], zi.double()[-3:])
    v, line, end = reference(x.double(), *wide, LOOPS[loop][3], interpolation, past, tail)
    history = delay_state_length(LONGEST, interpolation) - 3
    line = torch.nn.functional.pad(line, (history, 0))[-history:]
    return v, torch.cat([line, end])


@pytest.mark.filterwarnings("ignore:Converting a tensor")
@pytest.mark.parametrize(("loop", "interpolation", "dtype"), combinations())
def test_output_state_and_each_gradient_match_the_loop(loop, interpolation, dtype):
    leaves = case(loop, interpolation, 200, dtype, fast=dtype == D)
    v, zf = run(loop, interpolation, **leaves)
    v_ref, zf_ref = expected(loop, interpolation, **leaves)
    assert v.dtype == dtype
    assert zf.dtype == D
    exact = 1e-8 if interpolation == "sinc" else 1e-11  # its weights are polynomials fitted to 1e-9
    tol = exact if dtype == D else 2e-5
    torch.testing.assert_close(v.double(), v_ref, rtol=tol, atol=tol)
    torch.testing.assert_close(zf, zf_ref, rtol=tol, atol=tol)
    weight = torch.randn(v.shape, dtype=D, generator=generator(1)).to(dtype)
    at_end = torch.randn(zf.shape, dtype=D, generator=generator(2))
    given = {n: t for n, t in leaves.items() if t is not None}
    grads = torch.autograd.grad((v * weight).sum() + (zf * at_end).sum(), list(given.values()))
    refs = torch.autograd.grad((v_ref * weight).sum() + (zf_ref * at_end).sum(), list(given.values()))
    for name, grad, ref in zip(given, grads, refs, strict=True):
        assert grad.dtype == dtype
        error = (grad - ref).norm() / ref.norm()
        assert error < (3e-8 if interpolation == "sinc" else 1e-10) if dtype == D else error < 1e-4, name


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("interpolation", ["lagrange", "allpass"])
def test_the_equation_in_eager_torch_matches_the_kernel(loop, interpolation):
    leaves = case(loop, interpolation, 150, fast=True)
    given = {n: t for n, t in leaves.items() if t is not None}
    v, zf = run(loop, interpolation, **leaves)
    x, delay, g, low, high, zi = (None if t is None else t[None] for t in leaves.values())
    past, tail = (None, torch.zeros(1, 3, dtype=D)) if zi is None else (zi[:, :-3], zi[:, -3:])
    saturate = LOOPS[loop][3]
    v2, line, end = feedback_delay_blocks(x, delay, g, low, high, past, tail, interpolation, saturate, math.inf)
    torch.testing.assert_close(v2[0], v)
    torch.testing.assert_close(end[0], zf[-3:])
    history = zf.shape[-1] - 3
    kept = torch.nn.functional.pad(line, (max(0, history - line.shape[-1]), 0))[0, -history:]
    torch.testing.assert_close(kept, zf[:-3])
    losses = [a.square().sum() + b[-3:].sum() for a, b in ((v, zf), (v2, end[0]))]
    found = [torch.autograd.grad(loss, list(given.values())) for loss in losses]
    for name, grad, eager in zip(given, *found, strict=True):
        torch.testing.assert_close(grad, eager, msg=name)


@pytest.mark.parametrize("interpolation", NAMES)
def test_impulse_arrives_at_the_delay_with_echoes_g_g2_g3(interpolation):
    x = torch.zeros(200, dtype=D)
    x[0] = 1
    v = feedback_delay(x, 40.0, 0.5, interpolation=interpolation)
    echoes = torch.zeros(200, dtype=D)
    echoes[[40, 80, 120, 160]] = torch.tensor([1, 0.5, 0.25, 0.125], dtype=D)
    assert (v - echoes).abs().max() < 1e-13


@pytest.mark.parametrize("interpolation", ["lagrange", "sinc"])
def test_half_a_sample_is_flat_to_10_khz(interpolation):
    x = torch.zeros(4096, dtype=D)
    x[100] = 1
    response = torch.fft.rfft(delay_line(x, 50.5, interpolation=interpolation)).abs()
    band = response[: int(10_000 / 44_100 * 4096)]
    assert 20 * torch.log10(band).abs().max() < 0.1


@pytest.mark.parametrize("interpolation", ["linear", "cubic", "lagrange", "sinc"])
def test_no_interpolator_lets_a_loop_grow(interpolation):
    for fraction in (0.1, 0.5, 0.9):
        for whole in (1, 2, 3, 7, 30):
            x = torch.zeros(30_000)
            x[0] = 1
            v = feedback_delay(x, whole + fraction, 0.99, interpolation=interpolation)
            assert v[-100:].abs().max() < 1e-3
            assert v.abs().max() < 1.5


def test_a_delay_of_one_sample_is_a_one_pole():
    x = torch.randn(500, dtype=D, generator=generator(0))
    v = feedback_delay(x, 1.0, 0.9)
    y = attack_release(x, 0.9, 0.9) / 0.1
    torch.testing.assert_close(v[1:], y[:-1])
    assert v[0] == 0


@pytest.mark.filterwarnings("ignore:Converting a tensor")
@pytest.mark.parametrize("interpolation", NAMES)
def test_down_to_one_sample_under_modulation(interpolation):
    T = 300
    x = torch.randn(T, dtype=D, generator=generator(0))
    delay = 1 + 6 * (1 + torch.sin(torch.arange(T, dtype=D) * 0.3))
    g = torch.full((T,), -0.9, dtype=D)
    v = feedback_delay(x, delay, g, interpolation=interpolation)
    torch.testing.assert_close(v, reference(x, delay, g, interpolation=interpolation)[0], rtol=1e-7, atol=1e-7)


def test_tanh_bounds_a_loop_of_any_gain():
    x = torch.randn(5000, generator=generator(0))
    assert feedback_delay(x, 17.3, 3.0, saturation="tanh").abs().max() < 3 * 3 + x.abs().max()


def test_the_loop_low_pass_darkens_echo_by_echo():
    x = torch.zeros(400, dtype=D)
    x[0] = 1
    c = 0.6
    v = feedback_delay(x, 100.0, 1.0, lowpass=c)
    assert v[100] == 1
    torch.testing.assert_close(v[200:300], (1 - c) * c ** torch.arange(100, dtype=D))


def test_the_loop_high_pass_removes_the_mean():
    x = torch.zeros(3000, dtype=D)
    x[:100] = 1
    v = feedback_delay(x, 1000.0, 1.0, highpass=0.9)
    assert abs(v[1000:2000].sum() - 100) < 1e-9
    assert abs(v[2000:].sum()) < 1e-9


@pytest.mark.parametrize(("interpolation", "dtype"), [*((name, torch.float32) for name in NAMES), ("lagrange", D)])
def test_blocks_of_any_size_equal_the_whole(interpolation, dtype):
    T = 2500
    x = torch.randn(2, T, dtype=dtype, generator=generator(0))
    delay = (30 + 25 * torch.sin(torch.arange(T, dtype=D) * 0.01))[None]
    keywords = {"lowpass": 0.3, "highpass": 0.99, "saturation": "tanh", "interpolation": interpolation}
    keywords |= {"max_delay": 60, "return_zf": True}
    whole, zf = feedback_delay(x, delay, 0.9, **keywords)
    state, parts, at = None, [], 0
    for n in (1, 1, 7, 127, 128, 129, 1024, T - 1417):
        v, state = feedback_delay(x[:, at : at + n], delay[:, at : at + n], 0.9, zi=state, **keywords)
        parts.append(v)
        at += n
    error = (torch.cat(parts, -1) - whole).norm() / whole.norm()
    assert error < (1e-6 if dtype == torch.float32 else 1e-14)
    torch.testing.assert_close(state, zf)


def test_zero_state_is_silence_and_a_delay_longer_than_the_signal_too():
    x = torch.randn(3, 50, generator=generator(0))
    zi = torch.zeros(3, delay_state_length(20))
    torch.testing.assert_close(feedback_delay(x, 7.7, 0.5, zi=zi), feedback_delay(x, 7.7, 0.5))
    assert feedback_delay(x, 1e6, 0.5).abs().max() == 0


def test_appending_silence_changes_nothing_before_it():
    x = torch.randn(400, dtype=D, generator=generator(0))
    longer = torch.cat([x, torch.zeros(3000, dtype=D)])
    delay = 20 + torch.rand(3400, dtype=D, generator=generator(1))
    assert torch.equal(feedback_delay(longer, delay, 0.9)[:400], feedback_delay(x, delay[:400], 0.9))


def test_parameters_broadcast_and_items_do_not_touch():
    x = torch.randn(3, 2, 300, dtype=D, generator=generator(0))
    delay = 1 + 40 * torch.rand(3, 1, 300, dtype=D, generator=generator(1))
    g = torch.rand(3, 1, dtype=D, generator=generator(2))
    v = feedback_delay(x, delay, g, lowpass=torch.rand(2, dtype=D, generator=generator(3)))
    low = torch.rand(2, dtype=D, generator=generator(3))
    for b in range(3):
        for c in range(2):
            assert torch.equal(v[b, c], feedback_delay(x[b, c], delay[b, 0], g[b, 0], lowpass=low[c]))
    strided = x.movedim(-1, 0).contiguous().movedim(0, -1)
    assert torch.equal(feedback_delay(strided, delay, g), feedback_delay(x, delay, g))


def test_constant_parameters_given_as_moving_ones():
    x = torch.randn(2, 500, dtype=D, generator=generator(0))
    moving = [torch.full((1, 500), c, dtype=D) for c in (33.4, 0.7, 0.2, 0.9)]
    v = feedback_delay(x, moving[0], moving[1], lowpass=moving[2], highpass=moving[3])
    torch.testing.assert_close(v, feedback_delay(x, 33.4, 0.7, lowpass=0.2, highpass=0.9))


@pytest.mark.parametrize("mix", [0.5])
def test_pedalboard_agrees(mix):
    pedalboard = pytest.importorskip("pedalboard")
    x = torch.randn(2, 20_000, generator=generator(0))
    seconds, rate, g = 0.0101, 44_100, 0.6
    theirs = pedalboard.Delay(seconds, g, mix)(x.numpy(), rate)
    echoes = feedback_delay(x, float(math.floor(np.float32(seconds) * rate)), g)
    ours = (1 - mix) * x + mix * echoes
    error = (ours - torch.from_numpy(theirs)).norm() / ours.norm()
    assert 20 * math.log10(error) < -120


def test_decaying_tail_ends_in_true_zero():
    x = torch.zeros(400_000)
    x[0] = 1
    v = feedback_delay(x, 100.0, 0.9, lowpass=0.5)
    assert v[-200:].abs().max() == 0
    assert not ((v != 0) & (v.abs() < torch.finfo(torch.float32).tiny)).any()


@pytest.mark.parametrize("shape", [(0, 10), (3, 0), (0,)])
def test_empty(shape):
    x = torch.zeros(shape, requires_grad=True)
    g = torch.tensor(0.5, requires_grad=True)
    v, zf = feedback_delay(x, 5.5, g, lowpass=0.5, max_delay=8, return_zf=True)
    assert v.shape == shape
    assert zf.shape == (*shape[:-1], delay_state_length(8))
    (v.sum() + zf.sum()).backward()
    assert g.grad == 0


@pytest.mark.slow
@pytest.mark.parametrize("interpolation", [pytest.param("lagrange", marks=pytest.mark.slow), "allpass"])
def test_gradcheck_to_second_order_and_forward_mode(interpolation):
    g, T = generator(3), 6
    x = torch.rand(2, T, dtype=D, generator=g).requires_grad_()
    d = (1.2 + 4 * torch.rand(1, T, dtype=D, generator=g)).requires_grad_()
    gain = (torch.rand(2, dtype=D, generator=g) * 0.9).requires_grad_()
    low, high = (torch.rand(n, dtype=D, generator=g).requires_grad_() for n in ((2, T), (1,)))
    zi = torch.rand(delay_state_length(6, interpolation), dtype=D, generator=g).requires_grad_()

    def both(x, d, gain, low, high, zi):
        keywords = {"saturation": "tanh", "interpolation": interpolation, "zi": zi, "return_zf": True}
        return feedback_delay(x, d, gain, lowpass=low, highpass=high, **keywords)

    assert torch.autograd.gradcheck(both, (x, d, gain, low, high, zi), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(both, (x, d, gain, low, high, zi), gen_non_contig_grad_outputs=True)


def test_opcheck():
    x = torch.rand(2, 30, requires_grad=True)
    d, g = torch.full((2, 1), 5.5, requires_grad=True), torch.full((1, 30), 0.5, requires_grad=True)
    tail = torch.zeros(1, 3, dtype=D)
    torch.library.opcheck(
        torch.ops.diffFx.feedback_delay.default, (x, d, g, None, None, None, tail, "cubic", False, math.inf, True)
    )
    past = torch.rand(2, 20)
    torch.library.opcheck(
        torch.ops.diffFx.feedback_delay.default, (x, d, g, g, g, past, tail, "cubic", True, 18.0, True)
    )


def test_function_transforms():
    g = generator(0)
    x, d, gain = (torch.rand(s, dtype=D, generator=g) for s in ((3, 40), (3,), (3,)))
    d = 1 + 10 * d

    def loss(x, d, gain):
        return feedback_delay(x, d, gain, lowpass=0.3).square().sum()

    every = (0, 1, 2)
    together = torch.func.vmap(torch.func.grad(loss, argnums=every))(x, d, gain)
    for i in range(3):
        alone = torch.func.grad(loss, argnums=every)(x[i], d[i], gain[i])
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[i], b)
    directions = tuple(torch.ones_like(t) for t in (x, d, gain))
    _, tangent = torch.func.jvp(loss, (x, d, gain), directions)
    torch.testing.assert_close(tangent, sum(t.sum() for t in together))
    hessian = torch.func.hessian(lambda gain: loss(x, d, gain))(gain)
    torch.testing.assert_close(hessian, torch.autograd.functional.hessian(lambda gain: loss(x, d, gain), gain))
    mapped = torch.func.vmap(lambda d: delay_line(x[0], d))(d)
    torch.testing.assert_close(mapped[1], delay_line(x[0], d[1]))


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiles_whole(backend):
    x = torch.rand(2, 60, dtype=D, generator=generator(0))
    d = torch.tensor([5.3, 9.9], dtype=D, requires_grad=True)

    def both(x, d):
        return feedback_delay(x, d, 0.7, lowpass=0.4, max_delay=20, return_zf=True)

    v, zf = torch.compile(both, fullgraph=True, backend=backend)(x, d)
    v_eager, zf_eager = both(x, d)
    torch.testing.assert_close(v, v_eager)
    torch.testing.assert_close(zf, zf_eager)
    grads = [torch.autograd.grad(a.square().sum(), d)[0] for a in (v, v_eager)]
    torch.testing.assert_close(*grads)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: feedback_delay(x, 0.5, 0.5), ValueError, "at least 1"),
        (lambda x: feedback_delay(x, torch.tensor(0.5), 0.5), ValueError, "at least 1"),
        (lambda x: feedback_delay(x, torch.full((2, 30), float("nan")), 0.5), ValueError, "NaN"),
        (lambda x: feedback_delay(x, torch.tensor(9.0), 0.5, max_delay=8), ValueError, "max_delay"),
        (lambda x: delay_line(x, -1.0), ValueError, "at least 0"),
        (lambda x: feedback_delay(x, 5.0, torch.zeros(3)), ValueError, "broadcast"),
        (lambda x: feedback_delay(x, 5.0, torch.zeros(2, 29)), ValueError, "feedback"),
        (lambda x: feedback_delay(x, 5.0, None), TypeError, "feedback"),
        (lambda x: feedback_delay(x, 5.0, 0.5, interpolation="magic"), ValueError, "lagrange"),
        (lambda x: feedback_delay(x, 5.0, 0.5, saturation="hard"), ValueError, "tanh"),
        (lambda x: feedback_delay(x, 5.0, 0.5, zi=torch.zeros(2, 5)), ValueError, "delay_state_length"),
        (lambda x: feedback_delay(x, 5.0, 0.5, zi=torch.zeros(2, 40), max_delay=5), ValueError, "zi"),
        (lambda x: feedback_delay(x, 5.0, 0.5, max_delay=0), ValueError, "max_delay"),
        (lambda x: feedback_delay(x.double(), torch.tensor(5.0), 0.5), TypeError, "delay"),
        (lambda x: feedback_delay(x.short(), 5.0, 0.5), TypeError, "float32"),
        (lambda x: feedback_delay(x.numpy(), 5.0, 0.5), TypeError, "torch.Tensor"),
    ],
)
def test_bad_input_is_refused_with_what_is_legal(call, error, words):
    with pytest.raises(error, match=words):
        call(torch.zeros(2, 30))


@pytest.mark.parametrize("interpolation", ["cubic", "lagrange", "sinc"])
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_gradients_of_a_slow_sweep_that_rows_share(rows, interpolation):
    """Stretches of dozens of samples, of every length, which random delays do not have."""
    generator = torch.Generator().manual_seed(0)
    n = torch.arange(700, dtype=torch.float64)
    delay = (40 + 25 * torch.sin(n / 90) + 0.013)[None].requires_grad_()
    x = torch.randn(rows, 700, generator=generator, dtype=torch.float64, requires_grad=True)
    feedback = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(rows, 700, generator=generator, dtype=torch.float64)

    def loss(x, delay, feedback):
        return (weights * feedback_delay(x, delay, feedback, interpolation=interpolation)).sum()

    for i, gradient in enumerate(torch.autograd.grad(loss(x, delay, feedback), (x, delay, feedback))):
        given = [x.detach(), delay.detach(), feedback.detach()]
        along = 1e-7 * torch.randn(given[i].shape, generator=generator, dtype=torch.float64)
        ahead, behind = (loss(*given[:i], given[i] + s * along, *given[i + 1 :]) for s in (1, -1))
        assert float((ahead - behind) / 2) == pytest.approx(float((gradient * along).sum()), rel=1e-5, abs=1e-12)


@pytest.mark.parametrize("moves", [True, False])
@pytest.mark.parametrize("channels", [2, 4, 5])
def test_gradient_of_a_shared_delay_is_the_sum_over_channels(channels, moves):
    generator = torch.Generator().manual_seed(5)
    x, upstream = torch.randn(2, 3, channels, 600, dtype=torch.float64, generator=generator)
    shared = 50 + 20 * torch.rand(3, 1, 600 if moves else 1, dtype=torch.float64, generator=generator)
    own = shared.expand(3, channels, shared.shape[-1]).clone()
    both = []
    for delay in (shared.requires_grad_(), own.requires_grad_()):
        y = feedback_delay(x, delay, 0.5)
        both.append(torch.autograd.grad(y, delay, upstream)[0])
    torch.testing.assert_close(both[0], both[1].sum(1, keepdim=True))
