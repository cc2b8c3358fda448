"""CUDA kernels on a device: they give what the CPU gives, the same at every run, without waits, and in graphs."""

import pytest
import torch

from diffFx_pytorch import registry
from diffFx_pytorch.processors import Chorus, Compressor, FDNReverb, ParametricEqualizer
from tests.cuda.calls import CALLS
from tests.device.waits import WAITS
from tests.on_device import OnDevice

SAMPLES = [1, 1023, 1025, 20000]
RATE = 44100


def relative_rms(found, expected):
    expected = expected.double()
    return float((found.double() - expected).norm() / expected.norm().clamp_min(1e-30))


@pytest.mark.cuda
@pytest.mark.parametrize("samples", SAMPLES)
@pytest.mark.parametrize("name", CALLS)
def test_agrees_with_the_cpu(name, samples):
    call = CALLS[name]
    found, expected = (call.results(samples, torch.float32, device) for device in ("cuda", "cpu"))
    for ours, theirs in zip(found, expected, strict=True):
        assert relative_rms(ours, theirs) <= max(1e-6, call.tolerance)
    found, expected = (call.results(samples, torch.float64, device) for device in ("cuda", "cpu"))
    for ours, theirs in zip(found, expected, strict=True):
        assert relative_rms(ours, theirs) <= 1e-10


@pytest.mark.cuda
@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if not call.reorders])
def test_two_runs_give_the_same_bits(name):
    first, second = (CALLS[name].results(SAMPLES[-1], torch.float32, "cuda") for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def _step(fx, x, knobs):
    y = fx(x, norm_params=knobs)
    return y, *torch.autograd.grad(y.square().mean(), (x, knobs))


def _given(fx, channels=2, samples=8192):
    x = torch.randn(2, channels, samples, device="cuda", requires_grad=True)
    return x, torch.full((2, len(fx.params)), 0.4, device="cuda", requires_grad=True)


@pytest.mark.cuda
@pytest.mark.parametrize("name", sorted(registry.effects()))
def test_no_effect_waits_unannounced(name):
    fx = registry.effects()[name](sample_rate=RATE).cuda()
    x, knobs = _given(fx, max(fx.channels or (2,)))
    _step(fx, x, knobs)  # constants are copied once
    torch.cuda.set_sync_debug_mode("error")
    try:
        _step(fx, x, knobs)
    except RuntimeError as error:
        if "synchroniz" in str(error) and WAITS:
            pytest.xfail(f"runs an operator that may wait ({', '.join(WAITS)})")
        raise
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.cuda
@pytest.mark.parametrize("effect", [ParametricEqualizer, Compressor, Chorus, FDNReverb])
def test_a_graph_replays_a_step(effect):
    fx = effect(sample_rate=RATE).cuda()
    x, knobs = _given(fx)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            _step(fx, x, knobs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = _step(fx, x, knobs)
    with torch.no_grad():
        x.copy_(torch.randn_like(x))
        knobs.fill_(0.6)
    graph.replay()
    for ours, theirs in zip(kept, _step(fx, x, knobs), strict=True):
        assert relative_rms(ours, theirs) <= 1e-5


def test_what_tests_make_is_made_on_the_device():
    def draw():
        return torch.randn(3, generator=torch.Generator().manual_seed(1))

    expected = draw()
    with OnDevice("cpu"):
        assert torch.equal(draw(), expected)
    with OnDevice("meta"):
        assert {t.device.type for t in (draw(), torch.zeros(2), torch.tensor([1.0]))} == {"meta"}
        assert torch.ones(2, device="cpu").numpy().sum() == 2
