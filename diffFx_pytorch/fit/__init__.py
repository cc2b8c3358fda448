"""Fitting: losses, a loop that finds settings, a training loop, a reference controller."""

from .controller import LogBands, SpectralController
from .echo import echo_ms
from .knobs import FreeKnobs
from .loop import DEFAULT_STAGES, FitResult, fit
from .loss_profile import LossLandscape, loss_landscape
from .losses import (
    ConstantError,
    ErrorToSignalRatio,
    LogCosh,
    SignalToDistortion,
    error_to_signal_ratio,
    mid_side,
    residual_db,
)
from .response_losses import (
    AveragePower,
    EnergyDecayCurve,
    EnergyDecayRelief,
    MagnitudeError,
    MultiResolutionMel,
    sparsity,
)
from .spectral_losses import Bands, MultiResolutionSTFT, RandomResolutionSTFT, Resolution
from .stage import Stage
from .task import Loss
from .training import Criterion, Repeated, TrainingHistory, train
from .weighting import Weighting

__all__ = [
    "DEFAULT_STAGES",
    "AveragePower",
    "Bands",
    "ConstantError",
    "Criterion",
    "EnergyDecayCurve",
    "EnergyDecayRelief",
    "ErrorToSignalRatio",
    "FitResult",
    "FreeKnobs",
    "LogBands",
    "LogCosh",
    "Loss",
    "LossLandscape",
    "MagnitudeError",
    "MultiResolutionMel",
    "MultiResolutionSTFT",
    "RandomResolutionSTFT",
    "Repeated",
    "Resolution",
    "SignalToDistortion",
    "SpectralController",
    "Stage",
    "TrainingHistory",
    "Weighting",
    "echo_ms",
    "error_to_signal_ratio",
    "fit",
    "loss_landscape",
    "mid_side",
    "residual_db",
    "sparsity",
    "train",
]
