"""Options that effects of several families have."""

from __future__ import annotations

from ..dsp.interpolation import INTERPOLATIONS
from ..dsp.oscillator import SHAPES
from ..dsp.panning import PAN_LAWS
from ..options import Choice, Flag, Integer, Number

KNEE_SHAPE = Choice(
    "quadratic",
    "exponential",
    doc='"quadratic" bends along a parabola as wide as the knee; "exponential" has no ends, and bends as far at the '
    "threshold.",
)
LINK = Flag(True, doc="Channels share the gain that the loudest of them asks for; False gives each its own.")
RMS = Number(
    0.01,
    10000,
    25.0,
    "ms",
    doc="Time constant of the mean square; at 25 a tone of 50 Hz ripples by 0.3 dB, at 5 by 1.4.",
)
SHAPE = Choice(*SHAPES, doc="Waveform of the oscillator; the square has rounded corners.")
LAW = Choice(*PAN_LAWS, doc="How loud the sides are for a position; see StereoPanning.")
INTERPOLATION = Choice(
    *(name for name in INTERPOLATIONS if name != "allpass"),
    default="lagrange",
    doc='How the line is read between samples; "lagrange" takes 10 points, flat within 0.1 dB to 10 kHz at 44.1 kHz.',
)
RECURSIVE_INTERPOLATION = Choice(*INTERPOLATIONS, default="lagrange", doc=INTERPOLATION.doc)
TEMPO = Number(
    10,
    1000,
    None,
    "bpm",
    doc="Quarter notes per minute. With it, times and periods are note lengths: knobs named .._beats.",
)
SEED = Integer(0, 2**63 - 1, 0, doc="Seed of what is drawn at random when the effect is built.")
