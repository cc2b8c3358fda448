"""PGHI against a slow twin from the paper, and what any phase from a magnitude must do."""

import heapq
import math

import numpy as np
import pytest
import torch

from diffFx_pytorch.spectrogram import STFT, RealTimePGHI, pghi, real_time_pghi
from diffFx_pytorch.spectrogram.gradient import gaussian_width, window_centre
from diffFx_pytorch.spectrogram.phase_sweep import _carry_phase, _loudest_path, carry_phase, loudest_path
from tests.spectrogram.signals import notes


def convergence(stft, S, x):
    A = stft.magnitude(x)
    return 20 * math.log10((stft.magnitude(stft.inverse(S, x.shape[-1])) - A).norm() / A.norm())


def slow_pghi(A, N, H, gamma, tolerances):
    """Algorithm 1 of Prusa, Balazs and Sondergaard (2017), with Python's heap; A is (F, frames)."""
    F, M = A.shape
    s = np.log(np.maximum(A, 1e-10 * A.max()))

    def frequency(k, n):  # a hop's phase step; the spectrum is its own mirror at 0 and N / 2
        up = k + 1 if k + 1 < F else N - k - 1
        return 2 * math.pi * H * k / N + H * N / gamma * (s[up, n] - s[abs(k - 1), n]) / 2

    def delay(k, n):
        a, b = max(n - 1, 0), min(n + 1, M - 1)
        return -gamma / (H * N) * (s[k, b] - s[k, a]) / max(b - a, 1)

    phase, loudest = {}, sorted(np.ndindex(F, M), key=lambda i: -s[i])
    for tolerance in tolerances:
        floor = s.max() + math.log(tolerance)
        heap = [(-s[i], i) for i in phase]
        heapq.heapify(heap)
        todo = iter([i for i in loudest if s[i] > floor])
        while True:
            if not heap:
                start = next((i for i in todo if i not in phase), None)
                if start is None:
                    break
                phase[start] = 0.0
                heap.append((-s[start], start))
            k, n = heapq.heappop(heap)[1]
            for dk, dn in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                j = k + dk, n + dn
                if not (0 <= j[0] < F and 0 <= j[1] < M) or j in phase or not s[j] > floor:
                    continue
                slope = frequency if dn else delay
                phase[j] = phase[k, n] + (dk + dn) * (slope(k, n) + slope(*j)) / 2
                heapq.heappush(heap, (-s[j], j))
    return np.array([[phase.get((k, n), 0.0) - math.pi * k for n in range(M)] for k in range(F)])


@pytest.mark.parametrize("n_fft", [256, 255])
@pytest.mark.parametrize("tolerance", [(1e-2, 1e-10), (1e-1, 1e-3), (1e-6,)])
def test_it_is_the_papers_algorithm(n_fft, tolerance):
    stft = STFT(n_fft, 64)
    A = stft.magnitude(notes())
    S = pghi(A, stft, tolerance=tolerance, method="heap")
    slow = slow_pghi(A.numpy(), n_fft, 64, 0.25645 * n_fft**2, tolerance)
    torch.testing.assert_close(S, torch.polar(A, torch.tensor(slow)), rtol=0, atol=1e-6 * A.max().item())


def slow_sweep(level, before):
    """Heap integration within two frames: which bin of the last one each bin goes back to."""
    source = []
    for here in level:
        heap, found = [(-before[k], k, True) for k in range(len(here))], {}
        heapq.heapify(heap)
        while len(found) < len(here):
            _, k, past = heapq.heappop(heap)
            for j in [k] if past else [k - 1, k + 1]:
                if 0 <= j < len(here) and j not in found:
                    found[j] = k if past else found[k]
                    heapq.heappush(heap, (-here[j], j, False))
        source.append([found[k] for k in range(len(here))])
        before = here
    return source


def test_the_sweep_is_a_heap_over_two_frames():
    torch.manual_seed(0)
    level, before = torch.rand(7, 40), torch.rand(40)
    source = loudest_path(level, before)
    # Bins reached at the same bottleneck may go either way in the heap; most are not.
    slow = torch.tensor(slow_sweep(level.tolist(), before.tolist()))
    assert (source == slow).float().mean() > 0.9


@pytest.mark.parametrize("shared", [(), (1,), (2,)])
def test_kernel_and_tensors_agree_on_the_sweep(shared):
    torch.manual_seed(1)
    level, before = torch.rand(2, 9, 30), torch.rand(*shared, 30)
    level[0, 3] = 0.5  # ties
    source = loudest_path(level, before)
    assert torch.equal(source, _loudest_path.rules.equation(level, before))
    source = source if shared else source[0]
    given = 9 * torch.randn(2, 9, 30, requires_grad=True), torch.randn(*shared, 30, requires_grad=True)
    weights = torch.randn(2, 9, 30)
    found = []
    for call in (carry_phase, _carry_phase.rules.equation):
        phase = call(source, *given)
        found.append((phase, *torch.autograd.grad((phase * weights).sum(), given)))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_operators_are_registered_properly():
    torch.manual_seed(2)
    level, before = torch.rand(2, 5, 8), torch.rand(2, 8)
    torch.library.opcheck(_loudest_path._op.overload, (level, before))
    source = loudest_path(level, before)
    arguments = source, torch.rand(2, 5, 8, dtype=torch.double, requires_grad=True), before.double().requires_grad_()
    torch.library.opcheck(_carry_phase._op.overload, arguments)
    # Small advances: the whole turns that are taken out would be jumps to finite differences.
    torch.autograd.gradcheck(lambda a, b: carry_phase(source, a * 0.1, b), arguments[1:])
    torch.autograd.gradgradcheck(lambda a, b: carry_phase(source, a * 0.1, b).sin(), arguments[1:])
    # Forward mode, vmap and torch.func, in all their mixtures.
    weights = torch.rand(2, 5, 8, dtype=torch.double)

    def loss(a):
        return (carry_phase(source, a, arguments[2].detach()).sin() * weights).sum()

    a, direction = arguments[1].detach(), torch.rand(2, 5, 8, dtype=torch.double)
    slope = torch.func.grad(loss)(a)
    torch.testing.assert_close(torch.func.jvp(loss, (a,), (direction,))[1], (slope * direction).sum())
    mapped = torch.func.vmap(carry_phase)(source, a, arguments[2].detach())
    torch.testing.assert_close(mapped, carry_phase(source, a, arguments[2].detach()))


@pytest.mark.parametrize(("method", "n_fft", "reached"), [("heap", 256, -19), ("heap", 512, -19), ("sweep", 512, -18)])
def test_the_phase_is_good(method, n_fft, reached):
    stft, x = STFT(n_fft), notes(16000)
    assert convergence(stft, pghi(stft.magnitude(x), stft, method=method), x) < reached


@pytest.mark.parametrize("window", ["hann", "hamming", "blackman", "sine", "rectangular", "given"])
def test_any_window_has_its_gaussian(window):
    given = torch.hann_window(200, dtype=torch.float64) if window == "given" else window
    stft, x = STFT(256, 50, win_length=200, window=given), notes()
    published = {"hann": 0.25645, "given": 0.25, "hamming": 0.29794, "blackman": 0.1795}
    if window in published:
        assert gaussian_width(stft) == pytest.approx(published[window] * 200**2, rel=0.04)
    assert window_centre(stft) == pytest.approx(127.5 if window == "rectangular" else 128, abs=0.01)
    limit = -4 if window == "rectangular" else -15
    assert convergence(stft, pghi(stft.magnitude(x), stft), x) < limit


def test_a_steady_sine_is_continued():
    stft, n = STFT(512), torch.arange(20000, dtype=torch.float64)
    x = (2 * math.pi * 0.0433 * n).sin()
    S = pghi(stft.magnitude(x), stft)
    inner = slice(10, -10)
    turned = (S / stft.forward(x))[22, inner]  # one and the same angle in every frame, the sine's own
    drift = (turned[1:] / turned[:-1]).angle().abs().mean()
    assert drift < 0.05


@pytest.mark.parametrize("look_ahead", [0, 1])
@pytest.mark.parametrize("sizes", [(1,), (5, 1, 9)])
def test_a_stream_in_blocks_is_the_whole_to_the_bit(look_ahead, sizes):
    stft = STFT(256)
    A = torch.stack([stft.magnitude(notes(seed=i)) for i in range(2)]).float()
    stream, out, n = RealTimePGHI(stft, look_ahead), [], 0
    while n < A.shape[-1]:
        size = sizes[len(out) % len(sizes)]
        out.append(stream.push(A[..., n : n + size]))
        n += size
    out.append(stream.flush())
    assert torch.equal(torch.cat(out, -1), real_time_pghi(A, stft, look_ahead=look_ahead))


def test_a_batch_is_its_items():
    stft = STFT(256)
    A = torch.stack([stft.magnitude(notes(seed=i)) for i in range(3)]).view(3, 1, stft.bins, -1)
    for method in ("heap", "sweep"):
        alone = torch.stack([pghi(a, stft, method=method) for a in A])
        assert torch.equal(pghi(A, stft, method=method), alone)


@pytest.mark.parametrize("method", ["heap", "sweep"])
def test_scale_silence_single_frames(method):
    stft = STFT(256)
    A = stft.magnitude(notes()).float()
    S = pghi(A, stft, method=method)
    torch.testing.assert_close(pghi(4 * A, stft, method=method), 4 * S, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(S.abs(), A)
    assert not pghi(torch.zeros_like(A), stft, method=method).abs().any()
    assert pghi(A[:, :1], stft, method=method).isfinite().all()
    A[:, 5:9] = 0
    A[40] = 0
    assert pghi(A, stft, method=method).isfinite().all()
    assert pghi(A[None][:0], stft, method=method).shape == (0, *A.shape)


def test_gradients_pass_to_the_magnitude_alone():
    stft = STFT(64)
    A = stft.magnitude(notes(400)).requires_grad_()
    S = pghi(A, stft)
    (grad,) = torch.autograd.grad(S.real.sum(), A)
    torch.testing.assert_close(grad, (S / A.clamp(min=1e-30)).real.detach())


@pytest.mark.parametrize("method", [pghi, real_time_pghi])
def test_bad_input_is_refused(method):
    stft = STFT(256)
    A = torch.rand(129, 6)
    for bad, message in (
        (A + 0j, "real"),
        (-A, "negative"),
        (A / 0, "NaN or infinite"),
        (A[:65], "n_fft=128"),
        (A.T, "exchanged"),
        (A[:, :0], "at least one frame"),
        (A.int(), "float32"),
    ):
        with pytest.raises(ValueError, match=message):
            method(bad, stft)
    with pytest.raises(ValueError, match="gamma"):
        method(A, stft, gamma=-1.0)
    with pytest.raises(ValueError, match="look_ahead"):
        real_time_pghi(A, stft, look_ahead=2)
    with pytest.raises(ValueError, match="tolerance"):
        pghi(A, stft, tolerance=(1e-10, 1e-1))
    with pytest.raises(ValueError, match="method"):
        pghi(A, stft, method="quick")
    with pytest.raises(ValueError, match="nothing was pushed"):
        RealTimePGHI(stft).flush()
