"""Tone stacks against the circuits they stand for."""

import math
from dataclasses import astuple

import numpy as np
import pytest
import torch
from scipy import signal

from diffFx_pytorch.processors import ToneStack
from diffFx_pytorch.processors.eq.tone_stack import CIRCUITS
from tests.processors.eq.turning import assert_turns
from tests.reference.tone_stack import VALUES

RATE = 44100
TOP, BOTTOM, SLOPE, BASS, WIPER = range(5)


def circuit_response(circuit, bass, mid, treble, freqs_hz):
    """The network by nodal analysis at each frequency: the voltage at the wiper of the treble pot."""
    R1, R2, R3, R4 = (1e3 * r for r in (circuit.treble, circuit.bass, circuit.mid, circuit.slope))
    s = 2j * math.pi * np.asarray(freqs_hz)
    Y1, Y2, Y3 = s * circuit.c1 * 1e-12, s * circuit.c2 * 1e-9, s * circuit.c3 * 1e-9
    one = np.ones_like(s)
    matrix, source = np.zeros((len(s), 5, 5), complex), np.zeros((len(s), 5), complex)

    def join(i, j, admittance):
        matrix[:, i, i] += admittance
        if j is not None:
            matrix[:, j, j] += admittance
            matrix[:, i, j] -= admittance
            matrix[:, j, i] -= admittance

    join(TOP, BOTTOM, one / R1)
    if circuit.mid_pot:
        join(BOTTOM, BASS, one / (bass * R2))
        join(BASS, WIPER, one / ((1 - mid) * R3))
        join(WIPER, None, one / (mid * R3))
    else:  # the wiper of the bass pot, its end and the fixed resistor
        join(BOTTOM, WIPER, one / (bass * R2))
        join(BASS, None, one)  # no such node
        join(WIPER, None, one / R3)
        join(WIPER, None, one / ((1 - bass) * R2))
    join(SLOPE, BOTTOM, Y2)
    join(SLOPE, WIPER, Y3)
    for node, admittance in ((TOP, Y1), (SLOPE, one / R4)):
        join(node, None, admittance)
        source[:, node] += admittance
    v = np.linalg.solve(matrix, source[..., None])[..., 0]
    return v[:, BOTTOM] + treble * (v[:, TOP] - v[:, BOTTOM])


def response(fx, freqs_hz, **pots):
    pots = {name: position for name, position in pots.items() if name in fx.params}
    sections = fx.sections(**fx.knobs(torch.zeros(1, 1, 1, dtype=torch.float64), dsp_params=pots))[0, 0, 0].numpy()
    return signal.sosfreqz(sections, freqs_hz, fs=fx.sample_rate)[1]


def test_26_amplifiers_name_their_source():
    assert len(CIRCUITS) == 26
    assert all(len(circuit.source) > 10 for circuit in CIRCUITS.values())
    assert len({astuple(circuit)[:7] for circuit in CIRCUITS.values()}) == 26, "no two are one"


def test_components_are_those_of_the_twin_which_were_typed_apart():
    scale = (1e3, 1e3, 1e3, 1e3, 1e-12, 1e-9, 1e-9)
    assert set(VALUES) == set(CIRCUITS)
    for name, circuit in CIRCUITS.items():
        assert [k * v for k, v in zip(scale, astuple(circuit)[:7], strict=True)] == pytest.approx(VALUES[name])


def test_a_vox_has_no_middle_and_a_bass_pot_that_moves_it():
    fx = ToneStack(RATE, preset="vox_ac30")
    assert fx.param_names == ["bass", "treble"]
    at = [80, 500, 5000]
    for pot, most in (("bass", 0), ("treble", 2)):
        low, high = (20 * np.log10(np.abs(response(fx, at, **{pot: p}))) for p in (0.1, 0.9))
        assert (high - low).argmax() == most
        assert (high - low)[most] > 2


@pytest.mark.parametrize("preset", CIRCUITS)
def test_it_is_the_circuit(preset):
    """The bilinear transform puts the circuit's response at f to 2 fs tan(pi f / fs) / 2 pi; nothing else differs."""
    freqs = np.geomspace(10, 18000, 100)
    for rate in (44100, 192000):
        fx = ToneStack(rate, preset=preset)
        bent = rate / math.pi * np.tan(math.pi * freqs / rate)
        for bass, mid, treble in (
            (0.5, 0.5, 0.5),
            (0.05, 0.9, 0.0),
            (1.0 if CIRCUITS[preset].mid_pot else 0.999, 0.2, 1.0),
            (0.3, 0.99, 0.7),
            (0.9, 0.01, 0.1),
        ):
            track = 1e-5 + (1 - 1e-5) * bass  # the pot keeps a little at its end
            expected = circuit_response(CIRCUITS[preset], track, mid, treble, bent)
            error = np.abs(response(fx, freqs, bass=bass, mid=mid, treble=treble) - expected)
            assert error.max() < 1e-9 * np.abs(expected).max()


@pytest.mark.parametrize("preset", CIRCUITS)
def test_nothing_is_made_up_for(preset):
    """A passive network never amplifies."""
    fx = ToneStack(RATE, preset=preset)
    freqs = np.geomspace(10, 20000, 200)
    for pots in np.stack(np.meshgrid(*[[0.0, 0.3, 1.0]] * 3), -1).reshape(-1, 3):
        bass, mid, treble = map(float, pots)
        assert np.abs(response(fx, freqs, bass=bass, mid=mid, treble=treble)).max() <= 1.0


def test_makeup_is_a_gain_and_off_by_default():
    x = torch.randn(1, 1, 1000, dtype=torch.float64)
    plain = ToneStack(RATE)(x)
    assert torch.allclose(ToneStack(RATE, makeup_db=20.0)(x), 10 * plain, rtol=0, atol=1e-9)


def test_pots_do_what_is_written_on_them():
    """A '59 Bassman: mids lie in a hole; bass, mid and treble raise the lows, the hole and the highs."""
    fx = ToneStack(RATE)
    middle = 20 * np.log10(np.abs(response(fx, [80, 500, 5000])))
    assert middle[1] < middle[0]
    assert middle[1] < middle[2]
    for pot, k in (("bass", 0), ("mid", 1), ("treble", 2)):
        low, high = (20 * np.log10(np.abs(response(fx, [80, 500, 5000], **{pot: p}))) for p in (0.1, 0.9))
        assert (high - low)[k] > 2
        assert (high - low).argmax() == k


def test_an_audio_taper_has_a_tenth_of_the_track_at_half_a_turn():
    x = torch.randn(1, 1, 1000, dtype=torch.float64)
    audio = ToneStack(RATE, bass_taper="audio")(x, dsp_params={"bass": 0.5})
    assert torch.allclose(audio, ToneStack(RATE)(x, dsp_params={"bass": 0.1}), atol=1e-12)


def test_one_item_never_touches_another():
    fx = ToneStack(RATE)
    x, pots = torch.randn(3, 2, 500), torch.rand(3, 3)
    y = fx(x, norm_params=pots)
    for i in range(3):
        assert torch.equal(fx(x[i : i + 1], norm_params=pots[i : i + 1]), y[i : i + 1])


def test_float32_is_scipy_in_float64():
    x = torch.randn(8, 1, 10000)
    for rate in (8000, 192000):
        fx = ToneStack(rate)
        flat = torch.tensor([[a, b, c] for a in (0.0, 1.0) for b in (0.0, 1.0) for c in (0.0, 1.0)])
        y = fx(x, norm_params=flat).double().numpy()
        sections = fx.sections(**fx.knobs(x, norm_params=flat))[:, 0, 0].numpy()
        for i in range(8):
            exact = signal.sosfilt(sections[i], x[i, 0].double().numpy())
            assert 10 * math.log10(np.square(y[i, 0] - exact).sum() / np.square(exact).sum()) < -120


def test_pots_may_be_turned_fast():
    """Every pot from end to end a hundred times a second: no louder than the input, and silent soon after it ends."""
    fx = ToneStack(RATE)
    x = torch.randn(1, 1, RATE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x[..., RATE // 2 :] = 0
    turned = (torch.arange(201, dtype=torch.float64) % 2)[None]
    y = fx(x, dsp_params={"bass": turned, "mid": 1 - turned, "treble": turned})
    assert y.abs().max() < 2 * x.abs().max()
    assert y[..., -100:].abs().max() < 1e-3


def test_a_stream_may_turn_from_still_to_moving_and_back():
    assert_turns(ToneStack(RATE), {"bass": 0.3, "mid": 0.4, "treble": 0.2}, 300, 1e-9)


def test_a_preset_that_is_nearly_right_is_named():
    with pytest.raises(ValueError, match=r"^ToneStack: preset must be .*; did you mean 'marshall_jcm800'"):
        ToneStack(RATE, preset="marshall_jcm80")
