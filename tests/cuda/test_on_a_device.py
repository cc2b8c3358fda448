"""CUDA kernels on a device: they give what the CPU gives, the same at every run, without waits, and in graphs."""

import pytest
import soundfile
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from diffFx_pytorch import registry
from diffFx_pytorch.fit import ErrorToSignalRatio, Stage, fit
from diffFx_pytorch.presets import load_chain
from diffFx_pytorch.processors import Chorus, Compressor, FDNReverb, Gain, ParametricEqualizer
from diffFx_pytorch.render import render_batch
from tests.benchmarks import gpu
from tests.cuda.calls import CALLS
from tests.device.waits import WAITS, operator
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


class Operators(TorchDispatchMode):
    """Which operators of this package run in it."""

    def __init__(self):
        super().__init__()
        self.ran = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.namespace == "diffFx":
            self.ran.add(operator(func._schema.name))
        return func(*args, **(kwargs or {}))


@pytest.mark.cuda
@pytest.mark.parametrize("name", sorted(registry.effects()))
def test_no_effect_waits_unannounced(name):
    fx = registry.effects()[name](sample_rate=RATE).cuda()
    x, knobs = _given(fx, max(fx.channels or (2,)))
    with Operators() as seen:
        _step(fx, x, knobs)  # constants are copied once
    torch.cuda.set_sync_debug_mode("error")
    try:
        _step(fx, x, knobs)
    except RuntimeError as error:
        if "synchroniz" in str(error) and (may := seen.ran & set(WAITS)):
            pytest.xfail(f"runs operators that may wait: {', '.join(may)}")
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


MEMORY = {
    "6 constant sections, 16 x 65536": 16,
    "moving section, 16 x 65536": 40,
    "moving section, points every 32, 16 x 65536": 16,
    "attack/release, 16 x 65536": 30,
    "gain computer, 16 x 2 x 65536": 12,
    "feedback delay 441, 16 x 65536": 30,
    "network of 8 lines, 16 x 65536": 100,
}
"""The most memory that rows of the benchmark may take both ways, in units of their signal."""


def test_rows_of_memory_are_there():
    assert set(MEMORY) <= {row.name for row in gpu.ROWS}


@pytest.mark.cuda
@pytest.mark.parametrize("name", MEMORY)
def test_memory(name):
    _, both, x = gpu._calls(next(row for row in gpu.ROWS if row.name == name), "cuda")
    both()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    both()
    torch.cuda.synchronize()
    assert torch.cuda.max_memory_allocated() - before <= MEMORY[name] * x.nbytes


@pytest.mark.cuda
def test_files_and_fits(tmp_path):
    check_files_and_fits("cuda", tmp_path)


def test_files_and_fits_would_run(tmp_path):
    check_files_and_fits("cpu", tmp_path)


def check_files_and_fits(device, folder):
    sources = [folder / f"{i}.wav" for i in range(3)]
    for source in sources:
        soundfile.write(source, 0.1 * torch.randn(RATE, 2).numpy(), RATE, "FLOAT")
    chain = load_chain("version: 1\nchain:\n  - {effect: Compressor, params: {threshold_db: -30}}\n")
    jobs = [[(source, folder / name / source.name) for source in sources] for name in ("here", "there")]
    done = [*render_batch(chain.build, jobs[0]), *render_batch(chain.build, jobs[1], device=device)]
    assert {outcome.status for outcome in done} == {"done"}
    for (_, here), (_, there) in zip(*jobs, strict=True):
        ours, theirs = (torch.from_numpy(soundfile.read(path)[0]) for path in (there, here))
        assert relative_rms(ours, theirs) <= 1e-6
    fx, dry = Gain(RATE), torch.randn(1, 1, 4096)
    stages = (Stage(steps=30, loss=ErrorToSignalRatio(reduction="none")),)
    found = fit(fx, dry, fx(dry, gain_db=-6.0), stages=stages, starts=2, device=device)
    assert abs(found.settings["gain_db"] + 6) < 1
    assert found.norm_params.device == dry.device


def test_what_tests_make_is_made_on_the_device():
    def draw():
        return torch.randn(3, generator=torch.Generator().manual_seed(1))

    expected = draw()
    with OnDevice("cpu"):
        assert torch.equal(draw(), expected)
    with OnDevice("meta"):
        assert {t.device.type for t in (draw(), torch.zeros(2), torch.tensor([1.0]))} == {"meta"}
        assert torch.ones(2, device="cpu").numpy().sum() == 2
