"""Networks that turn knobs: heads, encoders, controllers, and data to train them on."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .bands import LogBands
from .controller import Controlled, Controller, ControlState
from .even_knobs import even_knobs
from .film import FiLM
from .frame_encoder import FrameEncoder
from .head import ParameterHead
from .priors import SettingsPrior
from .random_effects import RandomEffects
from .sampling import SettingSampler
from .saving import load_controlled, save_controlled
from .sound_encoder import ForeignEncoder, SoundEncoder

if TYPE_CHECKING:
    from .hub import HubControlled
    from .learner import ControlLearner

__all__ = [
    "ControlLearner",
    "ControlState",
    "Controlled",
    "Controller",
    "FiLM",
    "ForeignEncoder",
    "FrameEncoder",
    "HubControlled",
    "LogBands",
    "ParameterHead",
    "RandomEffects",
    "SettingSampler",
    "SettingsPrior",
    "SoundEncoder",
    "even_knobs",
    "load_controlled",
    "save_controlled",
]

_OF_EXTRAS = {"ControlLearner": ".learner", "HubControlled": ".hub"}


def __getattr__(name: str) -> Any:
    """What needs the extra ``train`` is imported when it is asked for."""
    if name not in _OF_EXTRAS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_OF_EXTRAS[name], __name__), name)
