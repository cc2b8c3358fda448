"""From frequency to time and back: FDNs against their recursion, signals against convolution, what folds back."""

import math

import pytest
import torch

from diffFx_pytorch import lti

DELAYS = torch.tensor([887, 911, 941, 1699, 1951, 2053])


def _fdn(dtype, gain=1.0):
    generator = torch.Generator().manual_seed(1)
    b, c, A = (torch.randn(size, generator=generator, dtype=torch.float64) for size in ((6, 1), (1, 6), (6, 6)))
    return lti.Series(
        b=lti.Gain(b.to(dtype)),
        loop=lti.Recursion(
            lti.Delay(DELAYS, dtype=dtype),
            lti.Series(
                A=lti.Matrix(6, raw=A.to(dtype)), g=lti.Gain(torch.full((6,), gain, dtype=dtype), diagonal=True)
            ),
        ),
        c=lti.Gain(c.to(dtype)),
    )


def _recursion(fdn, x):
    """The same network sample by sample in float64, in blocks of the shortest delay."""
    b, c = fdn.b.gain.double()[:, 0], fdn.c.gain.double()[0]
    A = fdn.loop.feedback.A.value("matrix").double() * fdn.loop.feedback.g.gain.double().unsqueeze(-1)
    T, longest, block = x.shape[-1], int(DELAYS.max()), int(DELAYS.min())
    line = torch.zeros(6, longest + T, dtype=torch.float64)
    out = torch.zeros(T, dtype=torch.float64)
    for t in range(0, T, block):
        n = min(block, T - t)
        read = torch.stack([line[i, longest + t - m : longest + t - m + n] for i, m in enumerate(DELAYS.tolist())])
        out[t : t + n] = c @ read
        line[:, longest + t : longest + t + n] = b.unsqueeze(1) * x[t : t + n] + A @ read
    return out


@pytest.mark.parametrize("gain", [1.0, 0.97])
def test_an_fdn_in_frequency_is_its_recursion_in_time(gain):
    impulse = torch.zeros(20000, dtype=torch.float64)
    impulse[0] = 1.0
    with torch.no_grad():
        fdn = _fdn(torch.float64, gain)
        # 200 dB: what a lossless loop folds back is under 1e-10.
        h = fdn.impulse_response(20000, nfft=40000, alias_decay_db=200.0)[0, 0]
        expected = _recursion(fdn, impulse)
    assert float((h - expected).norm() / expected.norm()) < 1e-8


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_exact_response_is_the_recursion_and_trains_alike(dtype):
    impulse = torch.zeros(6000, dtype=torch.float64)
    impulse[0] = 1.0
    fdn = lti.Parallel(wet=_fdn(dtype, 0.99), direct=lti.Gain(torch.full((1, 1), 0.5, dtype=dtype)))
    h = fdn.impulse_response(6000, exact=True)[0, 0]
    with torch.no_grad():
        expected = _recursion(fdn.wet, impulse) + 0.5 * impulse
    assert float((h - expected).detach().norm() / expected.norm()) < (1e-12 if dtype == torch.float64 else 1e-5)
    sets = {
        "wet.b.gain": torch.randn(5, 6, 1, dtype=dtype),
        "wet.loop.feedback.A.matrix": torch.randn(5, 6, 6, dtype=dtype),
    }
    batch = fdn.impulse_response(6000, exact=True, parameters=sets)
    one = fdn.impulse_response(6000, exact=True, parameters={k: v[3] for k, v in sets.items()})
    assert torch.allclose(batch[3], one, atol=1e-6)


def test_exact_gradients_are_those_of_the_frequency_way():
    fdn = _fdn(torch.float64)
    for value in fdn.parameters():
        value.requires_grad_()
    weight = torch.randn(1, 1, 5000, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    ways = [{"exact": True}, {"nfft": 20000, "alias_decay_db": 200.0}]
    learned = [fdn.b.gain, fdn.c.gain, fdn.loop.feedback.A.matrix, fdn.loop.feedback.g.gain]
    fdn.loop.feedforward.offset.requires_grad_(False)
    found = [torch.autograd.grad((fdn.impulse_response(5000, **way) * weight).sum(), learned) for way in ways]
    for exact, sampled in zip(*found, strict=True):
        assert torch.allclose(exact, sampled, rtol=1e-6, atol=1e-9)


def test_what_has_no_exact_recursion_says_so():
    with pytest.raises(ValueError, match="no loop of whole delays"):
        lti.FIR(torch.ones(1, 1, 3)).impulse_response(10, exact=True)
    assert torch.equal(lti.Gain(torch.eye(2)).impulse_response(3, exact=True)[..., 0], torch.eye(2))


def test_float32_keeps_the_tail():
    impulse = torch.zeros(96000, dtype=torch.float64)
    impulse[0] = 1.0
    gain = 10 ** (-3 * 900 / (48000 * 1.0))  # about a second
    with torch.no_grad():
        h = _fdn(torch.float32, gain).impulse_response(96000, nfft=96000, alias_decay_db=30.0)[0, 0].double()
        expected = _recursion(_fdn(torch.float32, gain), impulse)
    assert float((h - expected).norm() / expected.norm()) < 1e-5
    tail = slice(-9600, None)
    assert float((h[tail] - expected[tail]).norm() / expected[tail].norm()) < 1e-2


@pytest.mark.parametrize("alias_decay_db", [30.0, 60.0, 100.0])
def test_what_folds_back_falls_with_the_alias_decay(alias_decay_db):
    n = 48000
    impulse = torch.zeros(n, dtype=torch.float64)
    impulse[0] = 1.0
    with torch.no_grad():
        fdn = _fdn(torch.float64)
        h = fdn.impulse_response(n, nfft=n, alias_decay_db=alias_decay_db)[0, 0]
        expected = _recursion(fdn, impulse)
    error = float((h - expected).norm() / expected.norm())
    assert 0.3 < error / 10 ** (-alias_decay_db / 20) < 3.0


@pytest.mark.parametrize("alias_decay_db", [0.0, 30.0, 100.0])
@pytest.mark.parametrize("nfft", [None, 4096, 4097])
def test_any_signal_is_convolved(alias_decay_db, nfft):
    generator = torch.Generator().manual_seed(0)
    taps = torch.randn(2, 3, 500, generator=generator, dtype=torch.float64)
    x = torch.randn(4, 3, 2000, generator=generator, dtype=torch.float64)
    y = lti.FIR(taps)(x, samples=2499 if nfft else None, nfft=nfft, alias_decay_db=alias_decay_db)
    expected = torch.nn.functional.conv1d(x, taps.flip(-1), padding=499)[..., : y.shape[-1]]
    # Rounding in the tail grows by what the envelope takes off it.
    grows = 10 ** (alias_decay_db / 20 * 2499 / (nfft or 4096))
    assert float((y - expected).abs().max() / expected.abs().max()) < 1e-12 * max(1.0, 0.02 * grows)


def test_a_response_longer_than_the_circle_is_sampled_not_cut():
    taps = torch.randn(1, 1, 300, dtype=torch.float64)
    H = lti.FIR(taps).frequency_response(64, alias_decay_db=20.0)
    z = torch.exp(2j * math.pi * torch.arange(33, dtype=torch.float64) / 64) * 10 ** (20.0 / 20 / 64)
    expected = (taps[0, 0] * z.unsqueeze(-1) ** (-torch.arange(300.0, dtype=torch.float64))).sum(-1)
    assert torch.allclose(H[0, 0], expected.to(H.dtype), atol=1e-10)


def test_integer_delays_of_a_hundred_thousand_samples_are_exact_in_float32():
    nfft = 262144
    H = lti.Delay(torch.tensor([100003])).frequency_response(nfft)[0, 0]
    k = torch.arange(nfft // 2 + 1)
    expected = torch.exp(-2j * math.pi * ((k * 100003) % nfft).double() / nfft)
    assert float((H - expected).abs().max()) < 2e-7
    h = lti.Delay(torch.tensor([100003])).impulse_response(nfft)[0, 0]
    assert int(h.argmax()) == 100003
    assert float(h[100003]) == pytest.approx(1.0, abs=1e-6)


def test_bad_grids_and_signals():
    gain = lti.Gain(torch.eye(2))
    with pytest.raises(ValueError, match=r"takes real signals \(..., 2, T\)"):
        gain(torch.randn(3, 100))
    with pytest.raises(ValueError, match="takes real signals"):
        gain(torch.randn(2, 100, dtype=torch.complex64))
    with pytest.raises(ValueError, match="needs nfft"):
        gain(torch.randn(2, 100), nfft=50)
    with pytest.raises(ValueError, match="alias_decay_db"):
        gain.frequency_response(64, alias_decay_db=-3.0)
    with pytest.raises(ValueError, match="whole number"):
        gain.frequency_response(0)
    with pytest.raises(ValueError, match="either nfft"):
        gain.frequency_response()
    with pytest.raises(ValueError, match="sample_rate"):
        gain.frequency_response(freqs_hz=torch.tensor([100.0]))
    with pytest.raises(TypeError, match="float32 or float64"):
        gain.half().frequency_response(64)
