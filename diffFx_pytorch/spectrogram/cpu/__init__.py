"""Kernels for the CPU, compiled by Numba: arrays in, arrays out; they know no tensors."""
