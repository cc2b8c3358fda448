"""The feedback delay network against the loop on paper: outputs, states, every gradient; blocks; refusals."""

import pytest
import torch

from diffFx_pytorch.recursion import feedback_network, network_state_length
from tests.recursion.reference.feedback_network import feedback_network as reference
from tests.without_kernels import without_kernels

D = torch.float64
LONGEST = 40
NAMES = ["x", "delays", "matrix", "input_gains", "output_gains", "absorption", "modulation", "direct", "past", "state"]
# lines, inputs, outputs, sections, time-varying sections, modulated, with past
NETWORKS = {
    "one line": (1, 1, 1, 0, False, False, False),
    "stereo": (4, 2, 2, 1, False, False, False),
    "more than a vector": (9, 2, 3, 2, False, False, True),
    "time-varying absorption": (3, 1, 2, 2, True, False, True),
    "modulated": (3, 2, 1, 1, False, True, True),
    "many ins and outs": (7, 9, 10, 1, False, False, False),
    "first-order sections": (9, 2, 2, 5, False, False, True),
    "first-order sections, one of second order": (9, 2, 2, 5, False, False, True),
    "a group of wires": (12, 2, 2, 3, False, False, True),
}


pytestmark = pytest.mark.usefixtures("poisoned_memory")


def case(name, T, dtype=D, batch_shape=()):
    """Leaves by name; None where the network has none."""
    N, inputs, outputs, K, time_varying, modulated, past = NETWORKS[name]
    g = torch.Generator().manual_seed(N * T + 1)

    def draw(*shape):
        return torch.randn(*batch_shape, *shape, generator=g, dtype=D)

    delays = torch.randint(5, LONGEST - 4, (*batch_shape, N), generator=g).to(D)
    delays[..., 0] = 3.0
    matrix = torch.linalg.qr(draw(N, N))[0] * 0.9
    radius, b = (
        0.8 * torch.rand(*batch_shape, N, T if time_varying else 1, K, generator=g, dtype=D),
        draw(N, T if time_varying else 1, K, 3),
    )
    one = torch.ones_like(radius)
    sections = torch.cat([0.3 * b, torch.stack([2 * one, -2.2 * radius, 2 * radius**2], -1)], -1)
    state = 0.1 * draw(N, K, 2) if past else None
    if name.startswith("first-order"):
        # The operator takes four of them at once, where all lines have such; the third section here may have not.
        first = torch.tensor([1.0, 1, 0, 1, 1, 0], dtype=D).expand(K, 6).clone()
        first[2, 5] = 0.0 if name == "first-order sections" else 1.0
        sections, state = sections * first, None if state is None else state * first[:, [4, 5]]
    if name == "a group of wires":  # lines of one vector without absorption, as diffusers in the loop are
        sections[8:] = torch.tensor([1.0, 0, 0, 1, 0, 0], dtype=D)
        state[8:] = 0.0
    leaves = {
        "x": draw(inputs, T).to(dtype),
        "delays": delays,
        "matrix": matrix,
        "input_gains": draw(N, inputs),
        "output_gains": draw(outputs, N),
        "absorption": (sections if time_varying else sections[..., 0, :, :]) if K else None,
        "modulation": 0.9 * torch.rand(*batch_shape, N, T, generator=g, dtype=D) if modulated else None,
        "direct": draw(outputs, inputs) if past else None,
        "past": draw(N, network_state_length(LONGEST)) if past else None,
        "state": state,
    }
    return {k: None if v is None else v.requires_grad_() for k, v in leaves.items()}, time_varying


def lanes(state):
    """States (..., N, K, 2) as the operator keeps them, (..., K, G, 2, 8)."""
    padded = torch.nn.functional.pad(state.movedim(-3, -1), (0, -state.shape[-3] % 8))
    return padded.unflatten(-1, (-1, 8)).transpose(-3, -2)


def lines(state, N):
    return state.transpose(-3, -2).flatten(-2)[..., :N].movedim(-1, -3)


def run(leaves, time_varying, **more):
    a = dict(leaves)
    past, state = a.pop("past"), a.pop("state")
    zi = None if past is None else (past, lanes(state))
    if time_varying:
        a["absorption"] = a["absorption"].transpose(-4, -3)
    y, (end, states) = feedback_network(**a, longest=LONGEST, zi=zi, return_zf=True, **more)
    return y, end, lines(states, a["delays"].shape[-1])


def on_paper(leaves, time_varying):
    a = {k: None if v is None else v.double() for k, v in leaves.items()}
    T, N, P = a["x"].shape[-1], a["delays"].shape[-1], network_state_length(LONGEST)
    sections = torch.zeros(N, T, 0, 6, dtype=D) if a["absorption"] is None else a["absorption"]
    sections = sections if time_varying or a["absorption"] is None else sections[:, None].expand(-1, T, -1, -1)
    whole = a["delays"].detach().round()
    delays = whole.long().tolist()
    if a["modulation"] is not None:
        delays = whole[:, None] + a["modulation"] + (a["delays"] - a["delays"].detach())[:, None]
    y, s, zf = reference(
        a["x"], delays, a["matrix"], a["input_gains"], a["output_gains"], sections, a["past"], a["state"]
    )
    if a["direct"] is not None:
        y = y + a["direct"] @ a["x"]
    s = s if a["past"] is not None else torch.nn.functional.pad(s, (P, 0))
    return y, s[:, T:], zf


@pytest.mark.parametrize("dtype", [torch.float32, D])
@pytest.mark.parametrize("name", NETWORKS)
def test_equals_the_loop_on_paper(name, dtype):
    T = 70 if name == "more than a vector" else 60
    leaves, time_varying = case(name, T, dtype)
    found, expected = run(leaves, time_varying), on_paper(leaves, time_varying)
    tolerance = 1e-11 if dtype == D else 1e-6
    weights = []
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == (dtype if a is found[0] else D)
        assert torch.allclose(
            a.double(), b, rtol=tolerance, atol=tolerance * float(b.detach().abs().max()) if b.numel() else 0
        )
        weights.append(torch.randn(b.shape, dtype=D, generator=torch.Generator().manual_seed(3)))
    names = [n for n in NAMES if leaves[n] is not None and (n != "delays" or leaves["modulation"] is not None)]
    losses = [sum((o.double() * w).sum() for o, w in zip(out, weights, strict=True)) for out in (found, expected)]
    ours, theirs = (torch.autograd.grad(loss, [leaves[n] for n in names]) for loss in losses)
    for n, a, b in zip(names, ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=100 * tolerance * max(float(b.abs().max()), 1e-3)), n


def test_chunks_blocks_and_the_local_buffer_make_no_difference():
    # Longer than a chunk, than the shortest delay and than the buffer that a call without gradient keeps.
    leaves, time_varying = case("more than a vector", 4500)
    with torch.no_grad():
        whole = run(leaves, time_varying)
        parts, rest, zi = [], leaves["x"], (leaves["past"], lanes(leaves["state"]))
        a = {k: v for k, v in leaves.items() if k not in ("x", "past", "state")}
        for size in (1, 0, 130, 2, 3000, 1367):
            block, rest = rest[:, :size], rest[:, size:]
            y, zi = feedback_network(block, **a, longest=LONGEST, zi=zi, return_zf=True)
            parts.append(y)
    kept = run(leaves, time_varying)
    for a, b, c in zip(whole, kept, (torch.cat(parts, -1), zi[0], lines(zi[1], 9)), strict=True):
        scale = 1e-12 * float(a.abs().max())
        assert torch.allclose(a, b, rtol=0, atol=scale)
        assert torch.allclose(a, c, rtol=0, atol=scale)


@pytest.mark.parametrize("name", ["more than a vector", "modulated", "time-varying absorption"])
def test_long_gradients_equal_torch_operations(name):
    leaves, time_varying = case(name, 300)
    _same_as_plain(leaves, time_varying, [n for n in NAMES if leaves[n] is not None])


@pytest.mark.parametrize("outputs", [1, 3], ids=["of the sound", "of the states too"])
def test_the_gradient_of_wires_is_that_of_sections(outputs):
    leaves, time_varying = case("a group of wires", 300)
    _same_as_plain(leaves, time_varying, [n for n in NAMES if leaves[n] is not None], outputs)


def _same_as_plain(leaves, time_varying, names, outputs=3):
    found = run(leaves, time_varying)[:outputs]
    weights = [torch.randn(o.shape, dtype=D) for o in found]
    ours = torch.autograd.grad(
        sum((o * w).sum() for o, w in zip(found, weights, strict=True)), [leaves[n] for n in names]
    )
    with without_kernels():
        plain = run(leaves, time_varying)[:outputs]
        theirs = torch.autograd.grad(
            sum((o * w).sum() for o, w in zip(plain, weights, strict=True)), [leaves[n] for n in names]
        )
    for n, a, b in zip(names, ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=1e-8, atol=1e-9 * float(b.abs().max())), n


@pytest.mark.parametrize("name", NETWORKS)
def test_a_block_of_no_samples_passes_the_state_on(name):
    leaves, time_varying = case(name, 20)
    whole = run(leaves, time_varying)
    none = {
        n: t[:, :0] if n in ("x", "modulation") or (n == "absorption" and time_varying) else t
        for n, t in leaves.items()
        if t is not None
    }
    y, past, state = run(dict.fromkeys(leaves) | none, time_varying)
    assert y.shape == (*whole[0].shape[:-1], 0)
    torch.testing.assert_close(past, torch.zeros_like(past) if leaves["past"] is None else leaves["past"].detach())
    torch.testing.assert_close(state, torch.zeros_like(state) if leaves["state"] is None else leaves["state"].detach())


def test_delay_gradient_is_the_slope_of_the_line():
    # A slow sine: time_varying the delay by a little moves its phase; the surrogate is the slope of the line.
    n = torch.arange(400, dtype=D)
    x = torch.sin(0.05 * n)[None]
    delays = torch.tensor([25.0], dtype=D, requires_grad=True)
    zero, one = torch.zeros(1, 1, dtype=D), torch.ones(1, 1, dtype=D)
    y = feedback_network(x, delays, zero, one, one, longest=LONGEST)
    weight = torch.where(n > 60, torch.cos(0.05 * n), 0.0)
    (gradient,) = torch.autograd.grad((y * weight).sum(), delays)
    exact = (-0.05 * torch.cos(0.05 * (n - 25.0)) * weight).sum()
    assert torch.isclose(gradient[0], exact, rtol=1e-3)


def test_lossless_loop_keeps_its_energy():
    g = torch.Generator().manual_seed(0)
    Q = torch.linalg.qr(torch.randn(8, 8, generator=g, dtype=D))[0]
    delays = torch.tensor([7, 11, 13, 17, 19, 23, 29, 31], dtype=D)
    x = torch.zeros(1, 20000, dtype=D)
    x[0, 0] = 1.0
    b = torch.full((8, 1), 8**-0.5, dtype=D)
    _, (past, _) = feedback_network(x, delays, Q, b, b.mT, longest=31, return_zf=True)
    energy = sum(past[i, past.shape[-1] - int(m) :].square().sum() for i, m in enumerate(delays))
    assert torch.isclose(energy, torch.tensor(1.0, dtype=D), rtol=1e-10)


def test_batches_broadcast_and_equal_themselves_alone():
    leaves, time_varying = case("stereo", 200, batch_shape=(3,))
    shared = dict(leaves, matrix=leaves["matrix"][0], delays=leaves["delays"][1])
    y, *_ = run(shared, time_varying)
    for i in range(3):
        alone = {k: v if v is None or k in ("matrix", "delays") else v[i] for k, v in shared.items()}
        assert torch.allclose(run(alone, time_varying)[0], y[i], rtol=0, atol=1e-12)
    (gradient,) = torch.autograd.grad(y.square().sum(), leaves["matrix"])
    assert (gradient[1:] == 0).all()


def test_vmap_and_func_grad():
    leaves, time_varying = case("stereo", 80, batch_shape=(2,))
    names = [n for n in NAMES if leaves[n] is not None]
    values = [leaves[n].detach() for n in names]

    def loss(*given):
        return run({**dict.fromkeys(NAMES), **dict(zip(names, given, strict=True))}, time_varying)[0].square().sum()

    each = torch.func.vmap(torch.func.grad(loss, tuple(range(len(names)))))(*values)
    direct = torch.autograd.grad(loss(*(leaves[n] for n in names)), [leaves[n] for n in names])
    for n, a, b in zip(names, each, direct, strict=True):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-12), n


@pytest.mark.parametrize("name", ["stereo", "modulated"])
def test_operator_is_well_formed(name, monkeypatch):
    leaves, time_varying = case(name, 40)
    caught = []

    from diffFx_pytorch.recursion.ops import feedback_network as ops

    operator = ops._network
    monkeypatch.setattr(ops, "_network", lambda *args: caught.append(args) or operator(*args))
    run(leaves, time_varying)
    torch.library.opcheck(torch.ops.diffFx.feedback_network.default, (*caught[0], True))


def test_second_derivative():
    leaves, time_varying = case("modulated", 24)
    given = [leaves[n].detach()[..., :1, :] for n in ("matrix", "input_gains")]

    def both(matrix, gains):
        whole = {"matrix": torch.cat([matrix, leaves["matrix"].detach()[1:]]), "input_gains": gains.expand(3, -1)}
        return run({n: t if t is None else t.detach() for n, t in leaves.items()} | whole, time_varying)[0]

    assert torch.autograd.gradgradcheck(both, tuple(t.requires_grad_() for t in given))


def test_silence_does_not_leave_denormals():
    leaves, time_varying = case("stereo", 30000)
    with torch.no_grad():
        leaves["x"][:, 100:] = 0
        _, past, state = run(leaves, time_varying)
    for left in (past, state):
        assert ((left == 0) | (left.abs() > 1e-300)).all()


def test_wrong_arguments_are_refused():
    leaves, _ = case("stereo", 50)
    a = {k: v for k, v in leaves.items() if k not in ("past", "state")}
    for name, value, message in (
        ("delays", a["delays"] * 0, "at least 1 sample"),
        ("delays", a["delays"] + 100, "at most longest = 40"),
        ("delays", a["delays"] * float("nan"), "no NaN"),
        ("matrix", a["matrix"][:3], "matrix must end in"),
        ("input_gains", a["input_gains"][:, :1], "input_gains must end in"),
        ("absorption", a["absorption"][..., :5], "absorption must be"),
        ("x", a["x"][0], "inputs"),
    ):
        with pytest.raises(ValueError, match=message):
            feedback_network(**{**a, name: value}, longest=LONGEST)
        with without_kernels(), pytest.raises(ValueError, match=message):
            feedback_network(**{**a, name: value}, longest=LONGEST)
