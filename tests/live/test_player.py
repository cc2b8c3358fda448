"""A player is the effect, block by block; what happens to it while it plays is heard without a click."""

import gc
import os
import threading
import tracemalloc

import numpy as np
import pytest
import torch

from diffFx_pytorch import Chain, Processor, registry
from diffFx_pytorch.live import Player, run

RATE = 8000
BLOCK = 64


def gain(db):
    return registry.effect("Gain")(sample_rate=RATE, gain_db=db)


def chain():
    parts = [registry.effect("HighPass")(RATE), registry.effect("Compressor")(RATE), registry.effect("Limiter")(RATE)]
    return Chain(parts)


def played(player, x, block=BLOCK, between=lambda n: None):
    """A sound (T, C) through a player."""
    out = []
    for n in range(0, len(x), block):
        between(n)
        y = np.full((len(x[n : n + block]), player.channels_out), np.nan, np.float32)
        player.process(x[n : n + block], y)
        out.append(y)
    return np.concatenate(out)


def noise(frames, channels=2, seed=0):
    return (0.3 * np.random.default_rng(seed).standard_normal((frames, channels))).astype(np.float32)


@pytest.mark.parametrize("block", [1, 17, 64, 300])
@pytest.mark.parametrize("channels", [1, 2])
def test_blocks_are_the_effect_offline(block, channels):
    fx, x = chain(), noise(600, channels)
    y = played(Player(fx, BLOCK, channels), x, block)
    np.testing.assert_allclose(y, fx(torch.from_numpy(x.T.copy())).numpy().T, atol=2e-6)


def test_what_an_effect_remembers_of_its_input_is_not_overwritten_by_the_card():
    class Previous(Processor):
        """The block before."""

        params = {}

        def process(self, x, state):
            return torch.zeros_like(x) if state is None else state, x

    player, buffer, y = Player(Previous(RATE), BLOCK, 1), np.empty((BLOCK, 1), np.float32), np.empty((BLOCK, 1), "f")
    for n in range(4):
        buffer[:] = n  # a card fills the same memory
        player.process(buffer, y)
        assert np.all(y == max(n - 1, 0))


def test_bypass_is_the_input_as_late_as_the_effect_and_fades():
    fx, x = Chain([gain(-20.0), registry.effect("Limiter")(RATE)]), noise(3000) * 0.1
    assert fx.latency_samples > 0
    player = Player(fx, BLOCK)
    y = played(player, x, between=lambda n: player.bypass() if n == 20 * BLOCK else None)
    late = np.concatenate([np.zeros((fx.latency_samples, 2), np.float32), x])[: len(x)]
    wet = fx(torch.from_numpy(x.T.copy())).numpy().T
    np.testing.assert_allclose(y[: 20 * BLOCK], wet[: 20 * BLOCK], atol=1e-6)
    np.testing.assert_allclose(y[21 * BLOCK :], late[21 * BLOCK :], atol=0)
    fade = np.clip(np.arange(1, BLOCK + 1) / 40, 0, 1)[:, None]  # 5 ms
    here = slice(20 * BLOCK, 21 * BLOCK)
    np.testing.assert_allclose(y[here], wet[here] * (1 - fade) + late[here] * fade, atol=1e-6)


def test_an_exchange_fades_from_one_effect_to_the_other():
    x = np.ones((4 * BLOCK, 1), np.float32)
    player = Player(gain(0.0), BLOCK, 1)
    y = played(player, x, between=lambda n: player.exchange(gain(-20.0)) if n == BLOCK else None)[:, 0]
    fade = np.clip(np.arange(1, 3 * BLOCK + 1) / 40, 0, 1)
    np.testing.assert_allclose(y, np.concatenate([np.ones(BLOCK), 1 - 0.9 * fade]), atol=1e-6)


def test_a_turned_knob_leaves_the_tail_alone():
    echo = registry.effect("FeedbackDelay")(RATE)
    x = np.zeros((RATE, 2), np.float32)
    x[0] = 1
    player = Player(echo, BLOCK)
    y = played(player, x, between=lambda n: player.turn({"mix": 0.5}) if n == BLOCK else None)
    assert np.abs(y[4 * BLOCK :]).max() > 0.01
    fresh = played(Player(echo, BLOCK, dsp_params={"mix": 0.5}), np.zeros_like(x))
    assert np.abs(fresh).max() == 0


def test_an_effect_that_starts_from_silence_is_not_heard_before_its_latency():
    x = np.ones((40 * BLOCK, 1), np.float32) * 0.1
    late = Chain([registry.effect("Limiter")(RATE)])
    player = Player(gain(0.0), BLOCK, 1)
    y = played(player, x, between=lambda n: player.exchange(late) if n == BLOCK else None)
    np.testing.assert_allclose(y, x, atol=1e-4)


def test_what_cannot_take_the_place_of_what_plays_is_refused_and_the_sound_goes_on():
    x, player = np.ones((BLOCK, 2), np.float32), Player(gain(-20.0), BLOCK)
    for refused in (
        lambda: player.exchange(registry.effect("Gain")(sample_rate=44100)),
        lambda: player.turn({"gain_db": 1e6}),
        lambda: player.turn({"no_knob": 1.0}),
    ):
        with pytest.raises(ValueError):
            refused()
        np.testing.assert_allclose(played(player, x), 0.1, atol=1e-6)


def test_an_effect_that_cannot_stream_is_refused_by_name():
    class Backwards(Processor):
        """y(t) = x(-t)."""

        params = {}
        streamable = False

        def process(self, x, state):
            return x.flip(-1), state

    with pytest.raises(ValueError, match=r"Backwards.*whole signal"):
        Player(Chain([gain(0.0), Backwards(RATE)]))


def test_exchanges_from_another_thread_while_it_plays():
    x, player, end = np.ones((BLOCK, 1), np.float32), Player(gain(0.0), BLOCK, 1), threading.Event()
    faults = []

    def exchange():
        for n in range(40):
            try:
                player.turn({"gain_db": -20.0 * (n % 2)})
            except Exception as error:
                faults.append(error)
        end.set()

    thread = threading.Thread(target=exchange)
    thread.start()
    out = [played(player, x)]
    while not end.is_set():
        out.append(played(player, x))
    thread.join()
    out += [played(player, x) for _ in range(4)]
    y = np.concatenate(out)[:, 0]
    assert not faults
    assert y.min() >= 0.1 - 1e-6
    assert y.max() <= 1 + 1e-6
    assert np.abs(np.diff(y)).max() <= 0.9 / 40 + 1e-6  # the slope of the fade
    np.testing.assert_allclose(y[-BLOCK:], 0.1, atol=1e-6)


def test_nan_is_silenced_and_forgotten():
    player, x = Player(chain(), BLOCK), noise(BLOCK)
    x[3] = np.nan
    assert np.all(played(player, x) == 0)
    assert np.isfinite(played(player, noise(BLOCK * 4))).all()
    assert player.meter().restarts == 1


def test_no_garbage_is_collected_inside_a_block():
    player, x = Player(gain(0.0), BLOCK), noise(BLOCK)
    inside, seen, process = [False], [], player.process

    def watched(indata, outdata):
        inside[0] = True
        for _ in range(1000):  # garbage that a collection would be started for
            loop = []
            loop.append(loop)
        process(indata, outdata)
        inside[0] = False

    def noted(phase, info):
        seen.append(inside[0])

    player.process = watched
    gc.callbacks.append(noted)
    try:
        with player:
            seen.clear()
            for _ in range(50):
                player._collected = 0.0  # time to collect again
                player.callback(x, np.empty_like(x))
            assert seen
            assert not any(seen)
    finally:
        gc.callbacks.remove(noted)
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


@pytest.mark.slow
def test_nothing_grows():
    player, x, y = Player(chain(), BLOCK), noise(BLOCK), np.empty((BLOCK, 2), np.float32)

    def memory_after(blocks):
        for _ in range(blocks):
            player.process(x, y)
        gc.collect()  # empties most of the interpreter's free lists, which fill up in the first few thousand blocks
        return tracemalloc.get_traced_memory()[0]

    with player:
        tracemalloc.start()
        try:
            begin = memory_after(4000)
            grown = memory_after(2000) - begin
        finally:
            tracemalloc.stop()
    assert grown < 16 * 2000  # less than the smallest object a block


@pytest.mark.slow
def test_run_counts_blocks_and_tells_errors():
    meter = run(gain(-20.0), BLOCK, seconds=1.0, channels=1, source=np.ones((100, 1), np.float32), real_time=False)
    assert meter.blocks == RATE // BLOCK
    assert meter.duration == pytest.approx(1.0)
    assert (meter.peak_in, meter.peak_out) == pytest.approx((1.0, 0.1))
    with pytest.raises(ValueError, match="block"):
        run(gain(0.0), 0)
    assert run(gain(0.0), BLOCK, seconds=0.05).blocks == round(0.05 * RATE / BLOCK)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setscheduler"), reason="the system has no real-time threads of this kind")
def test_who_plays_by_the_clock_comes_first_where_that_is_allowed(monkeypatch):
    asked = []

    def allowed(thread, policy, parameters):
        asked.append((thread, policy))

    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(os, "sched_getscheduler", lambda _: os.SCHED_OTHER)
    monkeypatch.setattr(os, "sched_setscheduler", allowed)
    run(gain(0.0), BLOCK, seconds=0.02)
    assert asked == [(0, os.SCHED_RR), (0, os.SCHED_OTHER)]
    run(gain(0.0), BLOCK, seconds=0.02, real_time=False)
    assert len(asked) == 2, "who does not wait would leave no time to others"
    monkeypatch.setattr(os, "sched_setscheduler", refused)
    assert run(gain(0.0), BLOCK, seconds=0.02).blocks > 0
