"""Knobs that jump between blocks and move end to end in a few samples: nothing comes out that no setting gives."""

import pytest
import torch

SAMPLES, JUMPS, PATHS = 4000, 20, 4
MOST_DB = 20.0
"""How far above the loudest of the settings themselves: what rings on adds to what comes."""


def _noise(fx, channels, seed):
    """Noise that rises and falls twice, as loud as -6 dB and as quiet as -90."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(PATHS, channels, SAMPLES, generator=generator, dtype=torch.float64) / 3
    level_db = -48 - 42 * torch.cos(torch.arange(SAMPLES) * (4 * torch.pi / SAMPLES))
    return x * 10 ** (level_db / 20)


def _settings(case, fx):
    """Knob positions (R, P): each at either end with the others at either end or default, neutral, random corners."""
    count = len(fx.params)
    default = fx.demap_parameters(fx.to_flat({}).double())
    neutral = fx.demap_parameters(fx.to_flat(dict(fx.neutral)).double())
    ends = torch.eye(count, dtype=torch.float64)
    generator = torch.Generator().manual_seed(7)
    corners = torch.randint(0, 2, (24, count), generator=generator, dtype=torch.int64).double()
    near = [torch.where(ends.bool(), end, base) for base in (default, neutral) for end in (0.0, 1.0)]
    return torch.cat((0 * neutral, 0 * neutral + 1, default, neutral, ends, 1 - ends, *near, corners))


def _loudest(fx, x, flat):
    with torch.no_grad():
        return max(float(fx(x[:1].expand(len(f), -1, -1), norm_params=f).abs().max()) for f in flat.split(16))


def _orders(rows):
    generator = torch.Generator().manual_seed(3)
    return [torch.randint(0, rows, (PATHS,), generator=generator) for _ in range(JUMPS)]


def _ratio_db(loud, limit):
    return 20 * torch.log10(torch.tensor(loud / limit))


def test_jumps_between_blocks(case):
    case.exempt("jumps")
    fx = case()
    if not fx.streamable:
        pytest.skip("needs the whole signal")
    x, flat = _noise(fx, case.channels(), 1), _settings(case, fx)
    limit, state, start, loud = max(_loudest(fx, x, flat), float(x.abs().max())), None, 0, 0.0
    for order, block in zip(_orders(len(flat)), x.chunk(JUMPS, -1), strict=True):
        with torch.no_grad():
            y, state = fx.run(block, state, norm_params=flat[order], start=start, total=SAMPLES)
        start += block.shape[-1]
        assert torch.isfinite(y).all()
        loud = max(loud, float(y.abs().max()))

    assert _ratio_db(loud, limit) <= MOST_DB


def test_runs_from_end_to_end(case):
    case.exempt("jumps")
    fx = case()
    x, flat = _noise(fx, case.channels(), 2), _settings(case, fx)
    limit = max(_loudest(fx, x, flat), float(x.abs().max()))
    rows = torch.stack([flat[order] for order in _orders(len(flat))], -1)
    # Each setting for a while, and four samples from one to the next.
    n = torch.arange(SAMPLES) / (SAMPLES / JUMPS)
    here = n.long().clamp_max(JUMPS - 1)
    share = ((n - here) * (SAMPLES / JUMPS) / 4).clamp(0, 1).to(flat.dtype)
    curves = torch.lerp(rows[..., (here - 1).clamp_min(0)], rows[..., here], share)
    knobs = {n: curves[:, i] if p.automatable else rows[:, i, 0] for i, (n, p) in enumerate(fx.params.items())}
    with torch.no_grad():
        y = fx(x, norm_params=knobs)
    assert torch.isfinite(y).all()

    assert _ratio_db(float(y.abs().max()), limit) <= MOST_DB
