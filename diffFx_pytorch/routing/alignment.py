"""Paths that meet again: of one latency and of one number of channels."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ..processor import Processor


def total(paths: list[Tensor]) -> Tensor:
    """The sum of paths (B, C, T), where a mono path goes to every channel of the others."""
    channels = max(path.shape[1] for path in paths)
    result = paths[0].expand(-1, channels, -1) if paths[0].shape[1] != channels else paths[0]
    for path in paths[1:]:
        result = result + path
    return result


def refuse_combs(owner: str, paths: Mapping[str, Processor | None]) -> None:
    """Refuse a shaper whose oversampling turns the phase beside a wire (None): what both pass would cancel.

    Raises:
        ValueError: for such paths.
    """
    if all(fx is not None for fx in paths.values()):
        return
    for name, fx in paths.items():
        if any(getattr(part, "turns_phase", False) for part in (() if fx is None else fx.modules())):
            raise ValueError(
                f"{owner}: {name} oversamples with phase='minimum', and combs with its input. Mix with its own mix, "
                "whose dry signal has the same phase, or give it phase='linear'."
            )


def channels_where_they_meet(
    owner: str, paths: Mapping[str, Processor | None]
) -> tuple[tuple[int, ...] | None, int | None]:
    """The legal input channels and the output channels of paths that are summed; None is a wire.

    A mono path goes to every channel of the others, so a wire can meet an effect that makes stereo of mono.

    Raises:
        ValueError: for paths that share no number of channels.
    """
    legal: tuple[int, ...] | None = None
    for name, fx in paths.items():
        if fx is not None and fx.channels is not None:
            legal = fx.channels if legal is None else tuple(c for c in legal if c in fx.channels)
            if not legal:
                raise ValueError(f"{owner}: {name} takes {_listed(fx.channels)} channels, and those beside it do not")
    given = {fx.channels_out for fx in paths.values() if fx is not None and fx.channels_out is not None}
    wide = max(given, default=1)
    if len(given - {1}) > 1:
        raise ValueError(f"{owner}: its paths give {_listed(sorted(given))} channels and cannot be summed")
    follows_input = any(fx is None or fx.channels_out is None for fx in paths.values())
    if not follows_input:
        return legal, wide
    if wide == 1:
        return legal, None
    meeting = tuple(c for c in (legal or (1, wide)) if c in (1, wide))
    if not meeting:
        raise ValueError(
            f"{owner}: one path gives {wide} channels; the others give as many as come in, {_listed(legal or ())}"
        )
    return meeting, wide


def _listed(channels: tuple[int, ...] | list[int]) -> str:
    return " or ".join(map(str, channels))
