"""Numba's ``njit`` with a cache by content: see ``content`` for what is compared and ``store`` for where it is kept."""

from __future__ import annotations

import functools
import gc
import itertools
import os
import pickle
import platform
import sys
import threading
import types
from typing import Any

import llvmlite
import numba
from numba.core import config, event
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from . import content, store
from .inlined import CompactCompiler, InlinedCompiler, call_template


def njit(*arguments: Any, **options: Any) -> Any:
    """As ``numba.njit``, used with or without arguments.

    What Python calls is compiled as a program of its own, and with ``cache=True`` kept by its content. What kernels
    call is LLVM code that they inline, the same for all values of integers and booleans known when they are compiled.
    ``no_cpython_wrapper=True`` says that Python never calls the function, ``compact=True`` that its loops are over
    vectors already, and LLVM is not to unroll them: half the time to compile it.
    """
    compact = options.pop("compact", False)
    inner = options.pop("no_cpython_wrapper", False)
    cache = options.pop("cache", False) and not inner
    options["no_cfunc_wrapper"] = True  # nothing here is called from C
    by: dict[str, Any] = {"pipeline_class": CompactCompiler} if compact else {}
    decorate: Any = numba.njit(**options, **by)
    options |= {"no_cpython_wrapper": True, "pipeline_class": InlinedCompiler}
    decorate_inner: Any = numba.njit(**options)

    def compiled(function: Any) -> Any:
        inlined = decorate_inner(function)
        if isinstance(inlined, types.FunctionType):  # as it stays under NUMBA_DISABLE_JIT
            return inlined
        kernel = inlined if inner else decorate(function)
        if cache:
            kernel._cache = ContentCache(kernel, by)
        kernel.get_call_template = functools.partial(call_template, inlined)
        kernel.get_overload = inlined.get_overload
        return kernel

    return compiled(*arguments) if arguments else compiled


class ContentCache(NullCache):
    """The compiled versions of one kernel on disk, one file for each combination of argument types.

    Where Numba's own cache compares a hash of one source file, this one compares all that the machine code is made of.
    """

    def __init__(self, kernel: Dispatcher, compiler: Any) -> None:
        self._kernel, self._by = kernel, compiler

    @property
    def cache_path(self) -> str | None:
        """The folder."""
        place = store.folder()
        return None if place is None else str(place)

    def load_overload(self, sig: Any, target_context: Any) -> CompileResult | None:
        """What ``save_overload`` kept of this content and these types, in whichever process, or None."""
        # What kernels call of Numba while they run. All else of ``target_context.refresh()`` is for compiling, which
        # calls it, and imports a hundred modules, SciPy among them.
        rtsys.initialize(target_context)
        data = store.read(self._file_name(sig, target_context.codegen()))
        return None if data is None else CompileResult._rebuild(target_context, *pickle.loads(data))

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled for argument types."""
        if not data.lifted and not data.library.has_dynamic_globals:
            store.write(self._file_name(sig, data.codegen), dumps(data._reduce()))

    def _file_name(self, sig: Any, codegen: Any) -> str:
        machine = codegen.magic_tuple()  # triple, name and features of the processor
        digest = content.digest(self._kernel, self._by, sig, machine, InlinedCompiler, call_template, _compiler())
        return f"{self._kernel.__name__}-{digest}"


def _number_apart() -> None:
    """Number what this process compiles as no other process does.

    In the names of machine code only Numba's number tells two closures of one function apart, and it counts from 1 in
    every process. Kept kernels of two processes would share names of what they call, and the first one loaded would
    serve both.
    """
    FunctionIdentity._unique_ids = itertools.count(int.from_bytes(os.urandom(7), "little"))


_number_apart()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_number_apart)


@functools.cache
def _compiler() -> tuple[Any, ...]:
    versions = (numba.__version__, llvmlite.__version__, platform.python_implementation(), platform.python_version())
    settings = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "USING_SVML")
    return ("numbered apart", *versions, *(str(getattr(config, name, None)) for name in settings))


class _Notice(event.Listener):
    """Says once, on a terminal, why the first use of a kernel takes more than a second."""

    patience = 1.0

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None
        self._said = False

    def on_start(self, event: Any) -> None:
        if self._timer is None and not self._said and _is_kept(event) and sys.stderr.isatty():
            self._timer = threading.Timer(self.patience, self._say)
            self._timer.daemon = True
            self._timer.start()

    def on_end(self, event: Any) -> None:
        if self._timer is not None and _is_kept(event):
            self._timer.cancel()
            self._timer = None

    def _say(self) -> None:
        self._said = True
        print("difffx: compiling, once (`difffx warm` does it ahead)", file=sys.stderr, flush=True)  # noqa: T201


class _Pause(event.Listener):
    """Keeps garbage collection from looking through all of torch and Numba again and again while a kernel compiles."""

    def __init__(self) -> None:
        self._kernel: Any = None

    def on_start(self, event: Any) -> None:
        if self._kernel is None and gc.isenabled() and _is_kept(event):
            self._kernel = event.data["dispatcher"]
            gc.disable()

    def on_end(self, event: Any) -> None:
        if self._kernel is event.data["dispatcher"]:
            self._kernel = None
            gc.enable()


def _is_kept(event: Any) -> bool:
    return isinstance(event.data["dispatcher"]._cache, ContentCache)


notice = _Notice()
event.register("numba:compile", notice)
event.register("numba:compile", _Pause())
