"""What the tests of several equalizers share."""

import torch


def assert_turns(fx, knobs, block, atol):
    """A stream may turn from constant knobs to automated ones and back: three blocks equal the whole."""
    x = torch.randn(1, 1, 3 * block, dtype=torch.float64)
    automated = {k: torch.full((1, 2), v, dtype=torch.float64) for k, v in knobs.items()}
    state, parts = None, []
    for part, given in zip(x.split(block, -1), (knobs, automated, knobs), strict=True):
        y, state = fx.run(part, state, dsp_params=given)
        parts.append(y)
    assert torch.allclose(torch.cat(parts, -1), fx(x, dsp_params=knobs), rtol=0, atol=atol)
