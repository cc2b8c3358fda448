"""What an engineer expects of a compressor."""

import math

import numpy as np
import pytest
import torch

from diffFx_pytorch.processors import Compressor

RATE = 44100
DTYPE = torch.float64
PLAIN = {"knee_db": 0.0, "threshold_db": -30.0, "ratio": 4.0, "makeup_db": 0.0, "mix": 1.0}


def sine(level_db, freq_hz=1000.0, seconds=1.0):
    """(1, 1, T), its peak at ``level_db``."""
    n = torch.arange(int(seconds * RATE), dtype=DTYPE)
    return 10 ** (level_db / 20) * torch.sin(2 * math.pi * freq_hz * n / RATE)[None, None]


def gain_db(y, x):
    """Level of y over level of x in the last tenth of a second."""
    last = slice(-RATE // 10, None)
    return float(10 * torch.log10(y[..., last].square().sum() / x[..., last].square().sum()))


def gain_of_key(fx, key, **knobs):
    """The gain in dB, sample by sample, that a key (T,) brings about."""
    key = key[None, None]
    return 20 * torch.log10(fx(torch.ones_like(key), dsp_params=knobs, sidechain=key))[0, 0]


def published(level, T, R, W):
    if 2 * (level - T) < -W:
        return level
    if 2 * abs(level - T) <= W:
        return level + (1 / R - 1) * (level - T + W / 2) ** 2 / (2 * W) if W else level
    return T + (level - T) / R


@pytest.mark.parametrize("knee", [0.0, 6.0, 24.0])
def test_settles_on_the_static_curve(knee):
    fx = Compressor(RATE)
    for level in (-50.0, -31.0, -28.0, -20.0, 0.0):
        key = torch.full((RATE,), 10 ** (level / 20), dtype=DTYPE)
        gain = gain_of_key(fx, key, **{**PLAIN, "knee_db": knee, "attack_ms": 1.0})[-1]
        assert level + gain == pytest.approx(published(level, -30.0, 4.0, knee), abs=1e-6)


def test_the_curve_drawn_is_the_curve_heard():
    line = Compressor(RATE).curve(**{k: torch.full((1, 1, 1), v) for k, v in {
        **PLAIN, "knee_db": 10.0, "attack_ms": 1.0, "release_ms": 100.0,
    }.items()})  # fmt: skip
    for level, out in zip(line.x.tolist()[::20], line.y.tolist()[::20], strict=True):
        assert out == pytest.approx(published(level, -30.0, 4.0, 10.0), abs=1e-3)


@pytest.mark.parametrize(("detector", "tolerance"), [("peak", 0.5), ("rms", 0.1)])
def test_a_steady_sine_settles_where_its_level_says(detector, tolerance):
    # An RMS level of -10 dB is a peak of -6.99 dB.
    x = sine(-10 + (10 * math.log10(2) if detector == "rms" else 0.0), seconds=2)
    y = Compressor(RATE, detector=detector)(x, dsp_params={**PLAIN, "attack_ms": 1.0, "release_ms": 100.0})
    assert gain_db(y, x) == pytest.approx(-15.0, abs=tolerance)


@pytest.mark.parametrize("detector", ["peak", "rms"])
def test_antiphase_and_hard_pan_are_compressed_as_their_level_says(detector):
    fx, mono = Compressor(RATE, detector=detector), sine(-6.0)
    knobs = {**PLAIN, "attack_ms": 5.0, "release_ms": 200.0}
    alone = fx(mono, dsp_params=knobs)
    assert gain_db(alone, mono) < -12
    for pair in ((mono, mono), (mono, -mono), (mono, 0 * mono), (0 * mono, mono)):
        y = fx(torch.cat(pair, 1), dsp_params=knobs)
        for channel, signal in enumerate(pair):
            sign = 0 if not signal.any() else torch.sign((signal * mono).sum())
            assert torch.equal(y[:, channel : channel + 1], sign * alone)


def test_linked_channels_share_a_gain_and_others_do_not():
    x = torch.cat((sine(-6.0), sine(-40.0)), 1)
    knobs = {**PLAIN, "attack_ms": 5.0, "release_ms": 200.0}
    linked, apart = (Compressor(RATE, link=link)(x, dsp_params=knobs) for link in (True, False))
    assert gain_db(linked[:, 1], x[:, 1]) == pytest.approx(gain_db(linked[:, 0], x[:, 0]), abs=0.1)
    assert gain_db(apart[:, 1], x[:, 1]) == pytest.approx(0.0, abs=1e-9)
    assert torch.equal(apart[:, 0], linked[:, 0])


@pytest.mark.parametrize("time_ms", [0.5, 3.0, 30.0, 300.0])
@pytest.mark.parametrize("phase", ["attack_ms", "release_ms"])
def test_times_are_the_63_percent_of_a_step(phase, time_ms):
    if phase == "release_ms" and time_ms < 10:
        time_ms *= 100
    loud, quiet = (torch.full((3 * RATE,), 10 ** (level / 20), dtype=DTYPE) for level in (-10.0, -60.0))
    # A quick attack before the release; the reduction covers 15 dB.
    key = torch.cat((quiet, loud) if phase == "attack_ms" else (loud, quiet))
    other = {"release_ms": 100.0} if phase == "attack_ms" else {"attack_ms": 1.0}
    gain = gain_of_key(Compressor(RATE), key, **{**PLAIN, **other, phase: time_ms})[3 * RATE - 1 :].numpy()
    covered = np.abs(gain - gain[0]) / 15.0
    assert covered[-1] == pytest.approx(1.0, abs=1e-3)
    reached = np.interp(1 - 1 / math.e, covered, np.arange(covered.size))
    # A peak counts for 10 ms, and only then does the gain return.
    peak = 0 if phase == "attack_ms" else RATE // 100 - 1
    assert reached - peak == pytest.approx(time_ms * RATE / 1000, rel=0.03)


def test_a_larger_knee_is_softer():
    levels = torch.linspace(-60, 0, 601, dtype=DTYPE)
    bends = []
    for knee in (0.0, 3.0, 12.0, 24.0):
        curve = Compressor(RATE).curve(**{k: torch.full((1, 1, 1), v, dtype=DTYPE) for k, v in {
            **PLAIN, "knee_db": knee, "attack_ms": 1.0, "release_ms": 100.0,
        }.items()})  # fmt: skip
        out = np.interp(levels.numpy(), curve.x.numpy(), curve.y.numpy())
        bends.append(np.abs(np.diff(out, 2)).max())
        assert (np.diff(out) >= 0).all()
    assert bends == sorted(bends, reverse=True)
    assert bends[0] > 3 * bends[-1]


def test_the_threshold_can_move():
    x = sine(-10.0, seconds=2)
    points = torch.tensor([[0.0, -40.0]], dtype=DTYPE)
    y = Compressor(RATE)(x, dsp_params={**PLAIN, "threshold_db": points, "attack_ms": 5.0, "release_ms": 500.0})
    assert torch.equal(y[..., :1000], x[..., :1000])
    assert gain_db(y, x) == pytest.approx(-0.75 * 30 + 1.5, abs=1.0)  # averaged over the last 2 dB of the way
    # No click: the gain changes by no more than the curve and the ballistics allow.
    gain = (y / x)[x.abs() > 0.1]
    assert (gain[1:] / gain[:-1]).log().abs().max() < 0.05


def test_the_sidechain_alone_decides():
    fx, x = Compressor(RATE), sine(-6.0)
    knobs = {**PLAIN, "attack_ms": 1.0, "release_ms": 500.0}
    assert torch.equal(fx(x, dsp_params=knobs, sidechain=torch.zeros_like(x)), x)
    x = sine(-60.0)
    assert gain_db(fx(x, dsp_params=knobs, sidechain=sine(-10.0)), x) == pytest.approx(-15.0, abs=0.5)


def test_the_high_pass_on_the_key_lets_bass_alone():
    fx = Compressor(RATE, key_highpass_hz=300.0)
    knobs = {**PLAIN, "attack_ms": 1.0, "release_ms": 500.0}
    bass, tone = sine(-6.0, 40.0), sine(-6.0, 3000.0)
    # 12 dB an octave: 40 Hz is 35 dB down, 11 dB under threshold.
    assert gain_db(fx(bass, dsp_params=knobs), bass) == pytest.approx(0.0, abs=0.01)
    assert gain_db(fx(tone, dsp_params=knobs), tone) == pytest.approx(-18.0, abs=0.5)


def test_look_ahead_is_before_the_sound():
    fx = Compressor(RATE, lookahead_ms=5.0)
    late = fx.latency_samples
    assert late == round(0.005 * RATE)
    x = torch.zeros(1, 1, 8000, dtype=DTYPE)
    x[..., 4000:] = 1.0
    y = fx(x, dsp_params={**PLAIN, "attack_ms": 1.0, "release_ms": 100.0})
    assert not y[..., : 4000 + late].any()
    # Five attack times have passed when the step comes through.
    assert 20 * torch.log10(y[0, 0, 4000 + late]) == pytest.approx(-22.5 * (1 - math.exp(-5)), abs=0.1)
    plain = Compressor(RATE)(x, dsp_params={**PLAIN, "attack_ms": 1.0, "release_ms": 100.0})
    assert 20 * torch.log10(plain[0, 0, 4000]) > -1


def test_parallel_compression_blends_the_dry_signal_at_the_same_time():
    x = sine(-6.0)
    knobs = {**PLAIN, "attack_ms": 1.0, "release_ms": 500.0, "makeup_db": 6.0}
    fx = Compressor(RATE, lookahead_ms=2.0)
    wet, dry, half = (fx(x, dsp_params={**knobs, "mix": mix}) for mix in (1.0, 0.0, 0.5))
    assert torch.allclose(half, 0.5 * (wet + dry))
    assert torch.equal(dry[..., fx.latency_samples :], x[..., : -fx.latency_samples])


def test_a_ratio_of_one_knows_which_way_to_go():
    ratio = torch.tensor([1.0], dtype=DTYPE, requires_grad=True)
    x = sine(-6.0, seconds=0.1)
    y = Compressor(RATE)(x, dsp_params={**PLAIN, "ratio": ratio})
    assert torch.allclose(y, x)
    (gradient,) = torch.autograd.grad(y.square().sum(), ratio)
    assert gradient < 0


@pytest.mark.parametrize("construction", [{}, {"detector": "rms"}, {"link": False, "key_highpass_hz": 100.0}])
def test_forward_mode_gives_the_directional_derivative(construction):
    fx = Compressor(RATE, **construction)
    generator = torch.Generator().manual_seed(3)
    x, along_x = 0.3 * torch.randn(2, 1, 2, 400, generator=generator, dtype=torch.float64)
    knobs, along = torch.rand(2, 1, len(fx.params), generator=generator, dtype=torch.float64)
    knobs = 0.2 + 0.6 * knobs
    _, slope = torch.func.jvp(lambda x, k: fx(x, norm_params=k), (x, knobs), (along_x, along))
    h = 1e-6
    ahead, behind = (fx(x + s * along_x, norm_params=knobs + s * along) for s in (h, -h))
    assert torch.allclose(slope, (ahead - behind) / (2 * h), rtol=1e-5, atol=1e-7)


def test_the_corner_of_the_key_ends_where_the_rate_allows():
    with pytest.raises(
        ValueError, match=r"^Compressor: key_highpass_hz must be at most 3920 Hz at a sample rate of 8000"
    ):
        Compressor(8000, key_highpass_hz=5000.0)


def exponential(level, T, R, W):
    """Lee et al. 2024, with the softness that puts the curve W / 8 over the corner at the threshold."""
    k = 8 * math.log(2) / W
    return level + (1 / R - 1) * math.log1p(math.exp(k * (level - T))) / k


@pytest.mark.parametrize("detector", ["peak", "rms"])
@pytest.mark.parametrize("knee", [0.5, 6.0, 24.0])
def test_the_exponential_knee_settles_on_its_curve(knee, detector):
    fx = Compressor(RATE, detector=detector, rms_ms=5.0, knee_shape="exponential")
    knobs = {**PLAIN, "knee_db": knee, "attack_ms": 1.0, "release_ms": 100.0}
    line = fx.curve(**{k: torch.full((1, 1, 1), v, dtype=DTYPE) for k, v in knobs.items()})
    for level in (-50.0, -31.0, -30.0, -20.0, 0.0):
        key = torch.full((RATE,), 10 ** (level / 20), dtype=DTYPE)
        out = level + float(gain_of_key(fx, key, **knobs)[-1])
        assert out == pytest.approx(exponential(level, -30.0, 4.0, knee), abs=1e-6)
        assert float(line.y[int((line.x - level).abs().argmin())]) == pytest.approx(out, abs=1e-6)


def test_both_knees_bend_as_far_at_the_threshold_and_not_at_all_far_away():
    key = torch.full((RATE,), 10 ** (-30 / 20), dtype=DTYPE)
    knobs = {**PLAIN, "knee_db": 12.0, "attack_ms": 1.0}
    fx = {shape: Compressor(RATE, knee_shape=shape) for shape in ("quadratic", "exponential")}
    at_threshold = [float(gain_of_key(f, key, **knobs)[-1]) for f in fx.values()]
    assert at_threshold == pytest.approx([-0.75 * 12 / 8] * 2, abs=1e-6)
    loud = [float(gain_of_key(f, key * 10**1.5, **knobs)[-1]) for f in fx.values()]
    assert loud == pytest.approx([-22.5] * 2, abs=1e-4)


def test_times_follow_the_crest_factor():
    """A tone has the times of the knobs; clicks, whose crest is higher, are let go faster."""
    fixed, automatic = (
        Compressor(RATE, threshold_db=-40, ratio=10, attack_ms=20, release_ms=400, auto_times=auto)
        for auto in (False, True)
    )
    n = torch.arange(2 * RATE, dtype=torch.float64)
    tone = (0.5 * torch.sin(2 * math.pi * 440 * n / RATE))[None, None]
    steady = slice(RATE, None)
    assert torch.allclose(fixed(tone)[..., steady], automatic(tone)[..., steady], rtol=1e-3, atol=1e-6)
    clicks = 0.001 * tone
    clicks[..., ::12000] = 0.9

    def released(fx):
        """Gain 100 ms after a click, over the gain long after."""
        y = fx(clicks)
        rms = [(y[0, 0, 48000 + a : 48000 + b].square().mean()).sqrt() for a, b in ((4800, 5800), (10000, 11900))]
        return float(rms[0] / rms[1])

    assert released(automatic) > 1.5 * released(fixed)


def test_automatic_make_up_is_half_of_what_full_scale_loses():
    fx = Compressor(RATE, threshold_db=-24, ratio=4, auto_makeup=True)
    plain = Compressor(RATE, threshold_db=-24, ratio=4, makeup_db=9)
    x = 0.3 * torch.randn(1, 1, 5000, dtype=torch.float64)
    assert torch.allclose(fx(x), plain(x), rtol=1e-9, atol=0)


def test_a_share_of_the_link_is_that_share_of_the_gain():
    x = torch.cat((sine(-6.0), sine(-40.0)), 1)
    knobs = {**PLAIN, "attack_ms": 5.0, "release_ms": 200.0}
    both, none, part = (Compressor(RATE, link=link)(x, dsp_params=knobs) for link in (1.0, 0.0, 0.3))
    for c in (0, 1):
        expected = 0.3 * gain_db(both[:, c], x[:, c]) + 0.7 * gain_db(none[:, c], x[:, c])
        assert gain_db(part[:, c], x[:, c]) == pytest.approx(expected, abs=0.05)
    # At its ends it is the flag that it was.
    assert torch.equal(none, Compressor(RATE, link=False)(x, dsp_params=knobs))
    assert torch.equal(both, Compressor(RATE, link=True)(x, dsp_params=knobs))


def test_fed_back_it_settles_on_the_same_ratio():
    fx = Compressor(RATE, topology="feed-back")
    for ratio in (1.0, 2.0, 4.0, 100.0):
        for level in (-50.0, -31.0, -20.0, 0.0):
            key = torch.full((RATE,), 10 ** (level / 20), dtype=DTYPE)
            gain = gain_of_key(fx, key, **{**PLAIN, "ratio": ratio, "attack_ms": 1.0})[-1]
            assert level + gain == pytest.approx(published(level, -30.0, ratio, 0.0), abs=1e-3)
        line = fx.curve(**{k: torch.full((1, 1, 1), v, dtype=DTYPE) for k, v in {
            **PLAIN, "ratio": ratio, "attack_ms": 1.0, "release_ms": 100.0,
        }.items()})  # fmt: skip
        expected = [published(level, -30.0, ratio, 0.0) for level in line.x.tolist()]
        assert np.abs(line.y.numpy() - expected).max() < 1e-3


@pytest.mark.parametrize("ratio", [2.0, 4.0, 20.0])
def test_fed_back_it_attacks_as_many_times_faster_as_the_ratio_is(ratio):
    quiet, loud = (torch.full((RATE,), 10 ** (level / 20), dtype=DTYPE) for level in (-29.9, -10.0))
    fx, knobs = Compressor(RATE, topology="feed-back"), {**PLAIN, "ratio": ratio, "attack_ms": 60.0}
    gain = gain_of_key(fx, torch.cat((quiet, loud)), **knobs)[RATE - 1 :].numpy()
    covered = (gain - gain[0]) / (gain[-1] - gain[0])
    assert np.interp(1 - 1 / math.e, covered, np.arange(covered.size)) == pytest.approx(0.06 * RATE / ratio, rel=0.03)


def test_fed_back_it_is_stable_where_a_delay_in_the_loop_would_not_be():
    key = torch.cat([torch.full((2000,), 10 ** (level / 20), dtype=DTYPE) for level in (-60.0, 0.0, -20.0, 0.0)])
    fx, knobs = Compressor(RATE, topology="feed-back"), {**PLAIN, "ratio": 100.0, "attack_ms": 0.01, "release_ms": 1.0}
    gain = gain_of_key(fx, key, **knobs)
    assert (gain <= 1e-9).all()
    assert (gain >= -30.0).all()
    assert float(gain[3999]) == pytest.approx(-30 * 0.99, abs=0.01)
    assert gain[2010:4000].diff().abs().max() < 0.01  # it does not swing


def test_upward_it_raises_what_is_below_and_leaves_what_is_above():
    fx = Compressor(RATE, direction="upward")
    knobs = {**PLAIN, "ratio": 2.0, "range_db": 18.0, "release_ms": 10.0, "attack_ms": 1.0}
    for level, raised in ((-10.0, 0.0), (-29.9, 0.0), (-50.0, 10.0), (-60.0, 15.0), (-80.0, 18.0)):
        key = torch.full((RATE,), 10 ** (level / 20), dtype=DTYPE)
        assert gain_of_key(fx, key, **knobs)[-1] == pytest.approx(raised, abs=1e-3)
    line = fx.curve(**{k: torch.full((1, 1, 1), v, dtype=DTYPE) for k, v in knobs.items()})
    assert np.interp([-50.0, -60.0, 0.0], line.x, line.y) == pytest.approx([-40.0, -45.0, 0.0], abs=1e-3)


def test_upward_the_attack_is_the_time_in_which_the_gain_falls():
    quiet, loud = (torch.full((2 * RATE,), 10 ** (level / 20), dtype=DTYPE) for level in (-60.0, -10.0))
    fx = Compressor(RATE, direction="upward")
    knobs = {**PLAIN, "ratio": 2.0, "range_db": 48.0, "release_ms": 200.0, "attack_ms": 20.0}
    gain = gain_of_key(fx, torch.cat((quiet, loud)), **knobs)[2 * RATE - 1 :].numpy()
    assert gain[0] == pytest.approx(15.0, abs=0.01)
    assert np.interp(1 - 1 / math.e, 1 - gain / 15, np.arange(gain.size)) == pytest.approx(0.02 * RATE, rel=0.03)


def test_feed_back_has_one_knee_and_one_direction():
    for wrong in ({"direction": "upward"}, {"knee_shape": "exponential"}):
        with pytest.raises(ValueError, match="Compressor: topology 'feed-back' compresses downward"):
            Compressor(RATE, topology="feed-back", **wrong)


def level_steps(*steps):
    """A key (T,) of steps (level in dB, seconds)."""
    return torch.cat([torch.full((round(s * RATE),), 10 ** (level / 20), dtype=DTYPE) for level, s in steps])


@pytest.mark.parametrize(("step_db", "published_ms"), [(10.0, 15.0), (20.0, 5.0), (30.0, 3.0)])
def test_a_logarithmic_rms_detector_attacks_the_sooner_the_further_it_has_to(step_db, published_ms):
    """The times of the dbx 160A's manual, for a release of 125 dB/s: 35 ms for 4.34 dB."""
    fx = Compressor(RATE, detector="vca")
    knobs = {**PLAIN, "ratio": 100.0, "threshold_db": -60.0, "attack_ms": 34.7, "release_ms": 34.7}
    key = level_steps((-step_db, 0.5), (0.0, 0.5))
    gain = gain_of_key(fx, key, **knobs)[RATE // 2 - 1 :].numpy()
    covered = (gain - gain[0]) / (gain[-1] - gain[0])
    reached = np.interp(1 - 1 / math.e, covered, np.arange(covered.size)) / RATE * 1000
    assert reached == pytest.approx(published_ms, abs=2.0)
    # In closed form: of the way of its power, 1 - 10^(-step / 10), it has to go 10^(-step / 10 / e) - 10^(-step / 10).
    start, mark = 10 ** (-step_db / 10), 10 ** (-step_db / 10 / math.e)
    assert reached == pytest.approx(-34.7 * math.log((1 - mark) / (1 - start)), rel=1e-2)


def test_a_logarithmic_rms_detector_lets_go_at_so_many_decibels_a_second():
    fx = Compressor(RATE, detector="vca")
    knobs = {**PLAIN, "ratio": 100.0, "threshold_db": -60.0, "attack_ms": 5.0, "release_ms": 34.7}
    for loud in (-20.0, -10.0, 0.0):
        gain = gain_of_key(fx, level_steps((loud, 0.5), (-100.0, 0.5)), **knobs)[RATE // 2 :]
        at = gain[[0, RATE // 25, RATE // 10]] / 0.99
        assert at.diff() / torch.tensor([0.04, 0.06]) == pytest.approx([125.0, 125.0], rel=5e-3)


def test_a_logarithmic_rms_detector_with_equal_times_reads_the_rms():
    x = sine(-10 + 10 * math.log10(2), seconds=2)
    y = Compressor(RATE, detector="vca")(x, dsp_params={**PLAIN, "attack_ms": 50.0, "release_ms": 50.0})
    assert gain_db(y, x) == pytest.approx(-15.0, abs=0.1)


def released(seconds, **knobs):
    """What of a reduction of 20 dB, kept up for ``seconds``, is left from its end on (T,)."""
    fx = Compressor(RATE, detector="opto")
    knobs = {**PLAIN, "ratio": 100.0, "threshold_db": -40.0, **knobs}
    key = level_steps((-40.0 + 20 / 0.99, seconds), (-80.0, 6.0))
    return -gain_of_key(fx, key, **knobs)[round(seconds * RATE) + RATE // 100 :] / 20.0


def seconds_to(share, left):
    return int((left < share).nonzero()[0]) / RATE


def test_an_optical_cell_lets_go_in_two_stages():
    """The LA-2A's manual: half is released in 60 ms (measured: 40 to 80), all in 0.5 to 5 s."""
    left = released(5.0)
    assert 0.04 < seconds_to(0.5, left) < 0.08
    assert 0.5 < seconds_to(0.1, left) < 5.0
    # Early it falls as the first stage does, late as the second.
    early, late = (-1 / torch.log(left[n + 1] / left[n]) / RATE for n in (0, 2 * RATE))
    assert 0.04 < early < 0.08
    assert late == pytest.approx(1.5, rel=1e-2)


def test_an_optical_cell_remembers_how_long_and_how_much():
    times = [seconds_to(0.05, released(held)) for held in (0.1, 0.5, 2.0, 8.0)]
    assert times == sorted(times)
    assert times[-1] > 10 * times[0]
    # How much: to within half a decibel of nothing.
    deep = seconds_to(0.5 / 20, released(4.0))
    shallow = seconds_to(0.5 / 5, released(4.0))
    assert deep > 1.5 * shallow


def test_an_optical_cell_without_memory_is_a_plain_release():
    x = sine(-6.0) * (torch.arange(RATE) < RATE // 2)
    knobs = {**PLAIN, "attack_ms": 10.0, "release_ms": 60.0}
    cell = Compressor(RATE, detector="opto")(x, dsp_params={**knobs, "memory": 0.0})
    assert torch.equal(cell, Compressor(RATE)(x, dsp_params=knobs))


def test_an_optical_cell_settles_on_the_curve_and_attacks_as_it_says():
    for topology in ("feed-forward", "feed-back"):
        fx = Compressor(RATE, detector="opto", topology=topology)
        gain = gain_of_key(fx, level_steps((-10.0, 3.0)), **PLAIN, attack_ms=10.0)
        assert gain[-1] == pytest.approx(-15.0, abs=1e-2)
    gain = gain_of_key(Compressor(RATE, detector="opto"), level_steps((-10.0, 1.0)), **PLAIN, attack_ms=10.0)
    assert float(gain[RATE // 100 - 1]) == pytest.approx(-15.0 * (1 - 1 / math.e), rel=1e-3)


def test_detectors_say_what_they_do_not_go_with():
    with pytest.raises(ValueError, match="Compressor: detector 'opto' compresses downward"):
        Compressor(RATE, detector="opto", direction="upward")
    with pytest.raises(ValueError, match="Compressor: detector 'vca' is fed forward"):
        Compressor(RATE, detector="vca", topology="feed-back")


def test_an_envelope_is_the_follower_of_pedalboard():
    """Its compressor smooths the amplitude of each channel with times of 2 pi time constants, and bends no knee."""
    pedalboard = pytest.importorskip("pedalboard")
    n = torch.arange(RATE, dtype=DTYPE)
    x = torch.stack([torch.sin(n * f) * (0.5 + 0.5 * torch.sin(n * 1e-3 * f)) for f in (0.03, 0.2)])
    board = pedalboard.Compressor(threshold_db=-20, ratio=4, attack_ms=5, release_ms=80)
    wet = torch.from_numpy(board(x.float().numpy(), RATE)).double()
    fx = Compressor(RATE, detector="envelope", link=False)
    times = {"attack_ms": 5 / (2 * math.pi), "release_ms": 80 / (2 * math.pi)}
    y = fx(x, **{**PLAIN, "threshold_db": -20.0, **times})
    assert (y - wet).norm() < 1e-4 * wet.norm()
