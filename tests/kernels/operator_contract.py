"""What holds for every operator that `define` makes: the kernel is the equation, in every derivative and transform."""

import itertools

import torch
from torch.testing import assert_close

from diffFx_pytorch.kernels import Operator
from diffFx_pytorch.kernels.table import differentiable
from tests.without_kernels import without_kernels


def check_operator(operator: Operator, *args):
    """Hold an operator against its equation and against what torch asks of operators.

    Args:
        operator: what `define` returned.
        args: inputs, the first of at least one batch dimension, and settings; floats are what gradients go to.
    """
    for dtype in (torch.float32, torch.float64):
        cast = [a.to(dtype).requires_grad_() if differentiable(a) else a for a in args]
        _equation_is_kernel(operator, cast)
    wide = [a.double().requires_grad_() if differentiable(a) else a for a in args]
    assert torch.autograd.gradcheck(operator, wide, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(operator, wide, check_fwd_over_rev=True)
    torch.library.opcheck(operator._op.overload, (*wide, *[True] * bool(operator.checkpoints)))
    _vmap_is_a_loop(operator, [a.detach() if isinstance(a, torch.Tensor) else a for a in wide])
    torch._dynamo.reset()
    compiled = torch.compile(operator, fullgraph=True, backend="aot_eager")
    _same(_gradients(compiled, wide), _gradients(operator, wide))
    nothing = [
        wide[0][:0],
        *(a[:1] if isinstance(a, torch.Tensor) and a.dim() == wide[0].dim() else a for a in wide[1:]),
    ]
    assert _outputs(operator, nothing)[0].numel() == 0


def _outputs(operator, args):
    found = operator(*args)
    return [found] if isinstance(found, torch.Tensor) else list(found)


def _gradients(operator, args):
    outputs = _outputs(operator, args)
    weights = [torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape) for y in outputs]
    leaves = [a for a in args if differentiable(a)]
    return [*outputs, *torch.autograd.grad(outputs, leaves, weights)]


def _same(found, expected):
    for f, e in zip(found, expected, strict=True):
        assert_close(f, e)


def _equation_is_kernel(operator, args):
    by_kernel = _gradients(operator, args)
    with without_kernels():
        by_equation = _gradients(operator, args)
    _same(by_kernel, by_equation)
    leaves = [i for i, a in enumerate(args) if differentiable(a)]
    every = dict(zip(leaves, by_kernel[-len(leaves) :], strict=True))
    for asked in itertools.chain(([i] for i in leaves), itertools.combinations(leaves, 2)):
        some = [a.detach().requires_grad_(i in asked) if i in leaves else a for i, a in enumerate(args)]
        outputs = [y for y in _outputs(operator, some) if y.requires_grad]
        weights = [torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape) for y in outputs]
        _same(torch.autograd.grad(outputs, [some[i] for i in asked], weights), [every[i] for i in asked])


def _vmap_is_a_loop(operator, args):
    """Over each tensor alone, which the others then share, values and gradients."""

    def loss(*given):
        return sum(y.square().sum() for y in _outputs(operator, given))

    leaves = tuple(i for i, a in enumerate(args) if differentiable(a))
    for mapped in leaves:
        stacked = torch.stack([args[mapped], 0.5 * args[mapped]])
        given = [stacked if i == mapped else a for i, a in enumerate(args)]
        dims = tuple(0 if i == mapped else None for i in range(len(args)))
        for function in (operator, torch.func.grad(loss, leaves)):
            batched = _outputs(torch.func.vmap(function, dims), given)
            for n in range(2):
                one = _outputs(function, [stacked[n] if i == mapped else a for i, a in enumerate(args)])
                _same([b[n] for b in batched], one)
