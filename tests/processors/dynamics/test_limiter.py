"""A limiter that limits."""

import math

import pytest
import soundfile
import torch
from scipy.signal import resample_poly
from torch.autograd import forward_ad

from diffFx_pytorch.processors.dynamics import Limiter

RATE = 44100
LOUDEST = 10 ** (24 / 20)


def loud(kind, samples=RATE // 2, dtype=torch.float32):
    """(1, 2, T) with its peak at +24 dBFS."""
    n = torch.arange(samples, dtype=torch.float64)
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(2, samples, generator=generator, dtype=torch.float64)
    x = {
        "noise": noise,
        "bursts": noise * (torch.sin(2 * math.pi * 7 * n / RATE) > 0.9) * torch.rand(samples, generator=generator),
        "impulses": noise * (torch.rand(samples, generator=generator) > 0.999),
        "bass": torch.sin(2 * math.pi * 41 * n / RATE).expand(2, -1),
        "square": torch.sin(2 * math.pi * 441 * n / RATE).sign().expand(2, -1),
        "rising": noise * torch.logspace(-4, 0, samples, dtype=torch.float64),
        # Samples at 45 degrees of a quarter of the rate: 3 dB between them (EBU Tech 3341, test 16).
        "quarter": torch.sin(math.pi / 2 * n + math.pi / 4).expand(2, -1),
    }[kind]
    return (x / x.abs().max() * LOUDEST)[None].to(dtype)


def through(fx, x, **knobs):
    """The output with what the latency holds back."""
    return fx(torch.nn.functional.pad(x, (0, fx.latency_samples + 100)), dsp_params=knobs)


def true_peak_db(y):
    return 20 * math.log10(abs(resample_poly(torch.nn.functional.pad(y, (100, 100)).double().numpy(), 4, 1, -1)).max())


KINDS = ("noise", "bursts", "impulses", "bass", "square", "rising", "quarter")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_sample_passes_the_ceiling(kind, dtype):
    x = loud(kind, dtype=dtype)
    for construction in ({}, {"lookahead_ms": 0.5}, {"lookahead_ms": 0.0}, {"link": False}, {"true_peak": True}):
        fx = Limiter(RATE, **construction)
        for ceiling in (-0.1, -7.3, -24.0):
            y = through(fx, x, ceiling_db=ceiling, release_ms=5.0, gain_db=6.0)
            peak = float(y.double().abs().max())
            assert peak <= 10 ** (ceiling / 20), (construction, ceiling)
            if not fx.true_peak:
                assert peak > 0.999 * 10 ** (ceiling / 20)


@pytest.mark.parametrize("kind", KINDS)
def test_no_peak_between_samples_passes_the_ceiling(kind):
    x = loud(kind)
    for lookahead in (1.5, 5.0):
        fx = Limiter(RATE, true_peak=True, lookahead_ms=lookahead)
        for release in (5.0, 200.0):
            y = through(fx, x, ceiling_db=-1.0, release_ms=release)
            assert true_peak_db(y) <= -1.0 + 0.1
    assert true_peak_db(through(Limiter(RATE), loud("quarter"), ceiling_db=-1.0)) > 1.5


def test_music_is_limited(audio_folder):
    for name in ("drums", "singing", "bass"):
        sound, rate = soundfile.read(audio_folder / f"{name}.flac", dtype="float32", always_2d=True, stop=150_000)
        x = torch.from_numpy(sound.T.copy())[None]
        x = x / x.abs().max() * LOUDEST
        y = through(Limiter(rate), x, ceiling_db=-0.5)
        assert float(y.double().abs().max()) <= 10 ** (-0.5 / 20)
        assert true_peak_db(through(Limiter(rate, true_peak=True), x, ceiling_db=-0.5)) <= -0.4


@pytest.mark.parametrize("construction", [{}, {"true_peak": True}, {"lookahead_ms": 0.0}])
def test_under_the_ceiling_it_is_a_delay(construction):
    fx = Limiter(RATE, **construction)
    x = loud("noise") * (0.4 / LOUDEST)
    y = through(fx, x, ceiling_db=-3.0)
    assert torch.equal(y[..., fx.latency_samples : fx.latency_samples + x.shape[-1]], x)


def test_the_drive_is_a_gain_under_the_ceiling():
    fx = Limiter(RATE)
    x = loud("noise") * (0.05 / LOUDEST)
    y = through(fx, x, ceiling_db=-3.0, gain_db=20.0)[..., fx.latency_samples :][..., : x.shape[-1]]
    assert torch.allclose(y, 10 * x, rtol=1e-5)


def test_the_gain_turns_down_before_the_peak_and_smoothly():
    fx = Limiter(RATE, lookahead_ms=5.0)
    x = torch.full((1, 1, 6000), 0.5, dtype=torch.float64)
    x[..., 3000] = 4.0
    y = fx(x, dsp_params={"ceiling_db": 0.0, "release_ms": 50.0})
    late = fx.latency_samples
    gain_db = 20 * torch.log10(y[0, 0, late:] / x[0, 0, :-late])
    assert gain_db[3000] == pytest.approx(-20 * math.log10(4), abs=1e-3)
    assert (gain_db[: 3000 - late] == 0).all()
    assert gain_db.diff().abs().max() < 3 * 12 / late
    # Held over the look-ahead, then released: 63 % in 50 ms, which the window delays by half of itself.
    there = (gain_db[3000:] > -12.04 / math.e).nonzero()[0].item()
    assert there == pytest.approx(0.05 * RATE + late / 2, rel=0.05)


def test_linked_channels_share_the_gain():
    x = torch.cat((loud("noise")[:, :1], loud("noise")[:, 1:] * 1e-3), 1)
    linked, apart = (through(Limiter(RATE, link=link), x, ceiling_db=-1.0) for link in (True, False))
    late = Limiter(RATE).latency_samples
    assert torch.equal(apart[:, 1, late : late + x.shape[-1]], x[:, 1])
    assert linked[:, 1].abs().max() < 0.1 * x[:, 1].abs().max()
    assert torch.equal(linked[:, 0], apart[:, 0])


def test_a_ceiling_that_moves_is_that_of_its_sample():
    fx = Limiter(RATE)
    x = loud("noise", 8000)
    points = torch.tensor([[-1.0, -20.0, -3.0]])
    y = fx(x, dsp_params={"ceiling_db": points})
    late = fx.latency_samples
    line = torch.nn.functional.interpolate(points[None], 8000, mode="linear", align_corners=True)[0, 0]
    assert (20 * torch.log10(y[0, 0, late:].abs()) <= line[:-late] + 1e-4).all()


@pytest.mark.parametrize("construction", [{}, {"true_peak": True}])
@pytest.mark.parametrize("ceiling", [-6.0, torch.tensor([[-1.0, -20.0, -3.0]])])
def test_long_signals_in_pieces_are_those_in_one(construction, ceiling):
    fx = Limiter(8000, **construction)
    x = loud("noise", 5000).repeat(1, 1, 110)  # more than two pieces
    knobs = {"ceiling_db": ceiling, "release_ms": 300.0}
    with torch.no_grad():
        pieces = fx(x, dsp_params=knobs)
    whole = fx(x.requires_grad_(), dsp_params=knobs).detach()
    assert torch.allclose(pieces, whole, rtol=1e-6, atol=1e-6)


def test_a_ceiling_that_changes_between_blocks_is_that_of_its_sample():
    fx = Limiter(RATE, lookahead_ms=2.0)
    x = loud("noise", 3000, torch.float64)
    standing = [torch.full((1, 1, 1), level, dtype=torch.float64) for level in (-1.0, -20.0, -20.0, -5.0)]
    in_time = torch.cat([level.expand(1, 1, 750) for level in standing], -1)

    def through(blocks, ceilings):
        y, state = [], None
        for block, ceiling in zip(blocks, ceilings, strict=True):
            zero = torch.zeros(1, 1, 1, dtype=torch.float64)
            out, state = fx.process(block, state, **fx.control(gain_db=zero, ceiling_db=ceiling, release_ms=zero + 30))
            y.append(out)
        return torch.cat(y, -1)

    wanted = through([x], [in_time])
    assert torch.allclose(through(x.split(750, -1), standing), wanted, rtol=1e-12, atol=1e-13)


def test_forward_mode_alone_is_that_of_the_equation():
    """Cutting off what rounding leaves over the ceiling takes nothing from the derivative."""
    x, along = (0.9 * torch.randn(1, 1, 2000, generator=torch.Generator().manual_seed(k)) for k in range(2))
    fx = Limiter(8000)
    with forward_ad.dual_level():
        alone = forward_ad.unpack_dual(fx(forward_ad.make_dual(x, along), ceiling_db=-20.0)).tangent
    assert torch.equal(alone, torch.func.jvp(lambda x: fx(x, ceiling_db=-20.0), (x,), (along,))[1])
