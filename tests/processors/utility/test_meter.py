import copy
import math

import numpy as np
import pyloudnorm
import pytest
import scipy.signal
import torch

from diffFx_pytorch.dsp.third_octaves import third_octave_centres, third_octaves
from diffFx_pytorch.kernels.nests import tensors_in
from diffFx_pytorch.processors import Compressor, Gain, Meter
from diffFx_pytorch.render.meter import Meter as FileMeter
from diffFx_pytorch.routing import Chain, DryWet, Mixer, readings
from diffFx_pytorch.stream import detached

RATE = 8000


def programme(seconds, channels=2, rate=RATE, seed=0):
    """Noise in phrases between -60 and -10 dB, so that both gates have something to shut out; its channels are akin."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, channels, round(seconds * rate), generator=generator, dtype=torch.float64)
    levels = torch.tensor([-60.0, -20, -14, -35, -10, -80, -22, -16, -27, -12])
    gain = 10 ** (levels.repeat_interleave(-(-x.shape[-1] // len(levels)))[: x.shape[-1]] / 20)
    return (x + x.mean(1, True)) * 0.3 * gain


def of(x, rate=RATE, **options):
    meter = Meter(rate, **options)
    return meter.readings(meter.run(x)[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sound_passes_bit_for_bit(dtype):
    x = programme(1).to(dtype)
    assert torch.equal(Meter(RATE)(x), x)


@pytest.mark.parametrize("channels", [2, 5])
def test_reads_what_the_meter_of_files_reads(channels):
    x = programme(8, channels)
    found = of(x)
    for item in range(2):
        peer = FileMeter(RATE, channels)
        peer.add(x[item].T.numpy())
        wanted = peer.measurement()
        assert float(found["true_peak_db"][item].max()) == pytest.approx(wanted.true_peak_db, abs=1e-9)
        assert float(found["peak_db"][item].max()) == pytest.approx(wanted.peak_db, abs=1e-9)
        rms = 10 * (10 ** (found["rms_db"][item] / 10)).mean().log10()
        assert float(rms) == pytest.approx(wanted.rms_db, abs=1e-9)
        if channels == 2:
            assert float(found["correlation"][item]) == pytest.approx(wanted.correlation, abs=1e-12)
        assert float(found["lufs"][item]) == pytest.approx(wanted.lufs, abs=0.01)
        assert float(found["loudness_range"][item]) == pytest.approx(wanted.loudness_range, abs=0.1)
        for name, seconds in (("momentary", 0.4), ("short_term", 3.0)):
            windows = -0.691 + 10 * np.log10(peer.loudness.powers(seconds, 0.1))
            assert float(found[f"{name}_max"][item]) == pytest.approx(windows.max(), abs=1e-9)
            assert float(found[f"{name}_lufs"][item]) == pytest.approx(windows[-1], abs=1e-9)


@pytest.mark.parametrize("rate", [44100, 48000])
def test_reads_what_pyloudnorm_reads(rate):
    x = programme(5, rate=rate)
    wanted = [pyloudnorm.Meter(rate).integrated_loudness(item.T.numpy()) for item in x]
    assert np.allclose(of(x, rate)["lufs"], wanted, atol=0.05)  # it designs the pre-filter in another way


def test_a_full_scale_sine_reads_as_the_norm_says():
    n = torch.arange(5 * 48000, dtype=torch.float64)
    x = torch.sin(2 * math.pi * 997 / 48000 * n)[None, None]
    found = of(x, 48000, spectrum=True)
    for name in ("lufs", "momentary_lufs", "short_term_lufs", "momentary_max", "rms_db"):
        assert float(found[name].squeeze()) == pytest.approx(-3.01, abs=0.01), name
    assert float(found["true_peak_db"]) == pytest.approx(0.0, abs=0.2)
    assert float(found["loudness_range"]) < 0.01
    level, centres = found["spectrum_db"][0, 0], third_octave_centres(48000)
    assert level.argmax() == centres.index(1000.0)
    assert float(level.max()) == pytest.approx(-3.01, abs=0.01)
    assert (level.topk(2).values[1] < -20).all()


def test_correlation_is_one_for_mono_and_minus_one_turned_over():
    left = programme(1)[:, :1]
    for factor, wanted in ((0.5, 1.0), (-2.0, -1.0)):
        assert torch.allclose(of(torch.cat([left, factor * left], 1))["correlation"], torch.tensor(wanted).double())


@pytest.mark.parametrize("rate", [8000, 44100, 192000])
def test_bands_are_butterworths(rate):
    centres, sections = third_octave_centres(rate), third_octaves(rate)
    assert len(centres) == len(sections)
    for f, own in zip(centres, sections, strict=True):
        edges = [f * 10**-0.05, f * 10**0.05]
        wanted = scipy.signal.butter(3, edges, "bandpass", fs=rate, output="sos")
        freqs = np.geomspace(f / 4, min(4 * f, 0.49 * rate), 60)
        responses = [np.abs(scipy.signal.sosfreqz(s, freqs, fs=rate)[1]) for s in (own.numpy(), wanted)]
        assert np.allclose(*responses, rtol=1e-5, atol=1e-7)


def test_a_stream_reads_as_the_whole():
    x = programme(6, rate=11025)  # 1102.5 samples a hop
    meter = Meter(11025, spectrum=True)
    whole, stream, start = meter.readings(meter.run(x)[1]), meter.stream(), 0
    for size in (1, 7, 1102, 1103, 20000, 3, 9000, 1 << 20):
        stream(x[..., start : start + size])
        start += size
    found = meter.readings(stream.state)
    assert found.keys() == whole.keys()
    for name, value in whole.items():
        assert torch.allclose(found[name], value, rtol=1e-9, atol=1e-9), name


def test_a_stream_that_plays_from_a_tape_reads_on():
    x = programme(4).float()
    meter = Meter(RATE)
    with torch.no_grad():
        stream = meter.stream()
        for block in x.split(256, -1):
            stream(block)
        found, whole = meter.readings(stream.state), meter.readings(meter.run(x)[1])
    for name, value in whole.items():
        assert torch.allclose(found[name], value, rtol=1e-6, atol=1e-6), name


def test_silence_and_what_is_short_read_minus_infinity():
    found = of(torch.zeros(1, 2, 4 * RATE), spectrum=True)
    for name, value in found.items():
        assert (value == (0.0 if name in ("correlation", "loudness_range") else -math.inf)).all(), name
    found = of(programme(0.3))
    assert (found["lufs"] == -math.inf).all()
    assert found["rms_db"].isfinite().all()


def test_the_first_window_is_whole_after_400_ms():
    tone = torch.sin(torch.arange(0.4 * RATE, dtype=torch.float64))[None, None]
    found, short = of(tone), of(tone[..., 1:])
    for name in ("momentary_lufs", "momentary_max", "lufs"):
        assert float(found[name]) == pytest.approx(float(found["momentary_lufs"]), abs=1e-9), name
        assert found[name].isfinite(), name
        assert float(short[name]) == -math.inf, name


def test_every_reading_of_the_trim_has_its_gradient():
    """A trim moves every level by as much, but for the range and the correlation, which it does not move."""
    x = programme(5)[:1]
    meter = Meter(RATE, spectrum=True)
    trim = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    _, state = meter.run(x, dsp_params={"trim_db": trim})
    for name, value in meter.readings(state).items():
        (slope,) = torch.autograd.grad(value.mean(), trim, retain_graph=True)
        still = name in ("correlation", "loudness_range")
        assert float(slope) == pytest.approx(0.0 if still else 1.0, abs=1e-6), name


def test_gradients_of_loudness_to_the_sound():
    x = programme(0.5)[:1, :, ::2].clone().requires_grad_()
    meter = Meter(RATE, true_peak=False)
    x = torch.cat([x, x], -1).detach().requires_grad_()
    direction = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) * x.detach()

    def lufs(x):
        return meter.readings(meter.run(x)[1])["lufs"].sum()

    (g,) = torch.autograd.grad(lufs(x), x)
    step = 1e-5
    change = (lufs(x.detach() + step * direction) - lufs(x.detach() - step * direction)) / (2 * step)
    assert float((g * direction).sum()) == pytest.approx(float(change), rel=1e-5)


def test_silence_has_no_gradient_and_no_nan():
    x = torch.zeros(1, 2, RATE, dtype=torch.float64, requires_grad=True)
    found = of(x, spectrum=True)
    for name, value in found.items():
        (g,) = torch.autograd.grad(value.clamp_min(-100).sum(), x, retain_graph=True, materialize_grads=True)
        assert (g == 0).all(), name


def test_options_choose_the_readings():
    x = programme(0.1)
    assert of(x, loudness=False, true_peak=False).keys() == {"peak_db", "rms_db", "correlation"}
    assert {"lufs", "true_peak_db"} <= of(x).keys()
    assert "spectrum_db" not in of(x)


def test_nothing_is_kept_in_the_effect():
    meter = Meter(RATE)
    before = copy.deepcopy(meter.state_dict())
    meter.run(programme(0.1))
    assert meter.state_dict().keys() == before.keys()
    assert not any(name.startswith("_") for name in before)
    with pytest.raises(TypeError, match="state that run"):
        meter.readings(None)


def graph_nodes(*tensors):
    """How many operations autograd remembers for these."""
    waiting, known = [t.grad_fn for t in tensors if t.grad_fn is not None], set()
    while waiting:
        node = waiting.pop()
        if node not in known:
            known.add(node)
            waiting += [before for before, _ in node.next_functions if before is not None]
    return len(known)


def test_what_nobody_reads_records_no_graph():
    x = programme(1).requires_grad_()
    plain, (y, state) = Gain(RATE, gain_db=-3)(x), Meter(RATE, trim_db=-3, spectrum=True).run(x)
    assert graph_nodes(y, *tensors_in(state)) == graph_nodes(plain)
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t.numel()) or t, lambda t: t):
        y, state = Meter(RATE, trim_db=-3, spectrum=True).run(x)
        unread = sum(saved)
        readings(state)
    assert unread <= x.numel() < sum(saved) / 20
    # Nor does a chain that was called, and not run, keep anything.
    chain = Chain(gain=Gain(RATE, gain_db=-3), meter=Meter(RATE))
    assert graph_nodes(chain(x)) <= graph_nodes(plain) + graph_nodes(Meter(RATE)(x))


def test_a_stream_in_training_reads_all_and_keeps_nothing_of_what_was_let_go():
    x = programme(3)
    meter, trim = Meter(RATE), torch.tensor(-3.0, dtype=torch.float64, requires_grad=True)
    state, blocks = None, x.split(4000, -1)
    for block in blocks:
        _, state = meter.run(block, state, dsp_params={"trim_db": trim})
        assert len(state.inner.unread) == 1
        state = detached(state)
    whole = meter.run(x, dsp_params={"trim_db": -3.0})[1]
    for name, value in meter.readings(whole).items():
        assert torch.allclose(meter.readings(state)[name], value, rtol=1e-9, atol=1e-9), name
    # What was not let go has its gradient, however many blocks it is.
    state = None
    for block in blocks:
        _, state = meter.run(block, state, dsp_params={"trim_db": trim})
    (slope,) = torch.autograd.grad(readings(state)[""]["lufs"].sum(), trim)
    assert float(slope) == pytest.approx(2.0, abs=1e-6)


def test_vmap_over_items_reads_as_the_batch():
    x = programme(1)
    meter = Meter(RATE)
    found = torch.func.vmap(lambda item: meter.readings(meter.run(item[None])[1])["lufs"])(x)
    assert torch.allclose(found[:, 0], of(x)["lufs"])


def test_graphs_are_read_by_name():
    x = programme(1)
    chain = Chain(before=Meter(RATE), comp=DryWet(Chain(gain=Gain(RATE, gain_db=-6), meter=Meter(RATE))))
    _, state = chain.run(x)
    found = readings(state)
    assert [*found] == ["before", "comp.wet.meter"]
    drop = found["before"]["rms_db"] - found["comp.wet.meter"]["rms_db"]
    assert torch.allclose(drop, torch.tensor(6.0).double(), atol=1e-6)
    assert readings(Compressor(RATE).run(x)[1]) == {}


def test_every_track_of_a_mixer_has_its_own():
    strip = lambda: Chain(gain=Gain(RATE), meter=Meter(RATE))  # noqa: E731
    mixer = Mixer({"a": strip(), "b": strip()}, master=Meter(RATE))
    x = torch.cat([programme(1, seed=1), 0.1 * programme(1, seed=2)], 1)
    _, state = mixer.run(x)
    found = readings(state)
    assert {*found} == {"a.meter", "b.meter", "master"}
    for name, track in (("a.meter", x[:, :2]), ("b.meter", x[:, 2:]), ("master", x[:, :2] + x[:, 2:])):
        assert torch.allclose(found[name]["lufs"], of(track)["lufs"]), name
