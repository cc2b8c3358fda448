"""A stream of alike blocks plays from a tape: that it does, and what makes it go another way."""

import copy
import pickle

import numpy as np
import pytest
import torch

from diffFx_pytorch import Chain, EffectParam, Processor
from diffFx_pytorch.kernels.nests import same_bits, tensors_in
from diffFx_pytorch.plan import OnTape, Repeated
from diffFx_pytorch.processors import (
    BasicDelay,
    Compressor,
    ConvolutionReverb,
    FeedbackDelay,
    HighPass,
    Limiter,
    ParametricEqualizer,
    SchroederReverb,
)

RATE, BLOCK = 8000, 128


class Own(Processor, abstract=True):
    """Base of effects that do what a tape has to notice."""

    params = {"level": EffectParam(0.0, 2.0, 1.0)}
    variants = ()


def _sound(blocks, seed=0, channels=2):
    x = 0.3 * torch.randn(1, channels, BLOCK * blocks, generator=torch.Generator().manual_seed(seed))
    return x.split(BLOCK, -1)


def _tape(play):
    return _last_tape(play._kept[0]) if play._kept and isinstance(play._kept[0], Repeated) else None


def _last_tape(repeated):
    """That of blocks like the last one."""
    return next((form.tape for form in reversed(repeated._forms.values())), None)


def _compare(fx, blocks, **settings):
    """A stream and the same blocks one by one; the stream."""
    play, state = fx.stream(**settings), None
    for block in blocks:
        plan = fx.plan(block, None, settings)
        wanted, state = plan(block, state)
        assert same_bits(play(block), wanted)
    return play


@torch.no_grad()
@pytest.mark.parametrize("build", [FeedbackDelay, BasicDelay])
@pytest.mark.parametrize("interpolation", ["lagrange", "allpass"])
def test_lines_move_on_and_are_values(build, interpolation):
    """A line of 400 samples is at the end of its buffer every few blocks."""
    fx = build(RATE, interpolation=interpolation, param_range={"delay_ms": EffectParam(10.0, 50.0)})
    play = _compare(fx, _sound(25), delay_ms=37.1)
    assert _tape(play)._lines
    kept, x = play.state, _sound(9, seed=1)
    once = [play(block) for block in x]
    play.state = kept
    assert all(map(same_bits, once, [play(block) for block in x]))
    state, plan = kept.inner, fx.plan(x[0], None, {"delay_ms": 37.1})
    for block in x:
        _, state = plan(block, state)
    assert all(map(same_bits, tensors_in(play.state.inner), tensors_in(state)))


@torch.no_grad()
@pytest.mark.parametrize("latency", [0, 256])
def test_the_memory_of_a_convolution_is_written_in_place_and_is_a_value(latency):
    response = torch.randn(2, 5000, generator=torch.Generator().manual_seed(2))
    fx = ConvolutionReverb(RATE, ir=response, latency=latency)
    play = _compare(fx, _sound(30))
    assert _tape(play)._lines
    kept, x = play.state, _sound(9, seed=1)
    once = [play(block) for block in x]
    play.state = kept
    assert all(map(same_bits, once, [play(block) for block in x]))
    state, plan = kept.inner, fx.plan(x[0], None, None)
    for block in x:
        _, state = plan(block, state)
    assert all(map(same_bits, tensors_in(play.state.inner), tensors_in(state)))


@torch.no_grad()
def test_a_block_that_is_turned_down_leaves_a_convolution_as_it_was():
    fx = ConvolutionReverb(RATE, ir=torch.randn(2, 3000, generator=torch.Generator().manual_seed(2)))
    strict, plain = fx.stream(on_nan="raise"), fx.stream()
    for number, block in enumerate(_sound(40)):
        if number > 20 and number % 3 == 0:
            broken = block.clone()
            broken[..., 7] = torch.nan
            with pytest.raises(ValueError, match="NaN"):
                strict(broken)
        assert same_bits(strict(block), plain(block))
    assert _tape(strict)


@torch.no_grad()
def test_what_rings_in_a_room_that_was_left_plays_from_a_tape():
    fx = ConvolutionReverb(RATE, ir=torch.randn(2, 4000, generator=torch.Generator().manual_seed(2)), normalize=False)
    play, state = fx.stream(), None
    for number, block in enumerate(_sound(80)):
        if number == 20:
            fx.decay = 0.5
        wanted, state = fx.run(block, state)
        assert same_bits(play(block), wanted)
        if number in (19, 40, 79):
            assert _tape(play), number
    assert play.state.inner[0][3] is None, "it has rung out"


@torch.no_grad()
@pytest.mark.parametrize("build", [HighPass, ParametricEqualizer, Compressor, SchroederReverb, Limiter])
def test_effects_play_from_a_tape(build):
    blocks = _sound(8)
    play = _compare(build(RATE), blocks)
    assert _tape(play)
    play.reset()
    again = build(RATE).stream()
    for block in blocks:
        assert same_bits(play(block), again(block))
    assert isinstance(play._state.inner, OnTape), "after a reset it goes on with the tape it has"


def _chain(**given):
    return Chain(HighPass(RATE, freq_hz=200.0), Compressor(RATE), **given)


@torch.no_grad()
@pytest.mark.parametrize("build", [SchroederReverb, FeedbackDelay, ConvolutionReverb])
def test_lengths_that_alternate_have_a_tape_each(build):
    x = torch.cat(_sound(60), -1)
    sizes = [BLOCK, 120] * 25
    play = _compare(build(RATE), x[..., : sum(sizes)].split(sizes, -1))
    assert [bool(form.tape) for form in play._kept[0]._forms.values()] == [True, True]


@torch.no_grad()
def test_lengths_that_come_no_more_are_forgotten():
    play, x = SchroederReverb(RATE).stream(), torch.cat(_sound(40), -1)
    for size in (BLOCK, 100, 90, 80, 70):
        for block in x[..., : 5 * size].split(size, -1):
            play(block)
    assert [about[0][-1] for about in play._kept[0]._forms] == [100, 90, 80, 70]


@torch.no_grad()
def test_settings_buffers_and_lengths_are_noticed():
    fx, same = _chain(), _chain()
    play, by_plan = fx.stream(), same.stream()
    by_plan._kept = None
    state = None
    for i, block in enumerate(_sound(24)):
        if i == 10:
            fx.compressor.ratio = same.compressor.ratio = 20.0
        piece = block[..., : 50 if i in (15, 16) else BLOCK]
        wanted, state = same.run(piece, state)
        assert same_bits(play(piece), wanted), i
        assert all(map(same_bits, tensors_in(play.state.inner), tensors_in(state.inner)))
    assert _tape(play)


class Table(Own):
    """A gain from a buffer."""

    def prepare(self):
        self.register_buffer("gains", torch.tensor([2.0]))

    def process(self, x, state, *, level):
        return x * (self.gains.square() * level), state


@torch.no_grad()
def test_a_buffer_that_changes_is_noticed():
    fx, x = Table(), torch.ones(1, 1, BLOCK)
    play = fx.stream()
    for _ in range(6):
        assert play(x).eq(4).all()
    assert _tape(play)
    fx.gains.fill_(3.0)
    for _ in range(6):
        assert play(x).eq(9).all()
    assert _tape(play)
    fx.gains = torch.tensor([4.0])
    assert play(x).eq(16).all()


def test_gradients_are_noticed():
    play, x = HighPass(RATE).stream(), _sound(7)
    for block in x[:-1]:
        play(block)
    assert _tape(play)
    last = x[-1].clone().requires_grad_()
    assert play(last).requires_grad
    assert play(x[0]).requires_grad, "the state before it does"
    play.detach()
    assert not play(x[0]).requires_grad


@torch.no_grad()
def test_a_state_is_a_value():
    fx, (*first, a, b) = _chain(), _sound(9)
    play = fx.stream()
    for block in first:
        play(block)
    kept, at = play.state, play.position
    once = play(a), play(b)
    play.state, play.position = kept, at
    assert all(map(same_bits, once, (play(a), play(b))))
    play.state = pickle.loads(pickle.dumps(kept))
    again = copy.deepcopy(play)
    assert all(map(same_bits, once, (play(a), play(b))))
    assert all(map(same_bits, once, (again(a), again(b))))
    other = fx.stream()
    other.state = kept
    assert same_bits(other(a), once[0])
    assert all(map(same_bits, tensors_in(kept), tensors_in(pickle.loads(pickle.dumps(kept)))))


@torch.no_grad()
def test_any_state_may_come_before_a_recording():
    x = _sound(12)
    for blocks in range(1, 8):
        play, state = _chain().stream(), None
        for block in x[:blocks]:
            play(block)
        play.reset()
        plan = play.fx.plan(x[0])
        for block in x:
            wanted, state = plan(block, state)
            assert same_bits(play(block), wanted)
        assert _tape(play)


@torch.no_grad()
def test_a_block_that_is_turned_down_leaves_the_state():
    x = _sound(10)
    play, same = (_chain().stream(on_nan=on_nan) for on_nan in ("raise", "keep"))
    for block in x[:7]:
        play(block), same(block)
    assert _tape(play)
    for _ in range(2):
        with pytest.raises(ValueError, match="NaN or infinity in its x"):
            play(x[7] * torch.nan)
    for block in x[7:]:
        assert same_bits(play(block), same(block))


@torch.no_grad()
def test_what_comes_out_stays_as_it_is():
    play, x = _chain().stream(), _sound(9)
    heard = [play(block) for block in x]
    kept = [y.clone() for y in heard]
    play(x[0])
    assert all(map(torch.equal, heard, kept))


class Shown(Own):
    """Python takes the level from numpy."""

    def process(self, x, state, *, level):
        return x * float(np.abs(x.detach().numpy()).max()), state


class Branching(Own):
    """Loud blocks are turned down."""

    def process(self, x, state, *, level):
        return (x * 0.5 if x.abs().max() > 1 else x * level), state


class Masked(Own):
    """What is above zero, one after the other."""

    def process(self, x, state, *, level):
        return torch.nn.functional.pad(x[x > 0], (0, int((x <= 0).sum()))).view_as(x), state


class Noisy(Own):
    """Random numbers."""

    def process(self, x, state, *, level):
        return x + level * torch.rand_like(x), state


class Counting(Own):
    """Remembers beside its state."""

    count = 0

    def process(self, x, state, *, level):
        vars(self)["count"] = self.count + 1
        return x * self.count, state


class Scratch(Own):
    """Writes into a buffer that it made, and adds to it."""

    def process(self, x, state, *, level):
        total = torch.zeros_like(x)
        total[..., 1:] += x[..., :-1]
        total += level * x
        last = x[..., -1:].clone() if state is None else state + x[..., -1:]
        return total.mul_(0.5), last


class Overwritten(Own):
    """Computes with what it overwrites then."""

    def process(self, x, state, *, level):
        loud = torch.empty_like(x).copy_(x)
        total = loud.sum(-1, keepdim=True)
        loud.mul_(3.0).add_(0.0 if state is None else state)
        return loud, total


class Strided(Own):
    """A state that is no contiguous memory, and one that only passes."""

    def process(self, x, state, *, level):
        line, pole = state or (x.new_zeros(*x.shape[:-1], 5), torch.ones(2))
        line = torch.cat((line, x), -1)
        return line[..., : x.shape[-1]] * level, (line[..., -5:], pole)


@torch.no_grad()
@pytest.mark.parametrize(
    ("build", "plays"),
    [(Shown, False), (Branching, True), (Masked, False), (Scratch, True), (Overwritten, True), (Strided, True)],
)
def test_programs_of_strangers(build, plays):
    blocks = [level * block for level, block in zip([0.1, 0.3] * 4 + [9.0, 0.1] * 4, _sound(16), strict=True)]
    fx = build()
    assert bool(_tape(_compare(fx, [0.01 * block for block in blocks]))) is plays
    _compare(fx, blocks)


@torch.no_grad()
def test_what_is_no_function_of_sound_and_state_stays_with_python():
    play, x = Noisy().stream(), torch.zeros(1, 1, BLOCK)
    heard = [play(x) for _ in range(8)]
    assert not any(map(torch.equal, heard, heard[1:]))
    play, x = Counting().stream(), torch.ones(1, 1, BLOCK)
    heard = [float(play(x).mean()) for _ in range(12)]
    assert heard[-3:] == [heard[-3], heard[-3] + 1, heard[-3] + 2]


@torch.no_grad()
def test_a_key_plays_too():
    fx, x, keys = Compressor(RATE), _sound(9), _sound(9, seed=1)
    play, state = fx.stream(), None
    for block, key in zip(x, keys, strict=True):
        wanted, state = fx.run(block, state, sidechain=key)
        assert same_bits(play(block, key), wanted)
    assert _tape(play)
    wanted, state = fx.run(x[0], state)
    assert same_bits(play(x[0]), wanted)


class Growing(Own):
    """A state that never settles."""

    def process(self, x, state, *, level):
        past = x[..., :0] if state is None else state
        return x * level, torch.cat((past, x[..., :1]), -1)


@torch.no_grad()
def test_effects_beside_one_that_cannot_repeat_play_from_tapes():
    blocks = _sound(120)
    fx = Chain(HighPass(RATE), Growing(RATE), Chain(Compressor(RATE)))
    play = _compare(fx, blocks)
    assert [bool(_last_tape(part)) for part in play._kept[0]._plan.parts.values()] == [True, False, True]
    kept, x = play.state, _sound(5, seed=1)
    once = [play(block) for block in x]
    play.state = pickle.loads(pickle.dumps(kept))
    assert all(map(same_bits, once, [play(block) for block in x]))
    fx.high_pass.freq_hz = 900.0
    plan, state = fx.plan(x[0]), play.state.inner
    for block in x:
        wanted, state = plan(block, state)
        assert same_bits(play(block), wanted), "a new plan goes on from the tapes of the old one"


@torch.no_grad()
def test_effects_beside_one_whose_knob_moves_play_from_tapes():
    fx, blocks = Chain(HighPass(RATE), Compressor(RATE)), _sound(9)
    moving = {"compressor.threshold_db": {0.0: -10.0, 0.1: -40.0}}
    play, state = fx.stream(dsp_params=moving), None
    for number, block in enumerate(blocks):
        wanted, state = fx.run(block, state, dsp_params=moving, start=number * BLOCK)
        assert same_bits(play(block), wanted)
    assert [bool(_last_tape(part)) for part in play._kept[0]._plan.parts.values()] == [True, False]


def test_a_setting_that_begins_to_learn_goes_on_from_the_tape():
    fx, same, blocks = _chain(), _chain(), _sound(8)
    play, state = fx.stream(), None
    with torch.no_grad():
        for block in blocks[:6]:
            play(block)
            _, state = same.run(block, state)
    assert _tape(play)
    fx.trainable(), same.trainable()
    y, wanted = play(blocks[6]), same.run(blocks[6], state)[0]
    assert y.requires_grad
    assert same_bits(y.detach(), wanted.detach())
