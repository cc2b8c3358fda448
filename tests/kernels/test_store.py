"""Where compiled kernels are kept: shared, damaged, full, read-only or nowhere at all, an effect still sounds."""

import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pytest

from diffFx_pytorch.kernels import store

PROGRAM = """
import sys, warnings
warnings.simplefilter("always", UserWarning)
from diffFx_pytorch.kernels import njit

@njit(cache=True)
def double(x):
    return x + x

print(double(2), double(1.5), double(2j), sum(double.stats.cache_misses.values()))
"""
VALUES = "4 3.0 4j"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("DIFFFX_CACHE", str(tmp_path / "kept"))
    monkeypatch.setattr(store, "_state", {"warned": False, "pruned": False})


def start(program=PROGRAM, **environment):
    inherited = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    command = [sys.executable, "-c", program]
    return subprocess.Popen(command, env=inherited, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(program=PROGRAM, **environment):
    process = start(program, **environment)
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out.strip(), err


def test_a_second_process_compiles_nothing(tmp_path):
    assert run() == (f"{VALUES} 3", "")
    assert run() == (f"{VALUES} 0", "")
    assert len(list((tmp_path / "kept").iterdir())) == 3


@pytest.mark.slow
def test_processes_that_fill_one_folder_at_once_all_get_their_own_code(tmp_path):
    orders = ["double(2), double(1.5), double(2j)", "double(2j), double(1.5), double(2)", "double(1.5), double(2)"]
    running = [
        start(PROGRAM.replace("print(", f"print({order}, sep=' ');print(")) for order in orders for _ in range(2)
    ]
    ended = [process.communicate() for process in running]
    assert all(out.splitlines()[1].startswith(VALUES) and not err for out, err in ended)
    assert run() == (f"{VALUES} 0", "")
    assert not list((tmp_path / "kept").glob("*.part"))


CLOSURES = """
import numba
from diffFx_pytorch.kernels import njit

def made(leaf):
    @numba.njit
    def tree(n):
        if n < 2:
            return leaf
        return tree(n - 1) + tree(n - 2)

    @njit(cache=True)
    def kernel(n):
        return tree(n)

    return kernel

one, ten = made(1), made(10)
print(CALLS)
"""


@pytest.mark.slow
def test_closures_kept_by_two_processes_do_not_call_each_others_code():
    """In each of the two processes the kernel is the first that is compiled, and Numba numbers what it compiles."""
    assert run(CLOSURES.replace("CALLS", "one(5)"))[0] == "8"
    assert run(CLOSURES.replace("CALLS", "ten(5)"))[0] == "80"
    assert run(CLOSURES.replace("CALLS", "one(5), ten(5)"))[0] == "8 80"


@pytest.mark.slow
@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:100] + b"?" + b[101:]])
def test_a_damaged_file_is_compiled_again(tmp_path, damage):
    run()
    for path in (tmp_path / "kept").iterdir():
        path.write_bytes(damage(path.read_bytes()))
    assert run() == (f"{VALUES} 3", "")
    assert run() == (f"{VALUES} 0", "")


def one_warning(err):
    return err.count("compiled kernels cannot be kept") == 1


def test_a_folder_that_cannot_be_made_costs_one_warning(tmp_path):
    (tmp_path / "file").touch()
    out, err = run(DIFFFX_CACHE=str(tmp_path / "file" / "below"))
    assert out == f"{VALUES} 3"
    assert one_warning(err)


def test_without_a_home_nothing_is_written_and_one_warning_says_so(tmp_path):
    program = "import os; del os.environ['DIFFFX_CACHE']; os.path.expanduser = lambda path: path\n" + PROGRAM
    out, err = run(f"import os; os.chdir({str(tmp_path)!r})\n" + program, XDG_CACHE_HOME="", NUMBA_CACHE_DIR="")
    assert out == f"{VALUES} 3"
    assert one_warning(err)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="becomes another user, as only root may")
def test_another_user_reads_what_was_warmed_and_is_warned_of_the_rest():
    with tempfile.TemporaryDirectory() as kept:
        os.chmod(kept, 0o755)
        run(PROGRAM.replace("double(1.5), ", ""), DIFFFX_CACHE=kept)
        first = "import numba, os; numba.njit(lambda x: x)(1)  # imports what another user may not read\n"
        out, err = run(first + "os.setgid(65534); os.setuid(65534)\n" + PROGRAM, DIFFFX_CACHE=kept)
    assert out == f"{VALUES} 1"
    assert one_warning(err)


@pytest.mark.parametrize("call", ["os.replace", "tempfile.mkstemp", "os.fdopen"])
def test_a_full_disk_costs_one_warning(monkeypatch, tmp_path, call):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    module, name = call.split(".")
    monkeypatch.setattr(getattr(store, module), name, full)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        store.write("a", b"one")
        store.write("b", b"two")
    assert [str(w.message).partition(" (")[0] for w in caught] == ["compiled kernels cannot be kept"]
    assert store.read("a") is None
    monkeypatch.undo()
    assert not list((tmp_path / "kept").iterdir())


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"DIFFFX_CACHE": "/a"}, "/a"),
        ({"NUMBA_CACHE_DIR": "/b", "XDG_CACHE_HOME": "/c"}, "/b/diffFx_pytorch"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/diffFx_pytorch"),
        ({}, "/home/x/.cache/diffFx_pytorch"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="paths of Linux")
def test_the_folder_is_the_first_that_is_named(monkeypatch, environment, place):
    for name in ("DIFFFX_CACHE", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/x")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert store.folder() == Path(place)


def test_what_was_unused_longest_goes_first_and_what_is_used_stays(tmp_path):
    place = tmp_path / "kept"
    for name in ("old", "older", "new", "left.part"):
        store.write(name, bytes(1000))
    now = (place / "new").stat().st_mtime
    for name, days in (("old", 10), ("older", 20), ("left.part", 3)):
        os.utime(place / name, (now, now - days * 86400))
    assert store.read("older") == bytes(1000)  # used now
    store.prune(place, limit=10_000)
    assert {path.name for path in place.iterdir()} == {"old", "older", "new"}
    store.prune(place, limit=100)
    assert {path.name for path in place.iterdir()} == {"older", "new"}
