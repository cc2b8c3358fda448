"""The digest of everything that the machine code of a kernel is made of.

A kernel inlines what it calls and freezes the constants it reads, wherever they are defined. The digest follows them
all: kernels and intrinsics through globals and closures, the builder code of intrinsics and the plain functions it
calls, constants by value, and what a module tells Numba beside (overloads, lowerings of operators, types). It sees
bytecode and values, no paths, dates, line numbers, comments or docstrings, so that touching a file, moving the package
or editing an unrelated function leaves it as it is.
"""

from __future__ import annotations

import ast
import builtins
import dis
import functools
import hashlib
import inspect
import re
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numba.core.dispatcher import Dispatcher
from numba.core.types import BaseTuple
from numba.core.types import Dispatcher as DispatcherType
from numba.core.types import Type as NumbaType

_BY_VERSION = {*sys.stdlib_module_names, "numba", "llvmlite", "numpy", "scipy", "torch"} - {"__main__"}
"""Packages whose code is known by its name and the version of the package."""

_GLOBAL = {dis.opmap["LOAD_GLOBAL"]: int(sys.version_info >= (3, 11)), dis.opmap["LOAD_NAME"]: 0}
"""Instructions that read a global, and the low bits of their arguments that do not belong to the name's number."""
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def digest(*values: Any) -> str:
    """A hexadecimal digest of values: of functions and kernels all that they are compiled from.

    Args:
        values: kernels, functions, Numba types, numbers, strings, arrays, and containers of such.

    Raises:
        TypeError: something that a kernel reads has no content that could be compared from process to process.
    """
    content = _Content()
    for value in values:
        content.add(value)
    return content.sha.hexdigest()


class _Content:
    """A walk over a graph of values: the first visit describes a value, the next ones say which visit that was."""

    def __init__(self) -> None:
        self.sha = hashlib.sha256()
        self._visited: dict[int, tuple[int, Any]] = {}  # the value too, so that no other takes its id
        self._modules: set[str] = set()

    def _write(self, *words: object) -> None:
        self.sha.update(repr(words).encode())

    def add(self, value: Any) -> None:
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes, type(...), range)):
            self._write(type(value).__name__, value)
        elif isinstance(value, (np.generic, np.ndarray)):
            self._write(type(value).__name__, value.dtype.str, value.shape, value.strides)
            self.sha.update(value.tobytes())
        elif id(value) in self._visited:
            self._write("again", self._visited[id(value)][0])
        else:
            self._visited[id(value)] = len(self._visited), value
            self._describe(value)

    def _add_all(self, kind: str, values: Iterable[Any]) -> None:
        self._write(kind)
        for value in values:
            self.add(value)
        self._write("end")

    def _describe(self, value: Any) -> None:
        if isinstance(value, (tuple, list)):
            self._add_all(type(value).__name__, value)
        elif isinstance(value, (set, frozenset)):
            self._add_all("set", sorted(value, key=repr))
        elif isinstance(value, (dict, types.MappingProxyType)):
            self._add_all("dict", sorted(value.items(), key=lambda item: repr(item[0])))
        elif isinstance(value, types.CodeType):
            self._add_code(value)
        elif isinstance(value, types.ModuleType):
            self._write("module", value.__name__)
        elif isinstance(value, Dispatcher):
            self._add_all("kernel", (dict(value.targetoptions), dict(value.locals), value.py_func))
        elif isinstance(value, NumbaType):
            self._add_type(value)
        elif isinstance(value, functools.partial):
            self._add_all("partial", (value.func, value.args, value.keywords))
        elif isinstance(value, (staticmethod, classmethod)):
            self._add_all(type(value).__name__, (value.__func__,))
        elif isinstance(value, property):
            self._add_all("property", (value.fget, value.fset))
        elif _known_by_version(value):
            self._write("name", value.__module__, value.__qualname__)
        elif isinstance(value, types.FunctionType):
            self._add_function(value)
        elif isinstance(value, type):
            self._add_class(value)
        elif hasattr(value, "__wrapped__"):  # an intrinsic, a cached function
            self._add_all(type(value).__qualname__, (value.__wrapped__,))
        else:
            self._add_instance(value)

    def _add_function(self, function: types.FunctionType) -> None:
        self._write("function", function.__module__, function.__qualname__)
        self.add(function.__defaults__)
        self.add(function.__kwdefaults__)
        self._add_code(function.__code__, function.__doc__)
        for name in _globals_read(function.__code__):
            self._write("global", name)
            if name in function.__globals__:
                self._add_global(function.__globals__[name], function.__code__)
            else:
                self._write(hasattr(builtins, name))
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self._write("cell", name)
            try:
                self.add(cell.cell_contents)
            except ValueError:
                self._write("empty")
        self._add_registrations(function.__module__)

    def _add_global(self, value: Any, reader: types.CodeType) -> None:
        self.add(value)
        if isinstance(value, types.ModuleType) and not _by_version(value.__name__):
            for name in sorted(set(_names(reader)) & set(vars(value))):
                self._write("attribute", name)
                self.add(vars(value)[name])

    def _add_code(self, code: types.CodeType, doc: str | None = None) -> None:
        constants = code.co_consts[1:] if doc is not None and code.co_consts[:1] == (doc,) else code.co_consts
        self._write("code", code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_flags)
        for constant in constants:
            if isinstance(constant, types.CodeType):
                self._add_code(constant)
            else:
                self.add(constant)

    def _add_class(self, kind: type) -> None:
        self._write("class", kind.__module__, kind.__qualname__)
        self._add_all("bases", kind.__bases__)
        self._add_all("body", (item for item in sorted(vars(kind).items()) if _says_something(*item)))
        self._add_registrations(kind.__module__)

    def _add_type(self, kind: NumbaType) -> None:
        self._write("type", str(kind))
        self.add(type(kind))
        if isinstance(kind, BaseTuple):
            self.add(getattr(kind, "instance_class", None))
            self._add_all("items", getattr(kind, "types", ()))
        elif isinstance(kind, DispatcherType):
            self.add(kind.dispatcher)

    def _add_instance(self, value: Any) -> None:
        self.add(type(value))
        if not _by_version(type(value).__module__):
            self.add(vars(value))
            return
        text = repr(value)
        if _ADDRESS.search(text):
            raise TypeError(f"no kernel that reads {text} can be cached: its content is unknown")
        self._write(text)

    def _add_registrations(self, module: str) -> None:
        if module not in self._modules and not _by_version(module) and module in sys.modules:
            self._modules.add(module)
            for name, value in _registrations(sys.modules[module]):
                self._write("registered", name)
                self.add(value)


def _by_version(module: str | None) -> bool:
    return (module or "builtins").partition(".")[0] in _BY_VERSION


def _known_by_version(value: Any) -> bool:
    return hasattr(value, "__qualname__") and _by_version(value.__module__)


def _says_something(name: str, value: Any) -> bool:
    generated = {"__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__firstlineno__", "_abc_impl"}
    return name not in generated and not isinstance(
        value, (types.GetSetDescriptorType, types.MemberDescriptorType, types.WrapperDescriptorType)
    )


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


@functools.lru_cache(maxsize=4096)
def _globals_read(code: types.CodeType) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for c in _codes(code) for name in _loaded(c)))


def _loaded(code: types.CodeType) -> Iterator[str]:
    """The names that ``dis`` would find, in a tenth of its time, which was a tenth of a second at every start."""
    instructions, above = code.co_code, 0
    for op, low in zip(instructions[::2], instructions[1::2], strict=True):
        argument = above | low
        above = argument << 8 if op == dis.EXTENDED_ARG else 0
        if op in _GLOBAL:
            yield code.co_names[argument >> _GLOBAL[op]]


def _names(code: types.CodeType) -> Iterator[str]:
    for part in _codes(code):
        yield from part.co_names


def _registrations(module: types.ModuleType) -> Iterator[tuple[str, Any]]:
    """What a module tells Numba without leaving a name that a kernel would call.

    These are functions and classes decorated by Numba (overloads, lowerings, types), and bare statements.
    """
    scope = vars(module)
    for statement in _loose_statements(module):
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            made = scope.get(statement.name)
            decorators = [scope.get(_first_name(node)) for node in statement.decorator_list]
            if isinstance(made, (types.FunctionType, type)) and any(map(_is_numba, decorators)):
                yield " ".join(map(ast.dump, statement.decorator_list)), made
        else:
            names = [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
            yield ast.dump(statement), [scope[name] for name in names if name in scope]


@functools.lru_cache(maxsize=256)
def _loose_statements(module: types.ModuleType) -> list[ast.stmt]:
    try:
        body = ast.parse(inspect.getsource(module)).body
    except (OSError, TypeError):  # no source: typed at a prompt
        return []
    return [node for node in body if _may_register(node)]


def _may_register(node: ast.stmt) -> bool:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return bool(node.decorator_list)
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    return isinstance(node, (ast.For, ast.With))


def _first_name(decorator: ast.expr) -> str:
    while isinstance(decorator, (ast.Call, ast.Attribute)):
        decorator = decorator.func if isinstance(decorator, ast.Call) else decorator.value
    return decorator.id if isinstance(decorator, ast.Name) else ""


def _is_numba(value: Any) -> bool:
    value = value.func if isinstance(value, functools.partial) else value
    name = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
    return (name or "").partition(".")[0] == "numba"
