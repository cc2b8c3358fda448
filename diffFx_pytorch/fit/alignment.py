"""Whether two recordings can be a dry and a wet one, and by how much they are out of step."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from .echo import impulse_response

_SILENT = 1e-5
"""Level of a signal that counts as silent (-100 dBFS)."""
_FARTHEST_S = 0.5
_SHORTEST = 256
_MOVED = 0.995
"""Likeness to a band-limited impulse above which a pulse is one that lies between samples."""
_FILTERED = 2
"""Samples by which a filter may seem to move a sound."""
_EXACT = 0.05
"""Fraction of a sample that counts as none: effects that change in time blur the pulse by as much."""
_CLEAR = 0.5
"""Share of the energy of the response that its largest peak must hold: otherwise no one time is meant."""
_CLIPPED = 1e-3
_SAME_DB = 0.02
"""A level that is none."""
_SURE, _LEAST_OFFSET = 6.0, 1e-3
"""An offset that counts: in standard errors, and relative to the level of the sound (-60 dB)."""
_INVERTED = "the wet recording was inverted"
_OPPOSITE = -0.7
"""Likeness under which a response is that of a filter, inverted, whatever the sign of its largest peak."""
_DOUBTFUL = 0.3
"""Likeness under which a recording may be one that was inverted: crossovers, mixtures and rings turn phases as far."""
_SMOOTH = 2048
"""Parts of the spectrum over which a magnitude is averaged before its phase is computed."""
_UNHEARD = 1e-9
"""Power of a bin relative to the loudest one's, under which it says nothing."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """How a wet recording lies on its dry one.

    Args:
        wet: (1, C, T), moved into step and turned over where it was inverted.
        skipped: samples of the processed sound that it lacks at its beginning.
        offset_samples: by how much it came late, with its fraction; negative where it came early.
        inverted: whether its polarity was turned.
        notices: what a person should know, a sentence each.
        is_pulse: whether a moved pulse explains it all, so that no filter can have.
        level_db: by how much it was louder than any setting makes it; it was divided by that.
        level_free: whether it may be louder or quieter by any gain, not known yet.
    """

    wet: Tensor
    skipped: int
    offset_samples: float
    inverted: bool
    notices: list[str]
    is_pulse: bool = False
    level_db: float = 0.0
    level_free: bool = False

    @property
    def turned(self) -> Alignment:
        """The same with the other polarity."""
        said = [text for text in self.notices if text != _INVERTED]
        return replace(
            self, wet=-self.wet, inverted=not self.inverted, notices=said if self.inverted else [*said, _INVERTED]
        )


def check_recordings(dry: Tensor, wet: Tensor, rate: float) -> list[str]:
    """Refuse what no fit can answer, and say what makes an answer doubtful.

    Args:
        dry: (1, C, T).
        wet: (1, C', T').
        rate: in Hz.

    Returns:
        A sentence on each thing that makes the answer doubtful.

    Raises:
        ValueError: for NaN, silence, and sounds too short to compare.
    """
    notices = []
    for name, x in {"dry": dry, "wet": wet}.items():
        if not torch.isfinite(x).all():
            bad = int((~torch.isfinite(x)).flatten(0, 1).any(0).nonzero()[0])
            raise ValueError(f"the {name} recording holds NaN or infinity, first at {bad / rate:.3f} s; mend it first")
        if float(x.abs().max()) < _SILENT:
            raise ValueError(f"the {name} recording is silent, so there is nothing to compare")
        if x.shape[-1] < _SHORTEST:
            raise ValueError(f"the {name} recording has {x.shape[-1]} samples; a fit needs {_SHORTEST} or more")
        peak = float(x.abs().max())
        at_peak = float((x.abs() >= 0.9999 * peak).float().mean())
        if name == "dry" and peak > 0.5 and at_peak > _CLIPPED:
            notices.append(f"the dry recording is clipped: {100 * at_peak:.1f} % of its samples lie at its peak")
    length = min(dry.shape[-1], wet.shape[-1])
    if dry.shape[1] == wet.shape[1] and torch.equal(dry[..., :length], wet[..., :length]):
        notices.append("the two recordings are equal: nothing was done to the dry one")
    return notices


def aligned(dry: Tensor, wet: Tensor, rate: float, may_be_late: bool = True) -> Alignment:
    """Move a wet recording into step with its dry one.

    The largest peak of the response from dry to wet says how late it is and whether it is inverted, where it holds
    most of the response within half a second: around no delay, else around the largest peak of all, as where wet is
    but a part of what was recorded.

    Args:
        dry: (1, C, T).
        wet: (1, C', T').
        rate: in Hz.
        may_be_late: whether a wet recording that comes late is moved; False where the effect itself may make it late,
            so that only one that comes early, as no effect makes it, is.
    """
    T = wet.shape[-1]
    farthest = min(round(_FARTHEST_S * rate), T - 1)
    for again in (False, True):
        centre = _loudest(impulse_response(dry[0], wet[0])) if again else 0
        here = F.pad(dry[0], (max(0, centre), 0))[:, max(0, -centre) :][:, :T]
        h = impulse_response(F.pad(here, (0, T - here.shape[-1])), wet[0]).roll(farthest, -1)[..., : 2 * farthest + 1]
        channel, at = divmod(int(h.abs().argmax()), h.shape[-1])
        around = h[channel]
        near = around[max(0, at - 2) : at + 3]
        clear = float(near.square().sum()) >= _CLEAR * float(around.square().sum())
        if clear:
            break
    if not clear:
        # No one time is meant; a filter of another polarity shows all the same.
        inverted = _likeness(dry, wet, 0) < _OPPOSITE
        return Alignment(-wet if inverted else wet, 0, 0.0, inverted, [_INVERTED] if inverted else [])
    whole, sign = centre + at - farthest, math.copysign(1.0, float(around[at]))
    fraction = _fraction(sign * around, at)
    inverted = sign < 0
    if fraction is None:
        # Filters turn phases too, and what they did is for the fit to find.
        whole = whole if abs(whole) > _FILTERED else 0
        inverted = _likeness(dry, wet, whole) < (0.0 if inverted else _OPPOSITE)
    offset = whole + (fraction or 0.0)
    notices = []
    if abs(offset - round(offset)) < _EXACT:
        offset = float(round(offset))
    if offset > 0 and not may_be_late:
        offset = 0.0
    lost = math.floor(offset)
    if offset:
        wet = _earlier(wet, offset - lost)[..., max(0, lost) :]
        notices.append(_when(offset, rate))
    if inverted:
        wet = -wet
        notices.append(_INVERTED)
    return Alignment(wet, max(0, -lost), offset, inverted, notices, fraction is not None)


def offsets_of(sound: Tensor, wet: Tensor, rate: float) -> Tensor | None:
    """The constants that a wet recording holds and a processed sound lacks, (1, C, 1); None where none shows.

    They show where parts of 0.1 s have them one as the other: what is low in a sound moves their means to both sides.

    Args:
        sound: (1, C, T), what wet would be like.
        wet: (1, C, T').
        rate: in Hz.
    """
    there, unsure = _constants(wet[0], rate)
    here, _ = _constants(sound[0], rate)
    level = wet[0].double().square().mean(-1).sqrt()
    clear = (there.abs() > _SURE * unsure) & (there.abs() > _LEAST_OFFSET * level) & (here.abs() < 0.1 * there.abs())
    means = wet.double().mean(-1, keepdim=True) - sound.double().mean(-1, keepdim=True)
    return torch.where(clear[None, :, None], means, 0.0).to(wet) if clear.any() else None


def _constants(x: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """The medians of the means of parts of x (C, T), and their standard errors, (C,)."""
    parts = max(8, round(x.shape[-1] / (0.1 * rate)))
    means = torch.stack([part.mean(-1) for part in x.double().tensor_split(parts, -1)], -1)
    medians = means.median(-1).values
    return medians, 1.86 * (means - medians[:, None]).abs().median(-1).values / math.sqrt(parts)


def moved(lies: Alignment, late: float, rate: float) -> Alignment:
    """The same where wet turned out to be some part of a sample later still."""
    offset = lies.offset_samples + late
    said = [text for text in lies.notices if text != _when(lies.offset_samples, rate)]
    return replace(lies, wet=_earlier(lies.wet, late), offset_samples=offset, notices=[_when(offset, rate), *said])


def relevelled(lies: Alignment, gain: float) -> Alignment:
    """The same where wet turned out to be so much louder than any setting makes it."""
    level_db = 20 * math.log10(gain)
    if abs(level_db) < _SAME_DB:
        return replace(lies, level_free=False)
    said = f"the wet recording was {abs(level_db):.2f} dB {'louder' if level_db > 0 else 'quieter'} than the effect"
    return replace(lies, wet=lies.wet / gain, level_db=level_db, level_free=False, notices=[*lies.notices, said])


def _when(offset: float, rate: float) -> str:
    when = "late" if offset > 0 else "early"
    return f"the wet recording was {abs(offset):.2f} samples ({1000 * abs(offset) / rate:.2f} ms) {when}"


def _loudest(responses: Tensor) -> int:
    """The delay of the largest peak of responses (C, 2 T), the later half of which is before no delay."""
    at = int(responses.abs().amax(0).argmax())
    return at if at < responses.shape[-1] // 2 else at - responses.shape[-1]


def readings(dry: Tensor, sound: Tensor, wet: Tensor, rate: float, may_be_late: bool = True) -> list[Alignment]:
    """How a wet recording may lie, the simplest first: as it is, moved, moved and inverted.

    One alone is evident; of several only a fit can tell, as what an effect does may look like either. The last is what
    the pair looks like where that is ``inverted``.

    Args:
        dry: (1, C, T).
        sound: (1, C', T), the dry sound after the effect as it stands.
        wet: (1, C', T').
        rate: in Hz.
        may_be_late: as for ``aligned``.
    """
    seen = aligned(sound, wet, rate, may_be_late)
    upright = seen.turned if seen.inverted else seen
    found = [upright]
    if upright.offset_samples and not seen.is_pulse:
        found.insert(0, Alignment(wet, 0, 0.0, False, []))
    doubted = seen.inverted or (
        not seen.is_pulse and any(_likeness(x[..., seen.skipped :], upright.wet, 0) < _DOUBTFUL for x in (sound, dry))
    )
    return [*found, upright.turned] if doubted else found


def _likeness(dry: Tensor, wet: Tensor, late: int) -> float:
    """How well the response turns phases as its magnitude says, -1 .. 1; ``late`` samples taken out.

    It is compared with the response of that magnitude and minimum phase. Against the sound itself a filter that cuts
    what is loudest by a slope could seem inverted.

    References:
        A. V. Oppenheim, R. W. Schafer, Discrete-Time Signal Processing, 3rd ed., Pearson 2010, section 13.5 (minimum
        phase by the cepstrum).
    """
    x, y = (s[0].double().mean(0) for s in (dry, wet))
    x, y = x[max(0, -late) :], y[max(0, late) :]
    length = min(len(x), len(y))
    size = 1 << (2 * length - 1).bit_length()
    X, Y = (torch.fft.rfft(s[:length], size) for s in (x, y))
    powers = [_smooth(Z.abs().square(), size // _SMOOTH) for Z in (X, Y)]
    powers = [p + _UNHEARD * p.max() for p in powers]
    cepstrum = torch.fft.irfft(0.5 * (powers[1] / powers[0]).log() + 0j, size)
    cepstrum[1 : size // 2] *= 2
    cepstrum[size // 2 + 1 :] = 0
    least = torch.fft.rfft(cepstrum, size).exp()
    found = Y * X.conj()
    return float((found * least.conj()).real.sum() / (found.abs() * least.abs()).sum().clamp_min(1e-300))


def _smooth(power: Tensor, width: int) -> Tensor:
    """Means over ``width`` bins, fewer at the ends."""
    total = F.pad(power.cumsum(0), (1, 0))
    at = torch.arange(len(power), device=power.device)
    low, high = (at - width // 2).clamp_min(0), (at + width // 2 + 1).clamp_max(len(power))
    return (total[high] - total[low]).clamp_min(0.0) / (high - low)


def _fraction(h: Tensor, n: int) -> float | None:
    """Where between samples a pulse lies, from the phase of its spectrum; None where it is more than a moved one."""
    taken = torch.arange(-16, 17, device=h.device)
    inside = (n + taken >= 0) & (n + taken < len(h))
    bell = torch.hann_window(35, False, dtype=h.dtype, device=h.device)[1:-1]
    around = torch.where(inside, h[(n + taken).clamp(0, len(h) - 1)], 0.0) * bell
    pulse = torch.zeros(64, dtype=h.dtype, device=h.device)
    pulse[taken % 64] = around
    Z = torch.fft.rfft(pulse)[1:17]
    k = torch.arange(1, 17, dtype=h.dtype, device=h.device)
    weight = Z.abs().square()
    slope = float((weight * k * Z.angle()).sum() / (weight * k.square()).sum().clamp_min(1e-30))
    fraction = min(max(-slope * 64 / (2 * math.pi), -0.6), 0.6)
    moved = torch.sinc(taken - fraction) * bell
    alike = float((moved * around).sum() / (moved.norm() * around.norm()).clamp_min(1e-30))
    return fraction if alike > _MOVED else None


def _earlier(x: Tensor, fraction: float) -> Tensor:
    """x(t + fraction), band-limited."""
    T, margin = x.shape[-1], 64
    spectrum = torch.fft.rfft(F.pad(x, (margin, margin)).double())
    k = torch.arange(spectrum.shape[-1], dtype=torch.float64, device=x.device)
    turn = torch.exp(2j * math.pi * k * fraction / (T + 2 * margin))
    return torch.fft.irfft(spectrum * turn, T + 2 * margin).to(x)[..., margin : margin + T]
