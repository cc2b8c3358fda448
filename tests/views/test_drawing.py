"""Views drawn: SVG that is well-formed and alike everywhere, matplotlib in light and dark."""

import re
import xml.etree.ElementTree as ElementTree

import pytest
import torch

from diffFx_pytorch.processors import Chorus, Compressor, GraphicEqualizer, StereoPanning
from diffFx_pytorch.views import COLOURS, Axis, Line, View, number, svg_of, ticks


def test_numbers_are_those_an_engineer_reads():
    found = ticks(Axis("frequency (Hz)", log=True), (20.0, 20000.0), 12)
    assert [number(t) for t in found] == ["20", "50", "100", "200", "500", "1k", "2k", "5k", "10k", "20k"]
    assert [number(t) for t in ticks(Axis("level (dB)"), (-60.0, 3.0), 6)] == [
        f"\u2212{n}" if n else "0" for n in (60, 48, 36, 24, 12, 0)
    ]
    assert ticks(Axis("phase (deg)", period=45.0), (-181.0, 181.0), 9) == [-180 + 45 * k for k in range(9)]


@pytest.mark.parametrize("fx", [Chorus, Compressor, GraphicEqualizer, StereoPanning])
def test_svg_is_well_formed_and_named(fx):
    views = fx(16000).views()
    text = svg_of(views)
    root = ElementTree.fromstring(text)
    assert root.get("aria-label") == "; ".join(view.name for view in views)
    shown = "".join(root.itertext())
    assert all(view.x.label in shown and view.y.label in shown for view in views)
    assert "nan" not in text
    assert "prefers-color-scheme:dark" in text
    assert COLOURS["dark"]["paper"] not in svg_of(views, "light")


def test_a_rounding_error_changes_nothing():
    x = torch.linspace(0, 1, 300, dtype=torch.float64)
    y = torch.sin(7 * x)
    drawn = [svg_of([View("a", Axis("x"), Axis("y"), [Line(x, v)])]) for v in (y, y * (1 + 1e-13))]
    assert drawn[0] == drawn[1]


def test_no_number_has_more_than_a_tenth_of_a_pixel():
    text = re.sub(r"data:image/png[^\"]*", "", svg_of(Compressor(16000).views()))
    drawn = text[text.index("</style>") :]
    assert not re.search(r"\d\.\d\d", drawn)


def test_matplotlib_draws_all_views_light_and_dark():
    pytest.importorskip("matplotlib").use("agg")
    plt = pytest.importorskip("matplotlib.pyplot")
    from matplotlib.colors import to_hex

    for theme in ("light", "dark"):
        figure = Compressor(16000).plot(theme=theme)
        assert to_hex(figure.get_facecolor()) == COLOURS[theme]["paper"]
        assert len(figure.axes) == 3
    with plt.style.context("dark_background"):
        assert to_hex(Compressor(16000).plot().get_facecolor()) == COLOURS["dark"]["paper"]
    plt.close("all")


def test_two_sounds_are_compared():
    pytest.importorskip("matplotlib").use("agg")
    plt = pytest.importorskip("matplotlib.pyplot")
    from diffFx_pytorch.report import plots

    dry = torch.randn(1, 2, 16000, generator=torch.Generator().manual_seed(0))
    figure = plots.compare(dry, 0.5 * dry, 16000)
    change = next(ax for ax in figure.axes if ax.get_title("left") == "change of the spectrum")
    assert change.get_lines()[-1].get_ydata() == pytest.approx(-6.02, abs=0.01)
    for draw in (plots.room, plots.response, plots.echoes, plots.stereo):
        assert draw(dry[0], 16000).axes
    assert plots.gain_over_time(dry, 0.5 * dry, 16000).axes
    with pytest.raises(ValueError, match="two channels"):
        plots.stereo(dry[0, :1], 16000)
    plt.close("all")
