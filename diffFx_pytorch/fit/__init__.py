"""Fitting: losses, a loop that finds settings, a training loop. Networks that turn knobs are in ``networks``."""

from .candidates import candidates
from .certainty import Certainty
from .echo import echo_ms
from .knobs import FreeKnobs
from .level_losses import FeatureError, balance_db, crest_db, envelope_db, loudness_lufs, loudness_range_lu, width_db
from .likeness import Likeness, fit_like
from .limits import Limit
from .loop import FitResult, fit
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
from .rational_curve import RationalCurve
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
from .structure import Structure, Tried, fit_structure
from .task import Loss
from .training import Criterion, Repeated, TrainingHistory, train
from .weighting import Weighting

__all__ = [
    "AveragePower",
    "Bands",
    "Certainty",
    "ConstantError",
    "Criterion",
    "EnergyDecayCurve",
    "EnergyDecayRelief",
    "ErrorToSignalRatio",
    "FeatureError",
    "FitResult",
    "FreeKnobs",
    "Likeness",
    "Limit",
    "LogCosh",
    "Loss",
    "LossLandscape",
    "MagnitudeError",
    "MultiResolutionMel",
    "MultiResolutionSTFT",
    "RandomResolutionSTFT",
    "RationalCurve",
    "Repeated",
    "Resolution",
    "SignalToDistortion",
    "Stage",
    "Structure",
    "TrainingHistory",
    "Tried",
    "Weighting",
    "balance_db",
    "candidates",
    "crest_db",
    "echo_ms",
    "envelope_db",
    "error_to_signal_ratio",
    "fit",
    "fit_like",
    "fit_structure",
    "loss_landscape",
    "loudness_lufs",
    "loudness_range_lu",
    "mid_side",
    "residual_db",
    "sparsity",
    "train",
    "width_db",
]
