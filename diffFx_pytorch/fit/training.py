"""A training loop for any differentiable model under a weighted sum of losses: responses, networks and effects."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from .progress import progress_bar


@dataclass(frozen=True)
class Criterion:
    """One term of a loss: a function of the model's output and the target, or of the model itself.

    Args:
        loss: ``loss(output, target)``; or ``loss(of(model))`` where ``of`` is given.
        weight: factor of the term.
        of: gives what the loss takes instead of the output, from the model: a matrix, a parameter.
        name: key in the history; the loss's own name where None.
    """

    loss: Callable[..., Tensor]
    weight: float = 1.0
    of: Callable[[Any], Tensor] | None = None
    name: str | None = None

    @property
    def label(self) -> str:
        """The name in the history."""
        return self.name or getattr(self.loss, "__name__", type(self.loss).__name__)

    def __call__(self, model: nn.Module, output: Tensor, target: Any) -> Tensor:
        """The unweighted term."""
        return self.loss(output, target) if self.of is None else self.loss(self.of(model))


@dataclass
class TrainingHistory:
    """The history of a training.

    Args:
        train: weighted sum of the losses, the mean over the steps of each epoch.
        validation: the same on the validation batches; empty without.
        terms: unweighted terms by name, the mean over the steps of each epoch.
        best_epoch: of the lowest validation loss, or training loss without validation.
        stopped: why it ended: "epochs", "patience" or "time".
        seconds: it took.
    """

    train: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    terms: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int = 0
    stopped: str = "epochs"
    seconds: float = 0.0


class Repeated(Dataset[tuple[Any, Any]]):
    """Examples repeated, so that an epoch has any number of steps.

    Args:
        inputs: (examples, ...), or None for a model that needs none.
        targets: (examples, ...).
        times: number of repetitions.
    """

    def __init__(self, inputs: Tensor | None, targets: Tensor, times: int = 1) -> None:
        if inputs is not None and len(inputs) != len(targets):
            raise ValueError(f"Repeated: {len(inputs)} inputs for {len(targets)} targets")
        self.inputs, self.targets, self.times = inputs, targets, times

    def __len__(self) -> int:
        return len(self.targets) * self.times

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        i = index % len(self.targets)
        return (None if self.inputs is None else self.inputs[i]), self.targets[i]

    def batches(self, batch_size: int = 1, *, shuffle: bool = False) -> DataLoader[tuple[Any, Any]]:
        """A loader of them; inputs of None stay None."""
        return DataLoader(self, batch_size, shuffle=shuffle, collate_fn=_collate)


def train(
    model: nn.Module,
    criteria: Criterion | Sequence[Criterion] | Callable[..., Tensor],
    batches: Iterable[tuple[Any, Any]],
    *,
    epochs: int = 10,
    validation: Iterable[tuple[Any, Any]] | None = None,
    learning_rate: float = 1e-3,
    optimizer: torch.optim.Optimizer | None = None,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
    accumulate: int = 1,
    patience: int | None = None,
    min_delta: float = 0.0,
    time_budget_s: float | None = None,
    checkpoints: str | Path | None = None,
    callback: Callable[[int, TrainingHistory], None] | None = None,
    progress: bool | None = None,
) -> TrainingHistory:
    """Train a model: minimise a loss over its parameters.

    Args:
        model: called with the input of each batch; with nothing where that is None.
        criteria: terms of the loss, or one function of output and target.
        batches: (input, target) pairs that can be gone through once an epoch.
        epochs: largest number of epochs.
        validation: pairs on which the loss is taken, without gradients, after each epoch.
        learning_rate: of Adam.
        optimizer: used instead of Adam: any of torch's, ``torch.optim.LBFGS`` too, which looks at the loss several
            times a step (give it all data in one batch, or ``accumulate``).
        scheduler: stepped after each epoch.
        accumulate: batches whose gradients are averaged before a step.
        patience: epochs without improvement after which training ends; None never ends it.
        min_delta: least decrease of the loss that counts as improvement.
        time_budget_s: seconds after which no further epoch begins.
        checkpoints: a folder for ``epoch_<n>.pt`` (the state_dict after each epoch) and ``best.pt``.
        callback: called after each epoch with its number and the history so far.
        progress: whether to show a bar; None shows it on a terminal.

    Returns:
        The history. The model is left as it was after the last step.

    Raises:
        ValueError: for a model with nothing to learn, no batches, or a loss that is not finite (names the epoch and the
            term).
    """
    terms = as_criteria(criteria)
    learned = [p for p in model.parameters() if p.requires_grad]
    if not learned:
        raise ValueError(f"{type(model).__name__} has nothing to learn; build its modules with requires_grad=True")
    optimizer = optimizer or torch.optim.Adam(learned, lr=learning_rate)
    folder = None if checkpoints is None else Path(checkpoints)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    history, began, best = TrainingHistory(terms={t.label: [] for t in terms}), time.monotonic(), math.inf
    steps = len(batches) if isinstance(batches, Sized) else 0
    with progress_bar(epochs * steps, progress) as advance:
        for epoch in range(epochs):
            history.train.append(_epoch(model, terms, batches, history, epoch, optimizer, accumulate, advance))
            if scheduler is not None:
                scheduler.step()
            if validation is not None:
                with torch.no_grad():
                    history.validation.append(_epoch(model, terms, validation, None, epoch))
            now = (history.validation or history.train)[-1]
            improved = now < best - min_delta
            if improved:
                best, history.best_epoch = now, epoch
            if folder is not None:
                torch.save(model.state_dict(), folder / f"epoch_{epoch}.pt")
                if improved:
                    torch.save(model.state_dict(), folder / "best.pt")
            history.seconds = time.monotonic() - began
            if callback is not None:
                callback(epoch, history)
            if patience is not None and epoch - history.best_epoch >= patience:
                history.stopped = "patience"
                break
            if time_budget_s is not None and history.seconds > time_budget_s:
                history.stopped = "time"
                break
    return history


def as_criteria(criteria: Criterion | Sequence[Criterion] | Callable[..., Tensor]) -> list[Criterion]:
    """The terms of a loss as a list, from any form that ``train`` takes.

    Raises:
        ValueError: for none, or two of one name.
    """
    if isinstance(criteria, Criterion):
        return [criteria]
    if isinstance(criteria, Sequence):
        labels = [c.label for c in criteria]
        if not criteria or len(set(labels)) < len(labels):
            raise ValueError(f"criteria need names of their own, at least one of them; got {labels}")
        return list(criteria)
    return [Criterion(criteria)]


def _epoch(
    model: nn.Module,
    terms: list[Criterion],
    batches: Iterable[tuple[Any, Any]],
    history: TrainingHistory | None,
    epoch: int,
    optimizer: torch.optim.Optimizer | None = None,
    accumulate: int = 1,
    advance: Callable[[float], None] | None = None,
) -> float:
    """The mean loss over the batches; with an optimiser, one step of it per ``accumulate`` batches."""
    sums, count = [0.0] * len(terms), 0
    for group in _grouped(batches, accumulate):
        look = _Look(model, terms, group, 1 / accumulate, optimizer, (epoch, count))
        if optimizer is None:
            look()
        else:
            optimizer.step(look)  # pyright: ignore[reportCallIssue, reportArgumentType]  # a closure may give a tensor
            optimizer.zero_grad()
        sums = [before + value for before, value in zip(sums, look.first, strict=True)]
        count += len(group)
        if advance is not None:
            advance(sum(t.weight * s for t, s in zip(terms, sums, strict=True)) / count)
    if not count:
        raise ValueError("there are no batches to train on; an iterator is empty after its first epoch, give a list")
    if history is not None:
        for term, value in zip(terms, sums, strict=True):
            history.terms[term.label].append(value / count)
    return sum(term.weight * value for term, value in zip(terms, sums, strict=True)) / count


@dataclass
class _Look:
    """The loss over a group of batches and, for an optimiser, its gradients; called as often as the optimiser likes."""

    model: nn.Module
    terms: list[Criterion]
    group: list[tuple[Any, Any]]
    share: float
    optimizer: torch.optim.Optimizer | None
    place: tuple[int, int]
    first: list[float] = field(default_factory=list)
    """The sum of each term at the first look, before the step changed the model."""

    def __call__(self) -> Tensor:
        if self.optimizer is not None:
            self.optimizer.zero_grad()
        loss, sums = torch.zeros(()), [0.0] * len(self.terms)
        for step, (x, target) in enumerate(self.group, self.place[1]):
            output = self.model() if x is None else self.model(x)
            values = [term(self.model, output, target) for term in self.terms]
            for i, (term, value) in enumerate(zip(self.terms, values, strict=True)):
                sums[i] += float(value.detach())
                if not math.isfinite(sums[i]):
                    raise ValueError(
                        f"the loss {term.label!r} is not finite in epoch {self.place[0]}, step {step}; lower the rate"
                    )
            total = torch.stack([t.weight * v for t, v in zip(self.terms, values, strict=True)]).sum() * self.share
            if self.optimizer is not None:
                total.backward()
            loss = loss + total.detach().cpu()
        self.first = self.first or sums
        return loss


def _grouped(batches: Iterable[tuple[Any, Any]], size: int) -> Iterator[list[tuple[Any, Any]]]:
    rest = iter(batches)
    while group := list(itertools.islice(rest, size)):
        yield group


def _collate(examples: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    inputs, targets = zip(*examples, strict=True)
    return (None if inputs[0] is None else torch.stack(inputs)), torch.stack(targets)
