"""States: of blocks of any length, of no other effect, of no other blocks."""

import pytest
import torch

from diffFx_pytorch.processors import Gain


def _started(case, make_noise, positions):
    fx = case()
    if not fx.streamable:
        pytest.skip("needs the whole signal")
    x, flat = make_noise(2, case.channels(), 200, torch.float32), positions(fx, 2, dtype=torch.float32)
    return fx, x, flat, fx.run(x, norm_params=flat)[1]


@pytest.mark.parametrize("moving", [False, True])
def test_empty_blocks_anywhere_change_nothing(case, make_noise, positions, moving):
    fx, x, flat, _ = _started(case, make_noise, positions)
    if moving:
        more = positions(fx, 2, 1, dtype=torch.float32)
        fixed = [not p.automatable for p in fx.params.values()]
        given = {
            n: flat[:, i] if fixed[i] else torch.stack((flat[:, i], more[:, i]), -1) for i, n in enumerate(fx.params)
        }
    else:
        given = flat
    play, with_empty = (fx.stream(norm_params=given, total=200) for _ in range(2))
    expected = [play(block) for block in x.split([50, 50, 100], -1)]
    blocks = x.split([0, 50, 0, 0, 50, 100, 0], -1)
    heard = [with_empty(block) for block in blocks]
    assert [y.shape for y in heard] == [(2, fx.channels_out or x.shape[1], block.shape[-1]) for block in blocks]
    assert torch.equal(torch.cat(heard, -1), torch.cat(expected, -1))


def test_no_items_at_any_block(case, make_noise, positions):
    fx, x, flat, _ = _started(case, make_noise, positions)
    play = fx.stream(norm_params=flat[:0])
    for _ in range(3):
        assert play(x[:0]).shape == (0, fx.channels_out or x.shape[1], 200)


def test_a_state_fits_only_what_left_it(case, make_noise, positions):
    fx, x, flat, state = _started(case, make_noise, positions)
    for wrong, part in ((x[:1], "(2, "), (x.double(), "torch.float32")):
        with pytest.raises(ValueError, match="the state was left by blocks") as error:
            fx.run(wrong, state, norm_params=flat[: wrong.shape[0]])
        assert part in str(error.value)
        assert "state=None" in str(error.value)
    if fx.channels is None:
        with pytest.raises(ValueError, match="the state was left by blocks"):
            fx.run(x[:, :1], state, norm_params=flat)
    other = Gain(8000)
    with pytest.raises(ValueError, match="the state was left by") as error:
        other.run(x, state) if type(fx) is not Gain else fx.run(x, case(44100).run(x)[1])
    assert type(fx).__name__ in str(error.value)
    with pytest.raises(TypeError, match="state must be None or what run"):
        fx.run(x, x, norm_params=flat)


def test_inference_mode(case, make_noise, positions):
    fx, x, flat, _ = _started(case, make_noise, positions)
    y = fx(x, norm_params=flat)
    with torch.inference_mode():
        assert torch.equal(fx(x, norm_params=flat), y)
        inside = case()
        assert torch.equal(inside(x, norm_params=flat), y), "built inside"
        play = inside.stream(norm_params=flat)
        streamed = torch.cat([play(block) for block in x.split([50, 0, 150], -1)], -1)
    assert torch.allclose(streamed, y, rtol=0, atol=1e-5 * max(1.0, float(y.abs().max())))
    assert torch.equal(inside(x, norm_params=flat), y), "used outside"
