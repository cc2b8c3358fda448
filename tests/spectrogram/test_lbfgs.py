"""L-BFGS over a batch: each item as if it were alone."""

import math

import pytest
import torch

from diffFx_pytorch.spectrogram.lbfgs import minimize


def _quadratics(B=3, N=12, seed=0):
    generator = torch.Generator().manual_seed(seed)
    Q = torch.linalg.qr(torch.randn(B, N, N, generator=generator, dtype=torch.float64))[0]
    curvature = torch.logspace(-1, 1, N, dtype=torch.float64)
    H = Q @ (curvature[:, None] * Q.mT)
    goal = torch.randn(B, N, generator=generator, dtype=torch.float64)

    def evaluate(x, items):
        d = x - goal[items]
        g = torch.einsum("bij,bj->bi", H[items], d)
        return (g * d).sum(-1) / 2 + 1, g

    return evaluate, goal


def _rosenbrock(x, items):
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        f = (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(-1)
        (g,) = torch.autograd.grad(f.sum(), x)
    return f.detach(), g


def test_quadratics_are_solved():
    evaluate, goal = _quadratics()
    found = minimize(evaluate, torch.zeros(3, 12, dtype=torch.float64), 200)
    assert torch.allclose(found.x, goal, atol=1e-6)


def test_a_curved_valley_is_followed_to_its_end():
    start = torch.tensor([[-1.2, 1.0, -1.2, 1.0], [3.0, -2.0, 0.5, 4.0]], dtype=torch.float64)
    found = minimize(_rosenbrock, start, 200)
    assert found.loss[0] < 1e-12
    assert found.converged[0]
    assert (found.history.diff(dim=0) <= 0).all()


def test_the_loss_never_rises_and_the_start_is_left_alone():
    evaluate, _ = _quadratics()
    start = torch.ones(3, 12, dtype=torch.float64)
    kept = start.clone()
    found = minimize(evaluate, start, 30)
    assert torch.equal(start, kept)
    assert (found.history.diff(dim=0) <= 0).all()
    assert (found.history[10] - 1 < 0.1 * found.history[0]).all()


def test_items_of_a_batch_are_items_alone():
    evaluate, _ = _quadratics()
    start = torch.ones(3, 12, dtype=torch.float64)
    together = minimize(evaluate, start, 25)
    for i in range(3):
        alone = minimize(lambda x, items, i=i: evaluate(x, items + i), start[i : i + 1], 25)
        assert torch.allclose(together.x[i], alone.x[0], rtol=1e-9, atol=1e-12)
        assert together.evaluations[i] == alone.evaluations[0]


def test_every_step_satisfies_the_strong_wolfe_conditions():
    points = []

    def evaluate(x, items):
        f, g = _rosenbrock(x, items)
        points.append((x.clone(), f, g))
        return f, g

    accepted = []
    start = torch.tensor([[-1.2, 1.0]], dtype=torch.float64)
    minimize(evaluate, start, 20, callback=lambda i, x, loss: accepted.append(x.clone()))

    def at(x):
        return min(points, key=lambda point: float((point[0] - x).abs().max()))[1:]

    before = start
    for x in accepted:
        (f0, g0), (f1, g1), step = at(before), at(x), x - before
        slope = (g0 * step).sum()
        assert slope < 0
        assert f1 <= f0 + 1e-4 * slope
        assert (g1 * step).sum().abs() <= -0.9 * slope
        before = x


def test_an_item_at_its_minimum_ends_at_once_and_others_go_on():
    evaluate, goal = _quadratics()
    start = torch.zeros(3, 12, dtype=torch.float64)
    start[1] = goal[1]
    found = minimize(evaluate, start, 15)
    assert found.iterations.tolist() == [15, 0, 15]
    assert found.converged.tolist() == [False, True, False]
    assert found.evaluations[1] == 1


def test_a_tolerance_ends_each_item_by_itself():
    evaluate, _ = _quadratics()
    easy = torch.ones(12, dtype=torch.float64)

    def mixed(x, items):
        f, g = evaluate(x, items)
        simple = (items == 0)[:, None]
        d = x - easy
        return torch.where(simple[:, 0], 1 + d.square().sum(-1) / 2, f), torch.where(simple, d, g)

    found = minimize(mixed, torch.zeros(3, 12, dtype=torch.float64), 300, tolerance=1e-9, patience=3)
    assert found.iterations[0] < found.iterations[1]
    assert found.converged.all()


def test_cliffs_of_nan_are_backed_away_from():
    def evaluate(x, items):
        f = -(1 - x).log().sum(-1) + 2 * (x**2).sum(-1) - 3 * x.sum(-1)  # NaN beyond 1
        return f, 1 / (1 - x) + 4 * x - 3

    found = minimize(evaluate, torch.full((1, 4), -3.0, dtype=torch.float64), 50)
    assert torch.isfinite(found.x).all()
    assert torch.allclose(1 / (1 - found.x) + 4 * found.x, torch.full_like(found.x, 3), atol=1e-5)


def test_no_iterations_evaluate_the_start():
    evaluate, _ = _quadratics()
    start = torch.ones(3, 12, dtype=torch.float64)
    found = minimize(evaluate, start, 0)
    assert torch.equal(found.x, start)
    assert found.history.shape == (1, 3)


def test_it_keeps_up_with_scipy():
    scipy = pytest.importorskip("scipy.optimize")
    x0 = torch.linspace(-1, 1, 10, dtype=torch.float64)[None]
    one = torch.zeros(1, dtype=torch.long)
    count = 0

    def evaluate(x, items):
        nonlocal count
        count += len(items)
        return _rosenbrock(x, items)

    def plain(v):
        f, g = _rosenbrock(torch.from_numpy(v.copy())[None], one)
        return float(f), g[0].numpy()

    peer = scipy.minimize(plain, x0[0].numpy(), jac=True, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-7})
    found = minimize(evaluate, x0, 400, callback=lambda i, x, loss: bool(loss < max(peer.fun, 1e-13)))
    assert found.loss[0] <= max(peer.fun, 1e-13)
    assert count <= 1.5 * peer.nfev


def test_the_history_is_bounded():
    evaluate, _ = _quadratics()
    found = minimize(evaluate, torch.zeros(3, 12, dtype=torch.float64), 60, memory=1)
    assert math.isfinite(float(found.loss.sum()))
    assert (found.history[-1] - 1 < 1e-2 * found.history[0]).all()
