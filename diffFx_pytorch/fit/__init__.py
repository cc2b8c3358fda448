"""Fitting: losses, knobs as parameters to learn, a loop that finds settings, a reference controller."""

from .controller import LogBands, SpectralController
from .echo import echo_ms
from .knobs import FreeKnobs, LearnableParams
from .loop import DEFAULT_STAGES, FitResult, fit
from .losses import ErrorToSignalRatio, MultiResolutionSTFT, error_to_signal_ratio, mid_side, residual_db
from .stage import Stage
from .task import Loss

__all__ = [
    "DEFAULT_STAGES",
    "ErrorToSignalRatio",
    "FitResult",
    "FreeKnobs",
    "LearnableParams",
    "LogBands",
    "Loss",
    "MultiResolutionSTFT",
    "SpectralController",
    "Stage",
    "echo_ms",
    "error_to_signal_ratio",
    "fit",
    "mid_side",
    "residual_db",
]
