"""Calls that every CUDA kernel is tested with: in the interpreter, compiled, and on a device."""

from tests.cuda.calls import delays, dynamics, filters, systems

CALLS = {**delays.CALLS, **filters.CALLS, **dynamics.CALLS, **systems.CALLS}
