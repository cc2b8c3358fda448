"""Every operator on a device without kernels: no tensor of the CPU, the kernels' result, and the waits announced."""

import pytest
import torch

import diffFx_pytorch.recursion as R
from diffFx_pytorch.dsp.biased_tanh import biased_tanh
from diffFx_pytorch.dsp.biquad import peak
from diffFx_pytorch.dsp.convolution import recorded
from diffFx_pytorch.dsp.fir import fixed_fir, half_band_double, half_band_halve
from diffFx_pytorch.dsp.hann import hann_mean
from diffFx_pytorch.dsp.programme import programme, silent_programme
from diffFx_pytorch.lti import ops as L
from diffFx_pytorch.processors import DynamicEqualizer, Phaser, PitchShift, PlateReverb, SchroederReverb
from diffFx_pytorch.processors.spectral.recorded import description_of
from diffFx_pytorch.processors.spectral.recorded import recorded as whole
from diffFx_pytorch.spectrogram.phase_sweep import carry_phase
from tests.device.pretended import DeviceTensor, PretendedDevice, moved
from tests.device.waits import WAITS, operator
from tests.without_kernels import operators

T = 96
SOS = torch.tensor([[1, 0.1, 0.1, 1, -0.5, 0.2]] * 2, dtype=torch.float64)
SVF = torch.tensor([[0.1, 1.0, 0.0, 0.0, 1.0]], dtype=torch.float64)
MATRIX = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))[0] * 0.9
ONES = torch.ones(4, 1, dtype=torch.float64)
DELAYS = torch.tensor([11.0, 13.0, 17.0, 19.0], dtype=torch.float64)


def _loop():
    z = torch.exp(-1j * torch.linspace(0, 3, 65, dtype=torch.float64))
    return z[None] ** torch.arange(3, 7)[:, None] * 0.9


def _noise(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


def _numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def _knob(value):
    return torch.full((1, 1, 1), value, dtype=torch.float64)


_SHIFT = description_of(PitchShift(8000, window_ms=4.0))
CALLS = {
    "section_design": lambda t: peak(t(_numbers(100.0, 2000.0)), t(_numbers(0.7, 2.0)), t(_numbers(3.0, -6.0)), 44100),
    "allpole": lambda t: R.allpole(t(_noise(2, T)), t(_numbers(-1.5, 0.7))),
    "allpole, order 4": lambda t: R.allpole(t(_noise(2, T)), t(_numbers(-1.5, 0.7, 0.1, 0.1))),
    "allpole, time-varying": lambda t: R.allpole(t(_noise(2, T)), t(0.1 * _noise(2, T, 2))),
    "lfilter": lambda t: R.lfilter(t(_noise(2, T)), t(_numbers(1.0, 0.5)), t(_numbers(1.0, -0.5))),
    "state_space": lambda t: R.linear_recursion(t(_noise(2, T, 3)), t(0.1 * _noise(3, 3))),
    "sosfilt": lambda t: R.sosfilt(t(_noise(2, T)), t(SOS)),
    "sosfilt, time-varying": lambda t: R.sosfilt(t(_noise(2, T)), t(SOS.expand(2, T, 2, 6).clone())),
    "svfilt": lambda t: R.svfilt(t(_noise(2, T)), t(SVF)),
    "svfilt, time-varying": lambda t: R.svfilt(t(_noise(2, T)), t(SVF.expand(2, T, 1, 5).clone())),
    "svfilt, control points": lambda t: R.svfilt(
        t(_noise(2, T)), t(SVF.expand(3, 1, 5).clone()), at=t(torch.tensor([0, 40, T]))
    ),
    "dynamic bands": lambda t: _effect(DynamicEqualizer, t),
    "attack_release": lambda t: R.attack_release(t(_noise(2, T).abs()), t(_numbers(0.9)[0]), t(_numbers(0.99)[0])),
    "feedback_delay": lambda t: R.feedback_delay(
        t(_noise(2, T)), t(_numbers(30.3, 30.3)), 0.5, lowpass=0.2, saturation="tanh"
    ),
    "feedback_network": lambda t: R.feedback_network(
        t(_noise(2, 1, T)), t(DELAYS), t(MATRIX), t(ONES), t(ONES.T.clone()), longest=25
    ),
    "delay_graph": lambda t: _effect(PlateReverb, t),
    "delay_graph, all-passes": lambda t: _effect(SchroederReverb, t),
    "allpass_loop": lambda t: _effect(Phaser, t),
    "allpass_loop, second order": lambda t: _effect(Phaser, t, stage_order=2),
    "running_max": lambda t: R.running_max(t(_noise(2, T)), 9),
    "backlash": lambda t: R.backlash(t(_noise(2, T)), t(_numbers(0.5, 0.5)[:, None])),
    "plays": lambda t: R.plays(t(_noise(2, T)), t(_numbers(0.2, 0.5)), t(_numbers(0.7, 0.3))),
    "loop_overshoot": lambda t: R.loop_overshoot(t(_noise(2, T)), *(t(_numbers(v, v)) for v in (0.5, 3.0, 0.8, 0.9))),
    "programme": lambda t: programme(
        t(_noise(2, T).square()), tuple(t(s) for s in silent_programme(_noise(2, 1, T))), 8000.0
    ),
    "fixed_fir": lambda t: fixed_fir(t(_noise(2, T)), t(_noise(9))),
    "fixed_double": lambda t: half_band_double(t(_noise(2, T)), t(_noise(8))),
    "fixed_halve": lambda t: half_band_halve(t(_noise(2, T)), t(_noise(8))),
    "shifted_tanh": lambda t: biased_tanh(t(_noise(2, T)), t(_numbers(0.3)), 2)[0],
    "hann_mean": lambda t: hann_mean(t(_noise(2, T)), 9),
    "convolve": lambda t: recorded(t(_noise(2, 3, T)), t(_noise(2, 3, 20))),
    "closed_loop": lambda t: L.closed_loop(t(_loop()), t(MATRIX), None, t(ONES[..., None] + 0j)),
    "solve": lambda t: L.solve(t(4 * torch.eye(3)[..., None] + _noise(3, 3, 65) + 0j), t(_noise(3, 1, 65) + 0j)),
    "delay_response": lambda t: L.delay_response(t(DELAYS), 128, dtype=torch.complex128),
    "sos_response": lambda t: L.sos_response(t(SOS), 128, dtype=torch.complex128),
    "loop_impulse": lambda t: L.loop_impulse(t(MATRIX), t(DELAYS.long()), t(ONES), t(ONES.T.clone()), 60),
    "carry_phase": lambda t: carry_phase(t((torch.arange(9) * torch.ones(2, 5, 1)).long()), t(_noise(2, 5, 9))),
    "spectral_whole": lambda t: whole(_SHIFT, t(_noise(1, 2, T)), None, semitones=t(_knob(3.0)), cents=t(_knob(0.0))),
    "loudest_path": lambda t: _effect(PitchShift, t, window_ms=4.0, method="gradient"),
}


def _effect(cls, t, **options):
    fx = cls(sample_rate=8000, **options)
    x = t(_noise(1, 2, T))
    return (moved(fx) if isinstance(x, DeviceTensor) else fx)(x)


def _run(call, to):
    """The output and the gradient of every floating-point tensor that the call made."""
    leaves = []

    def make(tensor):
        made = to(tensor)
        if made.is_floating_point() or made.is_complex():
            leaves.append(made.requires_grad_())
        return made

    y = call(make)
    y = y[0] if isinstance(y, tuple) else y
    loss = (y * to(_noise(*y.shape))).real.sum()
    return y.detach(), *torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)


def _on_device(call):
    with PretendedDevice() as device:
        found = [t.host for t in _run(call, lambda t: DeviceTensor(t.clone()))]
    return device, found


@pytest.fixture(scope="module")
def devices():
    """The device of each call, after it."""
    return {name: _on_device(call) for name, call in CALLS.items()}


@pytest.mark.parametrize("name", CALLS)
def test_gives_what_the_kernels_give(devices, name):
    device, found = devices[name]
    assert not device.mixed, "\n".join(sorted(set(device.mixed)))
    for ours, theirs in zip(found, _run(CALLS[name], torch.clone), strict=True):
        assert float((ours - theirs).abs().max()) <= 1e-9 * float(theirs.abs().max()) + 1e-12


def _declared_by_the_package(op):
    """Other tests of this process declare operators of their own."""
    declaration = getattr(op.default, "__self__", None)
    equation = declaration.rules.equation if declaration else op.default
    return getattr(equation, "func", equation).__module__.startswith("diffFx_pytorch.")


def test_every_operator_is_called(devices):
    ran = {operator(name) for device, _ in devices.values() for name in device.ran}
    every = {operator(name) for name, op in operators().items() if _declared_by_the_package(op)}
    assert ran == every, f"add a call for {sorted(every - ran)}"


def test_those_wait_that_are_said_to(devices):
    waiting = {operator(name) for device, _ in devices.values() for name in device.waits}
    assert waiting == set(WAITS)


def test_no_cuda_graph_is_made_of_what_waits_there():
    """Where a kernel of CUDA devices comes in aid, the operator need not wait."""
    ours = {name: op for name, op in operators().items() if _declared_by_the_package(op)}
    with_kernel = {operator(name) for name, op in ours.items() if "cuda" in op.kernels}
    unsafe = {operator(name) for name, op in ours.items() if torch.Tag.cudagraph_unsafe in op.overload.tags}
    assert unsafe == set(WAITS) - with_kernel
