from diffFx_pytorch.processors.modulation.auto_pan import AutoPan
from diffFx_pytorch.processors.modulation.auto_wah import AutoWah
from diffFx_pytorch.processors.modulation.chorus import Chorus
from diffFx_pytorch.processors.modulation.chorus import MultiVoiceChorus
from diffFx_pytorch.processors.modulation.chorus import StereoChorus
from diffFx_pytorch.processors.modulation.flanger import FeedbackFlanger
from diffFx_pytorch.processors.modulation.flanger import Flanger
from diffFx_pytorch.processors.modulation.flanger import StereoFlanger
from diffFx_pytorch.processors.modulation.phaser import Phaser
from diffFx_pytorch.processors.modulation.ring_modulator import RingModulator
from diffFx_pytorch.processors.modulation.tremolo import Tremolo
from diffFx_pytorch.processors.modulation.vibrato import Vibrato

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
