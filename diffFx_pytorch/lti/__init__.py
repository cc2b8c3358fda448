"""Linear time-invariant systems, sampled in frequency: learnable, batched, closed in loops; independent of effects."""

from .connections import Parallel, Recursion, Series
from .delays import AllPass, Delay, GainDelay
from .equalizers import GEQ, PEQ, DecayEqualizer, ShelvingAbsorption, band_centres
from .filter_bank import FilterBank, exact_centres
from .fir_filters import FIR, ScatteringMatrix, VelvetNoiseFilter, VelvetNoiseMatrix
from .flamo import from_flamo, to_flamo
from .gains import Gain, Matrix
from .grid import Circle, Grid, Points
from .iir_filters import SOS, SVF, Biquad
from .maps import Bounded, Identity, Positive, Tanh
from .networks import AllpassFDN, CoupledMatrix, coprime_delays, feedback_delay_network, grouped_delay_network
from .shell import Shell
from .stability import UnstableLoop, check_stability, pole_radius
from .state_space import poles, poles_and_residues, state_space
from .system import System

__all__ = [
    "FIR",
    "GEQ",
    "PEQ",
    "SOS",
    "SVF",
    "AllPass",
    "AllpassFDN",
    "Biquad",
    "Bounded",
    "Circle",
    "CoupledMatrix",
    "DecayEqualizer",
    "Delay",
    "FilterBank",
    "Gain",
    "GainDelay",
    "Grid",
    "Identity",
    "Matrix",
    "Parallel",
    "Points",
    "Positive",
    "Recursion",
    "ScatteringMatrix",
    "Series",
    "Shell",
    "ShelvingAbsorption",
    "System",
    "Tanh",
    "UnstableLoop",
    "VelvetNoiseFilter",
    "VelvetNoiseMatrix",
    "band_centres",
    "check_stability",
    "coprime_delays",
    "exact_centres",
    "feedback_delay_network",
    "from_flamo",
    "grouped_delay_network",
    "pole_radius",
    "poles",
    "poles_and_residues",
    "state_space",
    "to_flamo",
]
