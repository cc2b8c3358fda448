"""The commands `live` and `play`, with a sound card that is a module of the test's."""

import sys
import threading
import types
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile

from diffFx_pytorch.cli import playing
from diffFx_pytorch.live import card as card_module
from tests.cli.command import difffx

RATE = 48000
CHAIN = "version: 1\nchain:\n  - effect: Gain\n    params: {gain_db: -20}\n"


class Card(types.ModuleType):
    """As much of sounddevice as is used; a look at ``active`` plays a few blocks."""

    class PortAudioError(Exception):
        pass

    class CallbackStop(Exception):  # its name there
        pass

    def __init__(self):
        super().__init__("sounddevice")
        self.heard, self.opened, self.refusal = [], None, None

    def query_devices(self):
        return "0 A card"

    def Stream(self, **settings):
        return self._open(settings, settings["channels"])

    def OutputStream(self, **settings):
        return self._open(settings, (0, settings["channels"]))

    def _open(self, settings, channels):
        if self.refusal:
            raise self.PortAudioError(self.refusal)
        self.opened = settings
        return Playing(self, settings, channels)


class Playing:
    def __init__(self, card, settings, channels):
        self.card, self.settings, self.channels, self.over = card, settings, channels, False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over = True

    @property
    def active(self):
        for _ in range(4):
            if not self.over:
                self._block()
        return not self.over

    def _block(self):
        frames, (inputs, outputs) = self.settings["blocksize"], self.channels
        out = np.full((frames, outputs), np.nan, np.float32)
        given = (np.full((frames, inputs), 0.5, np.float32),) if inputs else ()
        try:
            self.settings["callback"](*given, out, frames, None, None)
        except self.card.CallbackStop:
            self.over = True
        self.card.heard.append(out)


@pytest.fixture
def card(monkeypatch):
    made = Card()
    monkeypatch.setitem(sys.modules, "sounddevice", made)
    # This card plays in the thread of the test.
    monkeypatch.setattr(card_module, "come_first", lambda: made.asked.append(threading.get_ident()))
    made.asked = []
    return made


@pytest.fixture
def place(tmp_path):
    (tmp_path / "chain.yaml").write_text(CHAIN)
    return tmp_path


@pytest.fixture
def press(monkeypatch):
    """Press keys one after the other; a function among them is called instead."""

    def pressing(*keys):
        left = iter(keys)

        def pressed(seconds):
            key = next(left, "q")
            return (key() or "") if callable(key) else key

        @contextmanager
        def keyboard():
            yield pressed

        monkeypatch.setattr(playing, "pressed_keys", keyboard)

    return pressing


def levels(card):
    return [round(float(block[-1, 0]), 3) for block in card.heard[3::4]]


@pytest.mark.slow
def test_live_plays_the_chain_and_bypasses(card, place, press):
    press("", "b", " ", "q")
    result = difffx("live", place / "chain.yaml", "--in", "3", "--out", "Loud", "--block", 512, "--channels", 1)
    assert result.exit_code == 0, result.stderr
    assert levels(card) == [0.05, 0.05, 0.5, 0.05]
    assert card.opened["device"] == (3, "Loud")
    assert (card.opened["samplerate"], card.opened["blocksize"], card.opened["channels"]) == (RATE, 512, (1, 1))
    assert "dropouts" in result.stderr
    assert card.asked == [threading.get_ident()], "the thread that plays comes first, and asks for it once"


@pytest.mark.slow
def test_live_reloads_on_a_key_and_on_a_change_and_keeps_what_plays_from_a_fault(card, place, press):
    chain = place / "chain.yaml"
    write = chain.write_text
    press(
        lambda: write(CHAIN.replace("-20", "-6.0206")) and None,
        lambda: write(CHAIN.replace("gain_db", "gian_db") + "# longer\n") and None,
        "",
        lambda: chain.unlink(),
        "r",
        "q",
    )
    result = difffx("live", chain)
    assert result.exit_code == 0, result.stderr
    assert levels(card) == [0.05, 0.25, 0.25, 0.25, 0.25, 0.25]
    assert result.stderr.count("reloaded") == 1
    assert result.stderr.count("kept the chain that plays") == 2
    assert "gian_db" in result.stderr
    assert "chain.yaml:4" in result.stderr


def test_play_ends_after_the_tail(card, place):
    soundfile.write(place / "a.wav", np.full((3000, 1), 0.5), RATE, subtype="FLOAT")
    result = difffx("play", place / "a.wav", "-e", "FeedbackDelay:delay_ms=100,feedback=0.5,mix=1")
    assert result.exit_code == 0, result.stderr
    y = np.concatenate(card.heard)[:, 0]
    assert len(y) > 3000 + 0.5 * RATE
    assert np.abs(y[4000 : 4000 + RATE // 10]).max() > 0.1
    assert card.opened["device"] is None


def test_play_loops(card, place, press):
    soundfile.write(place / "a.wav", np.arange(700) / 700, RATE, subtype="FLOAT")
    press("", "", "", "q")
    assert difffx("play", place / "a.wav", "-e", "Gain:gain_db=0", "--loop").exit_code == 0
    y = np.concatenate(card.heard)[:, 0]
    np.testing.assert_allclose(y, np.resize(np.arange(700) / 700, len(y)), atol=1e-6)
    assert len(y) > 1400


def test_what_goes_wrong_is_said_with_its_cure(monkeypatch, card, place):
    chain = place / "chain.yaml"
    assert difffx("live", "--list-devices").stdout == "0 A card\n"
    for arguments, said in (
        (("live",), "name a chain file"),
        (("live", chain, "-e", "Gain"), "chain file or -e"),
        (("live", place / "none.yaml"), "none.yaml"),
        (("play", "-c", chain), "sound file"),
        (("play", place / "none.wav", "-c", chain), "none.wav"),
    ):
        result = difffx(*arguments)
        assert (result.exit_code, said in result.stderr) == (2, True), (arguments, result.stderr)
    card.refusal = "Invalid number of channels"
    assert "--list-devices" in difffx("live", chain).stderr
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    result = difffx("live", chain)
    assert (result.exit_code, "pip install sounddevice" in result.stderr) == (2, True)


def test_a_missing_library_is_named_with_its_package(monkeypatch, place):
    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    result = difffx("live", place / "chain.yaml")
    assert (result.exit_code, "libportaudio2" in result.stderr) == (2, True)
