"""Networks that turn knobs: heads, encoders, controllers, and data to train them on."""

from .bands import LogBands
from .controller import Controlled, Controller, ControlState
from .film import FiLM
from .frame_encoder import FrameEncoder
from .head import ParameterHead
from .priors import SettingsPrior
from .random_effects import RandomEffects
from .sampling import SettingSampler
from .sound_encoder import ForeignEncoder, SoundEncoder

__all__ = [
    "ControlState",
    "Controlled",
    "Controller",
    "FiLM",
    "ForeignEncoder",
    "FrameEncoder",
    "LogBands",
    "ParameterHead",
    "RandomEffects",
    "SettingSampler",
    "SettingsPrior",
    "SoundEncoder",
]
