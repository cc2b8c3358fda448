"""A folder with a sound, and sessions in it."""

import numpy as np
import pytest
import soundfile

from diffFx_pytorch.studio import Folder, Session

RATE = 44100


@pytest.fixture
def home(tmp_path):
    """A folder with `tone.wav`, two channels of decaying noise and a tone, two seconds."""
    rng, t = np.random.default_rng(0), np.arange(2 * RATE) / RATE
    beats = np.exp(-8 * (t % 0.5))
    sound = np.stack([beats * rng.standard_normal(t.size), 0.5 * np.sin(2 * np.pi * 220 * t)]).T
    soundfile.write(tmp_path / "tone.wav", (0.2 * sound).astype("float32"), RATE, "FLOAT")
    return tmp_path


@pytest.fixture
def session(home):
    return Session(Folder(home), "tone.wav", "lead-vocal")
