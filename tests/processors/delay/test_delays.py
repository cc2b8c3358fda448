"""Echoes as an engineer measures them: time is time, nothing early, nothing wraps."""

import numpy as np
import pytest
import torch

from diffFx_pytorch import EffectParam
from diffFx_pytorch.processors import BasicDelay, MultiTapDelay, PingPongDelay, SlapbackDelay

RATE = 44100
OPEN = {"lowpass_hz": 20000.0, "highpass_hz": 20.0}
KNOB = {BasicDelay: "delay_ms", SlapbackDelay: "delay_ms", PingPongDelay: "delay_ms", MultiTapDelay: "tap_1_delay_ms"}
ALL = list(KNOB)


def impulse(samples, channels=1):
    x = torch.zeros(1, channels, samples, dtype=torch.float64)
    x[..., 0] = 1
    return x


def arrival(y, around, width=40):
    """Where the energy of a pure delay sits (its centre of gravity) and how much there is."""
    n = torch.arange(max(0, round(around) - width), round(around) + width)
    return float((y[n] * n).sum() / y[n].sum()), float(y[n].sum())


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize("delay_ms", [40.0, 123.4567, 199.9])
def test_time_is_time(cls, delay_ms):
    fx = cls(RATE, num_taps=1) if cls is MultiTapDelay else cls(RATE)
    y = fx(impulse(RATE), dsp_params={KNOB[cls]: delay_ms, "mix": 1.0})[0].sum(0)
    expected = delay_ms * RATE / 1000
    assert arrival(y, expected)[0] == pytest.approx(expected, abs=0.05)
    assert y[: int(expected) - 5].abs().max() == 0, "nothing comes before the sound"


@pytest.mark.parametrize("delay_ms", [10.0, 1000.0])
def test_a_long_delay_is_as_clean_as_a_short_one(delay_ms):
    x = torch.randn(1, 1, 2 * RATE)
    y = BasicDelay(RATE)(x, dsp_params={"delay_ms": delay_ms, "mix": 1.0})
    late = round(delay_ms * RATE / 1000)
    assert (y[..., late:] - x[..., :-late]).norm() <= 1e-5 * x.norm(), "-100 dB"


@pytest.mark.parametrize("interpolation", ["lagrange", "sinc", "allpass"])
def test_half_a_sample_is_flat_to_10_khz(interpolation):
    knobs = {"delay_ms": 100.5 / RATE * 1000, "mix": 1.0}
    y = BasicDelay(RATE, interpolation=interpolation)(impulse(4096), dsp_params=knobs)[0, 0].numpy()
    level = 20 * np.log10(np.abs(np.fft.rfft(y))[np.fft.rfftfreq(4096, 1 / RATE) <= 10000])
    assert np.abs(level).max() < 0.1


@pytest.mark.parametrize("cls", ALL)
def test_appended_silence_changes_nothing_and_nothing_wraps(cls):
    x = torch.randn(1, 2, 5000, dtype=torch.float64)
    knobs = {KNOB[cls]: 80.0, "mix": 0.7}
    fx = cls(RATE, num_taps=1) if cls is MultiTapDelay else cls(RATE)
    short = fx(x, dsp_params=knobs)
    longer = fx(torch.nn.functional.pad(x, (0, 9000)), dsp_params=knobs)
    assert torch.allclose(longer[..., :5000], short, rtol=0, atol=1e-12)
    assert torch.allclose(short[..., :3500], 0.3 * x[..., :3500], rtol=0, atol=1e-12)


@pytest.mark.parametrize("channels", [1, 2])
def test_ping_pong_goes_from_side_to_side(channels):
    g, d = 0.6, 4410
    knobs = {"delay_ms": 100.0, "feedback": g, "width": 1.0, "mix": 1.0, **OPEN}
    left, right = PingPongDelay(RATE)(impulse(RATE // 2, channels), dsp_params=knobs)[0]
    for echo in (1, 2, 3, 4):
        near, far = (left, right) if echo % 2 else (right, left)
        assert arrival(near, echo * d) == (pytest.approx(echo * d, abs=0.05), pytest.approx(g ** (echo - 1), rel=1e-6))
        assert far[echo * d - 20 : echo * d + 20].abs().max() < 1e-9


def test_width_leaves_the_sum_of_the_sides():
    x = torch.randn(1, 2, 8000, dtype=torch.float64)
    knobs = {"delay_ms": 20.0, "feedback": 0.8, "mix": 1.0}
    wide, narrow = (PingPongDelay(RATE)(x, dsp_params={**knobs, "width": w}) for w in (1.0, 0.0))
    assert torch.allclose(wide.sum(1), narrow.sum(1), atol=1e-12)
    assert torch.allclose(narrow[:, 0], narrow[:, 1], atol=1e-12)


def test_ping_pong_is_stable_to_the_end_of_its_feedback():
    x = torch.randn(1, 1, 10 * RATE) * 0.1
    x[..., RATE:] = 0
    y = PingPongDelay(RATE)(x, dsp_params={"delay_ms": 37.77, "feedback": 0.99, "mix": 1.0})
    assert y[..., -RATE:].norm() < y[..., RATE : 2 * RATE].norm()


def test_taps_have_their_times_levels_and_places():
    taps = [(50.0, 0.0, -1.0), (75.5, -6.0, 1.0), (120.25, -12.0, 0.0)]
    knobs = {"mix": 1.0}
    for i, (ms, level, pan) in enumerate(taps, 1):
        knobs |= {f"tap_{i}_delay_ms": ms, f"tap_{i}_gain_db": level, f"tap_{i}_pan": pan}
    y = MultiTapDelay(RATE, num_taps=3)(impulse(RATE // 4), dsp_params=knobs)[0]
    for ms, level, pan in taps:
        at = ms * RATE / 1000
        for side, sign in ((0, -1), (1, 1)):
            expected = 10 ** (level / 20) * np.sin(np.pi / 4 * (1 + sign * pan))
            around = slice(round(at) - 40, round(at) + 40)
            assert float(y[side, around].sum()) == pytest.approx(expected, abs=1e-6)


def test_a_centred_tap_leaves_a_stereo_image_alone():
    x = torch.randn(1, 2, 3000, dtype=torch.float64)
    knobs = {"tap_1_delay_ms": 10.0, "tap_1_gain_db": 0.0, "tap_1_pan": 0.0, "mix": 1.0}
    y = MultiTapDelay(48000, num_taps=1)(x, dsp_params=knobs)
    assert torch.allclose(y[..., 480:], x[..., :-480], atol=1e-12)


def test_slapback_loses_treble_only_when_asked():
    x = impulse(8192)
    response = {}
    for hz in (20000.0, 2000.0):
        knobs = {"delay_ms": 50.0, "mix": 1.0, "lowpass_hz": hz, "highpass_hz": 20.0}
        response[hz] = np.abs(np.fft.rfft(SlapbackDelay(RATE)(x, dsp_params=knobs)[0, 0].numpy()))
    at = [round(f * 8192 / RATE) for f in (100, 2000, 10000)]
    assert np.allclose(response[20000.0][at], 1.0, atol=1e-2)
    low, edge, high = 20 * np.log10(response[2000.0][at])
    assert low > -0.1
    assert edge == pytest.approx(-3.0, abs=0.3)
    assert high < -12


@pytest.mark.parametrize("cls", ALL)
def test_beats_are_note_lengths(cls):
    x = torch.randn(1, 2, RATE // 2, dtype=torch.float64)
    knob = KNOB[cls]
    more = {"num_taps": 1} if cls is MultiTapDelay else {}
    note = cls(RATE, tempo_bpm=120, **more)(x, dsp_params={knob.replace("_ms", "_beats"): 0.25})
    time = cls(RATE, **more)(x, dsp_params={knob: 125.0})
    assert torch.allclose(note, time, atol=1e-9)


@pytest.mark.parametrize("cls", [BasicDelay, SlapbackDelay])
def test_channels_go_alone(cls):
    x = torch.randn(1, 5, 6000, dtype=torch.float64)
    y = cls(RATE)(x, dsp_params={"delay_ms": 60.0})
    alone = torch.cat([cls(RATE)(c, dsp_params={"delay_ms": 60.0}) for c in x.split(1, 1)], 1)
    assert torch.allclose(y, alone, atol=1e-12)


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"param_range": 0.0}, "one sample or longer: from 0.02"),
        ({"param_range": 0.01}, "one sample or longer"),
    ],
)
def test_construction_is_checked(cls, options, pattern):
    if "param_range" in options:
        options = {"param_range": {KNOB[cls]: EffectParam(options["param_range"], 100.0, curve="linear")}}
    with pytest.raises(ValueError, match=f"{cls.__name__}: .*{pattern}"):
        cls(RATE, **options)


def test_stereo_effects_refuse_surround():
    for cls in (PingPongDelay, MultiTapDelay):
        with pytest.raises(ValueError, match="1 or 2 channels, got 6"):
            cls(RATE)(torch.zeros(1, 6, 10))


def test_a_feedback_for_each_side():
    d, knobs = 4410, {"delay_ms": 100.0, "mix": 1.0, **OPEN, "feedback_left": 0.5, "feedback_right": 0.8}
    left, right = PingPongDelay(RATE, feedback_each=True)(impulse(RATE // 2 + 1000), dsp_params=knobs)[0]
    for echo, level in enumerate((1.0, 0.8, 0.4, 0.32, 0.16), 1):
        near, far = (left, right) if echo % 2 else (right, left)
        assert arrival(near, echo * d)[1] == pytest.approx(level, rel=1e-6)
        assert far[echo * d - 20 : echo * d + 20].abs().max() < 1e-9


def test_two_equal_feedbacks_are_one():
    x = torch.randn(2, 2, 20000, dtype=torch.float64)
    knobs = {"delay_ms": 33.3, "lowpass_hz": 3000.0, "highpass_hz": 90.0, "width": 0.7}
    one = PingPongDelay(RATE)(x, dsp_params={**knobs, "feedback": 0.7})
    two = PingPongDelay(RATE, feedback_each=True)(x, dsp_params={**knobs, "feedback_left": 0.7, "feedback_right": 0.7})
    assert torch.allclose(two, one, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["feedback_left", "feedback_right"])
def test_a_side_without_feedback_still_has_a_gradient(name):
    fx, x = PingPongDelay(RATE, feedback_each=True), torch.randn(1, 1, 6000, dtype=torch.float64)

    def power(level):
        knobs = {"delay_ms": 20.0, "feedback_left": 0.4, "feedback_right": 0.4, name: level}
        return fx(x, dsp_params=knobs).square().sum()

    level = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    power(level).backward()
    ahead, step = power(torch.full((1,), 2e-5, dtype=torch.float64)), power(torch.full((1,), 1e-5, dtype=torch.float64))
    slope = float(4 * step - ahead - 3 * power(torch.zeros(1, dtype=torch.float64))) / 2e-5
    assert float(level.grad) == pytest.approx(slope, rel=1e-4)
