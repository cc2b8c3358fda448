"""Single pass spectrogram inversion: every peak of a frame is a sinusoid, and the bins around it share its phase."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .gradient import log_magnitude, with_centred_phase
from .phase_sweep import carry_phase
from .stft import STFT


def spsi(magnitude: Tensor, stft: STFT) -> Tensor:
    r"""A spectrum with the given magnitude and phases of steady sinusoids, one at every peak of a frame.

    .. math:: \phi[n, p] = \phi[n - 1, p] + \frac{2 \pi H}{N} (p + \delta), \qquad
              \delta = \frac{1}{2} \frac{s[p-1] - s[p+1]}{s[p-1] - 2 s[p] + s[p+1]}

    with s the log magnitude; bins between the troughs on either side of the peak p share its phase, counted from the
    frame's centre.

    Args:
        magnitude: (..., F, frames), float32 or float64, not negative.
        stft: the transform it belongs to.

    Returns:
        Complex (..., F, frames). Gradients pass to the magnitude; the phase is detached.

    Raises:
        ValueError: what is no magnitude of this transform.

    References:
        Beauregard, Harish and Wyse, "Single pass spectrogram inversion", IEEE DSP 2015.
    """
    stft.check_magnitude("spsi", magnitude, onesided=True)
    with torch.no_grad():
        N, H, F = stft.n_fft, stft.hop_length, stft.bins
        s = log_magnitude(magnitude.detach().transpose(-1, -2))
        peak, delta = peak_of_region(s)
        k = torch.arange(F, device=s.device)
        advance = (2 * math.pi / N) * ((k * H % N).to(s.dtype) + H * delta)
        phase = carry_phase(peak, advance.gather(-1, peak))
    return with_centred_phase(magnitude, phase.transpose(-1, -2), stft)


def peak_of_region(s: Tensor) -> tuple[Tensor, Tensor]:
    """The peak that each bin belongs to, and the offset of that peak from its bin by a parabola.

    Args:
        s: log magnitude, (..., F).

    Returns:
        int64 (..., F), and (..., F) within half a bin of 0, which is 0 anywhere but at peaks.
    """
    F = s.shape[-1]
    k = torch.arange(F, device=s.device)
    below = torch.cat((s[..., 1:2], s[..., :-1]), -1)
    above = torch.cat((s[..., 1:], s[..., -2:-1]), -1)
    # The mirror image at 0 Hz hides on which side a bin is louder there.
    is_peak = ((s > below) | (k == 0)) & (s >= above)
    # Uphill from a bin there is no bin from which it goes down again but the peak, so that is the next or the last one.
    last = torch.where(is_peak, k, 0).cummax(-1).values
    following = torch.where(is_peak, k, F - 1).flip(-1).cummin(-1).values.flip(-1)
    uphill = torch.where(((above > below) | (k == 0)) & ~is_peak, following, last)
    bend = below - 2 * s + above
    bent = is_peak & (bend < 0)
    return uphill, torch.where(bent, 0.5 * (below - above) / torch.where(bent, bend, -1.0), 0.0).clamp(-0.5, 0.5)
