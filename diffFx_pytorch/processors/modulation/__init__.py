"""Effects that an oscillator moves."""

from .auto_pan import AutoPan
from .chorus import Chorus, MultiVoiceChorus, StereoChorus
from .flanger import FeedbackFlanger, Flanger, StereoFlanger
from .phaser import Phaser
from .ring_modulator import RingModulator
from .tremolo import Tremolo
from .vibrato import Vibrato

__all__ = [
    "AutoPan",
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
