"""What torch users do with a module."""

import copy
import io
import pickle

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend


@pytest.fixture
def setting(case, make_noise, positions):
    fx = case()
    x = make_noise(2, case.channels(), 256, torch.float32)
    return fx, x, positions(fx, 2, dtype=torch.float32)


LENGTHS = (1500, 1100, 4096, 100, 1777, 5000, 700, 9001, 1640, 12000, 2047)


@pytest.mark.sampled(8)
def test_compiles_into_one_graph_for_all_lengths(setting, case, make_noise, request):
    fx, _, flat = setting
    torch._dynamo.reset()
    # What lies behind the recorded graph is torch's and the operators', and two thirds of the time.
    every = request.config.getoption("--all-cases") or request.config.getoption("keyword")
    counter = CompileCounterWithBackend("aot_eager" if every else "eager")
    compiled = torch.compile(fx, fullgraph=True, backend=counter)
    x = make_noise(2, case.channels(), 1300, torch.float32)
    torch._dynamo.mark_dynamic(x, 2)
    flat = flat.requires_grad_()
    y, expected = compiled(x, norm_params=flat), fx(x, norm_params=flat)
    assert torch.allclose(y, expected, atol=1e-5)
    (gradient,) = torch.autograd.grad(y.square().sum(), flat)
    (eager,) = torch.autograd.grad(expected.square().sum(), flat)
    # A surrogate need not be the same by another way of computing.
    exact = [i for i, name in enumerate(fx.params) if f"gradients:{name}" not in fx.exempt]
    assert torch.allclose(gradient[:, exact], eager[:, exact], rtol=1e-3, atol=1e-4 * float(eager.abs().max()))
    for samples in LENGTHS:
        x = make_noise(2, case.channels(), samples, torch.float32, seed=samples)
        assert torch.allclose(compiled(x, norm_params=flat), fx(x, norm_params=flat), atol=1e-5)
    # One tile, or one checkpoint for the gradient, alone is a shape of its own.
    assert counter.frame_count <= 2


@pytest.mark.slow
@pytest.mark.sampled(40)
def test_compiles_twice_where_no_length_is_marked(case, make_noise, positions):
    fx = case()
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("eager")
    compiled = torch.compile(fx, fullgraph=True, backend=counter)
    flat = positions(fx, 2, dtype=torch.float32)
    for samples in (256, 700, *LENGTHS[:-1]):
        compiled(make_noise(2, case.channels(), samples, torch.float32), norm_params=flat)
    assert counter.frame_count <= 2


@pytest.mark.slow
@pytest.mark.sampled(25)
def test_a_compiled_stream_takes_blocks_of_any_size(case, make_noise, positions):
    fx = case()
    if not fx.streamable:
        pytest.skip("needs the whole signal")
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("eager")
    run = torch.compile(fx.run, fullgraph=True, backend=counter)
    x, flat = make_noise(2, case.channels(), 9000), positions(fx, 2)
    blocks, state, start = [], None, 0
    for size in (1500, 900, 2000, 700, 1100, 800, 2000):
        y, state = run(x[..., start : start + size], state, norm_params=flat)
        blocks.append(y)
        start += size
    assert torch.allclose(torch.cat(blocks, -1), fx(x, norm_params=flat), atol=1e-8)
    # Without a state, with one, and with one for other lengths.
    assert counter.frame_count <= 3


@pytest.mark.slow
@pytest.mark.sampled(60)
def test_compiles_with_inductor(setting):
    fx, x, flat = setting
    torch._dynamo.reset()
    assert torch.allclose(
        torch.compile(fx, fullgraph=True)(x, norm_params=flat), fx(x, norm_params=flat), rtol=1e-3, atol=1e-4
    )


@pytest.mark.sampled(8)
def test_exports_for_all_lengths(setting, case, make_noise):
    fx, x, flat = setting
    # By a name nothing may be assumed of the length; DYNAMIC lets torch narrow it.
    length = {"x": {2: torch.export.Dim("T", min=2)}, "norm_params": None}
    program = torch.export.export(fx, (x,), {"norm_params": flat}, dynamic_shapes=length).module()
    for samples in (x.shape[-1], 100, 5000, 2):
        x = make_noise(2, case.channels(), samples, torch.float32, seed=samples)
        assert torch.allclose(program(x, norm_params=flat), fx(x, norm_params=flat), atol=1e-5)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.*torch.jit.*deprecated:DeprecationWarning")
def test_a_traced_module_takes_other_lengths_batches_and_knobs(case, make_noise):
    """It is traced at the defaults, where an effect may take short cuts, and saved and loaded."""

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fx = fx

        def forward(self, x, flat):
            return self.fx(x, norm_params=flat)

    fx = case()
    x = make_noise(2, case.channels(), 256, torch.float32)
    default = fx.demap_parameters(fx.to_flat({})).expand(2, -1)
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.trace(Model(), (x, default), check_trace=False), buffer)
    buffer.seek(0)
    traced = torch.jit.load(buffer)
    for batch, samples, flat in ((3, 100, torch.rand), (1, 5000, torch.zeros), (3, 700, torch.ones)):
        x, flat = make_noise(batch, case.channels(), samples, torch.float32), flat(batch, len(fx.params))
        y = fx(x, norm_params=flat)
        assert torch.allclose(traced(x, flat), y, atol=1e-5 * max(1.0, float(y.abs().max())))


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
    of_one = torch.func.vmap(lambda p: fx(x[:1], norm_params=p[None])[0])(flat)
    assert torch.allclose(of_one, fx(x[:1].expand_as(x), norm_params=flat), rtol=0, atol=1e-10)


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
@pytest.mark.sampled(20)
def test_distributed_data_parallel(setting, tmp_path):
    fx, x, _ = setting
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        model = torch.nn.Sequential(torch.nn.Conv1d(x.shape[1], x.shape[1], 1), fx)
        torch.nn.parallel.DistributedDataParallel(model)(x).square().sum().backward()
        assert torch.isfinite(model[0].weight.grad).all()
    finally:
        torch.distributed.destroy_process_group()
