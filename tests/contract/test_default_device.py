"""Effects on the meta device, and while the default device is another than that of the sound."""

import pytest
import torch


@pytest.fixture
def meta_by_default():
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


def _moving(fx, device):
    return {n: torch.rand(2, 3 if p.automatable else 1, device=device) for n, p in fx.params.items()}


def test_shapes_on_the_meta_device(first):
    fx = first().to("meta")
    x = torch.randn(2, first.channels(), 200, device="meta")
    y, state = fx.run(x, norm_params=_moving(fx, "meta"))
    assert y.device.type == "meta"
    assert y.shape == (2, fx.channels_out or x.shape[1], 200)
    if fx.streamable:
        assert fx.run(x, state, norm_params=_moving(fx, "meta"), start=200)[0].shape == y.shape


def test_another_default_device_changes_nothing(first, request):
    fx = first()
    x, knobs = torch.randn(2, first.channels(), 200), _moving(fx, "cpu")
    y, tail, text = fx(x, norm_params=knobs), fx.tail_seconds(norm_params=knobs), fx.describe()
    request.getfixturevalue("meta_by_default")
    assert torch.equal(fx(x, norm_params=knobs), y)
    assert fx.tail_seconds(norm_params=knobs) == tail
    assert fx.describe() == text
    if fx.streamable:
        play = fx.stream(dsp_params=fx.map_parameters({n: v[:, 0] for n, v in knobs.items()}))
        for block in x.split(100, -1):
            play(block)


def test_what_is_built_lies_on_the_default_device(first, meta_by_default):
    fx = first()
    assert all(t.device.type == "meta" for t in (*fx.buffers(), *fx.parameters()))
