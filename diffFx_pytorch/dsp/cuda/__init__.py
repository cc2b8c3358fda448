"""Kernels of CUDA devices for what has no memory, in Triton."""
