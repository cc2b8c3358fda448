"""Players of sounds for pages and notebooks: a sound as an address, and takes that switch without losing the place."""

from __future__ import annotations

import base64
import io
import math
import uuid
from collections.abc import Mapping
from html import escape
from importlib import resources

import numpy as np
import soundfile
from torch import Tensor

from ..render.loudness import integrated_loudness
from ..render.quantize import Quantizer

_OGG_BLOCK = 1 << 15
"""Frames written at once: libsndfile's encoder cannot take a minute."""
_OGG_LEVEL = 0.8
"""Of 0 .. 1, the most compressed: some 9 kB a second of stereo music."""
_MOST_DB = 24.0


def sound_address(x: Tensor, sample_rate: float, *, compressed: bool = True) -> str:
    """A sound as the ``src`` of a player.

    Args:
        x: (C, T).
        sample_rate: in Hz.
        compressed: whether it is Ogg Vorbis, a tenth of the size, or WAV of 16 bits.
    """
    file, samples = io.BytesIO(), x.detach().float().T.cpu().numpy()
    rate = round(sample_rate)
    if compressed:
        with soundfile.SoundFile(
            file, "w", rate, samples.shape[1], "VORBIS", format="OGG", compression_level=_OGG_LEVEL
        ) as writer:
            for block in np.split(samples, range(_OGG_BLOCK, len(samples), _OGG_BLOCK)):
                writer.write(block)
    else:
        soundfile.write(file, Quantizer(16)(samples), rate, "PCM_16", format="WAV")
    return f"data:audio/{'ogg' if compressed else 'wav'};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def matching_gain_db(dry: Tensor, wet: Tensor, sample_rate: float) -> float:
    """The gain that makes ``wet`` as loud as ``dry``, in dB; 0 where one of them is silent.

    By integrated loudness (ITU-R BS.1770), or the mean power of what is too short or too soft for that; within 24 dB.

    Args:
        dry: (C, T).
        wet: (C', T).
        sample_rate: in Hz.
    """
    levels = [float(integrated_loudness(x[None].double(), sample_rate)[0]) for x in (dry, wet)]
    if not all(map(math.isfinite, levels)):
        levels = [10 * math.log10(max(float(x.double().square().mean()), 1e-30)) for x in (dry, wet)]
        if min(levels) < -120:
            return 0.0
    return min(max(levels[0] - levels[1], -_MOST_DB), _MOST_DB)


def takes_of(dry: Tensor, wet: Tensor, sample_rate: float, *, matched: bool = True) -> tuple[dict[str, Tensor], float]:
    """What a comparison plays: before, after and their difference.

    Args:
        dry: (C, T).
        wet: (C', T'), in step with it; mono beside stereo is heard on both sides.
        sample_rate: in Hz.
        matched: whether ``wet`` is brought to the loudness of ``dry`` first.

    Returns:
        The takes by name, (C, T) each, no sample over 1; and the gain given to ``wet``, in dB.
    """
    length, channels = min(dry.shape[-1], wet.shape[-1]), max(dry.shape[0], wet.shape[0])
    before, after = (x[..., :length].detach().float().cpu().expand(channels, -1) for x in (dry, wet))
    gain_db = matching_gain_db(before, after, sample_rate) if matched else 0.0
    after = after * 10 ** (gain_db / 20)
    found = {"before": before, "after": after, "difference": after - before}
    peak = max(float(x.abs().max()) if x.numel() else 0.0 for x in found.values())
    return {name: x / max(peak, 1.0) for name, x in found.items()}, gain_db


def takes_html(takes: Mapping[str, Tensor], sample_rate: float, label: str = "", *, compressed: bool = True) -> str:
    """A player of takes of one length, as HTML that needs nothing else.

    One is heard, and buttons go from one to another without losing the place. Where scripts do not run there is a
    plain player for each.

    Args:
        takes: name to sound (C, T); the second is heard first, where there is one.
        sample_rate: in Hz.
        label: a line above.
        compressed: as for ``sound_address``.
    """
    name = f"fx-takes-{uuid.uuid4().hex[:12]}"
    sounds = "".join(
        f'<label style="margin-right:1em">{escape(take)} <audio controls preload="auto" '
        f'src="{sound_address(x, sample_rate, compressed=compressed)}"></audio></label>'
        for take, x in takes.items()
    )
    buttons = "".join(
        f'<button type="button" aria-pressed="{str(i == min(1, len(takes) - 1)).lower()}">{escape(take)}</button> '
        for i, take in enumerate(takes)
    )
    script = resources.files("diffFx_pytorch.report").joinpath("data/takes.js").read_text(encoding="utf-8")
    return (
        f'<div id="{name}" class="fx-takes"><div>{escape(label)}</div>'
        f'<div class="fx-row" hidden><button type="button" aria-label="Play">&#9654;</button> {buttons}'
        f'<progress max="1" value="0" aria-hidden="true"></progress></div><div>{sounds}</div>'
        f'<script>({script.strip()})("{name}")</script></div>'
    )
