"""Distances of magnitude spectra. Every loss is finite on silence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from ..dsp.power_spectrogram import power_spectrogram, scaled_for_sines
from ..kernels.transforms import needs_grad, runs_eagerly
from ..spectrogram import MelScale, chroma_bands
from .losses import Reduction, check_pair, known_reduction, mid_side, reduced
from .spectral_kernel import Spectrum, Transform, Weights, distances, spectrum

Stereo = Literal["channels", "mid_side", "sum_difference"]
Convergence = Literal["channel", "batch"]
Distance = Literal["absolute", "square"]
Window = Literal["hann", "hamming", "blackman", "bartlett", "kaiser"]

_SILENCE = 1e-10
"""Energy that keeps the ratio of two energies finite."""
_EQUAL = 1e-16
"""A ratio of energies below which two spectra count as equal (-160 dB)."""


_AURALOSS: dict[str, Any] = {
    "convergence": "batch",
    "scaled": False,
    "pad_mode": "reflect",
    "floor_db": -80.0,
    "hard_floor": True,
}


@dataclass(frozen=True)
class Resolution:
    """How one spectrum is taken.

    Args:
        n_fft: length of the transform in samples, at least 4.
        hop: samples from frame to frame; None is a quarter of the window.
        win_length: of the window, at most ``n_fft``, which None is.
        window: its name.

    Raises:
        ValueError: for lengths that do not fit.
    """

    n_fft: int
    hop: int = None  # type: ignore[assignment]  # a number once built, as the next
    win_length: int = None  # type: ignore[assignment]
    window: Window = "hann"

    def __post_init__(self) -> None:
        object.__setattr__(self, "win_length", self.n_fft if self.win_length is None else self.win_length)
        object.__setattr__(self, "hop", max(self.win_length // 4, 1) if self.hop is None else self.hop)
        if self.n_fft < 4 or self.hop < 1 or not 1 <= self.win_length <= self.n_fft:
            raise ValueError(f"Resolution: n_fft must be 4 or more, hop 1 or more, win_length 1 to n_fft, got {self}")
        if self.window not in get_args(Window):
            raise ValueError(f"Resolution: window must be {' or '.join(get_args(Window))}, got {self.window!r}")


@dataclass(frozen=True)
class Bands:
    """What sums the bins of a spectrum to bands: ``"mel"`` triangles, or ``"chroma"``, pitch classes.

    Args:
        kind: of the bands.
        sample_rate: in Hz.
        count: how many; None is 128 and 12.

    Raises:
        ValueError: for another kind.
    """

    kind: Literal["mel", "chroma"]
    sample_rate: float
    count: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("mel", "chroma"):
            raise ValueError(f"Bands: kind must be 'mel' or 'chroma', got {self.kind!r}")

    def weights(self, n_fft: int, like: Tensor) -> Tensor:
        """(count, n_fft // 2 + 1) of the dtype and device of ``like``."""
        if self.kind == "mel":
            return MelScale(self.count or 128, self.sample_rate, n_fft).filters(like)
        return chroma_bands(self.sample_rate, n_fft, self.count or 12).to(like)


class MultiResolutionSTFT(nn.Module):
    """Distance of magnitude spectra at several resolutions: ignores phase, so smooth where a waveform loss is not.

    L = (1/R) sum_r [ w_sc || |Y_r| - |S_r| ||_F / || |Y_r| ||_F + w_log mean |log |Y_r| - log |S_r||
                      + w_lin mean ||Y_r| - |S_r|| ]

    with Y the target's and S the signal's spectrum. The first term, spectral convergence, weighs the loud parts, the
    second all parts alike. Spectra are scaled so that a full-scale sine has magnitude 1, and |Z| is
    sqrt(Re^2 + Im^2 + floor^2), so that silence has a logarithm and a gradient.

    On the CPU the usual terms and their gradient are computed in one pass over the sound, and the spectra of the target
    are kept for the next call with an equal one; other options, devices, transforms and derivatives go through torch.

    ``MultiResolutionSTFT.auraloss()`` has the numbers of auraloss: other resolutions, spectra without that scale,
    signals reflected at their ends, and one convergence for the whole batch, in which loud items outweigh quiet ones.

    Args:
        resolutions: each a ``Resolution``, or the length of its transform.
        log_weight: w_log.
        convergence_weight: w_sc.
        linear_weight: w_lin.
        floor_db: level of a spectral line below which differences do not count.
        hard_floor: whether |Z| is max(sqrt(Re^2 + Im^2), floor) instead.
        stereo: "channels" compares channel by channel; "mid_side" compares half the sum and half the difference (stereo
            only), "sum_difference" the whole ones: sensitive to the width of the image, not to its rotation.
        convergence: norms of "channel" by channel, or of the whole "batch".
        distance: the "absolute" value of differences in the second and third term, or their "square".
        bands: None compares bins, ``Bands`` sums of their magnitudes.
        weighting: applied to both signals first, such as ``Weighting("a_weighting")``.
        level_blind: whether the target's spectrum is first scaled to fit the signal's best.
        scaled: whether a full-scale sine has magnitude 1; else the window is as it is.
        pad_mode: what is beyond the ends: "constant" is silence, "reflect" the signal backwards.
        reduction: "mean" gives one number, "none" one per item, (B,).

    Shape:
        y (B, C, T), target (B, C, T) or (1, C, T); the loss is 0-d or (B,).

    Raises:
        ValueError: for shapes that do not fit, no resolutions, mid/side of what is not stereo.

    References:
        R. Yamamoto, E. Song, J.-M. Kim, "Parallel WaveGAN", ICASSP 2020, equations 3 to 6.
        S. O. Arik, H. Jun, G. Diamos, "Fast spectrogram inversion using multi-head convolutional neural networks",
        IEEE SPL 26(1), 2019 (spectral convergence and log magnitude).
        C. J. Steinmetz, J. Pons, S. Pascual, J. Serra, "Automatic multitrack mixing with a differentiable mixing
        console of neural audio effects", ICASSP 2021 (sum and difference).
        C. J. Steinmetz, J. D. Reiss, "auraloss: audio-focused loss functions in PyTorch", DMRN+15, 2020.
    """

    def __init__(
        self,
        resolutions: Sequence[int | Resolution] = (512, 1024, 2048),
        *,
        log_weight: float = 1.0,
        convergence_weight: float = 1.0,
        linear_weight: float = 0.0,
        floor_db: float = -100.0,
        hard_floor: bool = False,
        stereo: Stereo = "channels",
        convergence: Convergence = "channel",
        distance: Distance = "absolute",
        bands: Bands | None = None,
        weighting: Callable[[Tensor], Tensor] | None = None,
        level_blind: bool = False,
        scaled: bool = True,
        pad_mode: Literal["constant", "reflect"] = "constant",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        if not resolutions:
            raise ValueError("MultiResolutionSTFT: at least one resolution is needed")
        for name, value, legal in (
            ("stereo", stereo, get_args(Stereo)),
            ("convergence", convergence, get_args(Convergence)),
            ("distance", distance, get_args(Distance)),
            ("pad_mode", pad_mode, ("constant", "reflect")),
        ):
            if value not in legal:
                raise ValueError(f"MultiResolutionSTFT: {name} must be {' or '.join(map(repr, legal))}, got {value!r}")
        if convergence == "batch" and reduction == "none":
            raise ValueError(
                "MultiResolutionSTFT: a convergence of the batch has no value per item; use reduction='mean'"
            )
        self.resolutions = [r if isinstance(r, Resolution) else Resolution(r) for r in resolutions]
        self.log_weight, self.convergence_weight, self.linear_weight = log_weight, convergence_weight, linear_weight
        self.floor, self.hard_floor = 10.0 ** (floor_db / 20.0), hard_floor
        self.stereo: Stereo = stereo
        self.convergence: Convergence = convergence
        self.distance: Distance = distance
        self.bands, self.weighting, self.level_blind = bands, weighting, level_blind
        self.scaled = scaled
        self.pad_mode: Literal["constant", "reflect"] = pad_mode
        self.reduction: Reduction = known_reduction(reduction)
        self._kept: dict[int, Any] = {}

    @classmethod
    def auraloss(
        cls,
        resolutions: Sequence[int | Resolution] = (
            Resolution(1024, 120, 600),
            Resolution(2048, 240, 1200),
            Resolution(512, 50, 240),
        ),
        **options: Any,
    ) -> MultiResolutionSTFT:
        """The numbers of auraloss 0.4; options as for the class. Its term of phases is not offered."""
        return cls(resolutions, **{**_AURALOSS, **options})

    def forward(self, y: Tensor, target: Tensor) -> Tensor:
        """The distance of ``y`` from ``target``."""
        check_pair(y, target)
        if self.weighting is not None:
            y, target = self.weighting(y), self.weighting(target)
        pairs: Sequence[tuple[Tensor, Tensor]] = [(y, target)]
        if self.stereo != "channels":
            scale = 1.0 if self.stereo == "mid_side" else 2.0
            y, target = scale * mid_side(y), scale * mid_side(target)
            pairs = [(y[:, :1], target[:, :1]), (y[:, 1:], target[:, 1:])]
        loss = y.new_zeros(y.shape[0])
        for number, (y, target) in enumerate(pairs):
            if self._in_one_pass(y, target):
                loss = loss + _OnePass.apply(y, target, self, self._spectra(target, number))
            else:
                loss = loss + self._distances(y, target)
        return reduced(loss / (len(self.resolutions) * len(pairs)), self.reduction)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": {}}

    def _distances(self, y: Tensor, target: Tensor) -> Tensor:
        """(B,), the sum over resolutions, in torch's operations: of every option, device and derivative."""
        loss = y.new_zeros(y.shape[0])
        for resolution in self.resolutions:
            loss = loss + self._distance(self._magnitude(y, resolution), self._magnitude(target, resolution))
        return loss

    def _in_one_pass(self, y: Tensor, target: Tensor) -> bool:
        usual = self.bands is None and not self.level_blind and self.convergence == "channel"
        usual = usual and self.distance == "absolute" and self.pad_mode == "constant"
        return (
            usual
            and runs_eagerly((y, target))
            and y.dtype == target.dtype
            and y.dtype in (torch.float32, torch.float64)
            and y.numel() > 0
            and not needs_grad(target)
        )

    def _spectra(self, target: Tensor, number: int) -> tuple[list[Transform], list[Spectrum]]:
        """How spectra are taken, and those of a target, which are kept for the next call with an equal one."""
        kept = self._kept.get(number)
        asked = (list(self.resolutions), self.floor, self.hard_floor, self.scaled, target.dtype)
        if kept is None or kept[0] != asked or not torch.equal(kept[1], target):
            with torch.no_grad():
                made = [Transform(at.n_fft, at.hop, self._window(at)) for at in self.resolutions]
                rows = target.reshape(-1, target.shape[-1])
                found = [spectrum(rows, at, self.floor**2, self.hard_floor) for at in made]
                self._kept[number] = kept = (asked, target.detach().clone(), made, found)
        return kept[2], kept[3]

    def _window(self, at: Resolution) -> Tensor:
        """(n_fft,), float64."""
        window = getattr(torch, f"{at.window}_window")(at.win_length, dtype=torch.float64)
        window = scaled_for_sines(window) if self.scaled else window
        left = (at.n_fft - at.win_length) // 2
        return nn.functional.pad(window, (left, at.n_fft - at.win_length - left))

    def _distance(self, s: Tensor, t: Tensor) -> Tensor:
        """(B,) of magnitudes (B, C, bins, frames)."""
        if self.level_blind:
            t = t * ((s * t).sum((-2, -1), keepdim=True) / t.square().sum((-2, -1), keepdim=True))
        loss = s.new_zeros(s.shape[0])
        if self.convergence_weight:
            error, energy = (s - t).square().sum((-2, -1)), t.square().sum((-2, -1)).expand(s.shape[:2])
            if self.convergence == "batch":
                error, energy = error.sum().expand_as(error), energy.sum().expand_as(energy)
            # The difference of two equal magnitudes is 0, where a plain norm has no derivative.
            convergence = (error / (energy + _SILENCE) + _EQUAL).sqrt() - _EQUAL**0.5
            loss = loss + self.convergence_weight * convergence.mean(1)
        if self.log_weight:
            loss = loss + self.log_weight * self._size(s.log() - t.log()).mean((1, 2, 3))
        if self.linear_weight:
            loss = loss + self.linear_weight * self._size(s - t).mean((1, 2, 3))
        return loss

    def _size(self, difference: Tensor) -> Tensor:
        return difference.abs() if self.distance == "absolute" else difference.square()

    def _magnitude(self, x: Tensor, at: Resolution) -> Tensor:
        power = power_spectrogram(x, at.n_fft, at.hop, window=self._window(at), pad_mode=self.pad_mode)
        least = self.floor**2
        magnitude = (power.clamp_min(least) if self.hard_floor else power + least).sqrt()
        if self.bands is not None:  # narrow ones may hold no bin
            magnitude = (self.bands.weights(at.n_fft, magnitude) @ magnitude).clamp_min(self.floor)
        return magnitude


class _OnePass(torch.autograd.Function):
    """``_distances`` and its gradient by a kernel; further derivatives by torch's operations."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, y: Tensor, target: Tensor, loss: MultiResolutionSTFT, kept: tuple[list[Transform], list[Spectrum]]
    ) -> Tensor:
        transforms, spectra = kept
        weights = Weights(
            loss.log_weight,
            loss.convergence_weight,
            loss.linear_weight,
            loss.floor**2,
            loss.hard_floor,
            _SILENCE,
            _EQUAL,
        )
        rows = y.detach().reshape(-1, y.shape[-1]).contiguous()
        value, gradient = distances(rows, spectra, transforms, weights, ctx.needs_input_grad[0])
        ctx.loss = loss
        ctx.save_for_backward(y, target, gradient)
        return value.reshape(y.shape[:2]).mean(1).to(y.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        y, target, gradient = ctx.saved_tensors
        (g,) = grads
        if torch.is_grad_enabled():
            again = ctx.loss._distances(y, target)
            (slope,) = torch.autograd.grad(again, y, g, create_graph=True)
            return slope, None, None, None
        return gradient.reshape(y.shape) * (g / y.shape[1])[:, None, None], None, None, None


class RandomResolutionSTFT(nn.Module):
    """``MultiResolutionSTFT`` at resolutions drawn anew for every call: nothing can hide between the frames.

    Each has a transform of a power of two, a window of that length, half or a quarter of it, of one of five shapes, and
    a hop between two shares of the transform.

    Args:
        num_resolutions: how many are drawn.
        min_n_fft: the shortest transform.
        max_n_fft: no transform is as long; signals must be longer than it in "reflect".
        min_hop: the shortest hop, as a share of the transform.
        max_hop: the longest.
        every: calls after which they are drawn again.
        seed: of the draws, which are the same for the same seed.
        options: as for ``MultiResolutionSTFT``.

    References:
        C. J. Steinmetz, J. D. Reiss, "auraloss: audio-focused loss functions in PyTorch", DMRN+15, 2020.
    """

    def __init__(
        self,
        num_resolutions: int = 3,
        *,
        min_n_fft: int = 16,
        max_n_fft: int = 32768,
        min_hop: float = 0.1,
        max_hop: float = 1.0,
        every: int = 1,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__()
        if num_resolutions < 1 or every < 1 or not 4 <= min_n_fft < max_n_fft or not 0 < min_hop <= max_hop <= 1:
            raise ValueError(
                "RandomResolutionSTFT: num_resolutions and every must be at least 1, 4 <= min_n_fft < max_n_fft, and "
                "0 < min_hop <= max_hop <= 1"
            )
        self.num_resolutions, self.every = num_resolutions, every
        self.sizes = [2**n for n in range(2, 31) if min_n_fft <= 2**n < max_n_fft]
        if not self.sizes:
            raise ValueError(f"RandomResolutionSTFT: no power of two in {min_n_fft} .. {max_n_fft - 1}")
        self.hops = min_hop, max_hop
        self.loss = MultiResolutionSTFT(**options)
        self._draw = torch.Generator().manual_seed(seed)
        self._calls = 0

    @classmethod
    def auraloss(cls, num_resolutions: int = 3, **options: Any) -> RandomResolutionSTFT:
        """The terms of auraloss 0.4 at each resolution that is drawn; options as for the class."""
        return cls(num_resolutions, **{**_AURALOSS, **options})

    def forward(self, y: Tensor, target: Tensor) -> Tensor:
        """The distance of ``y`` from ``target``."""
        if self._calls % self.every == 0:
            self.loss.resolutions = [self._drawn() for _ in range(self.num_resolutions)]
        self._calls += 1
        return self.loss(y, target)

    def _drawn(self) -> Resolution:
        n_fft = self.sizes[self._integer(len(self.sizes))]
        low, high = self.hops
        share = low + (high - low) * float(torch.rand((), generator=self._draw))
        window = get_args(Window)[self._integer(len(get_args(Window)))]
        return Resolution(n_fft, max(int(n_fft * share), 1), n_fft >> self._integer(3), window)

    def _integer(self, stop: int) -> int:
        return int(torch.randint(stop, (), generator=self._draw))
