"""Prime numbers: delays without common divisors let their echoes coincide as late as can be."""

from __future__ import annotations

import math

import numpy as np


def primes_up_to(longest: int) -> np.ndarray:
    """All prime numbers up to ``longest``, rising (the sieve of Eratosthenes)."""
    sieve = np.ones(longest + 1, bool)
    sieve[:2] = False
    for p in range(2, math.isqrt(longest) + 1):
        if sieve[p]:
            sieve[p * p :: p] = False
    return np.nonzero(sieve)[0]
