"""Every CUDA kernel compiles to machine code that keeps its numbers in registers, for devices that are not there."""

import json
import os
import subprocess
import sys

import pytest

from tests.cuda.calls import CALLS

CAPABILITIES = (75, 80, 90)
MOST_REGISTERS = 168  # of 65536 for three blocks of 128 threads
JOINED, MOST_JOINED = {"svfilt, control points", "svfilt, jumps"}, 176  # one block of 256 threads
MOST_OF_DESIGN = 208  # once a call, of few blocks
JOINED_SUMS = 250  # in double precision, of the gradients of a segment
SAMPLES = 5000
DOUBLE = {
    **{"carry": 1000, "_carry": 1000, "_march": 200, "_gradient": 60, "_improve": 60, "_sums": 40, "_design": 400},
    **dict.fromkeys(("_apply", "_levels", "_echoes", "_echoes_adjoint", "_slopes"), 20),
}
"""Double-precision instructions that kernels of float32 sound are meant to have: for states between chunks and sums."""
IN_DOUBLE = (
    {"sosfilt, moving", "allpole of order 2, moving", "loop_overshoot", "loop_overshoot, moving"}
    | {f"allpass loop{of}" for of in ("", ", moving", " of second order", " of second order, moving", " of 16 stages")}
    | {"state space", "state space, moving", "state space of 12"}
    | {*(f"allpole{of}" for of in (" of order 5", " of order 4, moving", ", complex", ", complex and moving"))}
    | {
        *(
            "graph",
            "graph, moving",
            "network, modulated",
            "network, modulated and filtered",
            "network, filtered",
            "network, filtered in groups",
            "network, filters moving",
        ),
    }
)
"""Calls whose recursion is meant to run in float64."""
BARRIERS = {"_round": 1, "_play": 3, "_play_back": 7, "_run": 5, "_run_back": 4, "_echoes": 1, "_echoes_adjoint": 2}
"""Barriers between blocks that read what others wrote: the interpreter does not see where one is missing."""
REPRESENTATIVE = {"running_max": 75, "feedback delay": 90}
"""Calls compiled in every run, for one capability each; compilers take their time."""


def compiled(asked):
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    program = [sys.executable, "-m", "tests.cuda.compiled", json.dumps(asked)]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(rows, asked):
    assert {row["call"] for row in rows} == {name for name, *_ in asked}
    for row in rows:
        assert row["stack"] == row["local"] == 0, row
        most = MOST_JOINED if row["call"] in JOINED and row["dtype"] == "float64" else MOST_REGISTERS
        most = MOST_OF_DESIGN if row["kernel"] == "_design" else most
        assert row["registers"] <= most, row
        assert row["fusion"] is not None, row  # its default changes with Triton's version
        assert row["barriers"] >= BARRIERS.get(row["kernel"], 0), row
        if row["dtype"] == "float32" and row["call"] not in IN_DOUBLE:
            sums = JOINED_SUMS if row["call"] in JOINED and row["kernel"] == "_gradient" else 0
            assert row["double"] <= DOUBLE.get(row["kernel"], 0) + sums, row


@pytest.mark.slow
def test_one_capability_each():
    asked = [[name, SAMPLES, "float32", capability] for name, capability in REPRESENTATIVE.items()]
    check(compiled(asked), asked)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("name", CALLS)
def test_every_capability(name):
    asked = [[name, SAMPLES, "float32", capability] for capability in CAPABILITIES] + [[name, SAMPLES, "float64", 90]]
    check(compiled(asked), asked)
