"""Functions that only kernels call are part of them: in the same code, kept and thrown away together."""

import pytest

from diffFx_pytorch.kernels import njit

INNER = {"no_cpython_wrapper": True, "error_model": "numpy"}


def make():
    @njit(**INNER)
    def root(x):
        if x < 0:
            raise ValueError("a root of less than nothing")
        return x**0.5

    @njit(**INNER)
    def above(x):
        return root(x) + root(x + 1)

    @njit
    def entry(x):
        return above(x) + root(x)

    return root, above, entry


def test_a_kernel_calls_what_calls_what_it_calls():
    assert make()[2](9.0) == 6.0 + 10.0**0.5


def test_an_error_of_an_inner_function_reaches_python():
    with pytest.raises(ValueError, match="less than nothing"):
        make()[2](-1.0)


def test_an_inner_function_has_no_machine_code_of_its_own():
    root, _, entry = make()
    entry(4.0)
    (compiled,) = root.overloads.values()
    assert compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name) == 0
    (compiled,) = entry.overloads.values()
    assert compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name) != 0


def test_two_kernels_share_an_inner_function():
    root, _, entry = make()

    @njit
    def other(x):
        return root(x) * 2

    assert (other(4.0), entry(4.0), other(9.0)) == (4.0, 4.0 + 5**0.5, 6.0)
    assert len(root.overloads) == 1
