"""The loop: it learns, it stops, it keeps, and it says what is wrong. And how a loss lies around a setting."""

import pytest
import torch
from torch import nn

from diffFx_pytorch import lti
from diffFx_pytorch.fit import Criterion, MagnitudeError, Repeated, loss_landscape, train


def _line(value=0.0):
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, value)
    return layer


X, Y = torch.ones(4, 1), torch.full((4, 1), 3.0)
mse = nn.functional.mse_loss


def test_it_learns_and_says_how():
    model = _line()
    seen = []
    history = train(model, mse, [(X, Y)] * 20, epochs=10, learning_rate=0.1, callback=lambda e, h: seen.append(e))
    assert float(model.weight) == pytest.approx(3.0, abs=0.05)
    assert history.train[0] > history.train[-1]
    assert history.terms["mse_loss"] == pytest.approx(history.train)
    assert (seen, history.stopped) == (list(range(10)), "epochs")


def test_terms_are_weighed_and_may_look_at_the_model():
    model = _line(2.0)
    criteria = [Criterion(mse, name="fit"), Criterion(lambda w: w.abs().sum(), 0.5, of=lambda m: m.weight, name="size")]
    history = train(model, criteria, [(X, Y)], epochs=1, learning_rate=0.0)
    assert history.train == [pytest.approx(1.0 + 0.5 * 2.0)]
    assert history.terms == {"fit": [pytest.approx(1.0)], "size": [pytest.approx(2.0)]}


def test_gradients_accumulate_to_those_of_one_large_batch():
    apart, whole = _line(), _line()
    data = torch.randn(6, 1)
    train(apart, mse, [(x[None], 2 * x[None]) for x in data], epochs=1, accumulate=6, learning_rate=0.1)
    train(whole, mse, [(data, 2 * data)], epochs=1, learning_rate=0.1)
    assert torch.allclose(apart.weight, whole.weight)


def test_an_optimiser_may_look_several_times_a_step():
    model = nn.Linear(3, 1)
    x = torch.randn(40, 3)
    target = x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.25
    optimizer = torch.optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe")
    first = float(mse(model(x), target).detach())
    parts = [(x[i : i + 10], target[i : i + 10]) for i in range(0, 40, 10)]
    history = train(model, mse, parts, epochs=3, optimizer=optimizer, accumulate=4)
    assert history.train[0] == pytest.approx(first)
    assert float(mse(model(x), target).detach()) < 1e-10


def test_a_last_group_may_be_short():
    apart, whole = _line(), _line()
    data = torch.randn(3, 1)
    train(apart, mse, [(x[None], 2 * x[None]) for x in data], epochs=1, accumulate=2, optimizer=_sgd(apart))
    train(whole, mse, [(data[:2], 2 * data[:2])], epochs=1, optimizer=_sgd(whole))
    train(whole, lambda y, t: mse(y, t) / 2, [(data[2:], 2 * data[2:])], epochs=1, optimizer=_sgd(whole))
    assert torch.allclose(apart.weight, whole.weight)


def _sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def test_patience_time_and_schedules_end_it():
    history = train(_line(3.0), mse, [(X, Y)], epochs=50, learning_rate=0.0, patience=3)
    assert (history.stopped, len(history.train), history.best_epoch) == ("patience", 4, 0)
    assert train(_line(), mse, [(X, Y)], epochs=50, time_budget_s=0.0).stopped == "time"
    model = _line()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.1)
    train(model, mse, [(X, Y)], epochs=3, optimizer=optimizer, scheduler=scheduler)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1e-3)


def test_the_best_is_kept_by_validation(tmp_path):
    model = _line()
    validation = [(X, torch.full((4, 1), 1.0))]
    history = train(model, mse, [(X, Y)] * 5, epochs=12, learning_rate=0.1, validation=validation, checkpoints=tmp_path)
    assert history.best_epoch == min(range(12), key=history.validation.__getitem__)
    best = torch.load(tmp_path / "best.pt")["weight"]
    assert float(best) == pytest.approx(1.0, abs=0.3)
    assert torch.equal(torch.load(tmp_path / "epoch_11.pt")["weight"], model.weight.detach())


def test_repeated_examples_come_as_often_as_asked():
    loader = Repeated(X, Y, times=5).batches(2)
    assert sum(len(x) for x, _ in loader) == 20
    x, target = next(iter(Repeated(None, torch.ones(1, 1, 9), 3).batches()))
    assert x is None
    assert target.shape == (1, 1, 9)
    with pytest.raises(ValueError, match="4 inputs for 2 targets"):
        Repeated(X, Y[:2])


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match="nothing to learn"):
        train(lti.Gain(torch.ones(1, 1)), mse, [(None, Y)])
    with pytest.raises(ValueError, match="no batches"):
        train(_line(), mse, [])
    with pytest.raises(ValueError, match="'mse_loss' is not finite in epoch 0, step 0"):
        train(_line(), mse, [(X * float("nan"), Y)])
    with pytest.raises(ValueError, match="names of their own"):
        train(_line(), [Criterion(mse), Criterion(mse)], [(X, Y)])


def test_a_landscape_is_lowest_where_the_model_is():
    shell = lti.Shell(lti.Gain(torch.tensor([[0.5, -0.25]])), 8)
    with torch.no_grad():
        target = shell()
    criteria = [Criterion(MagnitudeError(), name="colour"), Criterion(lambda y, t: (y - t).abs().mean(), name="l1")]
    values = torch.linspace(0.0, 1.0, 11)
    along = loss_landscape(shell, {"core.gain": values}, criteria, None, target, index={"core.gain": (0, 0)})
    assert along.minimum() == pytest.approx((0.5,))
    assert along.reference == pytest.approx((0.5,))
    assert along.losses["colour"][0] == pytest.approx(0.125)
    assert set(along.losses) == {"colour", "l1"}
    assert torch.equal(shell.core.gain.detach(), torch.tensor([[0.5, -0.25]]))
    with pytest.raises(ValueError, match="one or two"):
        loss_landscape(shell, {}, criteria, None, target)


def test_landscapes_are_drawn():
    plt = pytest.importorskip("matplotlib.pyplot")
    pair = lti.Shell(lti.Series(a=lti.Gain(torch.ones(1, 1)), b=lti.Gain(torch.ones(1, 1))), 8)
    grid = {"core.a.gain": torch.linspace(0.5, 2, 4), "core.b.gain": torch.linspace(0.5, 2, 4)}
    surface = loss_landscape(pair, grid, MagnitudeError(), None, torch.ones(1, 1, 5))
    assert surface.losses["MagnitudeError"].shape == (4, 4)
    assert surface.plot().get_xlabel() == "core.a.gain"
    line = loss_landscape(pair, {"core.a.gain": [0.5, 1.0, 2.0]}, MagnitudeError(), None, torch.ones(1, 1, 5))
    assert line.minimum() == (1.0,)
    assert line.plot().get_xlabel() == "core.a.gain"
    plt.close("all")
