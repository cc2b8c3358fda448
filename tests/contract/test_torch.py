"""What torch users do with a module."""

import copy
import pickle

import pytest
import torch


@pytest.fixture
def setting(case, make_noise, positions):
    fx = case()
    x = make_noise(2, case.channels(), 256, torch.float32)
    return fx, x, positions(fx, 2, dtype=torch.float32)


@pytest.mark.heavy(3)
def test_compiles_into_one_graph(setting):
    fx, x, flat = setting
    torch._dynamo.reset()
    compiled = torch.compile(fx, fullgraph=True, backend="aot_eager")
    flat = flat.requires_grad_()
    y, expected = compiled(x, norm_params=flat), fx(x, norm_params=flat)
    assert torch.allclose(y, expected, atol=1e-5)
    (gradient,) = torch.autograd.grad(y.square().sum(), flat)
    (eager,) = torch.autograd.grad(expected.square().sum(), flat)
    assert torch.allclose(gradient, eager, rtol=1e-3, atol=1e-4 * float(eager.abs().max()))


@pytest.mark.slow
@pytest.mark.sampled(10)
def test_compiles_with_inductor(setting):
    fx, x, flat = setting
    torch._dynamo.reset()
    assert torch.allclose(
        torch.compile(fx, fullgraph=True)(x, norm_params=flat), fx(x, norm_params=flat), rtol=1e-3, atol=1e-4
    )


@pytest.mark.heavy(3)
def test_exports(setting):
    fx, x, flat = setting
    program = torch.export.export(fx, (x,), {"norm_params": flat})
    assert torch.allclose(program.module()(x, norm_params=flat), fx(x, norm_params=flat), atol=1e-5)


def test_copies_are_equal(setting):
    fx, x, flat = setting
    y = fx(x, norm_params=flat)
    assert torch.equal(copy.deepcopy(fx)(x, norm_params=flat), y)
    assert torch.equal(pickle.loads(pickle.dumps(fx))(x, norm_params=flat), y)


def test_state_dict_round_trip(setting, case):
    fx, x, flat = setting
    other = case()
    other.load_state_dict(fx.state_dict())
    assert torch.equal(other(x, norm_params=flat), fx(x, norm_params=flat))


def test_double_and_to(setting):
    fx, x, flat = setting
    assert fx.double().to("cpu")(x.double(), norm_params=flat).dtype == torch.float64


def test_vmap_over_settings(case, make_noise, positions):
    fx = case()
    x, flat = make_noise(2, case.channels(), 200), positions(fx, 2)
    mapped = torch.func.vmap(lambda a, p: fx(a[None], norm_params=p[None])[0])(x, flat)
    assert torch.allclose(mapped, fx(x, norm_params=flat), rtol=0, atol=1e-10)


def test_func_grad(case, make_noise, positions):
    fx = case()
    x, flat = make_noise(2, case.channels(), 200), positions(fx, 2)

    def loss(p):
        return fx(x, norm_params=p).square().sum()

    leaf = flat.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(leaf), leaf)
    assert torch.allclose(torch.func.grad(loss)(flat), expected)


def test_inside_a_model(setting):
    fx, x, _ = setting

    class Controller(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fx = fx
            self.net = torch.nn.Linear(4, len(fx.params))

        def forward(self, x):
            return self.fx(x, norm_params=self.net(x[:, 0, :4]).sigmoid())

    model = Controller()
    model(x).square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.slow
@pytest.mark.sampled(5)
def test_distributed_data_parallel(setting, tmp_path):
    fx, x, _ = setting
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        model = torch.nn.Sequential(torch.nn.Conv1d(x.shape[1], x.shape[1], 1), fx)
        torch.nn.parallel.DistributedDataParallel(model)(x).square().sum().backward()
        assert torch.isfinite(model[0].weight.grad).all()
    finally:
        torch.distributed.destroy_process_group()
