"""A signal run in blocks of any sizes is the signal run whole."""

import pytest
import torch

SPLIT = [1, 2, 0, 97, 300, 1, 64, 435]


def _in_blocks(fx, x, flat, sidechain=None, split=SPLIT):
    play = fx.stream(norm_params=flat, total=x.shape[-1])
    keys = [None] * len(split) if sidechain is None else sidechain.split(split, -1)
    return torch.cat([play(b, k) for b, k in zip(x.split(split, -1), keys, strict=True)], -1)


def _streaming(case, **more):
    fx = case(**more)
    if not fx.streamable:
        pytest.skip("needs the whole signal")
    return fx


def test_blocks_equal_the_whole(case, make_noise, positions):
    fx = _streaming(case)
    x, flat = make_noise(2, case.channels(), sum(SPLIT)), positions(fx, 2)
    assert torch.allclose(_in_blocks(fx, x, flat), fx(x, norm_params=flat), rtol=0, atol=1e-10)


def test_blocks_equal_the_whole_in_float32(case, make_noise, positions):
    fx = _streaming(case, sample_rate=44100)
    x, flat = make_noise(1, case.channels(), sum(SPLIT), torch.float32), positions(fx, 1, dtype=torch.float32)
    whole = fx(x, norm_params=flat)
    assert (_in_blocks(fx, x, flat) - whole).norm() <= 1e-5 * whole.norm()


def test_blocks_equal_the_whole_while_knobs_move(case, make_noise, positions):
    fx = _streaming(case)
    x = make_noise(2, case.channels(), sum(SPLIT))
    flat = torch.stack([positions(fx, 2, seed) for seed in range(4)], -1)
    fixed = [i for i, p in enumerate(fx.params.values()) if not p.automatable]
    flat[:, fixed] = flat[:, fixed, :1]
    params = {n: flat[:, i, :1] if i in fixed else flat[:, i] for i, n in enumerate(fx.params)}
    assert torch.allclose(_in_blocks(fx, x, params), fx(x, norm_params=params), rtol=0, atol=1e-10)


def test_blocks_equal_the_whole_with_a_key(case, make_noise, positions):
    fx = _streaming(case)
    if not fx.takes_sidechain:
        pytest.skip("takes no sidechain")
    x, flat = make_noise(2, case.channels(), sum(SPLIT)), positions(fx, 2)
    key = make_noise(2, 1, sum(SPLIT), seed=5)
    y = fx(x, norm_params=flat, sidechain=key)
    assert torch.allclose(_in_blocks(fx, x, flat, key), y, rtol=0, atol=1e-10)
    assert not torch.allclose(y, fx(x, norm_params=flat)), "the key changes nothing"


def test_one_sample_at_a_time(case, make_noise, positions):
    fx = _streaming(case)
    x, flat = make_noise(1, case.channels(), 40), positions(fx, 1)
    assert torch.allclose(_in_blocks(fx, x, flat, split=[1] * 40), fx(x, norm_params=flat), rtol=0, atol=1e-10)


def test_reset_forgets(case, make_noise, positions):
    fx = _streaming(case)
    x, flat = make_noise(1, case.channels(), 200), positions(fx, 1)
    play = fx.stream(norm_params=flat)
    once = play(x)
    play.reset()
    assert torch.equal(play(x), once)


def test_moving_knobs_need_a_length(first, make_noise):
    fx = _streaming(first)
    name = next((n for n, p in fx.params.items() if p.automatable), None)
    if name is None:
        pytest.skip("no knob moves")
    play = fx.stream(norm_params={name: torch.rand(1, 5)})
    with pytest.raises(ValueError, match="total=samples"):
        play(make_noise(1, first.channels(), 50))


def test_no_items_in_blocks(case):
    """Batch 0 goes on after its first block, whether blocks are short or longer than what is remembered."""
    fx = _streaming(case)
    for split in ([300, 100, 100], [40, 40, 3000, 40]):
        state = None
        for samples in split:
            y, state = fx.run(torch.zeros(0, case.channels(), samples), state)
            assert y.shape == (0, fx.channels_out or case.channels(), samples)
