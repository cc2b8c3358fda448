"""A function that watches a fit sees errors fall and where the settings are; Ctrl-C from it keeps the best."""

import pytest
import torch

from diffFx_pytorch import Gain
from diffFx_pytorch.fit import Stage, fit


@pytest.mark.parametrize(
    "stages", [None, [Stage(5)], [Stage(5, method="gauss_newton")]], ids=["search", "adam", "newton"]
)
def test_a_function_sees_every_step(stages):
    fx, dry, seen = Gain(), torch.randn(1, 1, 4000), []
    found = fit(fx, dry, fx(dry, gain_db=-7.0), stages=stages, progress=lambda *said: seen.append(said))
    error, place = seen[-1]
    assert error <= seen[0][0]
    assert place.shape == found.norm_params[0].shape
    if stages is None:
        assert float(fx.params["gain_db"].to_physical(place)[0]) == pytest.approx(-7.0, abs=0.01)


def test_an_interruption_keeps_the_best_so_far():
    def stop(error, place):
        raise KeyboardInterrupt

    fx, dry = Gain(), torch.randn(1, 1, 4000)
    assert fit(fx, dry, fx(dry, gain_db=-7.0), progress=stop).stopped
