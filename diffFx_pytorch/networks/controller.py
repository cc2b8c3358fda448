"""A network that turns the knobs of an effect: an encoder of sound, what else it is told, and a head."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..automation import Points
from ..processor import Processor
from .film import FiLM
from .frame_encoder import FrameEncoder, HeardState
from .head import ParameterHead
from .sound_encoder import ForeignEncoder, SoundEncoder


class ControlState(NamedTuple):
    """What a block leaves for the next."""

    heard: HeardState
    last: Tensor
    """Positions (B, P, N) of the last points, as many as the effect may still ask for."""


class Controller(nn.Module):
    """``norm_params`` of an effect from a sound, from two, from the knobs of a device, or from all of these.

        Controller(fx)(wet)                                   # blind: what was done to this sound?
        Controller(fx, reference=True)(x, reference=other)    # make x sound like the other
        Controller(fx, controls=2)(x, controls=knobs)         # told something: knobs of a device, a class, an embedding
        Controller(fx, None, controls=2)(controls=knobs)      # told only that
        Controller(fx, "gru")(x)                              # knobs that follow the sound, whole or block by block

    It is ``head(perceptron(encoder(x)))``: encoder (B, C, T) to (B, D), or (B, F, D) where knobs move. A reference goes
    through the same encoder, and the perceptron hears both vectors' difference too. What it is told scales and shifts
    the features (FiLM). At the start it gives the settings that the effect holds, whatever it hears.

    Args:
        fx: the effect or chain to control.
        encoder: "convolutional", "recurrent", "transformer" or "statistics" (``SoundEncoder``: a whole sound);
            "lstm", "gru" or "tcn" (``FrameEncoder``: causal, at control rate); an encoder built with other options;
            any module of your own (``ForeignEncoder`` says what it may be); or None, with ``controls``.
        frozen: names of the knobs that stay where the effect holds them, or a dict of name to value in its unit.
        free: names of the knobs to turn, instead of ``frozen``; None are all, but for those that cannot follow a sound.
        reference: whether it hears a second sound.
        controls: numbers that it is told with the sound, about 0 .. 1.
        hidden: width of the perceptron; None is that of the features.
        layers: of the perceptron.

    Shape:
        x (B, C, T), reference (B, C', T'), controls (B, ``controls``) to ``norm_params`` as of ``ParameterHead``.

    Raises:
        ValueError: for an unknown encoder, neither sound nor controls, knobs the effect does not have, or a period
            shorter than the effect's control period.

    References:
        C. J. Steinmetz, N. J. Bryan, J. D. Reiss, "Style transfer of audio effects with differentiable signal
        processing", JAES 70(9), 2022 (one encoder for the sound and its reference).
        M. Comunita, C. J. Steinmetz, J. D. Reiss, "NablAFx: a framework for differentiable black-box and gray-box
        modeling of audio effects", 2025 (controllers that are told the knobs of a device).
    """

    def __init__(
        self,
        fx: Processor,
        encoder: str | nn.Module | None = "convolutional",
        *,
        frozen: Iterable[str] | Mapping[str, float] = (),
        free: Iterable[str] | None = None,
        reference: bool = False,
        controls: int = 0,
        hidden: int | None = None,
        layers: int = 1,
    ) -> None:
        super().__init__()
        free = None if free is None else list(free)
        frozen = dict(frozen) if isinstance(frozen, Mapping) else list(frozen)
        if controls < 0 or layers < 0:
            raise ValueError(f"Controller: controls and layers must be 0 or more, got {controls} and {layers}")
        if encoder is None and (not controls or reference):
            raise ValueError("Controller: without an encoder it hears nothing; give controls=, and no reference")
        self.encoder = _built(encoder, fx, controls)
        self.follows = isinstance(self.encoder, FrameEncoder)
        if self.follows and self.encoder.period < fx.control_period:
            raise ValueError(
                f"Controller: period must be {fx.control_period} samples or more, got {self.encoder.period}"
            )
        if self.follows and reference:
            raise ValueError("Controller: a causal encoder takes no reference, which is a whole sound")
        if self.follows and free is None:
            free = [name for name, param in fx.params.items() if param.automatable and name not in frozen]
        self.sample_rate, self.reference, self.controls = fx.sample_rate, reference, controls
        self.options = {"frozen": frozen, "free": free, "reference": reference, "controls": controls}
        self.options |= {"hidden": hidden, "layers": layers}
        width = controls if self.encoder is None else int(self.encoder.features) * (3 if reference else 1)
        hidden = hidden or (32 if self.encoder is None else int(self.encoder.features))
        self.turned = FiLM(0 if self.encoder is None else controls, width)
        sizes = [width, *[hidden] * layers]
        steps = [nn.Sequential(nn.Linear(a, b), nn.GELU()) for a, b in itertools.pairwise(sizes)]
        self.network = nn.Sequential(*steps)
        self.head = ParameterHead(fx, sizes[-1], frozen, free)

    @property
    def names(self) -> list[str]:
        """The knobs that it turns."""
        return self.head.names

    def forward(self, x: Tensor | None = None, controls: Tensor | None = None, reference: Tensor | None = None) -> Any:
        """``norm_params``.

        Raises:
            ValueError: for what is missing, or was not asked for when it was built.
        """
        if self.follows:
            return self.run(_given(x), None, controls)[0]
        return self.head(self.features(x, controls, reference))

    def features(
        self, x: Tensor | None = None, controls: Tensor | None = None, reference: Tensor | None = None
    ) -> Tensor:
        """What the head takes; arguments and errors as for ``forward``."""
        condition = self._condition(controls)
        if (reference is not None) != self.reference:
            raise ValueError(f"Controller: a reference was {'not ' if self.reference else ''}given; reference= says so")
        if self.encoder is None:
            assert condition is not None
            return self.network(condition)
        if isinstance(self.encoder, FrameEncoder):
            return self._turned(self.encoder(_given(x), condition), condition)
        h = self.encoder(_given(x))
        if reference is not None:
            r = self.encoder(reference)
            r = r.mean(1) if r.dim() == 3 else r
            r = r[:, None].expand_as(h) if h.dim() == 3 else r
            h = torch.cat([h, r, r - h], -1)
        return self._turned(h, condition)

    def run(
        self, x: Tensor, state: ControlState | None = None, controls: Tensor | None = None, keep: int = 1
    ) -> tuple[dict[str, Points | Tensor], ControlState]:
        """``norm_params`` of a block after ``state``, with points in time from the beginning of the sound.

        Args:
            x: (B, C, T).
            state: what the block before left; None is silence before time zero.
            controls: (B, ``controls``).
            keep: samples before the block for which points are kept: the latency of the effect.

        Raises:
            ValueError: as ``forward``; for an encoder that needs the whole sound.
        """
        if not isinstance(self.encoder, FrameEncoder):
            raise ValueError("Controller: this encoder needs the whole sound; 'lstm', 'gru' and 'tcn' run in blocks")
        condition, period = self._condition(controls), self.encoder.period
        h, heard = self.encoder.run(x, None if state is None else state.heard, condition)
        moving, names = self.head.positions(self._turned(h, condition)).mT, self.head.names
        last = moving if state is None else torch.cat([state.last, moving], -1)
        until = heard.samples // period + 2  # points there are
        times = tuple(k * period / self.sample_rate for k in range(until - last.shape[-1], until))
        rest = self.head.knobs.rest.to(last).expand(x.shape[0], -1)
        knobs: dict[str, Points | Tensor] = dict(zip(self.head.table, rest.unbind(1), strict=True))
        knobs |= {name: Points(values, times) for name, values in zip(names, last.unbind(1), strict=True)}
        return knobs, ControlState(heard, last[..., -(-(-keep // period) + 3) :])

    def _turned(self, h: Tensor, condition: Tensor | None) -> Tensor:
        return self.network(self.turned(h, condition))

    def _condition(self, controls: Tensor | None) -> Tensor | None:
        given = None if controls is None else tuple(controls.shape)
        if (given is None) != (self.controls == 0) or (given and (len(given) != 2 or given[1] != self.controls)):
            raise ValueError(f"Controller: controls must be (B, {self.controls}), got {given or 'none'}")
        return None if controls is None else 2 * controls - 1


class Controlled(nn.Module):
    """An effect and the controller that turns its knobs, as one module.

    Args:
        fx: the effect.
        controller: built for it.

    Shape:
        x (B, C, T), controls (B, ``controls``), reference (B, C', T') to (B, C, T).
    """

    def __init__(self, fx: Processor, controller: Controller) -> None:
        super().__init__()
        self.fx, self.controller = fx, controller

    def forward(
        self, x: Tensor, controls: Tensor | None = None, reference: Tensor | None = None, *, heard: Tensor | None = None
    ) -> Tensor:
        """The whole sound x, with the knobs that the controller gives for it, or for ``heard``."""
        return self.fx(x, norm_params=self.controller(x if heard is None else heard, controls, reference))

    def run(self, x: Tensor, state: Any = None, controls: Tensor | None = None) -> tuple[Tensor, Any]:
        """One block of any length after ``state`` (None at the beginning): ``(y, state)``.

        Blocks equal the whole; for a controller with a causal encoder. ``diffFx_pytorch.detached(state)`` cuts the
        graph, for truncated backpropagation.
        """
        before, inner = (None, None) if state is None else state
        start = 0 if before is None else before.heard.samples
        knobs, after = self.controller.run(x, before, controls, keep=int(self.fx.latency_samples) + 1)
        y, inner = self.fx.run(x, inner, norm_params=knobs, start=start)
        return y, (after, inner)


def _built(encoder: str | nn.Module | None, fx: Processor, controls: int) -> Any:
    """An encoder as ``Controller`` calls it."""
    if encoder is None or isinstance(encoder, (SoundEncoder, FrameEncoder, ForeignEncoder)):
        return encoder
    if isinstance(encoder, nn.Module):
        return ForeignEncoder(encoder, sample_rate=fx.sample_rate)
    if encoder in ("lstm", "gru", "tcn"):
        return FrameEncoder(encoder, controls=controls)
    if encoder in ("convolutional", "recurrent", "transformer", "statistics"):
        return SoundEncoder(fx.sample_rate, encoder)
    raise ValueError(
        "Controller: encoder must be 'convolutional', 'recurrent', 'transformer', 'statistics', 'lstm', 'gru', 'tcn', "
        f"a module or None, got {encoder!r}"
    )


def _given(x: Tensor | None) -> Tensor:
    if x is None:
        raise ValueError("Controller: it hears a sound (B, C, T), none was given")
    return x
