"""Clippers: shapes with a ceiling, from a corner to the softest of knees.

Each is w = f(10^(drive / 20) x + b) - f(b) with the curve f it names, of slope 1 at 0 and ceilings at -1 and 1, less
the DC that the bias b makes; see ``ShaperStage``. No sample of w is beyond -1 and 1 with ``ceiling="strict"``.
"""

from __future__ import annotations

from ...dsp.shapes import ARCTAN, CUBIC_CLIP, DOUBLE_SOFT_CLIP, EXPONENTIAL, HARD_CLIP, SOFT_CLIP
from .shaper import CEILING, Shaper


class Clipper(Shaper, abstract=True):
    """Base of the shapers that have a ceiling."""

    options = {**Shaper.options, "ceiling": CEILING}


class HardClipper(Clipper):
    """Hard clipping: everything beyond -1 and 1 is cut off, f(u) = min(max(u, -1), 1).

    The brightest of the clippers: its harmonics fall by 12 dB an octave, so they alias the most.

    References:
        F. Esqueda, S. Bilbao, V. Valimaki, "Aliasing reduction in clipped signals", IEEE Trans. Signal Processing
        64(20), 2016.
    """

    words = ("{drive_db:drives} and clips", "{output_db:adds} behind it")
    shape = HARD_CLIP
    variants = ({"oversampling": 1}, {"oversampling": 1, "antialias": "adaa"})


class SoftClipper(Clipper):
    """Clipping with a knee: u to 2/3, then the parabola (3 - (2 - 3 |u| / 2)^2) / 3, and 1 from 4/3 on.

    Zoelzer's overdrive with its input halved, so that quiet signals keep their level. The slope has no jumps.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 4.3.3, eq. 4.11 (after Schetzen).
    """

    words = ("{drive_db:drives} and clips softly", "{output_db:adds} behind it")
    shape = SOFT_CLIP


class DoubleSoftClipper(Clipper):
    """Saturation with two knees: f(u) = tanh(2 u) / 3 + 2 tanh(u / 2) / 3.

    Two soft clippers side by side, one that gives way early and one that gives way late: slope 1 at 0, 1/3 between the
    knees, and flat far out. Chowdhury stacks two one above the other, which leaves a slope of 0 in the middle: quiet
    signals vanish. Here they keep their level.

    References:
        J. Chowdhury, "Complex nonlinearities, episode 1: Double soft clipper", 2019 (the idea of two).
    """

    words = ("{drive_db:drives} and clips softly, twice", "{output_db:adds} behind it")
    shape = DOUBLE_SOFT_CLIP


class CubicClipper(Clipper):
    """Cubic clipping: f(u) = u - 4 u^3 / 27 to 3/2, and 1 beyond.

    The third-order curve u - u^3 / 3 scaled to slope 1 and ceiling 1: below the ceiling it makes a third harmonic and
    no other.

    References:
        J. O. Smith, "Physical audio signal processing", W3K 2010, section "Cubic soft clipper".
    """

    words = ("{drive_db:drives} and clips along a cubic", "{output_db:adds} behind it")
    shape = CUBIC_CLIP


class ArcTanClipper(Clipper):
    """Arc tangent: f(u) = 2 / pi atan(pi u / 2).

    Softer than tanh: it nears its ceiling as 1 - 4 / (pi^2 u), so loud signals keep more of their shape.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 4.3.
    """

    words = ("{drive_db:drives} and clips along an arc tangent", "{output_db:adds} behind it")
    shape = ARCTAN


class ExponentialClipper(Clipper):
    """Exponential saturation: f(u) = sign(u) (1 - exp(-|u|)).

    It bends from the smallest levels on, and its harmonics fall slowly: Zoelzer's distortion.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 4.3.3, eq. 4.12.
    """

    words = ("{drive_db:drives} and clips along an exponential", "{output_db:adds} behind it")
    shape = EXPONENTIAL
