"""Heads and encoders: what they begin as, what they hear, and that every weight learns."""

import types

import pytest
import torch

from diffFx_pytorch import Chain, Compressor, Gain, LowPass, ParametricEqualizer
from diffFx_pytorch.networks import Controlled, Controller, ForeignEncoder, LogBands, ParameterHead, SoundEncoder
from diffFx_pytorch.processors import Fade, Tremolo

RATE = 16000
KINDS = ("convolutional", "recurrent", "transformer", "statistics")


def sound(batch=3, samples=6000, channels=1, seed=0):
    return 0.1 * torch.randn(batch, channels, samples, generator=torch.Generator().manual_seed(seed))


def test_a_head_begins_at_the_settings_of_the_effect():
    fx = Chain(eq=ParametricEqualizer(RATE, peak_1_gain_db=5.0), comp=Compressor(RATE, ratio=8.0))
    positions = ParameterHead(fx, 32)(torch.randn(4, 32))
    assert positions.shape == (4, len(fx.params))
    held = fx.demap_parameters(fx.to_flat({})).float().expand(4, -1).clamp(0.01, 0.99)
    torch.testing.assert_close(positions, held, atol=0.04, rtol=0)


def test_a_head_whose_features_move_moves_the_knobs():
    fx = LowPass(RATE)
    head = ParameterHead(fx, 8, free=["freq_hz"])
    torch.nn.init.normal_(head.linear.weight, std=1.0)
    moving = head(torch.randn(2, 5, 8))
    assert moving.shape == (2, len(fx.params), 5)
    assert (moving.std(-1) > 0.01).float().sum() == 2  # freq_hz of both items, nothing else
    assert fx(sound(2), norm_params=moving).isfinite().all()


def test_what_cannot_move_stands_in_a_head_whose_features_move():
    fx = Chain(gain=Gain(RATE), fade=Fade(RATE, length_s=1.0))
    given = ParameterHead(fx, 4)(torch.randn(2, 7, 4))
    assert given["gain.gain_db"].shape == (2, 7)
    assert given["fade.fade_in_s"].shape == (2,)
    assert fx(sound(2), norm_params=given).isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_of_an_encoder_learns_through_the_effect(kind):
    torch.manual_seed(0)
    fx = Tremolo(RATE)
    encoder = SoundEncoder(RATE, kind, features=16, bands=16, n_fft=512)
    net = Controller(fx, encoder, free=["depth", "rate_hz"], reference=True, controls=2)
    controls = torch.rand(3, 2)
    positions = net(sound(), controls, sound(samples=9000, channels=2, seed=1))
    assert positions.shape == (3, 3)
    torch.testing.assert_close(positions[:, 2], torch.full((3,), 0.25))  # stays
    fx(sound(), norm_params=positions).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize("kind", KINDS[:3])
def test_an_encoder_of_frames_moves_knobs(kind):
    encoder = SoundEncoder(RATE, kind, features=16, bands=16, n_fft=256, moving=True)
    fx = Gain(RATE)
    moving = Controller(fx, encoder)(sound())
    assert moving.dim() == 3
    assert moving.shape[:2] == (3, 1)
    assert fx(sound(), norm_params=moving).shape == (3, 1, 6000)
    told = Controller(fx, encoder, reference=True, controls=1)(sound(), torch.rand(3, 1), sound(seed=2))
    assert told.shape == moving.shape


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("samples", [1, 5000])
def test_silence_and_short_sounds_have_no_nan(kind, samples):
    x = torch.zeros(1, 1, samples, requires_grad=True)
    Controller(Tremolo(RATE), SoundEncoder(RATE, kind, features=8, bands=16))(x).sum().backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("sample_rate", [8000, 44100, 192000])
@pytest.mark.parametrize("hz", [100.0, 440.0, 3000.0])
@pytest.mark.parametrize("scale", ["log", "mel"])
def test_a_tone_is_loudest_in_the_band_it_lies_in(sample_rate, hz, scale):
    levels = LogBands(sample_rate, scale=scale)
    tone = torch.sin(2 * torch.pi * hz / sample_rate * torch.arange(sample_rate, dtype=torch.float64)).float()
    heard = levels(tone[None, None])[0, 0].mean(-1)
    triangle = levels.weights[int(heard.argmax())]
    line = round(hz * levels.n_fft / sample_rate)
    assert triangle[max(0, line - 1) : line + 2].max() > 0.3


class Pretrained(torch.nn.Module):
    """As Hugging Face's audio models: a ``config``, mono (B, T) in, an output with ``last_hidden_state`` out."""

    def __init__(self, size=24):
        super().__init__()
        self.config = types.SimpleNamespace(hidden_size=size)
        self.filters = torch.nn.Conv1d(1, size, 400, 320)
        self.length = None

    def forward(self, input_values):
        self.length = input_values.shape[-1]
        return types.SimpleNamespace(last_hidden_state=self.filters(input_values[:, None]).mT)


def test_an_encoder_of_hugging_face_turns_knobs_in_three_lines():
    fx, x = Chain(eq=ParametricEqualizer(RATE), comp=Compressor(RATE)), sound()
    # Three lines:
    encoder = Pretrained()
    controller = Controller(fx, encoder)
    y = fx(x, norm_params=controller(x))
    assert y.shape == x.shape
    y.square().sum().backward()
    assert encoder.filters.weight.grad.abs().max() > 0


def test_an_encoder_hears_its_own_rate():
    encoder = Pretrained()
    fx = Gain(44100)
    wrapped = ForeignEncoder(encoder, sample_rate=44100, encoder_rate=16000)
    Controller(fx, wrapped)(sound(samples=44100))
    assert encoder.length == 16000
    tone = torch.sin(2 * torch.pi * 440 * torch.arange(44100) / 44100)[None, None]
    seen = []
    spy = torch.nn.Identity()
    spy.register_forward_hook(lambda module, given, out: seen.append(out))
    with pytest.raises(ValueError, match="must give"):
        ForeignEncoder(spy, 2, sample_rate=44100, encoder_rate=16000)(tone)
    expected = torch.sin(2 * torch.pi * 440 * torch.arange(16000) / 16000)[None, None]
    torch.testing.assert_close(seen[0], expected, atol=1e-3, rtol=0)


def test_any_module_that_says_its_features_will_do():
    class Mean(torch.nn.Module):
        features = 2

        def forward(self, x):
            return torch.stack([x.mean((1, 2)), x.std((1, 2))], -1)

    device = Controlled(Gain(RATE), Controller(Gain(RATE), Mean()))
    assert device(sound()).shape == (3, 1, 6000)


def test_blind_estimation_hears_another_sound_than_it_processes():
    fx = Gain(RATE)
    device = Controlled(fx, Controller(fx, "statistics"))
    torch.nn.init.normal_(device.controller.head.linear.weight)
    x, wet = sound(), 0.2 * sound(seed=3)
    torch.testing.assert_close(device(x, heard=wet), fx(x, norm_params=device.controller(wet)))


def test_the_state_of_a_controller_for_another_chain_is_refused():
    ours = Controller(Chain(eq=ParametricEqualizer(RATE), gain=Gain(RATE)), "statistics")
    ours.load_state_dict(Controller(Chain(eq=ParametricEqualizer(RATE), gain=Gain(RATE)), "statistics").state_dict())
    for fx, says in (
        (Chain(eq=ParametricEqualizer(RATE), comp=Compressor(RATE)), "it has comp.threshold_db, this chain has not"),
        (Chain(gain=Gain(RATE), eq=ParametricEqualizer(RATE)), "another order"),
        (Chain(eq=ParametricEqualizer(RATE / 2), gain=Gain(RATE / 2)), r"_hz is 20 \.\. 3920"),
    ):
        with pytest.raises(ValueError, match=says):
            ours.load_state_dict(Controller(fx, "statistics").state_dict())
