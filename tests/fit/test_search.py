"""A fit without a recipe: what it finds, what it says of pairs that are out of step and of knobs nobody can hear."""

import math

import pytest
import torch

from diffFx_pytorch import Chain, EffectParam, Processor
from diffFx_pytorch.fit import fit
from diffFx_pytorch.fit.alignment import aligned
from diffFx_pytorch.fit.choices import alternatives
from diffFx_pytorch.fit.colour import frequencies
from diffFx_pytorch.fit.drift import drift, without_drift
from diffFx_pytorch.fit.knobs import FreeKnobs
from diffFx_pytorch.fit.least_squares import LeastSquares
from diffFx_pytorch.fit.modulation import periods, rates
from diffFx_pytorch.fit.pairs import Pairs
from diffFx_pytorch.fit.proposals import Proposals, echoes
from diffFx_pytorch.fit.search import AutomaticSearch
from diffFx_pytorch.fit.short_pair import short_pair
from diffFx_pytorch.fit.task import Task
from diffFx_pytorch.processors import (
    BandPass,
    BitCrusher,
    Compressor,
    FeedbackDelay,
    Gain,
    HighPass,
    LowPass,
    ParametricEqualizer,
    RingModulator,
    TanH,
    Tremolo,
    Vibrato,
)

RATE = 16000


def sound(seconds=1.0, channels=1, seed=0):
    """Noise in bursts over a few tones: something at every frequency, and levels that rise and fall."""
    numbers = torch.Generator().manual_seed(seed)
    t = torch.arange(round(seconds * RATE)) / RATE
    x = 0.3 * torch.randn(channels, len(t), generator=numbers) * torch.exp(-6 * (t % 0.25))
    return (x + 0.05 * torch.sin(2 * math.pi * 220 * t))[None]


def rendered(fx, dry, **knobs):
    late = fx.latency_samples
    with torch.no_grad():
        return fx(torch.nn.functional.pad(dry, (0, late)), dsp_params=knobs)[..., late:]


@pytest.mark.parametrize(
    ("fx", "knobs"),
    [
        (Gain(RATE), {"gain_db": -7.3}),
        (TanH(RATE), {"drive_db": 11.0, "bias": 0.3, "output_db": -5.0}),
        (FeedbackDelay(RATE), {"delay_ms": 173.3, "feedback": -0.6, "lowpass_hz": 3000.0, "mix": 0.4}),
        (Tremolo(RATE), {"rate_hz": 7.7, "depth": 0.8, "phase_deg": 200.0}),
        (Compressor(RATE), {"threshold_db": -35.0, "ratio": 3.0, "attack_ms": 3.0, "release_ms": 40.0}),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, Processor) else "",
)
def test_settings_are_found(fx, knobs):
    dry = sound()
    found = fit(fx, dry, rendered(fx, dry, **knobs), time_budget_s=600)
    assert found.residual_db < -60, found.describe()
    heard = {name: value for name, value in knobs.items() if found.certainty[name].determined}
    assert heard
    for name, value in heard.items():
        known = found.certainty[name]
        slack = 0.02 * (known.high - known.low) + 1e-3 * abs(value)
        assert known.low - slack <= value <= known.high + slack, (name, value, known)


@pytest.mark.slow
def test_a_chain_is_found():
    fx = Chain(eq=ParametricEqualizer(RATE, num_peaks=1), delay=FeedbackDelay(RATE), tanh=TanH(RATE))
    dry = sound(1.5)
    knobs = {"eq.peak_1_gain_db": 9.0, "eq.peak_1_freq_hz": 900.0, "delay.delay_ms": 120.0, "tanh.drive_db": 9.0}

    def enough(error, place):
        if error < 1e-6:
            raise KeyboardInterrupt

    assert fit(fx, dry, rendered(fx, dry, **knobs), time_budget_s=600, progress=enough).residual_db < -40


@pytest.mark.parametrize("init", ["default", "random"])
def test_the_same_seed_finds_the_same(init):
    fx, dry = TanH(RATE), sound(0.5)
    wet = rendered(fx, dry, drive_db=12.0)
    a, b = (fit(fx, dry, wet, seed=3, time_budget_s=6000) for _ in range(2))
    assert torch.equal(a.norm_params, b.norm_params)
    assert a.history == b.history
    assert not a.stopped


@pytest.mark.slow
def test_a_long_sound_is_searched_in_part_and_matched_whole():
    fx, dry = TanH(RATE), sound(4.0)
    found = fit(fx, dry, rendered(fx, dry, drive_db=8.0, bias=-0.2), time_budget_s=600)
    assert found.residual_db < -80
    assert len(found.history) == 2


@pytest.mark.slow
def test_frozen_knobs_stay():
    fx, dry = TanH(RATE), sound(0.5)
    found = fit(fx, dry, rendered(fx, dry, drive_db=8.0), frozen={"output_db": -3.0}, time_budget_s=600)
    assert found.settings["output_db"] == pytest.approx(-3.0, abs=1e-4)
    assert "output_db" not in found.certainty


# ---- out of step ----


@pytest.mark.parametrize("offset", [50, -50, pytest.param(12.37, marks=pytest.mark.slow), -0.4])
@pytest.mark.parametrize("sign", [1, pytest.param(-1, marks=pytest.mark.slow)])
def test_a_pair_out_of_step_is_moved(offset, sign):
    dry = sound(channels=2)
    spectrum = torch.fft.rfft(torch.nn.functional.pad(dry, (400, 400)).double())
    turn = torch.exp(-2j * math.pi * torch.arange(spectrum.shape[-1]) * offset / (dry.shape[-1] + 800))
    wet = sign * torch.fft.irfft(spectrum * turn, dry.shape[-1] + 800)[..., 400:-400].float()
    moved = aligned(dry, wet, RATE)
    assert moved.offset_samples == pytest.approx(offset, abs=0.02)
    assert moved.inverted == (sign < 0)
    assert moved.skipped == max(0, math.ceil(-offset))
    expected = dry[..., moved.skipped :][..., : moved.wet.shape[-1]]
    error = (moved.wet[..., : expected.shape[-1]] - expected)[..., 100:-100].square().sum() / expected.square().sum()
    assert 10 * math.log10(error) < -40
    found = fit(Gain(RATE), dry, 0.5 * wet)
    assert found.settings["gain_db"] == pytest.approx(-6.02, abs=0.05)
    assert found.residual_db < -35
    assert any(" samples (" in notice for notice in found.notices)
    assert any("inverted" in notice for notice in found.notices) == (sign < 0)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_filter_that_turns_phases_far_is_not_inverted(sign):
    """Its output is unlike its input where that is loud, as a sound of another polarity is."""
    noise = torch.randn(1, 1, RATE, generator=torch.Generator().manual_seed(1))
    dry = BandPass(RATE, freq_hz=800, q=2)(noise)
    shelves = {"low_shelf_gain_db": -24, "low_shelf_freq_hz": 600, "high_shelf_gain_db": 24, "high_shelf_freq_hz": 1000}
    wet = ParametricEqualizer(RATE, **shelves)(dry)
    assert float((dry * wet).sum()) < 0
    assert aligned(dry, sign * wet, RATE).inverted == (sign < 0)


@pytest.mark.slow
def test_what_is_in_step_stays():
    dry = sound()
    for gain, q in ((24.0, 0.3), (-24.0, 4.0)):  # filters turn phases, and move nothing
        fx = ParametricEqualizer(RATE, num_peaks=1)
        wet = rendered(fx, dry, peak_1_freq_hz=5000.0, peak_1_gain_db=gain, peak_1_q=q, high_shelf_gain_db=gain)
        assert aligned(dry, wet, RATE).notices == []
    assert aligned(dry, 0.5 * dry, RATE).notices == []
    assert aligned(dry, sound(seed=1), RATE).notices == []  # no one time is meant
    delay = FeedbackDelay(RATE)
    wet = rendered(delay, dry, delay_ms=60.0, feedback=0.0, mix=1.0)
    found = fit(delay, dry, wet, time_budget_s=600)
    assert found.settings["delay_ms"] == pytest.approx(60.0, abs=0.1)


# ---- what the sounds say ----


def test_frequencies_of_filters_show():
    fx, dry = ParametricEqualizer(RATE), sound(2.0)
    wet = rendered(fx, dry, peak_1_freq_hz=700.0, peak_1_gain_db=12.0, peak_2_freq_hz=3000.0, peak_2_gain_db=-9.0)
    first = frequencies(dry[0], wet[0], RATE)[:4]
    for freq in (700.0, 3000.0):
        assert min(abs(math.log2(freq / f)) for f in first) < 1 / 6, first


def test_what_is_missing_is_proposed():
    """Of two bells one is found: of what the sound lacks, the other stands out."""
    fx, dry = ParametricEqualizer(RATE), sound(2.0)
    known = {"peak_1_freq_hz": 700.0, "peak_1_gain_db": 15.0, "peak_1_q": 2.0}
    task = Task(fx, dry, rendered(fx, dry, **known, peak_2_freq_hz=4000.0, peak_2_gain_db=-6.0))
    proposals = Proposals(task, FreeKnobs(fx), torch.Generator().manual_seed(0))
    column = fx.param_names.index("peak_2_freq_hz")
    row = fx.params["peak_2_freq_hz"]
    assert row.to_physical(float(proposals.likely[column][0])) == pytest.approx(700.0, rel=0.1)
    proposals.listen(rendered(fx, dry, **known)[0])
    assert row.to_physical(float(proposals.likely[column][0])) == pytest.approx(4000.0, rel=0.1)


def test_a_part_of_the_pair_is_met_by_what_meets_the_whole():
    fx, dry = ParametricEqualizer(RATE), sound(4.0)
    wet = rendered(fx, dry, peak_1_gain_db=9.0, low_shelf_gain_db=-6.0)
    part = short_pair(Task(fx, dry, wet), 4 * RATE)
    assert part is not None
    assert 6 * part.dry.shape[-1] < wet.shape[-1]
    right = fx.demap_parameters(fx.to_flat({"peak_1_gain_db": 9.0, "low_shelf_gain_db": -6.0}))
    assert float(part.residuals(right)) < -80
    assert float(part.residuals(fx.demap_parameters(fx.to_flat({})))) > -20
    several = short_pair(Pairs([Task(fx, dry, wet), Task(fx, dry[..., :RATE], wet[..., :RATE])]), 4 * RATE)
    assert several is not None
    assert torch.equal(several.wet, part.wet)  # of the longest pair
    delay = Chain(eq=fx, delay=FeedbackDelay(RATE))
    for other in (Tremolo(RATE), delay):  # it does not stand still; it remembers for seconds
        assert short_pair(Task(other, dry, wet), 4 * RATE) is None


# ---- honest ----


def test_an_unrelated_recording_is_called_so():
    found = fit(Gain(RATE), sound(), sound(seed=1), time_budget_s=5)
    assert "% of the change" in found.notices[0]
    assert found.notices[0] in found.describe()


@pytest.mark.slow
def test_knobs_that_make_up_for_each_other_are_named():
    fx, dry = Chain(a=Gain(RATE), tanh=TanH(RATE), b=Gain(RATE)), 0.01 * sound()  # too soft to bend
    found = fit(fx, dry, 0.7 * dry, time_budget_s=600)
    assert found.residual_db < -60
    for name in ("a.gain_db", "b.gain_db"):
        assert not found.certainty[name].determined
        assert found.certainty[name].against
    assert any(n.startswith("a.gain_db between") and "making up for it" in n for n in found.notices)


def test_a_knob_at_its_end_is_reported():
    dry = 0.01 * sound()
    found = fit(Gain(RATE, param_range={"gain_db": EffectParam(-6.0, 6.0)}), dry, 4.0 * dry)
    assert found.settings["gain_db"] == pytest.approx(6.0)
    assert "gain_db lies at the end of its range: the right value may lie beyond" in found.notices


def test_an_effect_without_a_gradient_is_fitted():
    class Steps(Processor):
        """Rounds to a grid."""

        params = {"step": EffectParam(0.001, 0.5, 0.1, "log", doc="Width of a step.")}
        variants = ()

        def process(self, x, state, *, step):
            return torch.round(x.detach() / step) * step, state

    fx, dry = Steps(RATE), sound(0.5)
    found = fit(fx, dry, rendered(fx, dry, step=0.037), time_budget_s=600)
    assert found.settings["step"] == pytest.approx(0.037, rel=1e-3)


# ---- parts ----


def test_echoes_and_rates_are_read_off_the_sound():
    dry = sound(2.0)
    delay, tremolo = FeedbackDelay(RATE), Tremolo(RATE)
    task = Task(delay, dry, rendered(delay, dry, delay_ms=217.0, feedback=0.5, mix=0.5))
    assert echoes(task)[0] == pytest.approx(217.0, abs=0.1)
    task = Task(tremolo, dry, rendered(tremolo, dry, rate_hz=6.3, depth=0.7))
    assert min(abs(rate - 6.3) for rate in rates(task)) < 0.2


def test_least_squares_against_a_solution_by_formula():
    """y = gain x: the error's minimum over the gain is <t, y> / <y, y>."""
    dry, fx = sound(0.2), Gain(RATE)
    target = 0.5 * dry + 0.05 * sound(0.2, seed=4)
    task = Task(fx, dry, target)
    least = LeastSquares(task, target.shape[-1], lambda y: y.flatten(1), torch.tensor([0]))
    place, error = least.descend(torch.tensor([0.7]), 30)
    gain = float((target * dry).sum() / dry.square().sum())
    assert fx.params["gain_db"].to_physical(float(place)) == pytest.approx(20 * math.log10(gain), abs=1e-3)
    assert error == pytest.approx(float((target - gain * dry).square().sum() / target.square().sum()), rel=1e-5)


@pytest.mark.parametrize("rate", [RATE, 44100], ids=["at once", "in a part first"])
def test_ctrl_c_keeps_the_best_so_far(monkeypatch, rate):
    descents = []
    walked = LeastSquares.descend

    def descend(self, *args, **kwargs):
        descents.append(1)
        if len(descents) == 2:
            raise KeyboardInterrupt
        return walked(self, *args, **kwargs)

    monkeypatch.setattr(LeastSquares, "descend", descend)
    fx, dry = TanH(rate), sound(3.2)
    found = fit(fx, dry, rendered(fx, dry, drive_db=30.0, bias=0.7, mix=0.6), time_budget_s=600)
    assert found.stopped
    assert (short_pair(Task(fx, dry, dry), 2 * rate) is None) == (rate == RATE)
    assert len(descents) == 2
    assert found.residual_db < 0


def test_ctrl_c_while_a_filter_is_read_keeps_the_best_so_far(monkeypatch):
    def descend(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("diffFx_pytorch.fit.tone.descend_side_by_side", descend)
    fx, dry = ParametricEqualizer(RATE), sound(0.5)
    found = fit(fx, dry, rendered(fx, dry, peak_1_gain_db=9.0), time_budget_s=600, align=False)
    assert found.interrupted
    assert found.settings == pytest.approx({name: row.default for name, row in fx.params.items()})


def test_a_random_start_is_that_of_the_seed(monkeypatch):
    begun = []
    searched = AutomaticSearch.run
    monkeypatch.setattr(AutomaticSearch, "run", lambda self, starts: begun.append(starts) or searched(self, starts))
    dry = sound(0.2)
    for seed in (3, 3, 4):
        fit(Gain(RATE), dry, 0.5 * dry, init="random", seed=seed, time_budget_s=600)
    assert torch.equal(begun[0], begun[1])
    assert not torch.equal(begun[0], begun[2])


def test_clocks_that_drift_are_brought_together():
    dry, ppm = sound(4.0), -300
    fx = TanH(RATE)
    wet = without_drift(rendered(fx, dry, drive_db=12.0), -1e-6 * ppm)
    assert 1e6 * drift(dry, wet) == pytest.approx(ppm, rel=0.1)
    assert drift(dry, rendered(fx, dry, drive_db=12.0)) == 0
    assert drift(dry, rendered(Vibrato(RATE), dry, rate_hz=0.3)) == 0  # no straight one
    dull = rendered(LowPass(RATE, slope_db_per_octave=48), dry, freq_hz=3000.0)  # resampling dulls it no more
    found = fit(Gain(RATE), dull, without_drift(0.5 * dull, -1e-6 * ppm), time_budget_s=600)
    assert found.residual_db < -30
    assert any(" ppm " in notice for notice in found.notices)


@pytest.mark.parametrize(("cls", "hz"), [(HighPass, 300.0), (LowPass, 400.0)])
def test_a_slope_is_chosen(cls, hz):
    """Of second order, at a Q of 0.2, the low-pass would be within -80 dB; that is no reason to call it one."""
    dry = sound(0.5)
    wet = rendered(cls(RATE, slope_db_per_octave=6), dry, freq_hz=hz)
    found = fit(cls(RATE), dry, wet, time_budget_s=600)
    assert found.fx.slope_db_per_octave == 6
    assert found.settings["freq_hz"] == pytest.approx(hz, rel=0.01)
    assert any("slope_db_per_octave = 6" in notice for notice in found.notices)


@pytest.mark.slow
def test_options_are_changed_one_after_the_other():
    dry = sound(0.5)
    wet = rendered(LowPass(RATE, slope_db_per_octave=6, design="bilinear"), dry, freq_hz=0.3 * RATE)
    found = fit(LowPass(RATE), dry, wet, time_budget_s=600)
    assert (found.fx.slope_db_per_octave, found.fx.design) == (6, "bilinear")
    assert found.residual_db < -100


def test_slopes_are_offered_in_chains():
    chain = Chain(low=LowPass(RATE), gain=Gain(RATE, gain_db=-3.0))
    others = dict(alternatives(chain))
    assert [*others] == [*(f"low.slope_db_per_octave = {slope}" for slope in (6, 24, 48)), "low.design = bilinear"]
    assert [*others["low.slope_db_per_octave = 6"].params] == ["low.freq_hz", "gain.gain_db"]


def test_an_oscillator_is_found():
    dry, fx = sound(), RingModulator(RATE)
    found = fit(fx, dry, rendered(fx, dry, freq_hz=1234.5, mix=0.6), init="random", time_budget_s=600)
    assert found.settings["freq_hz"] == pytest.approx(1234.5, rel=1e-4)
    crusher = BitCrusher(RATE)
    held = periods(Task(crusher, dry, rendered(crusher, dry, hold=7.3, bits=6.0)))
    assert min(abs(period - 7.3) for period in held) < 0.01


def test_a_chain_runs_what_settings_share_once():
    chain, dry = Chain(a=TanH(RATE), b=FeedbackDelay(RATE), c=Gain(RATE)), sound(0.3)
    task = Task(chain, dry, dry)
    positions = chain.random_params(1).repeat(12, 1)
    positions[4:8, -1] = torch.rand(4)
    positions[8:, 5] = torch.rand(4)
    assert torch.equal(task.sounds(positions, 4000), task.run(positions, 4000).detach())
