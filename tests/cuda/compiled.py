"""Compile what calls launch, for devices that are not there, and say what the machine code uses.

    python -m tests.cuda.compiled '[["one pole", 5000, "float32", 90]]'

prints a JSON list of rows, one a kernel that was new: registers, bytes of stack and of local memory (where registers
that do not suffice are spilled), barriers, and instructions in double precision. The host's own code runs up to the
launch under a driver without a device: what Triton compiles depends on the types and alignments of the arguments, and
those are the real ones.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from diffFx_pytorch.recursion.cuda import cascade
from tests.cuda.calls import CALLS
from tests.cuda.interpreted import on_triton

TOOLS = Path(triton.__file__).parent / "backends/nvidia/bin"


class NoDevice:
    """What Triton asks of a device before it launches."""

    capability = 90

    def get_current_target(self):
        return GPUTarget("cuda", self.capability, 32)

    def get_current_device(self):
        return self.capability

    def get_current_stream(self, device):
        return 0


def uses(kernel) -> dict[str, int]:
    """Registers, spills and instructions of a compiled kernel."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        asked = [
            subprocess.run([TOOLS / "cuobjdump", o, file.name], capture_output=True, text=True, check=True).stdout
            for o in ("-res-usage", "-sass")
        ]
    registers, stack, local = re.search(r"REG:(\d+) STACK:(\d+).*?LOCAL:(\d+)", asked[0]).groups()
    return {
        "registers": int(registers),
        "stack": int(stack),
        "local": int(local),
        "shared": kernel.metadata.shared,
        "barriers": kernel.asm["ptx"].count("bar.sync"),
        "double": len(re.findall(r"\bD(?:FMA|ADD|MUL|SETP)\b", asked[1])),
        "tensor": len(re.findall(r"\bHG?MMA", asked[1])),
    }


def main(asked):
    rows, run = [], JITFunction.run

    def compiled_only(self, *args, **options):
        before = len(self.device_caches[driver.active.get_current_device()][0])
        kernel = run(self, *args, **{**options, "warmup": True})
        if len(self.device_caches[driver.active.get_current_device()][0]) > before:
            about = {"call": name, "kernel": self.__name__, "capability": capability, "dtype": dtype}
            rows.append({**about, "fusion": options.get("enable_fp_fusion"), **uses(kernel)})

    driver.set_active(NoDevice())
    cascade.has_tf32 = lambda _: NoDevice.capability >= 80
    JITFunction.run = compiled_only
    for name, samples, dtype, capability in asked:
        NoDevice.capability = capability
        with on_triton():
            try:
                CALLS[name].results(samples, getattr(torch, dtype))
            except RuntimeError as error:
                if "out of bounds" not in str(error):  # places that no kernel filled
                    raise
    print(json.dumps(rows))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
