"""Every CUDA kernel, in Triton's interpreter, gives what the CPU's kernel gives: outputs, last states, gradients."""

import importlib

import pytest
import torch

from tests.cuda.calls import CALLS
from tests.cuda.conftest import L
from tests.cuda.interpreted import on_triton, with_cuda_kernels

pytestmark = [pytest.mark.usefixtures("poisoned_memory", "interpreter")]


def agree(found, expected, tolerance):
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert not ours.numel() or float((ours - theirs).abs().max()) <= tolerance * float(theirs.abs().max()) + 1e-30


def _sizes(*samples, of_variants=()):
    """Every call at every size; those over one chunk in the quick tests, most sizes of variants with --all-cases."""
    return [
        pytest.param(
            name,
            n,
            id=f"{name}-{n}",
            marks=[pytest.mark.slow] * (n <= L or (call.variant and not of_variants))
            + [pytest.mark.thorough] * (call.variant and bool(of_variants) and n not in of_variants),
        )
        for name, call in CALLS.items()
        for n in samples
    ]


@pytest.mark.parametrize(("name", "samples"), _sizes(1, L - 1, L, L + 1, 700, of_variants=[L + 1]))
def test_float32(name, samples):
    call = CALLS[name]
    with on_triton() as ran:
        found = call.results(samples, torch.float32)
    assert ran
    assert {n.removeprefix("diffFx::").removesuffix("_backward") for n in ran} <= call.operators
    agree(found, call.results(samples, torch.float32), call.tolerance)


@pytest.mark.parametrize(("name", "samples"), _sizes(300))
def test_float64(name, samples):
    with on_triton():
        found = CALLS[name].results(samples, torch.float64)
    agree(found, CALLS[name].results(samples, torch.float64), max(1e-11, CALLS[name].tolerance / 1e5))


@pytest.mark.parametrize("name", CALLS)
def test_without_samples(name):
    with on_triton():
        found = CALLS[name].results(0, torch.float32)
    agree(found, CALLS[name].results(0, torch.float32), 0)


@pytest.mark.parametrize(("rounds", "many", "settles"), [(8, 512, True), (1, 512, False), (8, 1, None)])
def test_chunks_of_a_smoother_settle_or_are_done_again(rounds, many, settles, monkeypatch):
    kernels = importlib.import_module("diffFx_pytorch.recursion.cuda.attack_release")
    seen, levels = [], kernels._levels

    class Spy:
        def __getitem__(self, grid):
            return lambda *args, **how: (seen.append((args[6].tolist(), how["SOME"])), levels[grid](*args, **how))

    monkeypatch.setattr(kernels, "_levels", Spy())
    monkeypatch.setattr(kernels, "ROUNDS", rounds)
    monkeypatch.setattr(kernels, "MANY", many)
    call = CALLS["attack_release"]
    with on_triton(), torch.no_grad():
        found = call.run(*(t.float() for t in call.inputs(1500)))
    agree(found, call.run(*(t.float() for t in call.inputs(1500))), call.tolerance)
    ((settled, some),) = seen
    assert some == (settles is not None)
    if some:
        assert all(settled) == settles


def test_every_kernel_is_called():
    registered = {name.removeprefix("diffFx::").removesuffix("_backward") for name in with_cuda_kernels()}
    registered.add("gain_computer")  # which is no operator
    assert registered == set().union(*(call.operators for call in CALLS.values()))
