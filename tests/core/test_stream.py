"""Streams: what a block that is not finite does, and where gradients end."""

import pytest
import torch

from diffFx_pytorch import Chain
from diffFx_pytorch.processors import Compressor, FDNReverb, FeedbackDelay, Gain, ParametricEqualizer
from diffFx_pytorch.stream import detached

RATE = 8000


def _broken_signal():
    x = torch.randn(1, 2, 400, generator=torch.Generator().manual_seed(0)) * 0.1
    x[0, 0, 150] = torch.nan
    return x


def test_nan_stays_in_a_state_where_it_is_kept():
    play = FeedbackDelay(RATE).stream(dsp_params={"delay_ms": 10.0, "feedback": 0.5})
    heard = [play(block) for block in _broken_signal().split(100, -1)]
    assert heard[0].isfinite().all()
    assert not heard[3].isfinite().all()


def test_nan_raises_and_the_stream_goes_on_without_the_block():
    x = _broken_signal()
    play, same = (Compressor(RATE).stream(on_nan=on_nan) for on_nan in ("raise", "keep"))
    first = play(x[..., :100])
    assert torch.equal(first, same(x[..., :100]))
    with pytest.raises(ValueError, match=r"Compressor: the block from sample 100 on has NaN or infinity in its x"):
        play(x[..., 100:200])
    assert play.position == 100
    assert torch.equal(play(x[..., 200:]), same(x[..., 200:]))


def test_nan_resets():
    x = _broken_signal()
    fx = FeedbackDelay(RATE)
    play, fresh = fx.stream(on_nan="reset"), fx.stream()
    play(x[..., :100])
    assert play(x[..., 100:200]).abs().max() == 0
    assert play.position == 200
    assert torch.equal(play(x[..., 200:]), fresh(x[..., 200:]))


def test_an_output_that_is_not_finite_counts():
    with pytest.raises(ValueError, match="infinity in its output"):
        Gain(RATE).stream(dsp_params={"gain_db": 24.0}, on_nan="raise")(torch.full((1, 1, 10), 3e38))


def test_on_nan_is_one_of_three():
    with pytest.raises(ValueError, match="on_nan must be 'keep' or 'raise' or 'reset', got 'ignore'"):
        Gain(RATE).stream(on_nan="ignore")  # type: ignore[arg-type]


def _nodes(y):
    """How many operations the graph of y remembers."""
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [before for before, _ in node.next_functions]
    return len(seen)


@pytest.mark.parametrize("build", [Compressor, ParametricEqualizer, FeedbackDelay, FDNReverb])
def test_detach_bounds_the_graph_and_changes_no_sound(build):
    fx = Chain(build(RATE), Gain(RATE))
    norm = torch.full((1, len(fx.params)), 0.4, requires_grad=True)
    x = torch.randn(1, 2, 1600, generator=torch.Generator().manual_seed(0))
    whole, cut = fx.stream(norm_params=norm), fx.stream(norm_params=norm)
    grown, bounded = [], []
    for block in x.split(100, -1):
        y, z = whole(block), cut(block)
        assert torch.equal(y, z)
        grown.append(_nodes(y))
        bounded.append(_nodes(z))
        cut.detach()
        assert torch.autograd.grad(z.square().sum(), norm)[0].isfinite().all()
    assert grown[-1] > 2 * grown[3], "the whole past is remembered without"
    assert max(bounded[3:]) <= bounded[2]


def test_detached_is_the_state_by_value():
    fx = Chain(Compressor(RATE), FeedbackDelay(RATE))
    norm = torch.full((1, len(fx.params)), 0.4, requires_grad=True)
    _, state = fx.run(torch.randn(1, 2, 100), norm_params=norm)
    cut = detached(state)
    x = torch.randn(1, 2, 100)
    assert torch.equal(fx.run(x, cut, norm_params=norm)[0], fx.run(x, state, norm_params=norm)[0])
    assert type(cut) is type(state)
    leaves = [cut.inner]
    while leaves:
        part = leaves.pop()
        if isinstance(part, torch.Tensor):
            assert not part.requires_grad
        elif isinstance(part, (tuple, dict)):
            leaves += part.values() if isinstance(part, dict) else part
