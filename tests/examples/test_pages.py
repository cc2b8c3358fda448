"""Pages and sliders for people who look and listen."""

import pytest
import torch

from diffFx_pytorch import Chain
from diffFx_pytorch.processors import Gain, Tremolo

RATE = 8000


@pytest.fixture
def x():
    return 0.1 * torch.randn(1, 2, RATE)


@pytest.fixture
def plt():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


@pytest.mark.parametrize(("fx", "panels"), [(Tremolo(RATE), 6), (Chain([Gain(RATE)]), 5)])
def test_a_page_shows_before_and_after_and_the_curve_where_there_is_one(plt, x, fx, panels):
    from diffFx_pytorch.report.plots import before_after

    figure = before_after(fx, x)
    figure.canvas.draw()
    assert len(figure.axes) == panels


def test_a_page_shows_silence(plt):
    from diffFx_pytorch.report.plots import before_after

    before_after(Gain(RATE), torch.zeros(1, 1, 300)).canvas.draw()


def test_the_loss_of_every_stage_is_drawn(plt):
    from diffFx_pytorch.report.plots import loss_history

    lines = loss_history([[3.0, 2.0], [1.0, 0.5, 0.25]]).lines
    assert [list(line.get_xdata()) for line in lines] == [[0, 1], [2, 3, 4]]
    assert list(lines[1].get_ydata()) == [1.0, 0.5, 0.25]


def test_the_spectrum_of_a_full_scale_sine_peaks_near_0_db_at_its_frequency(plt):
    from diffFx_pytorch.report.plots import _levels, spectrum

    sine = torch.sin(2 * torch.pi * 1000 / RATE * torch.arange(RATE))
    assert float(_levels(sine)[:, 8].max()) == pytest.approx(0, abs=0.1)
    freqs, level = spectrum(sine, RATE).lines[0].get_data()
    assert freqs[level.argmax()] == pytest.approx(1000, rel=0.07)


def test_sliders_are_the_table_of_knobs(plt, x):
    pytest.importorskip("ipywidgets")
    from diffFx_pytorch.report.notebook import knob_sliders

    fx = Chain(gain=Gain(RATE), tremolo=Tremolo(RATE))
    page = knob_sliders(fx, x, {"gain.gain_db": -6.0})
    assert list(page.sliders) == fx.param_names
    assert page.settings() == pytest.approx(fx.default_params() | {"gain.gain_db": -6.0})
    rate = page.sliders["tremolo.rate_hz"]
    assert type(rate).__name__ == "FloatLogSlider"
    assert "20 Hz" in rate.tooltip
    before, drawn = page.heard.outputs, page.drawn.value
    rate.value = 12.0
    assert page.settings()["tremolo.rate_hz"] == pytest.approx(12)
    assert page.heard.outputs != before
    assert page.drawn.value != drawn
    assert "<svg" in drawn


def test_every_end_of_every_slider_is_legal(x):
    pytest.importorskip("ipywidgets")
    from diffFx_pytorch.report.notebook import knob_sliders

    page = knob_sliders(Tremolo(RATE), x[..., :100], plot=False)
    for slider in page.sliders.values():
        base = getattr(slider, "base", None)
        for end in (slider.min, slider.max):
            slider.value = end if base is None else base**end


def test_what_is_wrong_is_said(x):
    pytest.importorskip("ipywidgets")
    from diffFx_pytorch.report.notebook import knob_sliders, player

    with pytest.raises(ValueError, match="did you mean 'depth'"):
        knob_sliders(Tremolo(RATE), x, only=["dept"])
    with pytest.raises(ValueError, match="must lie in"):
        knob_sliders(Tremolo(RATE), x, {"depth": 2.0})
    with pytest.raises(ValueError, match="mono or stereo"):
        player(torch.zeros(1, 3, 10), RATE)


def test_a_player_says_what_it_turned_down(x):
    pytest.importorskip("IPython")
    from diffFx_pytorch.report.notebook import player

    assert "<audio" in player(x, RATE).data
    assert "+6.0 dB" in player(x / x.abs().max() * 1.9953, RATE, "loud").data


def test_a_comparison_is_level_matched_and_its_difference_is_what_the_effect_did(x):
    from diffFx_pytorch.report.players import takes_of

    x = x.repeat(1, 1, 2)
    takes, gain_db = takes_of(x[0], 0.25 * x[0], RATE)
    assert gain_db == pytest.approx(12.04, abs=0.01)
    assert takes["difference"].abs().max() < 1e-5
    takes, gain_db = takes_of(x[0, :1], -0.5 * x[0], RATE, matched=False)
    assert gain_db == 0
    torch.testing.assert_close(takes["difference"], takes["after"] - takes["before"])
    loud, _ = takes_of(3 * x[0] / x.abs().max(), -3 * x[0] / x.abs().max(), RATE)
    assert max(float(take.abs().max()) for take in loud.values()) <= 1
    silent, gain_db = takes_of(x[0], torch.zeros_like(x[0]), RATE)
    assert gain_db == 0
    torch.testing.assert_close(silent["difference"], -silent["before"])


def test_a_player_is_small_and_holds_three_takes(x):
    pytest.importorskip("IPython")
    from diffFx_pytorch.report.notebook import listen

    page = listen(Gain(RATE, gain_db=-3.0), x).data
    assert page.count("data:audio/ogg;base64,") == 3
    assert "<svg" in page
    assert "after is +3.0 dB" in page


def test_what_is_heard_is_in_step_with_what_went_in(x):
    from diffFx_pytorch.processors import Limiter
    from diffFx_pytorch.report.notebook import processed

    limiter = Limiter(RATE)
    assert limiter.latency_samples > 0
    torch.testing.assert_close(processed(limiter, 0.1 * x), 0.1 * x, atol=1e-5, rtol=0)
