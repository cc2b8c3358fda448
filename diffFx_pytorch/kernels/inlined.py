"""How Numba compiles what only kernels call: as LLVM code to be inlined, never as a program of its own; and kernels.

Numba makes every function a library, with all that it calls linked in: it optimises each at full cost and emits its
machine code. In a nest of functions the innermost is so optimised and emitted once for every level above it, and only
what Python calls is ever run. Here an inner function stays LLVM code, lightly simplified, until a kernel inlines it.

LLVM then copies the bodies of short loops several times over, which takes a plain loop further and a loop over vectors
nowhere, and is half of the time that a large kernel takes to compile: a compact kernel's loops stay as they are.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.dispatcher import Dispatcher
from numba.core.errors import ForceLiteralArg, TypingError
from numba.core.types import BooleanLiteral, IntegerLiteral, unliteral

_ENVIRONMENT = "_ZN08NumbaEnv"


class _OwnLibrary(Compiler):
    """Numba's compiler, whose code goes into a library of the class ``library``."""

    library: type[JITCodeLibrary]

    def define_pipelines(self) -> list[Any]:
        """Numba's own."""
        self.state.library = self.library(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        return super().define_pipelines()


def call_template(inlined: Dispatcher, arguments: Any, keywords: Any) -> Any:
    """How Numba types a call: without literals, unless the function needs them to be compiled at all."""
    general = [_general(a) for a in arguments], {name: _general(a) for name, a in keywords.items()}
    try:
        return Dispatcher.get_call_template(inlined, *general)
    except (TypingError, ForceLiteralArg):
        if general == (list(arguments), keywords):
            raise
        return Dispatcher.get_call_template(inlined, arguments, keywords)


def _general(argument: Any) -> Any:
    return unliteral(argument) if isinstance(argument, (IntegerLiteral, BooleanLiteral)) else argument


class _InlinedLibrary(JITCodeLibrary):
    def _optimize_final_module(self) -> None:
        """Nothing: the function passes, which every piece goes through, leave little for anyone but the caller."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        # What a function needs of Python hangs on a global, which all that inline it share: the engine must know it.
        names = [g.name for g in self._final_module.global_variables if g.name.startswith(_ENVIRONMENT)]
        text = "\n".join(f'@"{name}" = common global i8* null' for name in names)
        self._environments = binding.parse_assembly(text)
        self._codegen._add_module(self._environments)
        self._finalized = True


class _CompactLibrary(JITCodeLibrary):
    def _optimize_final_module(self) -> None:
        """As Numba does, in its two rounds, but that loops are neither unrolled nor interleaved."""
        first, builder = self._codegen._module_pass_manager(loop_vectorize=False, opt=0, cost="cheap")
        first.run(self._final_module, builder)
        tuning = binding.create_pipeline_tuning_options(speed_level=3)
        tuning.loop_unrolling = tuning.loop_interleaving = False
        builder = binding.create_pass_builder(self._codegen._tm, tuning)
        second = builder.getModulePassManager()
        second.add_refprune_pass()
        second.run(self._final_module, builder)


class InlinedCompiler(_OwnLibrary):
    """For functions that Python never calls: ``njit(pipeline_class=InlinedCompiler)``."""

    library = _InlinedLibrary


class CompactCompiler(_OwnLibrary):
    """For kernels written over vectors."""

    library = _CompactLibrary

    def define_pipelines(self) -> list[Any]:
        """Numba's own; the machine code can be kept."""
        pipelines = super().define_pipelines()
        self.state.library.enable_object_caching()
        return pipelines
