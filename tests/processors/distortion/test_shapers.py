"""What holds for every shaper: level, alias, DC, no dead zone; and the curve of each."""

import math

import numpy as np
import pytest
import torch

from diffFx_pytorch.processors import (
    ArcTanClipper,
    CubicClipper,
    DoubleSoftClipper,
    ExponentialClipper,
    HardClipper,
    Overdrive,
    Rectifier,
    SoftClipper,
    TanH,
    Waveshaper,
)

RATE = 44100
CLIPPERS = (HardClipper, SoftClipper, DoubleSoftClipper, CubicClipper, ArcTanClipper, ExponentialClipper, TanH)
SHAPERS = (*CLIPPERS, Rectifier, Waveshaper, Overdrive)


def run(cls, x, *, construction=None, **knobs):
    fx = cls(RATE, **{"oversampling": 1, **(construction or {})})
    still = {"bias": 0.0} if "bias" in fx.params and cls is not Overdrive else {}
    return fx(x, dsp_params={"mix": 1.0, "output_db": 0.0, **still, **knobs})


@pytest.mark.parametrize("construction", [{}, {"oversampling": 2}, {"antialias": "adaa"}], ids=str)
@pytest.mark.parametrize("cls", SHAPERS)
def test_quiet_signals_keep_their_level_at_0_db(cls, construction, sine, spectrum):
    x = sine(100, 1e-3, 1.1)
    y = run(cls, x, construction=construction, drive_db=0.0)
    assert 20 * math.log10(spectrum(y)[100] / spectrum(x)[100]) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("cls", SHAPERS)
def test_no_dead_zone(cls, sine):
    levels = torch.tensor([1e-9, 1e-6, 1e-3, 0.03, 0.3, 1.0], dtype=torch.float64)
    x = sine(100, seconds=0.2) * levels[:, None, None]
    gain = (run(cls, x, drive_db=0.0) * x).sum(-1) / x.square().sum(-1)  # of the fundamental
    assert gain.min() > 0.6


@pytest.mark.parametrize("cls", SHAPERS)
def test_alias_at_eight_times_the_rate(cls, sine, alias_db):
    x = sine(9000, seconds=1.2)
    for drive in (0.0, 6.0):
        y = run(cls, x, construction={"oversampling": 8}, drive_db=drive)
        assert alias_db(y, 9000, loudest=True) < (-50 if cls is HardClipper else -70), drive


@pytest.mark.parametrize("cls", SHAPERS)
def test_adaa_takes_15_db_off_the_alias_that_is_heard(cls, sine, alias_db):
    # Under the fundamental, where nothing masks it. Near the highest frequencies first order takes 6 to 10 dB.
    x = sine(9000, seconds=1.2)
    for drive in (18.0, 24.0):
        plain, adaa = (
            alias_db(run(cls, x, construction={"antialias": a}, drive_db=drive), 9000, 9000) for a in (None, "adaa")
        )
        assert plain - adaa > 15, drive


@pytest.mark.parametrize("construction", [{}, {"oversampling": 2, "antialias": "adaa"}], ids=str)
@pytest.mark.parametrize("cls", SHAPERS)
def test_asymmetry_leaves_no_dc_behind_and_makes_even_harmonics(cls, construction, sine, spectrum):
    odd = {"below_4_slope": 1.0, "below_3_slope": 1.0} if cls is Waveshaper else {"bias": 0.5}
    magnitude = spectrum(run(cls, sine(200, 0.5, 1.5), construction=construction, drive_db=12.0, **odd))
    assert magnitude[0] < 2e-4 * magnitude[200]
    assert magnitude[400] > 0.01 * magnitude[200]


@pytest.mark.parametrize("cls", CLIPPERS)
def test_without_bias_the_bottom_is_untouched_and_harmonics_are_odd(cls, sine, spectrum):
    x = sine(5, 0.9)
    magnitude = spectrum(run(cls, x, drive_db=3.0))
    assert magnitude[10] < 1e-9 * magnitude[5]
    assert torch.equal(run(cls, -x, drive_db=3.0), -run(cls, x, drive_db=3.0))


@pytest.mark.parametrize("cls", CLIPPERS)
def test_clippers_rise_from_slope_1_to_a_ceiling_of_1(cls):
    x = torch.linspace(-1, 1, 20001, dtype=torch.float64)[None, None]
    y = run(cls, x, drive_db=36.0)
    slope = y.diff()[0, 0] / (x.diff()[0, 0] * 10 ** (36 / 20))
    assert slope.min() >= -1e-12
    assert slope.max() <= 1 + 1e-9
    assert slope[10000] == pytest.approx(1.0, abs=0.005)
    assert y.max() <= 1.0
    assert y[..., -1] > (0.98 if cls is ArcTanClipper else 0.9999)


@pytest.mark.parametrize("cls", SHAPERS)
def test_the_slope_at_zero_is_there_for_gradients_too(cls):
    x = torch.zeros(1, 1, 1, dtype=torch.float64, requires_grad=True)
    y = run(cls, x, drive_db=0.0)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert gradient.item() == pytest.approx(1.0, abs=2e-3)  # the low-pass that follows the DC takes the rest


@pytest.mark.parametrize("cls", SHAPERS)
def test_without_a_graph_the_same_in_tiles(cls):
    x = torch.randn(2, 6, 50001) / 3
    for mix in (0.3, 1.0):
        expected = run(cls, x.clone().requires_grad_(), mix=mix).detach()
        with torch.no_grad():
            y = run(cls, x, mix=mix)
        assert y.shape == (2, 6, 50001)
        assert (y - expected).abs().max() < 1e-6
    with torch.no_grad():
        moving = run(cls, x, drive_db=torch.tensor([[0.0, 12.0]] * 2))
    assert (moving[..., -1] - run(cls, x[..., -1:], drive_db=12.0)[..., 0]).abs().max() < 1e-6 or cls not in CLIPPERS


@pytest.mark.parametrize("cls", SHAPERS)
def test_the_curve_is_what_is_heard(cls):
    # That of the overdrive is the curve of its stage, which its filters hide.
    fx = cls(RATE, oversampling=1)
    knobs = {"drive_db": 10.0, "mix": 0.75, "output_db": -2.0}
    curve = fx.curve(**fx.knobs(torch.zeros(1, 1, 1, dtype=torch.float64), dsp_params=knobs))
    assert curve.x[0] == -2
    assert curve.x[-1] == 2
    if cls is Overdrive:
        t, x = math.tanh(0.3), np.tanh(10 ** (10 / 20) * curve.x.numpy())
        expected = 10 ** (-2 / 20) * (0.25 * curve.x.numpy() + 0.75 * x / (1 + t * x))
    else:  # one sample each: before the low-pass that follows the DC has gathered anything
        expected = fx(curve.x[:, None, None], dsp_params=knobs)[:, 0, 0].numpy()
    assert np.abs(curve.y.numpy() - expected).max() < (1e-9 if cls in CLIPPERS or cls is Overdrive else 0.02)


def test_hard_clipper_equals_pedalboard():
    pedalboard = pytest.importorskip("pedalboard")
    x = torch.randn(1, 2, 4000) / 3
    for threshold in (0.0, -6.0, -24.0):
        expected = pedalboard.Clipping(threshold_db=threshold)(x[0].numpy(), RATE)
        y = run(HardClipper, x, drive_db=max(-threshold, 0.0), output_db=threshold)[0].numpy()
        assert np.abs(y - expected).max() < 1e-6


def test_half_of_the_wave_is_cut_off():
    u = torch.linspace(2, 60, 100, dtype=torch.float64)
    for amount in (0.0, 0.5, 1.0):
        f = Rectifier(RATE).shape_at(amount=torch.tensor(amount)).f
        assert torch.allclose(f(-u), -(1 - amount) * u - amount / 4, atol=0.02)
        assert torch.allclose(f(u), (1 + amount) * u - amount / 4, atol=0.02)


def test_a_waveshaper_goes_through_its_points_and_never_falls():
    fx = Waveshaper(RATE, num_points=5, oversampling=1)
    generator = torch.Generator().manual_seed(3)
    for _ in range(5):
        slopes = 2 * torch.rand(2, 5, generator=generator, dtype=torch.float64)
        slopes[slopes < 0.4] = 0.0
        f = fx.shape_at(**{f"s{i}": s for i, s in enumerate(slopes.flatten())}).f
        u = torch.linspace(-5, 5, 10001, dtype=torch.float64)
        assert f(u).diff().min() >= -1e-15
        for side, sign in ((0, -1.0), (1, 1.0)):
            steps = torch.cat((torch.ones(1, dtype=torch.float64), slopes[side]))
            points = (0.2 * (steps[1:] + steps[:-1])).cumsum(0)
            at = sign * 0.4 * torch.arange(1, 6, dtype=torch.float64)
            assert torch.allclose(f(at), sign * points, atol=1e-14)
            inside = at.clone().requires_grad_()
            (slope,) = torch.autograd.grad(f(inside).sum(), inside)
            assert torch.allclose(slope, slopes[side], atol=1e-14)


def test_a_waveshaper_learns_a_curve():
    x = torch.linspace(-1, 1, 2000, dtype=torch.float64)[None, None]
    target = torch.where(x > 0, 1 - torch.exp(-4 * x), x * 4 / (1 + (4 * x).abs()))
    fx = Waveshaper(RATE, oversampling=1)
    slopes = {n: torch.tensor([0.5], dtype=torch.float64, requires_grad=True) for n in fx.params if "slope" in n}
    optimizer = torch.optim.LBFGS(slopes.values(), lr=0.5, max_iter=30)

    def loss():
        optimizer.zero_grad()
        clamped = {name: value.clamp(0.0, 2.0) for name, value in slopes.items()}
        shape = fx.shape_at(**{name: value[:, None, None] for name, value in clamped.items()})
        error = (shape.f(4 * x) - target).square().mean()
        error.backward()
        return error.item()

    optimizer.step(loss)
    assert loss() < 10 ** (-30 / 10) * target.square().mean().item()


def test_overdrive_is_flat_for_quiet_signals_and_its_tone_is_a_shelf():
    x = torch.zeros(1, 1, RATE, dtype=torch.float64)
    x[..., 0] = 1e-5
    for tone in (0.0, 12.0, -18.0):
        y = run(Overdrive, x, drive_db=0.0, tone_db=tone)
        gain = 20 * np.log10(np.abs(np.fft.rfft(y[0, 0].numpy())) / 1e-5)
        assert gain[50] == pytest.approx(0.0, abs=0.05)
        assert gain[15000] == pytest.approx(tone, abs=0.5)
        if tone == 0.0:
            assert np.abs(gain[20:20000]).max() < 0.01


def test_overdrive_keeps_the_bass_clear(sine, spectrum):
    def distortion(freq_hz):
        magnitude = spectrum(run(Overdrive, sine(freq_hz, 0.2), drive_db=12.0))
        return np.sqrt((magnitude[2 * freq_hz :: freq_hz] ** 2).sum()) / magnitude[freq_hz]

    assert distortion(80) < 0.5 * distortion(1500)


@pytest.mark.parametrize("count", [0, 17, 2.5, True])
def test_number_of_points_is_checked(count):
    with pytest.raises(ValueError, match=r"^Waveshaper: num_points must be a whole number in 1 \.\. 16"):
        Waveshaper(RATE, num_points=count)


@pytest.mark.parametrize("cls", CLIPPERS)
def test_a_strict_ceiling_is_passed_by_no_sample(cls, sine):
    beyond = []
    for freq in (1245.0, 5000.0, 9000.0):
        for bias in (0.0, 0.7):
            x = sine(freq, 1.0, 0.2)
            knobs = {"drive_db": 36.0, "bias": bias, "mix": 1.0, "output_db": 0.0}
            for construction in ({}, {"oversampling": 8, "phase": "minimum"}, {"oversampling": 1}):
                assert cls(RATE, ceiling="strict", **construction)(x, dsp_params=knobs).abs().max() <= 1.0
            beyond.append(cls(RATE)(x, dsp_params=knobs).abs().max() > 1.05)
    assert any(beyond)


@pytest.mark.parametrize(("freq", "drive_db", "floor"), [(101, 12.0, -76), (101, 24.0, -67), (317, 24.0, -54)])
def test_a_strict_ceiling_of_a_low_tone_does_not_depend_on_where_its_samples_lie(freq, drive_db, floor, sine, alias_db):
    strict = HardClipper(RATE, ceiling="strict")(sine(freq, 1.0, 1.2), dsp_params={"drive_db": drive_db})
    assert alias_db(strict, freq) < floor


@pytest.mark.parametrize("freq", [1245, 2629, 5000, 9000])
@pytest.mark.parametrize("drive_db", [6.0, 24.0])
def test_a_strict_ceiling_hardly_aliases_more(freq, drive_db, sine, alias_db):
    x = sine(freq, 1.0, 1.2)
    plain, strict = (HardClipper(RATE, ceiling=c)(x, dsp_params={"drive_db": drive_db}) for c in ("filtered", "strict"))
    assert plain.abs().max() > 1.005
    assert alias_db(strict, freq) < max(alias_db(plain, freq) + 1, -45)
    assert 20 * math.log10(strict.norm() / plain.norm()) > -2.6


@pytest.mark.parametrize("cls", [*CLIPPERS, Overdrive, Waveshaper])
@pytest.mark.parametrize("phase", ["linear", "minimum"])
def test_dry_and_wet_do_not_comb(cls, phase, sine):
    fx = cls(RATE, oversampling=4, phase=phase)
    # A quiet sound is not shaped: dry and wet are the same but for the path they take.
    own = {"bias": 0.0} if "bias" in fx.params else {}
    for freq in (1000, 5000, 12000, 17000, 19000):
        x = sine(freq, 1e-3, 0.2)
        y = fx(x, dsp_params={"drive_db": 0.0, "mix": 0.5, "output_db": 0.0, **own})
        gain_db = 20 * math.log10(float(y[..., 2000:].norm() / x[..., 2000:].norm()))
        assert gain_db == pytest.approx(0.0, abs=0.1), freq


@pytest.mark.parametrize("cls", [*CLIPPERS, Rectifier, Waveshaper])
def test_matched_levels_stay_whatever_the_drive(cls):
    x = torch.randn(1, 1, RATE, dtype=torch.float64) * 10 ** (-18 / 20)
    for drive in (-12.0, 0.0, 12.0, 36.0):
        y = cls(RATE, level_match=True)(x, dsp_params={"drive_db": drive, "mix": 1.0, "output_db": 0.0})
        gain_db = 20 * math.log10(float(y.norm() / x.norm()))
        assert gain_db == pytest.approx(0.0, abs=1.0), drive


def test_the_usual_clipper_adds_no_level_and_few_aliases(sine, alias_db):
    quiet = sine(1000, 0.1, 1.0)
    assert torch.allclose(HardClipper(RATE)(quiet)[..., 3000:], quiet[..., 3000 - 72 : -72], atol=1e-4)
    assert alias_db(HardClipper(RATE)(sine(5000), dsp_params={"drive_db": 12.0}), 5000) < -40
