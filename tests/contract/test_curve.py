"""What is drawn: finite, with axes that are named, at every setting."""

import pytest
import torch

from diffFx_pytorch import Processor


def test_curves_are_finite_and_named(case, positions):
    fx = case(sample_rate=44100)
    if type(fx).curve is Processor.curve:
        pytest.skip("has no curve")
    for flat in (positions(fx, 1), torch.zeros(1, len(fx.params)), torch.ones(1, len(fx.params))):
        with torch.no_grad():
            curve = fx.curve(**fx.knobs(torch.zeros(1, 1, 1, dtype=torch.float64), norm_params=flat))
        assert curve.x.shape == curve.y.shape
        assert curve.x.dim() == 1
        assert torch.isfinite(curve.x).all()
        assert torch.isfinite(curve.y).all()
        assert curve.x_label
        assert curve.y_label
