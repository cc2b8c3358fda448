"""Effects that an oscillator moves."""

from .auto_pan import AutoPan
from .auto_wah import AutoWah
from .chorus import Chorus, MultiVoiceChorus, StereoChorus
from .flanger import FeedbackFlanger, Flanger, StereoFlanger
from .phaser import Phaser
from .ring_modulator import RingModulator
from .tremolo import Tremolo
from .vibrato import Vibrato

__all__ = [
    "AutoPan",
    "AutoWah",
    "Chorus",
    "FeedbackFlanger",
    "Flanger",
    "MultiVoiceChorus",
    "Phaser",
    "RingModulator",
    "StereoChorus",
    "StereoFlanger",
    "Tremolo",
    "Vibrato",
]
