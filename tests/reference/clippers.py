"""Clippers: their curves f on the positive side, mirrored, and the integrals F of those."""

import math
import runpy
from pathlib import Path

stage = runpy.run_path(str(Path(__file__).with_name("stage.py")))["stage"]


def clipper(f, F):
    """The twin of an odd curve given for u >= 0, with F even and F(0) = 0."""

    def twin(x, sample_rate, **options):
        return stage(x, sample_rate, lambda u: math.copysign(f(abs(u)), u), lambda u: F(abs(u)), **options)

    return twin


def soft(u):
    if u < 2 / 3:
        return u
    return (3 - (2 - 1.5 * u) ** 2) / 3 if u < 4 / 3 else 1.0


def soft_integral(u):
    if u < 2 / 3:
        return u * u / 2
    # At 4/3 the parabola's integral is 2/9 + (2/3 - 2/27).
    return 2 / 9 + (u - 2 / 3) + ((2 - 1.5 * u) ** 3 - 1) / 13.5 if u < 4 / 3 else 22 / 27 + u - 4 / 3


twin_hardclipper = clipper(lambda u: min(u, 1.0), lambda u: u * u / 2 if u < 1 else u - 0.5)
twin_softclipper = clipper(soft, soft_integral)
twin_doublesoftclipper = clipper(
    lambda u: (math.tanh(2 * u) + 2 * math.tanh(u / 2)) / 3,
    lambda u: math.log(math.cosh(2 * u)) / 6 + 4 * math.log(math.cosh(u / 2)) / 3,
)
twin_cubicclipper = clipper(
    lambda u: u - 4 * u**3 / 27 if u < 1.5 else 1.0,
    lambda u: u * u / 2 - u**4 / 27 if u < 1.5 else 15 / 16 + u - 1.5,
)
twin_arctanclipper = clipper(
    lambda u: 2 / math.pi * math.atan(math.pi * u / 2),
    lambda u: 2 / math.pi * (u * math.atan(math.pi * u / 2) - math.log(1 + (math.pi * u / 2) ** 2) / math.pi),
)
twin_exponentialclipper = clipper(lambda u: 1 - math.exp(-u), lambda u: u + math.exp(-u) - 1)
