"""What is drawn: finite, with axes that are named, at every setting."""

import math

import pytest
import torch

from diffFx_pytorch import Processor


def test_curves_are_finite_and_named(case, positions):
    fx = case(sample_rate=44100)
    if type(fx).curve is Processor.curve:
        assert not case.built_in, "every effect has a picture"
        pytest.skip("a routing, or an effect from outside, without a curve")
    for flat in (positions(fx, 1), torch.zeros(1, len(fx.params)), torch.ones(1, len(fx.params))):
        with torch.no_grad():
            curve = fx.curve(**fx.knobs(torch.zeros(1, 1, 1, dtype=torch.float64), norm_params=flat))
        assert curve.x.shape == curve.y.shape
        assert curve.x.dim() == 1
        assert torch.isfinite(curve.x).all()
        assert torch.isfinite(curve.y).all()
        assert curve.x_label
        assert curve.y_label


def test_views_are_finite_and_named(case):
    fx = case(sample_rate=44100)
    for view in fx.views():
        assert view.name
        assert view.x.label
        assert view.y.label
        assert view.lines or view.image
        for low, high in view.spans():
            assert math.isfinite(low)
            assert low < high
        for line in view.lines:
            assert line.x.shape == line.y.shape
            assert torch.isfinite(line.x).all()
            assert torch.isfinite(line.y).all()
        if view.image is not None:
            assert view.image.levels.shape == (*view.image.y.shape, *view.image.x.shape)
            assert torch.isfinite(view.image.levels).all()


def test_what_is_flat_is_drawn_flat_and_frequencies_are_read(first):
    pytest.importorskip("matplotlib").use("agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    fx = first(sample_rate=44100)
    figure = pyplot.figure()
    ax = figure.add_subplot()
    fx.plot(dsp_params=dict(fx.neutral), ax=ax)
    low, high = ax.get_ylim()
    assert high - low > 1e-4
    if "dB" in ax.get_ylabel():
        assert high - low >= 2.0
    if ax.get_xscale() == "log":
        figure.canvas.draw()
        assert {"100", "1k", "10k"} <= {label.get_text() for label in ax.get_xticklabels()}
    pyplot.close(figure)
