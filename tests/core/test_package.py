"""What a stranger types first works, and nothing heavy is imported before it is asked for."""

import subprocess
import sys

import pytest


def _run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_an_engine_is_an_attribute_of_the_package():
    engines = ["diffFx_pytorch.recursion", "diffFx_pytorch.lti", "diffFx_pytorch.spectrogram"]
    printed = ", ".join(f"{engine}.__name__" for engine in engines)
    assert _run(f"import diffFx_pytorch; print({printed})").split() == engines


def test_effects_and_the_knob_are_imported_from_the_top_and_from_processors():
    code = (
        "from diffFx_pytorch import Compressor, EffectParam\n"
        "from diffFx_pytorch import processors\n"
        "from diffFx_pytorch.processors.dynamics import Compressor as third\n"
        "print(Compressor is processors.Compressor is third, EffectParam is processors.EffectParam)"
    )
    assert _run(code) == "True True"


def test_the_package_alone_waits_for_nothing_heavy():
    code = "import sys, diffFx_pytorch; print([m for m in ('torch', 'numba', 'numpy') if m in sys.modules])"
    assert _run(code) == "[]"


def test_an_unknown_name_is_an_attribute_error():
    import diffFx_pytorch

    with pytest.raises(AttributeError, match="Compresor"):
        diffFx_pytorch.Compresor  # noqa: B018
