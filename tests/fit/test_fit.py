"""Settings found again from what they did."""

import warnings

import pytest
import torch

from diffFx_pytorch import Chain, EffectParam, Processor
from diffFx_pytorch.fit import ErrorToSignalRatio, MultiResolutionSTFT, Stage, echo_ms, fit
from diffFx_pytorch.processors import Gain, Tremolo

RATE = 8000
WAVEFORM = ErrorToSignalRatio(reduction="none")
SPECTRUM = MultiResolutionSTFT((256, 512), reduction="none")
QUICK = (Stage(steps=100, loss=WAVEFORM),)


@pytest.fixture
def dry():
    return 0.1 * torch.randn(1, 1, RATE)


class Late(Processor):
    """A gain that comes 100 samples late."""

    params = {"gain_db": EffectParam(-24.0, 24.0, 0.0, unit="dB", doc="Level.")}
    latency_samples = 100
    variants = ()

    def process(self, x, state, *, gain_db):
        return torch.nn.functional.pad(x, (100, 0))[..., : x.shape[-1]] * 10 ** (gain_db / 20), state


def test_a_gain_is_found(dry):
    fx = Gain(RATE)
    result = fit(
        fx, dry, fx(dry, dsp_params={"gain_db": -7.0}), stages=(Stage(steps=40, loss=SPECTRUM), *QUICK), starts=2
    )
    assert result.settings["gain_db"] == pytest.approx(-7, abs=0.01)
    assert result.residual_db < -60


@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_on_a_device_as_without_one(dry, name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)  # what is not there falls back
    fx = Gain(RATE)
    how = {"stages": (Stage(steps=5, loss=WAVEFORM),), "starts": 2}
    wet = fx(dry, dsp_params={"gain_db": -7.0})
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found, expected = fit(fx, dry, wet, device=name, **how), fit(fx, dry, wet, **how)
    assert found.settings == expected.settings
    assert torch.equal(found.norm_params, expected.norm_params)
    assert [str(w.message).startswith("there is no device cuda here") for w in told] == [True] * (name == "cuda")


def test_a_tremolo_is_found_among_many_valleys(dry):
    fx = Chain(gain=Gain(RATE), tremolo=Tremolo(RATE))
    true = {"gain.gain_db": -7.0, "tremolo.rate_hz": 7.3, "tremolo.depth": 0.6, "tremolo.phase_deg": 200.0}
    look = Stage(
        steps=40,
        loss=ErrorToSignalRatio(level_blind=True, reduction="none"),
        scan={"tremolo.rate_hz": 32, "tremolo.phase_deg": 4},
        starts=3,
    )
    level = Stage(steps=40, loss=SPECTRUM, free=["gain.gain_db"])
    result = fit(
        fx,
        dry,
        fx(dry, dsp_params=true),
        stages=(look, level, Stage(steps=120, loss=WAVEFORM, learning_rate=0.05)),
        starts=1,
    )
    assert result.residual_db < -50
    for name, value in true.items():
        assert result.settings[name] == pytest.approx(value, rel=0.02), name


def test_gauss_newton_walks_along_a_valley_of_knobs_that_act_alike(dry):
    fx = Chain(first=Gain(RATE), tremolo=Tremolo(RATE), second=Gain(RATE))
    wet = fx(dry, dsp_params={"first.gain_db": -9.0, "tremolo.depth": 0.8, "tremolo.rate_hz": 5.3})
    stage = Stage(steps=15, method="gauss_newton", loss=ErrorToSignalRatio(0.5, reduction="none"))
    result = fit(fx, dry, wet, stages=[stage], starts=1)
    assert result.residual_db < -90
    total = result.settings["first.gain_db"] + result.settings["second.gain_db"]
    assert total == pytest.approx(-9, abs=0.01)
    assert result.settings["tremolo.rate_hz"] == pytest.approx(5.3, rel=1e-3)


@pytest.mark.parametrize("samples", [700, 1999])
def test_an_echo_is_found_to_the_sample_behind_a_filter_and_a_tremolo(samples):
    dry = 0.1 * torch.randn(1, 2, 2 * RATE)
    late = torch.nn.functional.pad(dry, (samples, 0))[..., : dry.shape[-1]]
    wet = dry + 0.4 * late
    wet = Tremolo(RATE)(wet[..., 1:] - 0.7 * wet[..., :-1])
    assert echo_ms(dry, wet, RATE) == pytest.approx(1000 * samples / RATE, abs=1000.01 / RATE)
    with pytest.raises(ValueError, match="too few"):
        echo_ms(dry[..., :50], wet[..., :50], RATE)


def test_a_stage_turns_only_its_free_knobs_and_never_the_frozen(dry):
    fx = Tremolo(RATE)
    stage = Stage(steps=5, loss=WAVEFORM, free=["depth"])
    result = fit(fx, dry, fx(dry, dsp_params={"depth": 0.9}), stages=[stage], starts=1)
    assert result.settings["depth"] != pytest.approx(0.5, abs=0.01)
    assert result.settings["rate_hz"] == pytest.approx(5, rel=1e-4)
    result = fit(fx, dry, dry, stages=[Stage(steps=5, loss=WAVEFORM)], starts=3, frozen={"rate_hz": 2.0})
    assert result.settings["rate_hz"] == pytest.approx(2, rel=1e-4)


def test_starts_do_not_touch_each_other(dry):
    fx = Gain(RATE)
    wet = fx(dry, dsp_params={"gain_db": 6.0})
    stages = [Stage(steps=10, loss=WAVEFORM, keep=3)]
    alone = fit(fx, dry, wet, stages=stages, init=torch.tensor([[0.5]]))
    beside = fit(fx, dry, wet, stages=stages, init=torch.tensor([[0.5], [0.01], [0.02]]))
    torch.testing.assert_close(alone.norm_params, beside.norm_params)


def test_the_same_seed_finds_the_same(dry):
    fx = Tremolo(RATE)
    runs = [fit(fx, dry, dry * 0.5, stages=[Stage(steps=5)], starts=4, seed=1) for _ in range(2)]
    assert runs[0].settings == runs[1].settings


@pytest.mark.parametrize("compensate", [True, False])
def test_latency_is_compensated_as_a_renderer_does(dry, compensate):
    fx = Late(RATE)
    wet = dry * 0.5 if compensate else fx(dry, dsp_params={"gain_db": -6.0206})
    result = fit(fx, dry, wet, stages=QUICK, starts=1, compensate_latency=compensate)
    assert result.residual_db < -50


def test_a_wet_file_may_be_longer_or_shorter(dry):
    fx = Gain(RATE)
    for length in (RATE // 2, 2 * RATE):
        wet = torch.nn.functional.pad(0.5 * dry, (0, length - RATE))
        assert fit(fx, dry, wet, stages=QUICK, starts=1).residual_db < -50


def test_the_best_that_was_met_is_kept(dry):
    fx = Gain(RATE)
    wild = [Stage(steps=3, loss=WAVEFORM, learning_rate=50.0)]
    result = fit(fx, dry, dry * 1.01, stages=wild, starts=1)
    assert result.residual_db < -38  # no worse than where it began


def test_a_start_that_gives_nan_does_not_stop_the_others(dry):
    def loss(y, target):
        value = WAVEFORM(y, target)
        return torch.cat([value[:1] * float("nan"), value[1:]])

    fx = Gain(RATE)
    result = fit(fx, dry, dry * 0.5, stages=[Stage(steps=100, loss=loss, learning_rate=0.2)], starts=3)
    assert result.residual_db < -30


def test_time_runs_out(dry):
    result = fit(Gain(RATE), dry, dry, stages=[Stage(steps=100_000)], starts=1, time_budget_s=0.2)
    assert result.stopped
    assert len(result.history[0]) < 100_000
    assert "time budget" in result.describe()


def test_the_result_reads_well(dry):
    result = fit(Tremolo(RATE), dry, dry, stages=[Stage(steps=3)], starts=1)
    lines = result.describe().splitlines()
    assert lines[0].startswith("residual -")
    assert [line.split()[0] for line in lines[1:4]] == ["rate_hz", "depth", "phase_deg"]
    assert lines[4] == "the two recordings are equal: nothing was done to the dry one"
    assert result.history[0] == sorted(result.history[0], reverse=True)
    y = Tremolo(RATE)(dry, norm_params=result.norm_params)
    torch.testing.assert_close(y, Tremolo(RATE)(dry, dsp_params=result.settings), atol=1e-6, rtol=1e-4)
    assert torch.equal(result.fx(dry), Tremolo(RATE)(dry, dsp_params=result.settings)), (
        "the effect holds what was found"
    )
    assert result.fx.settings == result.settings


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"frozen": ["gain_db"]}, "nothing to fit"),
        ({"frozen": ["gain"]}, "did you mean"),
        ({"stages": [Stage(free=["gain_db"], method="adam")], "wet": torch.zeros(1, 3, 0)}, "wet must be"),
        ({"stages": [Stage(scan={"gain": 3})]}, "did you mean"),
        ({"stages": [Stage(free=["gain"])]}, "did you mean"),
        ({"wet": torch.zeros(1, 100)}, "wet must be"),
        ({"dry": torch.zeros(2, 1, 100)}, "dry must be"),
        ({"wet": torch.ones(1, 2, RATE)}, "compares"),
        ({"wet": torch.zeros(1, 1, RATE)}, "wet recording is silent"),
        ({"dry": torch.full((1, 1, RATE), float("nan"))}, "dry recording holds NaN or infinity, first at 0.000 s"),
        ({"wet": torch.ones(1, 1, 100)}, "100 samples; a fit needs"),
    ],
)
def test_what_is_wrong_is_said(dry, arguments, match):
    with pytest.raises(ValueError, match=match):
        fit(Gain(RATE), **{"dry": dry, "wet": dry, **arguments})


@pytest.mark.parametrize("options", [{"method": "newton"}, {"method": "gauss_newton", "loss": SPECTRUM}])
def test_a_stage_that_cannot_be_is_refused(options):
    with pytest.raises(ValueError, match="gauss_newton"):
        Stage(**options)
