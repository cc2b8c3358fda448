"""Kernels for CUDA devices, in Triton; imported when an operator first runs there."""
