"""Gradients are right for every knob and for the sound, everywhere in the range, its ends included."""

import torch

SAMPLES = 500


def _losses(fx, x, weights, flat):
    y = fx(x.expand(flat.shape[0], -1, -1), norm_params=flat)
    return (y * weights).sum((1, 2))


def _settings(fx, positions):
    """Random settings, the default, and every knob at each end with the others random."""
    rows = [*positions(fx, 2), fx.demap_parameters(fx.to_flat({}).double())[0]]
    for i in range(len(fx.params)):
        for end in (0.0, 1.0):
            row = positions(fx, 1, seed=i)[0]
            row[i] = end
            rows.append(row)
    return torch.stack(rows)


def test_knobs_match_finite_differences(case, make_noise, positions):
    case.exempt("gradients")
    fx = case()
    x = make_noise(1, case.channels(), SAMPLES)
    weights = torch.randn(x.shape[0], fx.channels_out or x.shape[1], x.shape[2], dtype=torch.float64)
    flat = _settings(fx, positions).requires_grad_()
    losses = _losses(fx, x, weights, flat)
    (gradient,) = torch.autograd.grad(losses.sum(), flat)
    assert torch.isfinite(gradient).all()
    base, flat = losses.detach(), flat.detach()
    for i, name in enumerate(fx.params):
        if f"gradients:{name}" in fx.exempt:
            continue
        # An effect that switches (attack or release), or reads between samples, has corners: one inside a wide step is
        # outside a narrower one, and a wrong gradient is wrong at all of them.
        error = torch.full_like(base, torch.inf)
        for h in (1e-5, 1e-7, 1e-9):
            numeric = _slope(lambda f: _losses(fx, x, weights, f), flat, base, i, h)
            scale = numeric.abs() + 1e-3 * numeric.abs().max() + 1e-6
            error = torch.minimum(error, (gradient[:, i] - numeric).abs() / scale)
            if (error < 2e-3).all():
                break
        assert (error < 2e-3).all(), f"{name}: {gradient[:, i].tolist()} against {numeric.tolist()}"


def _slope(losses, flat, base, i, h):
    """Derivative by knob i from points that stay inside: central, at the ends one-sided of second order."""
    position = flat[:, i]
    inward = torch.where(position < h, 1.0, torch.where(position > 1 - h, -1.0, 0.0))
    is_inside = inward == 0
    moved = torch.stack((flat, flat))
    moved[0, :, i] += h * torch.where(is_inside, -1.0, inward)
    moved[1, :, i] += h * torch.where(is_inside, 1.0, 2 * inward)
    near, far = losses(moved.flatten(0, 1)).unflatten(0, (2, -1))
    return torch.where(is_inside, far - near, inward * (4 * near - 3 * base - far)) / (2 * h)


def test_moving_knobs_match_finite_differences(case):
    """Every knob a curve of its own value at every sample, so that a gradient one sample late is a wrong one."""
    case.exempt("gradients")
    fx = case()
    chosen = case.audition()
    t = torch.arange(chosen.x.shape[-1], dtype=torch.float64)
    weights = torch.randn(fx.channels_out or chosen.x.shape[1], chosen.x.shape[2], dtype=torch.float64)
    for name, param in fx.params.items():
        if not param.automatable or f"gradients:{name}" in fx.exempt:
            continue
        item = chosen.loudest(name)[0]
        x, flat = chosen.x[item], chosen.flat[item]
        curves = {
            other: flat[:, i, None] + 0.015 * torch.sin(0.02 * t + i) if row.automatable else flat[:, i]
            for i, (other, row) in enumerate(fx.params.items())
        }

        def loss(curve, name=name, x=x, curves=curves):
            B = curve.shape[0]
            knobs = {n: v.expand(B, *v.shape[1:]) for n, v in curves.items()} | {name: curve}
            return (fx(x.expand(B, -1, -1), norm_params=knobs) * weights).sum((1, 2))

        curve = curves[name].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(curve).sum(), curve)
        direction = torch.randn(3, len(t), dtype=torch.float64)
        exact = (gradient * direction).sum(1)
        # A delay that moves has a corner at every whole sample, and some are met whatever the step.
        for h in (1e-5, 1e-7, 1e-9):
            with torch.no_grad():
                ahead, behind = (loss(curves[name] + s * direction) for s in (h, -h))
            # What the derivative along a random direction is expected to be.
            error = ((exact - (ahead - behind) / (2 * h)).abs() / (gradient.norm() + 1e-6)).max()
            if error < 2e-3:
                break
        assert error < 2e-3, f"{name}: off by {error:.1e} of its gradient"


def test_sound_matches_finite_differences(case, make_noise, positions):
    case.exempt("gradients")
    case.exempt("sound_gradients")
    fx = case()
    x = make_noise(2, case.channels(), SAMPLES).requires_grad_()
    flat = positions(fx, 2)
    weights = torch.randn(x.shape[0], fx.channels_out or x.shape[1], x.shape[2], dtype=torch.float64)
    (gradient,) = torch.autograd.grad((fx(x, norm_params=flat) * weights).sum(), x)
    for seed in range(3):
        direction = make_noise(*x.shape, seed=20 + seed)
        h = 1e-6
        with torch.no_grad():
            ahead, behind = (((fx(x + s * direction, norm_params=flat)) * weights).sum() for s in (h, -h))
        numeric = (ahead - behind) / (2 * h)
        assert torch.isclose((gradient * direction).sum(), numeric, rtol=1e-4, atol=1e-6)


def test_no_knob_is_dead(case, make_noise, positions):
    fx = case()
    # Rising, then fading far below every threshold: a hold and a hysteresis have nothing to do before the level goes.
    x = make_noise(6, case.channels(), fx.sample_rate)
    x = torch.cat((x, x.flip(-1) * torch.logspace(0, -4, fx.sample_rate, dtype=x.dtype)), -1)
    flat = positions(fx, 6).requires_grad_()
    y = fx(x, norm_params=flat)
    (gradient,) = torch.autograd.grad((y * torch.randn_like(y)).sum(), flat)
    # What a gate does it does where it is quiet: a change counts beside the level around it.
    around = torch.nn.functional.max_pool1d(y.detach().abs(), 401, 1, 200).clamp_min(
        1e-6 * float(y.detach().abs().max())
    )
    for i, name in enumerate(fx.params):
        moved = flat.detach().clone()
        moved[:, i] = (moved[:, i] + 0.4) % 1.0
        # One item after another: most knobs are heard in the first.
        assert any(
            ((fx(x[item], norm_params=moved[item]) - y[item]).detach().abs() > 1e-4 * around[item]).any()
            for item in (slice(n, n + 1) for n in range(len(x)))
        ), f"turning {name} changes nothing"
        assert gradient[:, i].abs().max() > 0, f"{name} gets no gradient"


def test_finite_on_silence(case, positions):
    fx = case()
    x = torch.zeros(2, case.channels(), 300, requires_grad=True)
    ends = torch.stack([torch.zeros(len(fx.params)), torch.ones(len(fx.params))]).requires_grad_()
    for flat in (ends, positions(fx, 2, dtype=torch.float32).requires_grad_()):
        y = fx(x, norm_params=flat)
        for gradient in torch.autograd.grad(y.sum() + y.square().sum(), (x, flat)):
            assert torch.isfinite(gradient).all()


def test_finite_after_silence_begins(case, make_noise, positions):
    fx = case()
    x = make_noise(2, case.channels(), 600, torch.float32)
    x[..., :200] = 0
    x[..., 400:] = 0
    x.requires_grad_()
    flat = positions(fx, 2, dtype=torch.float32).requires_grad_()
    for gradient in torch.autograd.grad(fx(x, norm_params=flat).square().sum(), (x, flat)):
        assert torch.isfinite(gradient).all()
