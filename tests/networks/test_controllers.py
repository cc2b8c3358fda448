"""Controllers that turn knobs with the sound, and from the knobs of a device."""

import copy

import pytest
import torch

from diffFx_pytorch import Chain, Compressor, EffectParam, Gain, HighShelf, Limiter
from diffFx_pytorch.fit import ErrorToSignalRatio
from diffFx_pytorch.networks import Controlled, Controller, FiLM, FrameEncoder, ParameterHead, SoundEncoder

RATE = 16000
CELLS = ("lstm", "gru", "tcn")


def swelling(batch=2, samples=8000, seed=0):
    """Noise whose level moves over 40 dB."""
    g = torch.Generator().manual_seed(seed)
    level = torch.nn.functional.interpolate(torch.rand(batch, 1, 12, generator=g), samples, mode="linear")
    return torch.randn(batch, 1, samples, generator=g) * 10 ** (2 * level - 2.2)


def turned_down():
    return Gain(RATE, {"gain_db": EffectParam(-40.0, 0.0)}, gain_db=-12.0)


def wild(module):
    """A controller whose knobs move a good deal."""
    with torch.no_grad():
        for parameter in module.head.parameters():
            parameter.normal_(std=0.7)
    return module


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("effect", ["gain", "chain", "latency"])
def test_blocks_of_any_length_equal_the_whole(cell, effect):
    torch.manual_seed(1)
    fx = {
        "gain": lambda: Gain(RATE),
        "chain": lambda: Chain(shelf=HighShelf(RATE), comp=Compressor(RATE)),
        "latency": lambda: Chain(limit=Limiter(RATE), gain=Gain(RATE)),
    }[effect]()
    device = Controlled(fx, wild(Controller(fx, cell, controls=2))).double()
    x, knobs = swelling().double(), torch.rand(2, 2).double()
    with torch.no_grad():
        whole = device(x, knobs)
        state, out, place = None, [], 0
        for samples in (1, 63, 1, 64, 700, 31, 0, 2001, 8000):
            y, state = device.run(x[..., place : place + samples], state, knobs)
            out.append(y)
            place += samples
    torch.testing.assert_close(torch.cat(out, -1), whole, atol=1e-9, rtol=1e-7)
    assert (whole - fx(x)).abs().max() > 1e-2  # the knobs moved


def test_knobs_hear_only_what_was():
    fx = Gain(RATE)
    device = Controlled(fx, wild(Controller(fx, "lstm")))
    x = swelling()
    other = x.clone()
    other[..., 4000:] = 0
    with torch.no_grad():
        y, z = device(x), device(other)
    assert torch.equal(y[..., :4000], z[..., :4000])


@pytest.mark.parametrize("cell", CELLS)
def test_a_dynamic_controller_learns_a_compressor(cell):
    torch.manual_seed(0)
    loss, fx = ErrorToSignalRatio(), turned_down()
    x, unheard = swelling(8, 4000), swelling(8, 4000, seed=1)
    comp = Compressor(RATE, threshold_db=-30.0, ratio=6.0, attack_ms=10.0, release_ms=60.0)
    wet, wet_unheard = comp(x), comp(unheard)
    device = Controlled(fx, Controller(fx, FrameEncoder(cell, period=100)))
    optimizer = torch.optim.Adam(device.parameters(), lr=2e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss(device(x), wet).backward()
        optimizer.step()
    with torch.no_grad():
        best = (wet_unheard * unheard).sum() / unheard.square().sum()  # the one gain that fits best
        assert float(loss(device(unheard), wet_unheard)) < 0.4 * float(loss(best * unheard, wet_unheard))


def test_knobs_of_the_device_turn_the_controller():
    torch.manual_seed(0)
    fx, loss = turned_down(), ErrorToSignalRatio()
    x = swelling(1, 4000).repeat(8, 1, 1)
    knob = torch.linspace(0, 1, 8)[:, None]
    wet = Compressor(RATE)(x, threshold_db=-30.0, ratio=1 + 9 * knob[:, 0], attack_ms=10.0, release_ms=60.0)
    device = Controlled(fx, Controller(fx, FrameEncoder("tcn", controls=1, period=100), controls=1))
    deaf = copy.deepcopy(device)
    for module, given in ((device, knob), (deaf, torch.full_like(knob, 0.5))):
        optimizer = torch.optim.Adam(module.parameters(), lr=2e-2)
        for _ in range(60):
            optimizer.zero_grad()
            loss(module(x, given), wet).backward()
            optimizer.step()
    with torch.no_grad():
        assert float(loss(device(x, knob), wet)) < 0.6 * float(loss(deaf(x, torch.full_like(knob, 0.5)), wet))


def test_a_conditional_controller_learns_what_a_knob_does():
    torch.manual_seed(0)
    fx = Chain(shelf=HighShelf(RATE), gain=Gain(RATE))
    names = ["shelf.gain_db", "gain.gain_db"]
    controller = Controller(fx, None, controls=1, free=names)
    rest = fx.demap_parameters(fx.to_flat({}))
    torch.testing.assert_close(controller(controls=torch.rand(4, 1)), rest.expand(4, -1), atol=0.02, rtol=0)
    x = 0.1 * torch.randn(16, 1, 1500)
    knob = torch.rand(16, 1)
    wet = fx(x, dsp_params={"shelf.gain_db": 20 * knob[:, 0] - 10, "gain.gain_db": -12 * knob[:, 0] ** 2})
    loss = ErrorToSignalRatio()
    optimizer = torch.optim.Adam(controller.parameters(), lr=1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        loss(fx(x, norm_params=controller(controls=knob)), wet).backward()
        optimizer.step()
    found = fx.to_dict(fx.map_parameters(controller(controls=torch.tensor([[0.25], [0.75]])).detach()))
    torch.testing.assert_close(found["shelf.gain_db"], torch.tensor([-5.0, 5.0]), atol=1.0, rtol=0)
    torch.testing.assert_close(found["gain.gain_db"], torch.tensor([-0.75, -6.75]), atol=1.0, rtol=0)


def test_film_is_the_identity_at_the_start_and_turns_features_by_item():
    film, x, condition = FiLM(3, 5), torch.randn(2, 7, 5), torch.randn(2, 3)
    torch.testing.assert_close(film(x, condition), x)
    torch.nn.init.normal_(film.linear.weight)
    gamma, beta = film.linear(condition).chunk(2, -1)
    torch.testing.assert_close(film(x, condition)[1, 3], (1 + gamma[1]) * x[1, 3] + beta[1])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: FrameEncoder("rnn"), "cell must be"),
        (lambda: Controller(HighShelf(RATE), FrameEncoder(period=16)), "32 samples or more"),
        (lambda: Controller(Gain(RATE), free=["gain"]), "unknown knob"),
        (lambda: Controller(Gain(RATE), "lstm", controls=2)(torch.zeros(1, 1, 99)), r"controls must be \(B, 2\)"),
        (lambda: Controller(Gain(RATE), None), "give controls="),
        (lambda: Controller(Gain(RATE), None, controls=2)(controls=torch.zeros(3, 1)), r"controls must be \(B, 2\)"),
        (lambda: Controller(Gain(RATE), "cnn"), "encoder must be"),
        (lambda: Controller(Gain(RATE), "gru", reference=True), "takes no reference"),
        (lambda: Controller(Gain(RATE), reference=True)(torch.zeros(1, 1, 9000)), "a reference was not given"),
        (lambda: Controller(Gain(RATE))(), "hears a sound"),
        (lambda: Controller(Gain(RATE)).run(torch.zeros(1, 1, 99)), "needs the whole sound"),
        (lambda: SoundEncoder(RATE, "statistics", moving=True), "do not move"),
        (lambda: Controller(Gain(RATE), torch.nn.Identity()), "how many features"),
        (lambda: ParameterHead(Gain(RATE), 3)(torch.zeros(2, 4)), r"features must be \(B, 3\)"),
    ],
)
def test_what_cannot_be_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
