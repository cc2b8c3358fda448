"""The feedback delay as an engineer measures it."""

import math

import numpy as np
import pytest
import torch

from diffFx_pytorch import EffectParam
from diffFx_pytorch.processors import FeedbackDelay

RATE = 44100
OPEN = {"lowpass_hz": 20000.0, "highpass_hz": 20.0}


def _impulse(samples, dtype=torch.float64):
    x = torch.zeros(1, 1, samples, dtype=dtype)
    x[..., 0] = 1
    return x


@pytest.mark.parametrize("delay_ms", [10.0, 100.0, 123.4567, 1000.0])
def test_time_is_time_and_echoes_fall_by_the_feedback(delay_ms):
    g = 0.5
    y = FeedbackDelay(RATE)(_impulse(4 * RATE), dsp_params={"delay_ms": delay_ms, "feedback": g, "mix": 1.0, **OPEN})[
        0, 0
    ]
    spacing = delay_ms * RATE / 1000
    assert y[: int(spacing) - 5].abs().max() == 0, "nothing comes before the sound"
    for echo in (1, 2, 3):
        at = echo * spacing
        around = torch.arange(int(at) - 30, int(at) + 31)
        weight = y[around]
        assert float(weight.sum()) == pytest.approx(g ** (echo - 1), rel=1e-3)
        # A pure delay of d samples has the centre of gravity d.
        assert float((weight * around).sum() / weight.sum()) == pytest.approx(at, abs=0.05)


@pytest.mark.parametrize("delay_ms", [10.0, 1000.0])
def test_whole_samples_are_clean(delay_ms):
    x = torch.randn(1, 1, 2 * RATE)
    y = FeedbackDelay(RATE)(x, dsp_params={"delay_ms": delay_ms, "feedback": 0.0, "mix": 1.0})
    late = round(delay_ms * RATE / 1000)
    error = y[..., late:] - x[..., :-late]
    assert error.norm() <= 1e-5 * x.norm(), "-100 dB"


def test_appended_silence_changes_nothing_and_nothing_wraps():
    x = torch.randn(1, 1, 5000, dtype=torch.float64)
    fx, knobs = FeedbackDelay(RATE), {"delay_ms": 50.0, "feedback": 0.9, "mix": 0.7}
    short = fx(x, dsp_params=knobs)
    longer = fx(torch.nn.functional.pad(x, (0, 9000)), dsp_params=knobs)
    assert torch.allclose(longer[..., :5000], short, rtol=0, atol=1e-12)
    assert torch.allclose(short[..., :2205], x[..., :2205] * 0.3, rtol=0, atol=1e-12)


def test_half_a_sample_is_flat_to_10_khz():
    knobs = {"delay_ms": 1000.5 / RATE * 1000, "feedback": 0.0, "mix": 1.0}
    y = FeedbackDelay(RATE)(_impulse(4096), dsp_params=knobs)[0, 0].numpy()
    freqs = np.fft.rfftfreq(4096, 1 / RATE)
    level = 20 * np.log10(np.abs(np.fft.rfft(y))[freqs <= 10000])
    assert np.abs(level).max() < 0.1


def test_moving_time_shifts_the_pitch_as_tape_does():
    """A delay that grows by v seconds a second lowers a tone by the factor 1 - v."""
    samples, hertz = RATE, 1000.0
    t = torch.arange(samples, dtype=torch.float64) / RATE
    x = torch.sin(2 * math.pi * hertz * t)[None, None]
    knobs = {"delay_ms": torch.tensor([[100.0, 150.0]], dtype=torch.float64), "feedback": 0.0, "mix": 1.0}
    y = FeedbackDelay(RATE)(x, dsp_params=knobs)[0, 0]
    # In a straight line of the knob's position, which is logarithmic.
    delay_s = 0.1 * 1.5 ** torch.linspace(0.0, 1.0, samples, dtype=torch.float64)
    expected = torch.sin(2 * math.pi * hertz * (t - delay_s))
    settled = slice(RATE // 4, None)
    assert (y - expected)[settled].abs().max() < 2e-3


def test_tone_darkens_each_echo_and_leaves_the_first():
    knobs = {"delay_ms": 100.0, "feedback": 0.9, "mix": 1.0, "lowpass_hz": 1000.0, "highpass_hz": 20.0}
    y = FeedbackDelay(RATE)(_impulse(RATE), dsp_params=knobs)[0, 0]
    spectra = [np.abs(np.fft.rfft(y[n * 4410 - 5 : n * 4410 + 4000].numpy(), 8192)) for n in (1, 2, 3)]
    freqs = np.fft.rfftfreq(8192, 1 / RATE)
    at = {f: np.argmin(np.abs(freqs - f)) for f in (100, 1000, 8000)}
    assert spectra[0][at[8000]] == pytest.approx(1.0, abs=1e-3)
    loss = [20 * np.log10(spectra[n + 1] / spectra[n] / 0.9) for n in (0, 1)]
    for each in loss:
        assert each[at[100]] > -0.2
        assert each[at[1000]] == pytest.approx(-3.0, abs=0.3)
        assert each[at[8000]] < -12


def test_feedback_to_the_end_is_stable():
    fx = FeedbackDelay(RATE)
    x = torch.randn(1, 1, 20 * RATE) * 0.1
    x[..., RATE:] = 0
    y = fx(x, dsp_params={"delay_ms": 37.77, "feedback": 0.99, "mix": 1.0})
    first, last = y[..., RATE : 2 * RATE].norm(), y[..., -RATE:].norm()
    assert last < first
    assert torch.isfinite(y).all()


def test_saturation_bounds_the_loop():
    y = FeedbackDelay(RATE, saturation="tanh")(
        torch.ones(1, 1, RATE), dsp_params={"delay_ms": 10.0, "feedback": 0.99, "mix": 1.0}
    )
    assert y.abs().max() < 2.0


def test_beats_are_note_lengths():
    x = _impulse(2 * RATE)
    note = FeedbackDelay(RATE, tempo_bpm=120)(x, dsp_params={"delay_beats": 0.5, "mix": 1.0})
    time = FeedbackDelay(RATE)(x, dsp_params={"delay_ms": 250.0, "mix": 1.0})
    assert torch.allclose(note, time, atol=1e-12)


def test_pedalboard_agrees():
    pedalboard = pytest.importorskip("pedalboard")
    x = torch.randn(1, 2, RATE)
    board = pedalboard.Pedalboard([pedalboard.Delay(delay_seconds=0.25, feedback=0.6, mix=0.4)])
    expected = torch.from_numpy(board(x[0].numpy(), RATE))
    y = FeedbackDelay(RATE)(x, dsp_params={"delay_ms": 250.0, "feedback": 0.6, "mix": 0.4, **OPEN})[0]
    # Pedalboard's loop has no filters, and ours are open.
    assert (y - expected).norm() < 1e-4 * expected.norm()


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"param_range": {"delay_ms": EffectParam(0.0, 100.0, curve="linear")}}, "one sample or longer: from 0.02"),
        ({"param_range": {"delay_ms": EffectParam(0.01, 100.0)}}, "one sample or longer"),
    ],
)
def test_construction_is_checked(options, pattern):
    with pytest.raises(ValueError, match=f"FeedbackDelay: .*{pattern}"):
        FeedbackDelay(RATE, **options)


def test_delays_down_to_one_sample():
    fx = FeedbackDelay(RATE, param_range={"delay_ms": EffectParam(1000 / RATE, 10.0, curve="log", unit="ms")})
    y = fx(_impulse(20), dsp_params={"delay_ms": 1000 / RATE, "feedback": 0.5, "mix": 1.0, **OPEN})[0, 0]
    assert torch.allclose(y[1:], 0.5 ** torch.arange(19, dtype=torch.float64), atol=1e-9)


def test_negative_feedback_turns_every_other_echo_over():
    x = torch.zeros(1, 1, 9000, dtype=torch.float64)
    x[..., 0] = 1.0
    knobs = {"delay_ms": 50.0, "feedback": -0.6, "mix": 1.0}
    y = FeedbackDelay(44100)(x, dsp_params=knobs)[0, 0]
    echoes = [float(y[2205 * i - 20 : 2205 * i + 20].sum()) for i in (1, 2, 3)]
    assert echoes == pytest.approx([1.0, -0.6, 0.36], abs=1e-6)


def test_five_seconds():
    x = torch.zeros(1, 1, 8000 * 6, dtype=torch.float64)
    x[..., 0] = 1.0
    y = FeedbackDelay(8000)(x, dsp_params={"delay_ms": 5000.0, "mix": 1.0})[0, 0]
    assert int(y.abs().argmax()) == 40000


def _comb(**knobs):
    given = {"delay_ms": 1000 * 441 / RATE, "mix": 1.0, **OPEN, **knobs}
    return FeedbackDelay(RATE, comb=True)(_impulse(2**16), dsp_params=given)[0, 0]


def test_a_universal_comb_is_an_all_pass_a_comb_or_a_delay():
    """Zoelzer's table: BL, FB, FF are -g, g, 1 of an all-pass; 1, 0, g of an FIR comb; 0, 0, 1 of a delay."""
    level = torch.fft.rfft(_comb(feedback=0.6, feedforward=1.0, blend=-0.6)).abs()
    assert torch.allclose(level, torch.ones_like(level), rtol=0, atol=1e-9)
    comb = _comb(feedback=0.0, feedforward=0.5, blend=1.0)
    assert comb[[0, 441]].tolist() == pytest.approx([1.0, 0.5])
    comb[[0, 441]] = 0
    assert comb.abs().max() < 1e-12
    assert _comb(feedback=0.0, feedforward=1.0, blend=0.0)[441] == pytest.approx(1.0)


def test_an_iir_comb_goes_on_with_what_the_loop_makes_of_it():
    y = _comb(feedback=0.5, feedforward=0.0, blend=1.0)
    assert y[[0, 441, 882, 1323]].tolist() == pytest.approx([1.0, 0.5, 0.25, 0.125])
    darker = _comb(feedback=0.5, feedforward=0.0, blend=1.0, lowpass_hz=2000.0)
    assert darker[441:460].sum() == pytest.approx(0.5, rel=0.01)
    assert darker[441] < 0.3


def test_a_comb_at_its_defaults_is_the_plain_delay():
    x = torch.randn(1, 2, 30000)
    plain, comb = (FeedbackDelay(RATE, comb=comb)(x) for comb in (False, True))
    assert torch.allclose(comb, plain, rtol=0, atol=1e-6)
