"""Training a controller with Lightning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from ..fit.training import Criterion, as_criteria
from .controller import Controlled
from .even_knobs import even_knobs
from .priors import SettingsPrior

try:
    from lightning.pytorch import LightningModule
    from lightning.pytorch.loggers import TensorBoardLogger
except ImportError as error:
    raise ImportError("ControlLearner needs lightning: pip install -e '.[train]'") from error


class ControlLearner(LightningModule):
    """A ``Controlled`` and its losses, as Lightning trains them; batches are those of ``RandomEffects``.

        learner = ControlLearner(Controlled(chain, Controller(chain)), MultiResolutionSTFT(), settings_weight=1.0)
        Trainer(max_epochs=20, logger=[CSVLogger("logs"), TensorBoardLogger("logs")]).fit(learner, loader, validation)

    A step renders ``dry`` with the settings predicted from ``wet`` (blind), or from ``dry`` and ``reference`` where the
    controller takes a reference, and compares with ``wet``. Logged are every term of the loss and, on validation, the
    mean error of every knob as a part of its range (``knob/comp.ratio``); for TensorBoard also sounds (dry, target,
    predicted) and, where matplotlib is there, curves of the effects that have one, target against prediction.

    Args:
        device: the effect and its controller.
        criteria: terms of the loss of the sound (``fit.Criterion``), or a function of output and target.
        settings_weight: of the mean absolute error of the turned knobs' positions; 0 leaves it out.
        prior: term of the predicted settings, with ``prior_weight``.
        prior_weight: of ``prior``.
        even: whether the gradient of the sound comes to every knob in the same size (``even_knobs``).
        hears: what the controller hears: "wet", "dry", or None for wet without a reference and dry with one.
        learning_rate: of AdamW.
        optimizer: makes another one of the parameters that learn.
        sounds: items of the first validation batch that TensorBoard gets.

    Raises:
        ValueError: for a batch without what is needed.
    """

    def __init__(
        self,
        device: Controlled,
        criteria: Criterion | Sequence[Criterion] | Callable[..., Tensor],
        *,
        settings_weight: float = 0.0,
        prior: SettingsPrior | None = None,
        prior_weight: float = 1e-2,
        even: bool = False,
        hears: Literal["wet", "dry"] | None = None,
        learning_rate: float = 1e-3,
        optimizer: Callable[[Any], torch.optim.Optimizer] | None = None,
        sounds: int = 2,
    ) -> None:
        super().__init__()
        self.controlled, self.terms = device, as_criteria(criteria)
        self.losses = torch.nn.ModuleList(t.loss for t in self.terms if isinstance(t.loss, torch.nn.Module))
        self.settings_weight, self.prior, self.prior_weight = settings_weight, prior, prior_weight
        self.hears = hears or ("dry" if device.controller.reference else "wet")
        self.even = even
        self.learning_rate, self.optimizer, self.sounds = learning_rate, optimizer, sounds

    def forward(self, batch: Mapping[str, Tensor]) -> Any:
        """``norm_params`` that the controller gives for a batch."""
        controller = self.controlled.controller
        given: dict[str, Tensor] = {}
        for name in ("reference", "controls"):
            if getattr(controller, name):
                if name not in batch:
                    raise ValueError(f"ControlLearner: the controller takes {name}, which the batch has not")
                given[name] = batch[name]
        return controller(None if controller.encoder is None else batch[self.hears], **given)

    def training_step(self, batch: Mapping[str, Tensor], step: int) -> Tensor:
        """The loss of a batch."""
        return self._loss(batch, "train")[0]

    def validation_step(self, batch: Mapping[str, Tensor], step: int) -> None:
        """Logs the loss, errors of knobs, and, of the first batch, sounds and curves."""
        _, positions, y = self._loss(batch, "validation")
        head = self.controlled.controller.head
        if "norm_params" in batch and isinstance(positions, Tensor) and positions.dim() == 2:
            off = (positions - batch["norm_params"]).abs().mean(0)
            errors = {f"knob/{name}": off[i] for name, i in zip(head.names, head.knobs.index.tolist(), strict=True)}
            self.log_dict(errors, batch_size=len(y), sync_dist=True)
        if step == 0:
            self._show(batch, positions, y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW, or what ``optimizer`` makes."""
        learned = [p for p in self.parameters() if p.requires_grad]
        return self.optimizer(learned) if self.optimizer else torch.optim.AdamW(learned, lr=self.learning_rate)

    def _loss(self, batch: Mapping[str, Tensor], stage: str) -> tuple[Tensor, Any, Tensor]:
        positions = self(batch)
        turned = even_knobs(positions) if self.even and isinstance(positions, Tensor) else positions
        y = self.controlled.fx(batch["dry"], norm_params=turned)
        values = {t.label: t(self.controlled, y, batch["wet"]) for t in self.terms}
        loss = torch.stack([t.weight * values[t.label] for t in self.terms]).sum()
        if self.settings_weight:
            if "norm_params" not in batch or not isinstance(positions, Tensor):
                raise ValueError("ControlLearner: settings_weight needs norm_params in the batch, and knobs that stand")
            index = self.controlled.controller.head.knobs.index
            values["settings"] = (positions - batch["norm_params"])[:, index].abs().mean()
            loss = loss + self.settings_weight * values["settings"]
        if self.prior is not None:
            values["prior"] = self.prior(positions)
            loss = loss + self.prior_weight * values["prior"]
        logged = {f"{stage}/{name}": value.detach() for name, value in {"loss": loss, **values}.items()}
        self.log_dict(logged, batch_size=len(y), sync_dist=stage != "train", on_epoch=True, on_step=False)
        return loss, positions, y

    def _show(self, batch: Mapping[str, Tensor], positions: Any, y: Tensor) -> None:
        fx, step = self.controlled.fx, self.global_step
        for logger in self.loggers:
            if not isinstance(logger, TensorBoardLogger) or not self.trainer.is_global_zero:
                continue
            board = logger.experiment
            for name, sound in {"dry": batch["dry"], "target": batch["wet"], "predicted": y}.items():
                for i in range(min(self.sounds, len(sound))):
                    heard = sound[i].mean(0).detach().float().cpu().clamp(-1, 1)
                    board.add_audio(f"{name}/{i}", heard[None], step, round(fx.sample_rate))
            if "norm_params" in batch and isinstance(positions, Tensor) and positions.dim() == 2:
                for name, figure in _curves(fx, batch["norm_params"][:1], positions[:1].detach()).items():
                    board.add_figure(f"curve/{name}", figure, step)


def _curves(fx: Any, target: Tensor, found: Tensor) -> dict[str, Any]:
    """Figures of the effects that have a curve, target and prediction; none without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return {}
    names, figures = list(fx.params), {}
    steps = getattr(fx, "steps", None) or {"": fx}
    for name, effect in steps.items():
        figure = Figure(figsize=(6, 3), layout="constrained")
        ax = figure.add_subplot()
        index = [names.index(f"{name}.{knob}" if name else knob) for knob in effect.params]
        try:
            for positions in (target, found):
                effect.plot(norm_params=positions[:, index].float().cpu(), ax=ax)
        except NotImplementedError:
            continue
        for line, label in zip(ax.lines[-2:], ("target", "predicted"), strict=False):
            line.set_label(label)
        ax.legend()
        figures[name or type(effect).__name__] = figure
    return figures
