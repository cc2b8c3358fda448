"""Early reflections of a room."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import constant

from ...curve import Curve
from ...dsp.biquad import high_pass
from ...dsp.image_source import SPEED_OF_SOUND, distances, farthest, image_sources
from ...dsp.interpolation import POINTS, interpolation_table
from ...dsp.partitioned_convolution import convolve_block
from ...options import Integer
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import sosfilt

LISTENER = (0.37, 0.46, 0.4)
"""Where the microphones are, as shares of length, width and height: in no symmetry with the walls."""

_SPACING, _AIM = 0.17, math.radians(55.0)
_LATER = SPEED_OF_SOUND / 1000
"""Metres that keep every echo far enough behind the sound for the interpolation: 1 ms."""

_LEVEL = 1.2
_HIGH_PASS_HZ = 100.0
"""A hundredth of the sample rate in the paper, which was 10 kHz."""

_INTERPOLATION = "lagrange"
_HALF = POINTS[_INTERPOLATION] // 2


class EarlyReflections(Processor):
    r"""First reflections from the walls of a rectangular room: y = (1 - m) x + m sum_i g_i H(x)(n - d_i).

    Images of the source in the walls (Allen and Berkley) up to ``order`` reflections, heard by an ORTF pair, cardioids
    17 cm apart at 110 degrees. Delays and levels are relative to the direct sound, which is x itself:

    .. math:: d_i = \frac{f_s}{c} (r_i - r_0) + 0.001 f_s, \qquad
        g_i = 1.2\, \frac{1 + \cos \theta_i}{2} \, (1 - \alpha)^{k_i / 2} \, \frac{r_0}{r_i}

    r_i is the way from image i to the microphone, r_0 from the source to the middle of the pair, theta the angle off
    the microphone's axis, k the number of walls met. Echoes between samples are interpolated through ten of them. Since
    all echoes have the same sign, they would boom: H is a Butterworth high-pass at 100 Hz, as Allen and Berkley put one
    behind theirs. With the factor 1.2 pink noise is as loud as it was in the default room.

    The pair stands at 0.37, 0.46 and 0.4 of length, width and height and looks along the length. The source is mono,
    the mean of both sides, at the height of the pair; ``source_distance`` moves it from the pair towards the wall in
    front, ``source_side`` to the left or right. In a chain before a reverb it is the room's beginning:
    ``Chain(early=EarlyReflections(), late=FDNReverb())``.

    References:
        J. B. Allen, D. A. Berkley, "Image method for efficiently simulating small-room acoustics", JASA 65(4), 1979.
    """

    words = ("adds the walls of a room of {length_m} by {width_m} by {height_m} that take {absorption:share}",)
    params = {
        "length_m": EffectParam(
            3.0,
            40.0,
            9.0,
            "log",
            "m",
            search="decay",
            doc="Length of the room, in the direction in which the listener looks.",
        ),
        "width_m": EffectParam(2.0, 30.0, 6.0, "log", "m", doc="Width of the room, from left to right."),
        "height_m": EffectParam(2.0, 15.0, 3.5, "log", "m", doc="Height of the room."),
        "source_distance": EffectParam(0.05, 0.95, 0.5, doc="Place of the source: 0 at the listener, 1 at the wall."),
        "source_side": EffectParam(-0.95, 0.95, 0.1, doc="Place of the source: -1 at the left wall, 1 at the right."),
        "absorption": EffectParam(0.02, 0.95, 0.25, doc="Share of the energy that a wall absorbs."),
        "mix": EffectParam(0.0, 1.0, 0.3, doc="Share of the reflections in the output."),
    }
    params = {name: replace(row, automatable=name == "mix") for name, row in params.items()}
    options = {"order": Integer(1, 5, 3, doc="Most reflections: 6, 24, 62, 128 or 230 echoes.")}
    neutral = {"mix": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd"}
    channels = (1, 2)
    channels_out = 2
    crosses_channels = True
    variants = ({}, {"order": 1})

    def prepare(self) -> None:
        """The longest response."""
        largest = [self.params[name].max_val for name in ("length_m", "width_m", "height_m")]
        way = farthest((largest[0], largest[1], largest[2]), self.order) + _SPACING + _LATER
        self._taps = math.ceil(way * self.sample_rate / SPEED_OF_SOUND) + POINTS[_INTERPOLATION]
        # Powers of the fraction to weights of the samples, oldest first.
        self.register_buffer(
            "_high_pass", high_pass(_HIGH_PASS_HZ, math.sqrt(0.5), self.sample_rate)[None], persistent=False
        )
        self.register_buffer("_table", torch.tensor(interpolation_table(_INTERPOLATION)[-1]).double(), persistent=False)

    _table: Tensor
    _high_pass: Tensor

    def control(self, *, mix: Tensor, **room: Tensor) -> dict[str, Tensor]:
        """The response (B, 2, 1, taps)."""
        return {"response": self._response(*self.echoes(**room), self._taps).to(mix.dtype).unsqueeze(2), "mix": mix}

    def process(self, x: Tensor, state: State, *, response: Tensor, mix: Tensor) -> tuple[Tensor, State]:
        """Convolve the filtered mean of the sides with the echoes; the state is the filter's and the convolution's."""
        below, state = (None, None) if state is None else state
        sides = x.expand(-1, 2, -1)
        mono, below = sosfilt(sides.mean(1, keepdim=True), self._high_pass, below, return_zf=True)
        wet, state = convolve_block(mono.expand(-1, 2, -1), response.squeeze(2).to(x.dtype), state)
        return torch.lerp(sides, wet, mix), (below, state)

    def echoes(
        self,
        *,
        length_m: Tensor,
        width_m: Tensor,
        height_m: Tensor,
        source_distance: Tensor,
        source_side: Tensor,
        absorption: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Delays in samples and gains of all reflections on the left and the right, (B, 2, N) each, float64.

        Args:
            length_m: as the knob of that name, (B, 1, 1).
            width_m: likewise.
            height_m: likewise.
            source_distance: likewise.
            source_side: likewise.
            absorption: likewise.
        """
        room = torch.cat([length_m, width_m, height_m], -1).squeeze(1).double()
        listener = room * constant(LISTENER, torch.float64, room.device)
        ahead = source_distance[:, 0].double() * (room[:, :1] - listener[:, :1])
        side = source_side[:, 0].double()
        # The width is counted from the right wall: that is where ``side`` 1 goes, and left is across it.
        across = torch.where(side > 0, side * listener[:, 1:2], side * (room[:, 1:2] - listener[:, 1:2]))
        source = listener + torch.cat([ahead, -across, torch.zeros_like(across)], -1)
        images = image_sources(room, source, absorption[:, 0].double(), self.order)
        direct = distances(source.unsqueeze(-2), listener)
        delays, gains = [], []
        for hand in (1.0, -1.0):
            shift = constant((0.0, hand * _SPACING / 2, 0.0), torch.float64, room.device)
            microphone = listener + shift
            way = distances(images.position, microphone)[:, 1:]
            towards = (images.position - microphone.unsqueeze(-2))[:, 1:] / way.unsqueeze(-1)
            facing = math.cos(_AIM) * towards[..., 0] + hand * math.sin(_AIM) * towards[..., 1]
            delays.append((way - direct + _LATER) * (self.sample_rate / SPEED_OF_SOUND))
            gains.append(0.5 * _LEVEL * (1 + facing) * images.loss[:, 1:] * direct / way)
        return torch.stack(delays, 1), torch.stack(gains, 1)

    def tail(self, *, mix: Tensor, **room: Tensor) -> Tensor:
        """The last echo, and the high-pass."""
        last = self.echoes(**room)[0].amax() + POINTS[_INTERPOLATION]
        return last / self.sample_rate + 1.6 / _HIGH_PASS_HZ

    def curve(self, *, mix: Tensor, **room: Tensor) -> Curve:
        """Levels of the reflections on the left over time."""
        delays, gains = (v[0, 0].detach() for v in self.echoes(**{name: knob[:1] for name, knob in room.items()}))
        level = (20 * gains.abs().clamp_min(1e-4).log10()).clamp_min(-80.0)
        time = delays * (1000 / self.sample_rate)
        return Curve(
            time, level, "time after the direct sound (ms)", "level (dB)", title="EarlyReflections", stems=True
        )

    def _response(self, delays: Tensor, gains: Tensor, taps: int) -> Tensor:
        """The first samples of the impulse responses (B, 2, taps)."""
        k = delays.detach().floor()
        powers = (delays - k).unsqueeze(-1) ** torch.arange(self._table.shape[0], device=delays.device)
        weights = (powers @ self._table.double()) * gains.unsqueeze(-1)
        at = (k.long() + _HALF).unsqueeze(-1) - torch.arange(2 * _HALF, device=delays.device)
        heard = (at >= 0) & (at < taps)
        response = torch.zeros(*delays.shape[:2], max(taps, 1), dtype=torch.float64, device=delays.device)
        return response.scatter_add(
            -1, at.clamp(0, max(taps - 1, 0)).flatten(-2), torch.where(heard, weights, 0.0).flatten(-2)
        )[..., :taps]
