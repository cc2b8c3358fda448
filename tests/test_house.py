"""Files stay short, functions take few arguments, and LLVM IR is written in one place."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "diffFx_pytorch"
LINES, ARGUMENTS = 400, 16
IR = {"kernels/vector.py", "kernels/vector_type.py"}


def _sources():
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text()
        yield str(path.relative_to(PACKAGE)), text, list(ast.walk(ast.parse(text)))


def test_files_are_short():
    assert not {name: count for name, text, _ in _sources() if (count := len(text.splitlines())) > LINES}


def test_functions_take_few_arguments():
    many = {}
    for name, _, nodes in _sources():
        for node in nodes:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                taken = [n for n in ast.walk(node.args) if isinstance(n, ast.arg)]
                if len(taken) > ARGUMENTS:
                    many[f"{name}:{node.lineno}"] = len(taken)
    assert not many


def test_llvm_ir_is_written_in_the_files_of_vectors_only():
    modules = ("llvmlite.ir", "numba.core.cgutils", "numba.extending.intrinsic", "numba.extending.lower_builtin")
    users = set()
    for name, _, nodes in _sources():
        for node in nodes:
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            if any(f"{given}.".startswith(f"{module}.") for given in names for module in modules):
                users.add(name)
    assert users == IR
