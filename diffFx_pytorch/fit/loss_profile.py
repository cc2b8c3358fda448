"""A loss around a setting: along one parameter, or over two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .training import Criterion, as_criteria

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class LossLandscape:
    """Losses over a grid of values of one parameter or two.

    Args:
        names: of the parameters.
        values: the grid along each, (S,) a parameter.
        losses: by name of the criterion, unweighted: (S,) or (S1, S2).
        reference: value of each parameter in the model itself.
    """

    names: tuple[str, ...]
    values: tuple[Tensor, ...]
    losses: dict[str, Tensor]
    reference: tuple[float, ...]

    def minimum(self, loss: str | None = None) -> tuple[float, ...]:
        """Grid values at which a loss is lowest; that of the first criterion where None."""
        losses = self.losses[loss or next(iter(self.losses))]
        at = torch.unravel_index(losses.argmin(), losses.shape)
        return tuple(float(v[i]) for v, i in zip(self.values, at, strict=True))

    def plot(self, axes: Axes | None = None) -> Axes:
        """Curves of each loss, scaled to 1, or contours of the first over two parameters."""
        import matplotlib.pyplot as plt

        axes = axes if axes is not None else plt.subplots()[1]
        axes.set_xlabel(self.names[0])
        if len(self.names) == 1:
            for name, losses in self.losses.items():
                axes.plot(self.values[0], losses / losses.abs().max().clamp_min(1e-30), label=name)
            axes.axvline(self.reference[0], color="0.6", linestyle="--", label="the model's own")
            axes.set_ylabel("loss, scaled to 1")
            axes.legend()
            return axes
        name, losses = next(iter(self.losses.items()))
        drawn = axes.contourf(self.values[0], self.values[1], losses.mT, levels=24)
        axes.plot(*self.reference, marker="+", color="white", markersize=12, markeredgewidth=2)
        axes.set_ylabel(self.names[1])
        axes.figure.colorbar(drawn, ax=axes, label=name)
        return axes


def loss_landscape(
    model: nn.Module,
    parameters: dict[str, Tensor] | dict[str, Sequence[float]],
    criteria: Criterion | Sequence[Criterion] | Callable[..., Tensor],
    x: Any,
    target: Any,
    *,
    index: dict[str, tuple[int, ...]] | None = None,
) -> LossLandscape:
    """Compute losses over a grid of values of one parameter or two, all else constant.

    Args:
        model: called with x, or with nothing where that is None; left as it was.
        parameters: one or two names as in ``state_dict``, each with the raw values to take.
        criteria: as for ``train``.
        x: input.
        target: of the losses.
        index: which element of a parameter moves, by name; all its elements take the value where not given.

    Raises:
        ValueError: for none or more than two parameters.
        KeyError: for a name the model does not have.
    """
    if not 1 <= len(parameters) <= 2:
        raise ValueError(f"loss_landscape: one or two parameters, got {len(parameters)}")
    own = dict(model.named_parameters())
    grids = [torch.as_tensor(v, dtype=torch.float64) for v in parameters.values()]
    terms = as_criteria(criteria)
    originals = {name: own[name].detach().clone() for name in parameters}
    places = {name: (index or {}).get(name, (...,)) for name in parameters}
    found = {term.label: torch.zeros([len(g) for g in grids], dtype=torch.float64) for term in terms}
    try:
        with torch.no_grad():
            for at in torch.cartesian_prod(*(torch.arange(len(g)) for g in grids)).reshape(-1, len(grids)):
                for name, grid, i in zip(parameters, grids, at, strict=True):
                    own[name][places[name]] = float(grid[i])
                output = model() if x is None else model(x)
                for term in terms:
                    found[term.label][tuple(at)] = float(term(model, output, target))
    finally:
        with torch.no_grad():
            for name, value in originals.items():
                own[name].copy_(value)
    reference = tuple(float(originals[name][places[name]].mean()) for name in parameters)
    return LossLandscape(tuple(parameters), tuple(grids), found, reference)
