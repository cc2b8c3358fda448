"""Forms a sound may come in: what goes in comes out in kind."""

import warnings

import numpy as np
import pytest
import torch

FORMS = {
    "numpy": lambda x: x.numpy(),
    "read-only": lambda x: np.frombuffer(x.numpy().tobytes(), dtype=x.numpy().dtype).reshape(x.shape),
    "big-endian": lambda x: x.numpy().astype(x.numpy().dtype.newbyteorder(">")),
    "backwards": lambda x: x.numpy()[..., ::-1].copy()[..., ::-1],
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_sound_without_a_batch(first, make_noise, dtype):
    fx = first()
    x = make_noise(1, first.channels(), 300, dtype)
    y = fx(x)
    assert torch.equal(fx(x[0]), y[0])
    assert torch.equal(torch.from_numpy(fx(x[0].numpy())), y[0])
    if 1 in (fx.channels or (1,)):
        mono = x[:, :1]
        y = fx(mono)
        expected = y[0, 0] if y.shape[1] == 1 else y[0]
        assert torch.equal(fx(mono[0, 0]), expected)
        assert torch.equal(torch.from_numpy(fx(mono[0, 0].numpy())), expected)


@pytest.mark.parametrize("form", FORMS)
def test_numpy_comes_out_as_numpy(first, make_noise, form):
    fx = first()
    x = make_noise(2, first.channels(), 300)
    given = FORMS[form](x)
    kept = given.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = fx(given)
    assert isinstance(y, np.ndarray)
    assert y.dtype == np.float64
    assert np.array_equal(y, fx(x).numpy())
    assert np.array_equal(given, kept)


def test_numpy_in_blocks_and_with_a_key(first, make_noise):
    fx = first()
    x = make_noise(1, first.channels(), 300)[0]
    given = {"sidechain": x[0].numpy()} if fx.takes_sidechain else {}
    y = fx(x.numpy(), **given)
    assert isinstance(y, np.ndarray)
    assert np.array_equal(y, fx(x[None], **{name: torch.from_numpy(key)[None, None] for name, key in given.items()})[0])
    if fx.streamable:
        play = fx.stream()
        blocks = [play(x.numpy()[:, i : i + 77]) for i in range(0, 300, 77)]
        assert np.allclose(np.concatenate(blocks, -1), fx(x.numpy()), rtol=0, atol=1e-10)


@pytest.mark.parametrize("shape", [(1, 44100, 2), (44100, 1)])
def test_channels_last_is_warned_of(first, shape):
    fx = first()
    if fx.channels is not None or fx.channels_out is not None:
        return  # refuses so many channels
    for x, cure in ((torch.zeros(shape)[:, :100], "transpose"), (np.zeros(shape, "float32")[-100:, -100:], "swapaxes")):
        with pytest.warns(UserWarning, match=f"{type(fx).__name__}: .*channels.*{cure}"):
            fx(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fx(torch.zeros(1, 2, 1))
        fx(torch.zeros(2, 16, 32))
