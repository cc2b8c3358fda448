"""Reverberation by a feedback delay network."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import constant

from ...curve import Curve
from ...dsp.absorption import ThreeBands, octave_absorption, octave_decay, squared
from ...dsp.interpolation import POINTS, interpolation_table, split_delay
from ...dsp.oscillator import phase_ramp
from ...kernels.transforms import is_traced
from ...lti.grid import Circle, Grid, Points
from ...lti.ops.closed_loop import closed_loop
from ...options import Choice, Flag
from ...params import HIGHEST_FREQUENCY, EffectParam
from ...processor import Processor, State
from ...recursion import feedback_network, filter_sections
from ..choices import SEED
from ..tiles import in_pieces
from .fdn_knobs import OCTAVES, THREE_BANDS, bands, knobs_of, octave_name
from .fdn_network import (
    DIFFUSERS,
    DIFFUSERS_MS,
    FEEDBACKS,
    LONGEST_MS,
    diffuser_response,
    feedback_matrix,
    line_seconds,
    nearest_primes,
    prime_lengths,
    side_gains,
    with_diffusers,
)
from .freeze import FREEZABLE, LONGEST_S, let_in
from .predelay import INTERPOLATION, longest_predelay, predelayed

_ALLPASS_GAIN = 0.7
_PIECE = 1 << 20
_TILT_DB, _TILT_HZ = 6.0, 1000.0
_LEVEL_HZ = 2000
"""Highest octave by which the level is held, in Hz."""
_MOST_BOOST = 50.0
_ALIAS_DB = {torch.float32: 90.0, torch.float64: 180.0}
"""Between the alias, 10^(-dB / 20), and the rounding, raised by half as many dB at the end of the signal."""


class FDNReverb(Processor):
    r"""Delay lines that feed each other through an orthogonal matrix, each with the absorption its length calls for.

    .. math:: u_i = a_i * s_i[n - m_i], \qquad s = B d + M u, \qquad w = g C u

    d is the input after a predelay and three all-passes a side; M loses nothing, so that what decays, and how fast, is
    decided by the filters alone: :math:`|A_i(f)| = 10^{-3 m_i / (f_s T(f))}` exactly, so that every path of n samples
    is turned down by the same :math:`10^{-3 n / (f_s T(f))}`. Left and right go into different lines and come out of
    different ones. The gain g makes up for T and ``size``: over their whole ranges the energy of the reverberation
    stays within 17 dB of that of the input.

    - ``decay="three_band"``: T is ``decay_s`` between the crossovers. The rate of decay 1 / T goes to that of the lows,
      ``decay_s * decay_low_ratio``, and of the highs, along first-order shelves, half way at the crossover and nine
      tenths of the way at a third (lows) or three times (highs) of it. There are two crossovers, since a room's lows
      and highs have nothing to do with each other.
    - ``decay="octave"``: T for each octave band, right at its centre; bands over 0.49 of the sample rate are left out.

    The lengths of the lines are prime numbers of samples, so that no interpolation takes anything off; ``size``, which
    sets them, and ``diffusion``, do not move within a signal. The gradient of ``size`` is a surrogate: that of lengths
    that are not rounded, read by the slope of the sound in the lines. With ``modulation=True`` the lines are read
    between samples and lose a little more at high frequencies than T says: at T = 2 s, 2 % of T at 4 kHz, 14 % at
    8 kHz, half at 16 kHz.

    ``freezable=True`` adds a knob that makes every T longer by 1 / (1 - freeze) and lets so much less in: at 1 the loop
    loses nothing, and the room sounds on as it is until the knob goes back. Its tail is then said to be 60 s.

    ``compute="frequency"`` samples the same coefficients in frequency instead: exact up to an alias 90 dB (float32) or
    180 dB (float64) down, faster to train on a GPU or on many settings at once, for whole signals and knobs that stand
    still only; compiled, exported or traced, which must serve any length, it is computed in time after all.
    ``frequency_response`` and ``impulse_response`` sample whatever ``compute`` is.

    Raises:
        ValueError: for modulation with ``compute="frequency"``.

    References:
        J.-M. Jot, A. Chaigne, "Digital delay networks for designing artificial reverberators", AES 90th Convention,
        1991.
        S. J. Schlecht, E. A. P. Habets, "Accurate reverberation time control in feedback delay networks", DAFx 2017.
        M. R. Schroeder, "Natural sounding artificial reverberation", JAES 10(3), 1962.
    """

    words = ("adds a room that dies in {decay_s}, {predelay_ms} after the sound",)
    options = {
        "num_lines": Choice(
            4, 8, 16, default=8, doc="Number N of delay lines; more are denser in time and frequency, and cost more."
        ),
        "matrix": Choice(*FEEDBACKS, doc="Kind of the feedback matrix M."),
        "decay": Choice("three_band", "octave", doc="Where T60 is set: in three bands or in octaves, see above."),
        "modulation": Flag(False, doc="Lines that move slowly, against ringing: adds mod_rate_hz and mod_depth_ms."),
        "compute": Choice(
            "time", "frequency", doc="In the time domain or, without modulation, in the frequency domain; see above."
        ),
        "freezable": FREEZABLE,
        "seed": SEED,
    }
    neutral = {"mix": 0.0}
    channels = (1, 2)
    channels_out = 2
    crosses_channels = True
    exempt = {"gradients:size": "the lines have whole lengths; its gradient is that of lengths that are not rounded"}
    variants = (
        {},
        {"num_lines": 4, "matrix": "householder", "decay": "octave"},
        {"num_lines": 16, "matrix": "random orthogonal", "modulation": True, "freezable": True},
        {"compute": "frequency"},
    )

    def table(self) -> dict[str, EffectParam]:
        """Decays of the bands, the rest, and the speed and depth of a modulation."""
        if self.modulation and self.compute == "frequency":
            raise ValueError("lines that move have no frequency response; use compute='time'")
        highest = HIGHEST_FREQUENCY * self.sample_rate
        self.octaves = tuple(f for f in OCTAVES if f <= highest) if self.decay == "octave" else ()
        if self.freezable and (self.octaves or self.compute == "frequency"):
            raise ValueError("freezable moves the decay of three bands in time; use decay='three_band', compute='time'")
        return knobs_of(self.octaves, self.modulation, self.compute == "frequency", self.freezable)

    def prepare(self) -> None:
        """The network."""
        self.streamable = self.compute == "time"
        self.traits = frozenset({"linear", "causal", "odd"} | (set() if self.modulation else {"time_invariant"}))
        rate, num_lines = self.sample_rate, self.num_lines
        depth = self.params["mod_depth_ms"].max_val if self.modulation else 0.0
        widest = math.ceil(LONGEST_MS / 1000 * self.params["size"].max_val * rate)
        primes = nearest_primes(widest)
        self._longest = int(primes.max()) + math.ceil(depth / 1000 * rate) + 1
        self._latest = longest_predelay(self.params["predelay_ms"], rate)
        into, out = side_gains(num_lines)
        diffusers = torch.tensor(DIFFUSERS_MS, dtype=torch.float64).flatten() / 1000
        constants = {
            "_primes": primes,
            "_line_seconds": line_seconds(num_lines),
            "_diffusers": primes[(diffusers * rate).round().long()].double(),
            "_feedback": feedback_matrix(self.matrix, num_lines, self.seed),
            "_into": into,
            "_out": out,
            "_interpolation": torch.tensor(interpolation_table(INTERPOLATION)),
            "_phases": _phases_over_a_turn(num_lines),
        }
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)

    _primes: Tensor
    _line_seconds: Tensor
    _diffusers: Tensor
    _feedback: Tensor
    _into: Tensor
    _out: Tensor
    _phases: Tensor
    _interpolation: Tensor

    def control(self, **knobs: Tensor) -> dict[str, Tensor]:
        """Lengths, matrices, absorption, tilt and gains, each (B, C, F); sampled in frequency, the knobs themselves."""
        # Operations that are recorded must not have a transform in them whose size is that of one signal.
        if self.compute == "frequency" and not is_traced():
            return knobs
        lengths = self.lengths(knobs["size"])
        matrix, into, _ = with_diffusers(
            knobs["diffusion"][:, 0, 0] * _ALLPASS_GAIN, self._feedback, self._into, self._out
        )
        near, far = self._sides(lengths, knobs)
        mix = knobs["mix"].double()
        through = ("predelay_ms", "mod_rate_hz", "mod_depth_ms")
        return (
            {name: knob for name, knob in knobs.items() if name in through}
            | let_in(knobs.get("freeze"))
            | {
                "lengths": lengths.unsqueeze(-1),
                "matrix": matrix.flatten(1).unsqueeze(-1),
                "into": into.flatten(1).unsqueeze(-1),
                "absorption": _with_wires(self.absorption(lengths, knobs)).movedim(2, -1).flatten(1, 3),
                "tone": self._tilt(knobs["tone"]).movedim(2, -1).flatten(1, 3),
                "near": mix * near,
                "far": mix * far,
                "dry": 1 - mix,
            }
        )

    def process(self, x: Tensor, state: State, **coefficients: Tensor) -> tuple[Tensor, State]:
        """Predelay, network, tilt, sides, mix; the state is that of the first three and of the oscillator."""
        sides = x.expand(-1, 2, -1)
        if "lengths" not in coefficients:
            return self._sampled(sides, coefficients), None
        return in_pieces(self._in_time, sides, state, coefficients, _PIECE)

    def _in_time(
        self,
        sides: Tensor,
        state: State,
        *,
        predelay_ms: Tensor,
        lengths: Tensor,
        matrix: Tensor,
        into: Tensor,
        absorption: Tensor,
        tone: Tensor,
        near: Tensor,
        far: Tensor,
        dry: Tensor,
        inlet: Tensor | None = None,
        **oscillator: Tensor,
    ) -> tuple[Tensor, State]:
        state, new_state = state or {}, {}
        early, new_state["predelay"] = predelayed(
            sides, predelay_ms, self._latest, self.sample_rate, state.get("predelay")
        )
        early = early if inlet is None else early * inlet
        modulation = None
        if self.modulation:
            modulation, new_state["phase"] = self._modulation(sides.shape[-1], state.get("phase"), **oscillator)
        count = DIFFUSERS + self.num_lines
        wet, new_state["network"] = feedback_network(
            early,
            torch.cat([lengths[..., 0], self._diffusers.expand(lengths.shape[0], -1)], -1),
            matrix.view(-1, count, count),
            into.view(-1, count, 2),
            torch.nn.functional.pad(self._out, (0, DIFFUSERS)),
            absorption.unflatten(1, (count, -1, 6)).movedim(-1, 1),
            longest=self._longest,
            time_varying=True,
            modulation=modulation,
            zi=state.get("network"),
            return_zf=True,
        )
        wet, new_state["tone"] = filter_sections(wet, tone.movedim(-1, 1)[:, None, :, None], state.get("tone"))
        dry, near, far = (gain.to(sides.dtype) for gain in (dry, near, far))
        return torch.addcmul(torch.addcmul(dry * sides, near, wet), far, wet.flip(1)), new_state

    def lengths(self, size: Tensor) -> Tensor:
        """Lengths of the lines in samples, primes, with the gradient of what is not rounded: (B, N) from (B, 1, 1)."""
        wanted = size[:, 0].double() * self._line_seconds * self.sample_rate
        return prime_lengths(wanted, self._primes)

    def absorption(self, lengths: Tensor, knobs: Mapping[str, Tensor]) -> Tensor:
        """Sections of every line, (B, N, 1 or T, K, 6), for lengths (B, N)."""
        if self.octaves:
            decays = torch.cat([knobs[octave_name(f)][:, 0] for f in self.octaves], -1)
            return octave_absorption(lengths, decays, self.octaves, self.sample_rate).unsqueeze(-3)
        return bands(knobs).absorption(lengths.unsqueeze(-1), self.sample_rate)

    def _absorption_response(self, grid: Grid, lengths: Tensor, knobs: Mapping[str, Tensor]) -> Tensor:
        """Of constant sections, (B, N, M)."""
        if self.octaves:
            return grid.sos(self.absorption(lengths, knobs).squeeze(-3))
        once = bands(knobs).half_absorption(lengths.unsqueeze(-1), self.sample_rate).squeeze(-3)
        return grid.sos(squared(once))

    def frequency_response(self, freqs: Tensor, **knobs: float | Tensor) -> Tensor:
        """What each input does to each output at given frequencies, at a setting that stands still.

        Args:
            freqs: in Hz, (M,).
            knobs: in their units; those left out stand at their defaults; tensors (B,) give a batch.

        Returns:
            (B, 2, 2, M), complex128: outputs, inputs.
        """
        angle = 2 * math.pi / self.sample_rate * freqs.double()
        grid = Points(torch.polar(torch.ones_like(angle), angle))
        return self._response(grid, self._knobs_alone(None, knobs))

    def impulse_response(self, samples: int, **knobs: float | Tensor) -> Tensor:
        """Impulse responses from each input to each output, sampled in frequency with the alias held down by 180 dB.

        Args:
            samples: length wanted.
            knobs: as for ``frequency_response``.

        Returns:
            (B, 2, 2, samples), float64: outputs, inputs.
        """
        grid = Circle(_fast(2 * samples), _ALIAS_DB[torch.float64], torch.float64, self._feedback.device)
        return grid.signal(self._response(grid, self._knobs_alone(None, knobs)), samples)

    def tail(self, **knobs: Tensor) -> Tensor:
        """The slowest band, after the predelay and the longest way without reverberation."""
        if self.octaves:
            slowest = 1.25 * torch.stack([knobs[octave_name(f)].flatten().amax() for f in self.octaves]).amax()
        else:
            ratios = torch.stack([knobs["decay_low_ratio"].amax(), knobs["decay_high_ratio"].amax()]).amax()
            slowest = bands(knobs).decay_s.amax().clamp_max(LONGEST_S) * ratios.clamp_min(1.0)
        return slowest + knobs["predelay_ms"].amax() / 1000 + (2 * LONGEST_MS * knobs["size"].amax() + 20.0) / 1000

    def curve(self, **knobs: Tensor) -> Curve:
        """T60 over frequency."""
        highest = min(20000.0, 0.499 * self.sample_rate)
        freqs = torch.logspace(math.log10(20.0), math.log10(highest), 300, dtype=torch.float64)
        if self.octaves:
            decays = torch.cat([knobs[octave_name(f)][0, 0, :1] for f in self.octaves])
            decay = octave_decay(freqs, decays, self.octaves, self.sample_rate).clamp_max(1.25 * decays.amax())
        else:
            decay = ThreeBands(*(knobs[name][0, 0, :1] for name in THREE_BANDS)).decay(freqs, self.sample_rate)
        return Curve(freqs, decay, "frequency (Hz)", "T60 (s)", True, "FDNReverb")

    def _modulation(
        self, samples: int, start: Tensor | None, *, mod_rate_hz: Tensor, mod_depth_ms: Tensor, **_: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What is added to every line, in samples (B, N + 6, T): sines whose phases divide a turn."""
        phase, end = phase_ramp(mod_rate_hz, self.sample_rate, samples, start)
        depth = mod_depth_ms.double() * (self.sample_rate / 1000)
        turn = 2 * math.pi * phase
        # sin(a + b) from one sine and one cosine for all lines; those of the diffusers stand still.
        return self._phases @ (depth * torch.cat([turn.sin(), turn.cos()], 1)), end

    def _tilt(self, tone: Tensor) -> Tensor:
        """(s g + w) / (s + w g), bilinear: g upwards of 1 kHz, 1 / g downwards; (B, 1, 1 or T, 1, 6)."""
        g = torch.exp(tone.double() * (_TILT_DB * math.log(10) / 20))
        w = math.tan(math.pi * min(_TILT_HZ / self.sample_rate, 0.25))
        zero, one = torch.zeros_like(g), torch.ones_like(g)
        a0 = 1 + w * g
        sections = [(g + w) / a0, (w - g) / a0, zero, one, (w * g - 1) / a0, zero]
        return torch.stack(sections, -1).unsqueeze(-2)

    def _sides(self, lengths: Tensor, knobs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """What a side gets of itself and of the other, (B, 1, 1 or T): the level of the network and its width."""
        # Octaves that every sample rate has, so that the level does not depend on it.
        names = [octave_name(f) for f in self.octaves if f <= _LEVEL_HZ] or ["decay_s"]
        mean = lengths.mean(-1)[:, None, None] * (6 * math.log(10) / self.sample_rate)
        # A loop of m samples that loses x neper of energy gives 1 / (e^x - 1) of it back.
        energy = torch.stack([1 / torch.expm1(mean / knobs[n].double()) for n in names]).mean(0)
        level = (energy + 1 / _MOST_BOOST).rsqrt()
        width = knobs["width"].double()
        # The sides having nothing in common, their power is held.
        scale = level * (0.5 / (1 + width * width)).sqrt()
        return scale * (1 + width), scale * (1 - width)

    def _response(self, grid: Grid, knobs: Mapping[str, Tensor]) -> Tensor:
        """The transfer matrix (B, 2, 2, M) at the points of a grid."""
        predelay = self._predelay_taps(knobs["predelay_ms"][:, 0, 0].double() * (self.sample_rate / 1000))
        lengths = self.lengths(knobs["size"])
        lines = self._absorption_response(grid, lengths, knobs) * grid.delay(lengths)
        diffuse = diffuser_response(
            grid.delay(self._diffusers.reshape(2, -1)), knobs["diffusion"][:, 0, 0].double() * _ALLPASS_GAIN
        )
        into = self._into[:, :, None].to(lines.dtype) * (grid.fir(predelay)[:, None] * diffuse)[:, None]
        u = closed_loop(lines, self._feedback.to(lines.real.dtype), None, lines.unsqueeze(-2) * into)
        wet = (self._out.to(lines.real.dtype).to(u.dtype) @ u.flatten(-2)).unflatten(-1, u.shape[-2:])
        wet = wet * grid.sos(self._tilt(knobs["tone"]).squeeze(-3))[:, None]
        near, far = (gain.to(lines.real.dtype)[..., None] for gain in self._sides(lengths, knobs))
        mix = knobs["mix"].to(lines.real.dtype)[..., None]
        identity = torch.eye(2, dtype=lines.dtype, device=lines.device)[..., None]
        return (1 - mix) * identity + mix * (near * wet + far * wet.flip(-3))

    def _predelay_taps(self, samples: Tensor) -> Tensor:
        """The impulse response of the predelay (B, L): the interpolation of the delay line, written out."""
        k, f, taps = split_delay(samples, INTERPOLATION, 0)
        polynomials = self._interpolation[taps - 1].to(samples.dtype)
        weights = torch.zeros_like(polynomials[:, 0])
        for i in reversed(range(polynomials.shape[1])):
            weights = weights * f[:, None] + polynomials[:, i]
        at = (k + taps)[:, None] - torch.arange(POINTS[INTERPOLATION], device=samples.device)
        length = self._latest + POINTS[INTERPOLATION]
        # Weights that are not used are zero, and would lie before the start.
        return torch.zeros(*samples.shape, length, dtype=weights.dtype, device=samples.device).scatter_add(
            -1, at.clamp_min(0), weights
        )

    def _sampled(self, x: Tensor, knobs: Mapping[str, Tensor]) -> Tensor:
        """The whole effect as one convolution, by FFT."""
        if not x.shape[-1] or not x.shape[0]:
            return x * sum(k.sum(-1, keepdim=True) for k in knobs.values())
        grid = Circle(_fast(2 * x.shape[-1]), _ALIAS_DB[x.dtype], x.dtype, x.device)
        spectrum = grid.spectrum(x)
        return grid.signal((self._response(grid, knobs) * spectrum.unsqueeze(-3)).sum(-2), x.shape[-1])


def _phases_over_a_turn(num_lines: int) -> Tensor:
    """Cosine and sine (N + 6, 2) of phases that divide a turn, zeros for the diffusers."""
    angle = 2 * math.pi / num_lines * torch.arange(num_lines, dtype=torch.float64)
    return torch.nn.functional.pad(torch.stack([angle.cos(), angle.sin()], -1), (0, 0, 0, DIFFUSERS))


def _with_wires(sections: Tensor) -> Tensor:
    """Sections (B, N, F, K, 6) with those of the diffusers, which let everything through, behind them."""
    B, _, F, K, _ = sections.shape
    wire = constant((1.0, 0.0, 0.0, 1.0, 0.0, 0.0), sections.dtype, sections.device).expand(B, DIFFUSERS, F, K, 6)
    return torch.cat([sections, wire], 1)


def _fast(samples: int) -> int:
    """The next length of which an FFT is fast: 2^a, 3 2^a or 5 2^a."""
    power = 1 << max(samples - 1, 1).bit_length()
    return min(n for n in (power, power * 3 // 4, power * 5 // 8) if n >= samples)
