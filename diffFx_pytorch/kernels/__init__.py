"""How kernels are compiled, kept on disk and spread over threads: what every engine's Numba code stands on."""

from .compiling import forget_stale_kernels, njit
from .threads import run_rows

__all__ = ["forget_stale_kernels", "njit", "run_rows"]
