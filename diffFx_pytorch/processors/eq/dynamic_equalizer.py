"""Dynamic equaliser."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import constant

from ...curve import Curve
from ...dsp.ballistics import limited_slope, smoothing
from ...dsp.biquad import band_pass
from ...dsp.levels import NEPER_PER_DB, amp_to_db
from ...options import Given, Integer
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import attack_release, filter_sections, one_pole
from ...recursion.ops.bands import band_power, level_parts, moving_peaks
from ..choices import LINK, RMS

Direction = Literal["above", "below"]

_FLOOR_DB = -200.0
_PER_DB = math.log(10) / 10


class DynamicEqualizer(Processor):
    """Peaks in series whose gains follow the level in their own bands.

    Each band filters the key (the input, or a sidechain) with a band-pass, takes the mean square, and asks for

        gain = sign(range) min((1 - 1/ratio) over, |range|) dB,    over = max(level - threshold, 0),

    with ``direction="below"`` over = max(threshold - level, 0). So a negative range cuts and a positive one boosts, by
    1 - 1/ratio dB for each dB beyond the threshold, up to the range. The gain is smoothed in dB, with one coefficient
    while it grows away from 0 (attack) and one while it returns (release), and moves a peak

        y = x + (g - 1) BP(x),    H(s) = (s^2 + s g/q + 1) / (s^2 + s/q + 1),    g = 10^(gain / 20),

    whose poles stand still while g moves, so it stays stable however fast. ``freq_hz / q`` is the width between the
    points where the power gain is half way, (1 + g^2) / 2.

    ``attack_ms`` and ``release_ms`` are the times in which the gain, in dB, covers 1 - 1/e (63 %) of a step of the
    level; the averaging of the mean square comes on top. A sine of amplitude 1 at the centre has a level of -3.01 dB.

    References:
        D. Giannoulis, M. Massberg, J. D. Reiss, "Digital dynamic range compressor design: a tutorial and analysis",
        JAES 60(6), 2012 (gain computer and ballistics).
        P. A. Regalia, S. K. Mitra, "Tunable digital frequency response equalization filters", IEEE TASSP 35(1), 1987.
        V. Zavalishin, "The Art of VA Filter Design", rev. 2.1.0, 2018, chapter 4.
    """

    words = (
        "turns {band_#_freq_hz}{band_#_q:flat} by up to {band_#_range_db}, "
        "{band_#_ratio}:1 past {band_#_threshold_db}, with a {band_#_attack_ms} attack and a "
        "{band_#_release_ms} release",
    )
    options = {
        "num_bands": Integer(1, 32, 3, doc="Number of peaks."),
        "direction": Given(
            "above",
            Direction | Sequence[Direction],
            "'above' or 'below', or as many of them as bands",
            doc="On which side of the threshold bands act: one for all, or one each.",
            check=lambda given: {*_directions(given, 1)} <= {"above", "below"},
        ),
        "link": LINK,
        "rms_ms": RMS,
    }
    traits = {"time_invariant", "causal", "odd"}
    takes_sidechain = True
    variants = ({"num_bands": 2, "direction": ("above", "below")}, {"num_bands": 1, "link": False})

    def table(self) -> dict[str, EffectParam]:
        """The knobs of every band."""
        self.directions = _directions(self.direction, self.num_bands)
        if len(self.directions) != self.num_bands:
            raise ValueError(
                f"direction must be 'above' or 'below', or {self.num_bands} of them, got {self.direction!r}"
            )
        table: dict[str, EffectParam] = {}
        for i, side in enumerate(self.directions):
            # Middles of equal parts of 100 Hz .. 10 kHz, on a logarithmic axis.
            table |= _band(f"band_{i + 1}", round(100.0 * 100.0 ** ((i + 0.5) / self.num_bands)), side)
        return table

    def prepare(self) -> None:
        """The mean square."""
        self.neutral = {name: 0.0 for name in self.params if name.endswith("_range_db")}
        self.crosses_channels = self.link
        self._rms_smoothing = math.exp(-1000 / (self.sample_rate * self.rms_ms))

    def process(
        self, x: Tensor, state: State, sidechain: Tensor | None = None, **knobs: Tensor
    ) -> tuple[Tensor, State]:
        """Levels and gains of all bands at once, then the peaks; the state holds the filters, powers and gains."""
        state = state or {}
        bands = self._by_band(knobs)
        still = bands["freq_hz"].shape[-1] == bands["q"].shape[-1] == 1
        measure, move = (self._powers, self._peaks) if still else (self._powers_of_moving, self._moving_peaks)
        power, new_state = measure(x if sidechain is None else sidechain, bands, state)
        part, reach, new_state["gain"] = self._parts(power, bands, state)
        y, new_state["peaks"] = move(x, part, NEPER_PER_DB * reach, bands, state)
        return y, new_state

    def tail(self, **knobs: Tensor) -> Tensor:
        """The band-passes ring one after another: each decays as exp(-pi f t / q), or with its slower real pole."""
        bands = self._by_band(knobs)
        damping = 1 / (2 * bands["q"].double())
        slowest = damping - (damping.square() - 1).clamp_min(0.0).sqrt()
        return (math.log(1000.0) / (2 * math.pi * bands["freq_hz"] * slowest)).sum(2)

    def curve(self, **knobs: Tensor) -> Curve:
        """Magnitude response with every band moved as far as its range goes."""
        highest = min(20000.0, self.sample_rate / 2)
        freqs = torch.logspace(math.log10(20.0), math.log10(highest), 500, dtype=torch.float64)
        level = torch.zeros_like(freqs)
        bands = {name: knob[0, 0, :, 0].double() for name, knob in self._by_band(knobs).items()}
        s = torch.tan(math.pi / self.sample_rate * freqs)
        for f, q, r in zip(bands["freq_hz"], bands["q"], bands["range_db"], strict=True):
            u = s / torch.tan(math.pi / self.sample_rate * f)
            band = 1 / (1 + 1j * q * (u - 1 / u))
            level = level + amp_to_db((1 + ((NEPER_PER_DB * r).exp() - 1) * band).abs())
        return Curve(freqs, level, "frequency (Hz)", "gain at full range (dB)", True, "DynamicEqualizer")

    def _by_band(self, knobs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each kind of knob over the bands, (B, 1, K, 1) or (B, 1, K, T)."""
        kinds = ("freq_hz", "q", "threshold_db", "ratio", "range_db", "attack_ms", "release_ms")
        rows = {n: [knobs[f"band_{k + 1}_{n}"] for k in range(self.num_bands)] for n in kinds}
        return {name: torch.stack(torch.broadcast_tensors(*row), 2) for name, row in rows.items()}

    def _band_pass(self, bands: Mapping[str, Tensor]) -> Tensor:
        """G and r of the band-pass of each band (B, 1, K, 2), float64; knobs stand still."""
        g = torch.tan(bands["freq_hz"].double() * (math.pi / self.sample_rate))
        return torch.cat(torch.broadcast_tensors(g, 1 / bands["q"].double()), -1)

    def _sections(self, bands: Mapping[str, Tensor]) -> Tensor:
        """The band-pass of each band as a section (B, 1, K, T, 1, 6)."""
        return band_pass(bands["freq_hz"], bands["q"], self.sample_rate, "bilinear").unsqueeze(-2)

    def _powers(self, key: Tensor, bands: Mapping[str, Tensor], state: Mapping[str, Any]) -> tuple[Tensor, State]:
        """The mean square of each band (B, C, K, T), and the states of filters and means."""
        filters = self._band_pass(bands)
        coef = torch.cat([filters, torch.full_like(filters[..., :1], self._rms_smoothing)], -1)
        zi = torch.cat([state["key"]["svf"][..., 0, :], state["power"][..., None]], -1) if state else coef.new_zeros(3)
        power, zf = band_power(key.unsqueeze(2), coef, zi)
        return power, {"key": {"svf": zf[..., None, :2]}, "power": zf[..., 2]}

    def _powers_of_moving(
        self, key: Tensor, bands: Mapping[str, Tensor], state: Mapping[str, Any]
    ) -> tuple[Tensor, State]:
        """As `_powers`, where frequencies or widths move."""
        band, ring = filter_sections(key.unsqueeze(2), self._sections(bands), state.get("key"))
        coefficient = constant(self._rms_smoothing, torch.float64, key.device)
        power, last = one_pole(band.square(), coefficient, state.get("power"), return_zf=True)
        return power, {"key": ring, "power": last}

    def _parts(
        self, power: Tensor, bands: Mapping[str, Tensor], state: Mapping[str, Any]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The part of its reach at which each gain stands (B, 1 or C, K, T), the reaches in dB, and the last parts."""
        reach, width = limited_slope(1 - 1 / bands["ratio"], bands["range_db"])
        signs = tuple((1.0 if d == "above" else -1.0,) for d in self.directions)
        side = constant(signs, power.dtype, power.device)
        threshold, slope = (t.double() for t in torch.broadcast_tensors(bands["threshold_db"], side / width))
        if threshold.shape[-1] == 1:
            loudest = power if self.link else power.unsqueeze(2)
            coef = torch.cat([_PER_DB * threshold, slope / _PER_DB], -1)
            part = level_parts(loudest, coef[:, 0] if self.link else coef, 10 ** (_FLOOR_DB / 10))
            part = part.unsqueeze(1) if self.link else part
        else:
            loudest = power.amax(1, keepdim=True) if self.link else power
            level = loudest.clamp_min(10 ** (_FLOOR_DB / 10)).log() / _PER_DB
            part = ((level - threshold) * slope).clamp(0.0, 1.0).to(power.dtype)
        silent = ((_FLOOR_DB - threshold[..., 0]) * slope[..., 0]).clamp(0.0, 1.0)
        smooth, last = attack_release(
            part,
            smoothing(bands["attack_ms"], self.sample_rate),
            smoothing(bands["release_ms"], self.sample_rate),
            state["gain"] if state else silent,
            return_zf=True,
        )
        return smooth, reach, last

    def _peaks(
        self, x: Tensor, part: Tensor, reach: Tensor, bands: Mapping[str, Tensor], state: Mapping[str, Any]
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """The peaks one after another, and the states of their filters."""
        if reach.shape[-1] > 1:
            part, reach = reach * part, torch.ones_like(reach[..., :1])
        coef = torch.cat([self._band_pass(bands), reach.double()], -1)
        zi = torch.cat([ring["svf"] for ring in state["peaks"]], -2) if state else coef.new_zeros(self.num_bands, 2)
        y, zf = moving_peaks(x, part, coef, zi)
        return y, tuple({"svf": s} for s in zf.split(1, -2))

    def _moving_peaks(
        self, x: Tensor, part: Tensor, reach: Tensor, bands: Mapping[str, Tensor], state: Mapping[str, Any]
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """As `_peaks`, where frequencies or widths move."""
        gain, filters, rings = (reach * part).expm1(), self._sections(bands), []
        for k in range(self.num_bands):
            band, ring = filter_sections(x, filters[:, :, k], state["peaks"][k] if state else None)
            x = x + gain[:, :, k] * band
            rings.append(ring)
        return x, tuple(rings)


def _directions(given: Direction | Sequence[Direction], count: int) -> tuple[Direction, ...]:
    return (given,) * count if isinstance(given, str) else tuple(given)


def _band(name: str, centre: float, side: Direction) -> dict[str, EffectParam]:
    of = name.replace("_", " ")
    beyond = "over" if side == "above" else "under"
    return {
        f"{name}_freq_hz": EffectParam(
            20.0, 20000.0, centre, "log", "Hz", f"Centre of {of}, for its level and its gain."
        ),
        f"{name}_q": EffectParam(0.1, 10.0, 1.0, "log", doc=f"Narrowness of {of}: freq_hz over its width."),
        f"{name}_threshold_db": EffectParam(
            -80.0, 0.0, -30.0, unit="dB", doc=f"Level in {of} {beyond} which its gain moves."
        ),
        f"{name}_ratio": EffectParam(
            1.0, 100.0, 2.0, "log", doc=f"The gain of {of} moves by 1 - 1/ratio dB for a dB {beyond} threshold."
        ),
        f"{name}_range_db": EffectParam(
            -24.0, 24.0, -12.0, unit="dB", doc=f"Largest gain of {of}: negative cuts, positive boosts, 0 is neutral."
        ),
        f"{name}_attack_ms": EffectParam(
            0.01, 500.0, 10.0, "log", "ms", doc=f"Time to 63 % of a growing gain of {of}."
        ),
        f"{name}_release_ms": EffectParam(
            1.0, 5000.0, 150.0, "log", "ms", doc=f"Time to 63 % of a shrinking gain of {of}."
        ),
    }
