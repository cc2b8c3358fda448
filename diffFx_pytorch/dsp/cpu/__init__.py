"""Kernels for the CPU, compiled by Numba: arrays in, arrays out; they know no tensors."""

from pathlib import Path

from diffFx_pytorch.kernels import forget_stale_kernels

forget_stale_kernels(Path(__file__).parent)
