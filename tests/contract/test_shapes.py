"""Shapes, dtypes and layouts."""

import itertools

import pytest
import torch


def test_output_is_like_input(case, make_noise, positions):
    fx = case()
    shapes = [s for s in ((1, 1), (3, 2), (4, 1), (2, 2), (1, 5)) if s[1] in (fx.channels or s)]
    shapes = shapes or [(3, case.channels())]
    assert shapes
    for (batch, channels), dtype in itertools.product(shapes, (torch.float32, torch.float64)):
        x = make_noise(batch, channels, 300, dtype)
        kept = x.clone()
        y = fx(x, norm_params=positions(fx, batch))
        assert y.dtype == dtype
        assert y.shape == (batch, fx.channels_out or channels, 300)
        assert torch.isfinite(y).all()
        assert torch.equal(x, kept), "the input was written to"


def test_empty_and_tiny(case, positions):
    fx = case()
    for batch, samples in ((0, 100), (2, 0), (0, 0), (1, 1), (2, 2)):
        x = torch.randn(batch, case.channels(), samples, requires_grad=True)
        flat = positions(fx, batch).requires_grad_()
        y, state = fx.run(x, None, norm_params=flat)
        assert (y.shape[0], y.shape[2]) == (batch, samples)
        y.sum().backward()
        assert torch.isfinite(flat.grad if flat.grad is not None else flat).all()
        if fx.streamable:
            y, _ = fx.run(x.detach(), state, norm_params=flat.detach())
            assert (y.shape[0], y.shape[2]) == (batch, samples)


def test_layout_does_not_matter(case, make_noise, positions):
    fx = case()
    x, flat = make_noise(2, case.channels(), 400), positions(fx, 2)
    y = fx(x, norm_params=flat)
    strided = torch.empty(400, case.channels(), 4, dtype=x.dtype)[..., ::2].permute(2, 1, 0).copy_(x)
    assert not strided.is_contiguous()
    assert torch.allclose(fx(strided, norm_params=flat.T.contiguous().T), y, rtol=0, atol=1e-12)


def test_uninitialised_memory_is_never_read(case, make_noise, positions):
    fx = case()
    x, flat = make_noise(2, case.channels(), 400, torch.float32), positions(fx, 2)
    y = fx(x, norm_params=flat)
    was = torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)  # makes torch.empty give NaN
    torch.utils.deterministic.fill_uninitialized_memory = True
    try:
        poisoned = fx(x, norm_params=flat)
    finally:
        torch.use_deterministic_algorithms(False)
        torch.utils.deterministic.fill_uninitialized_memory = was
    assert torch.equal(poisoned, y)


def test_two_calls_agree(case, make_noise, positions):
    fx = case()
    x, flat = make_noise(2, case.channels(), 400), positions(fx, 2)
    assert torch.equal(fx(x, norm_params=flat), fx(x, norm_params=flat))
    assert torch.equal(fx(x, norm_params=flat), case()(x, norm_params=flat))


def test_training_mode_changes_nothing(case, make_noise, positions):
    fx = case()
    x, flat = make_noise(2, case.channels(), 400), positions(fx, 2)
    assert torch.equal(fx.train()(x, norm_params=flat), fx.eval()(x, norm_params=flat))


def test_float32_is_float64_rounded(case, make_noise, positions):
    fx = case()
    x, flat = make_noise(2, case.channels(), 2000), positions(fx, 2)
    flat = flat.float().double()
    exact = fx.double()(x, norm_params=flat)
    error = case()(x.float(), norm_params=flat.float()).double() - exact
    assert error.norm() <= 1e-4 * exact.norm()


def test_wrong_audio_is_refused_with_the_cure(first, make_noise):
    fx = first()
    x = make_noise(2, first.channels(), 100)
    name = type(fx).__name__
    for bad, error, pattern in (
        (x[0, 0, 0], ValueError, r"\(B, C, T\)"),
        (x[None], ValueError, r"\(B, C, T\)"),
        ((x * 100).long(), TypeError, "floating-point"),
        ((x * 100).numpy().astype("int16"), TypeError, "floating-point audio, got int16; give .*/ 32768"),
        (x.tolist(), TypeError, "tensor"),
        (x + 0j, TypeError, "floating-point"),
    ):
        with pytest.raises(error, match=f"^{name}: x must be .*{pattern}"):
            fx(bad)
    if fx.channels is not None:
        with pytest.raises(ValueError, match=f"^{name}: x must have .* channels"):
            fx(make_noise(1, max(fx.channels) + 1, 100))


def test_sidechain_is_checked(first, make_noise):
    fx = first()
    x = make_noise(2, first.channels(), 100)
    if not fx.takes_sidechain:
        with pytest.raises(ValueError, match="takes no sidechain"):
            fx(x, sidechain=x)
        return
    assert fx(x, sidechain=x[:, :1]).shape == x.shape
    for bad in (x[:1], x[..., :50], x[:, :1].expand(2, x.shape[1] + 3, 100)):
        with pytest.raises(ValueError, match="sidechain must have the batch and length"):
            fx(x, sidechain=bad)
    with pytest.raises(TypeError, match="dtype"):
        fx(x, sidechain=x.float())
