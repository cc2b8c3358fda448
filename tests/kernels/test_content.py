"""What the digest of a kernel sees, and what it does not."""

import importlib
import os
import pkgutil
import subprocess
import sys
import textwrap

import pytest
from numba.core.dispatcher import Dispatcher

import diffFx_pytorch
from diffFx_pytorch.kernels.content import digest

FILES = {
    "neighbour": """
        import numpy as np
        from numba.extending import intrinsic, overload
        from numba import types
        from llvmlite import ir
        from diffFx_pytorch.kernels import njit

        SHIFT = 1.0
        TABLE = np.array([1.0, 2.0])

        def _value(builder):
            return ir.Constant(ir.DoubleType(), 3.0)

        @intrinsic
        def three(typingctx):
            def codegen(context, builder, signature, args):
                return _value(builder)
            return types.float64(), codegen

        def stub(x):
            raise NotImplementedError

        @overload(stub)
        def _overload_stub(x):
            return lambda x: x * 5.0

        @njit(inline="always")
        def scaled(x):
            return x * 7.0

        @njit
        def shifted(x):
            return x + SHIFT + TABLE[1]

        @njit
        def unrelated(x):
            return x - 1.0
    """,
    "kernel": """
        from diffFx_pytorch.kernels import njit
        import neighbour
        from neighbour import scaled, shifted, stub

        OFFSETS = (11.0, 13.0)

        def make(factor):
            @njit(cache=True)
            def total(x, extra=17.0):
                'A sum.'
                return factor * (scaled(x) + shifted(x) + stub(x) + neighbour.three() + OFFSETS[0]) + extra
            return total

        total = make(19.0)
    """,
}


def run(folder, program, **edits):
    """The output of a program in a new process that imports FILES with some text replaced, and the time moved on."""
    for name, text in FILES.items():
        for old, new in edits.get(name, ()):
            assert old in text
            text = text.replace(old, new)
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
        "DIFFFX_CACHE": str(folder / "kept"),
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


DIGEST = "import kernel; from diffFx_pytorch.kernels.content import digest; print(digest(kernel.total))"
CALL = "import kernel; print(kernel.total(2.0), sum(kernel.total.stats.cache_misses.values()))"


@pytest.fixture(scope="module")
def unedited(tmp_path_factory):
    """The digest of the kernel as it is above."""
    return run(tmp_path_factory.mktemp("unedited"), DIGEST)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("neighbour", "SHIFT = 1.0", "SHIFT = 1.5"),
        ("neighbour", "[1.0, 2.0]", "[1.0, 2.5]"),
        ("neighbour", "x * 7.0", "x * 7.5"),
        ("neighbour", "x + SHIFT", "x - SHIFT"),
        ("neighbour", "DoubleType(), 3.0", "DoubleType(), 3.5"),
        ("neighbour", "x * 5.0", "x * 5.5"),
        ("kernel", "(11.0, 13.0)", "(11.5, 13.0)"),
        ("kernel", "extra=17.0", "extra=17.5"),
        ("kernel", "make(19.0)", "make(19.5)"),
        ("kernel", "cache=True", "cache=True, fastmath={'nsz'}"),
        ("neighbour", 'inline="always"', 'inline="never"'),
    ],
)
def test_whatever_a_kernel_inlines_changes_its_digest(tmp_path, unedited, file, old, new):
    assert run(tmp_path, DIGEST, **{file: [(old, new)]}) != unedited


def test_what_a_kernel_does_not_read_leaves_its_digest(tmp_path, unedited):
    edits = [("x - 1.0", "x - 2.0"), ("SHIFT = 1.0", "# a comment\n        SHIFT = 1.0")]
    documented = [("A sum.", "A sum, said otherwise.")]
    assert run(tmp_path, DIGEST) == unedited  # in another folder
    assert run(tmp_path, DIGEST, neighbour=edits) == unedited
    assert run(tmp_path, DIGEST, kernel=documented) == unedited


@pytest.mark.slow
def test_an_edited_neighbour_is_heard_and_an_unrelated_edit_costs_nothing(tmp_path):
    assert run(tmp_path, CALL).split() == [str(19.0 * (14 + 5 + 10 + 3 + 11) + 17), "1"]
    assert run(tmp_path, CALL, neighbour=[("x - 1.0", "x - 2.0")]).split()[1] == "0"
    changed = run(tmp_path, CALL, neighbour=[("x * 5.0", "x * 6.0")])
    assert changed.split() == [str(19.0 * (14 + 5 + 12 + 3 + 11) + 17), "1"]


def test_two_types_of_one_name_differ():
    point = importlib.import_module("collections").namedtuple
    from numba import typeof

    one, other = (typeof(point("Point", fields)(1.0, 2.0)) for fields in (("x", "y"), ("y", "x")))
    assert digest(one) != digest(other)
    assert digest(one) == digest(typeof(point("Point", ("x", "y"))(3.0, 4.0)))


def test_what_has_no_content_is_refused():
    with pytest.raises(TypeError, match="content is unknown"):
        digest(object())


def every_kernel():
    for found in pkgutil.walk_packages(diffFx_pytorch.__path__, "diffFx_pytorch."):
        if ".cpu." in found.name or ".kernels." in found.name:
            for name, value in vars(importlib.import_module(found.name)).items():
                if isinstance(value, Dispatcher) and value.__module__ == found.name:
                    yield f"{found.name}.{name}", value


def test_every_kernel_of_the_package_has_a_digest_of_its_own():
    digests = {name: digest(kernel) for name, kernel in every_kernel()}
    assert len(digests) > 100
    assert len(set(digests.values())) == len(digests)
