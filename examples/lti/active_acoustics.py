"""Microphones and loudspeakers in one room: filters between them are trained so that no single frequency rings.

The loop gain of the system is F = H G U: the room from loudspeakers to microphones, a gain, and the learned filters.
It is stable while the largest eigenvalue of F stays below 1 at every frequency; flattening those eigenvalues lets the
gain go up. G. De Bortoli et al., "Differentiable active acoustics", DAFx 2024.
"""

import argparse

import torch
from torch import Tensor, nn

from diffFx_pytorch import lti
from diffFx_pytorch.fit import train

RATE = 48000.0
NFFT = 4096
MICROPHONES, LOUDSPEAKERS = 4, 4


def room(outputs: int, inputs: int, decay_s: float, seed: int) -> lti.FIR:
    """Responses of decaying noise."""
    n = int(0.05 * RATE)
    noise = torch.randn(outputs, inputs, n, generator=torch.Generator().manual_seed(seed))
    return lti.FIR(noise * 10 ** (-3 * torch.arange(n) / RATE / decay_s) / n**0.5)


class OpenLoop(nn.Module):
    """Magnitudes of the eigenvalues of the loop, over frequency."""

    def __init__(self) -> None:
        super().__init__()
        taps = torch.randn(LOUDSPEAKERS, MICROPHONES, 100) / 20
        self.loop = lti.Series(filters=lti.FIR(taps, requires_grad=True), room=room(MICROPHONES, LOUDSPEAKERS, 0.3, 1))

    def forward(self) -> Tensor:
        return torch.linalg.eigvals(self.loop.frequency_response(NFFT).movedim(-1, 0)).abs().mT


def peakiness(eigenvalues: Tensor, target: Tensor) -> Tensor:
    """Variance of the magnitudes about their mean, normalised by it so that silence is no optimum."""
    return (eigenvalues / eigenvalues.mean() - target).square().mean()


def headroom_db(model: OpenLoop) -> float:
    """Ratio of the largest eigenvalue to the mean in dB: gain that is lost to ringing."""
    with torch.no_grad():
        eigenvalues = model()
    return float(20 * (eigenvalues.max() / eigenvalues.mean()).log10())


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    steps = parser.parse_args(argv).steps
    torch.manual_seed(130297)
    model = OpenLoop()
    before = headroom_db(model)
    train(model, peakiness, [(None, torch.ones(1))] * steps, epochs=1, learning_rate=3e-3)
    print(f"largest over mean eigenvalue: {before:.1f} dB -> {headroom_db(model):.1f} dB")
    gain = 0.5 / model().max().item()
    electroacoustic = lti.Series(
        room(MICROPHONES, 1, 0.3, 2),
        lti.Recursion(lti.Series(model.loop.filters, lti.Gain(gain * torch.eye(LOUDSPEAKERS))), model.loop.room),
        room(2, LOUDSPEAKERS, 0.3, 3),
    )
    h = lti.Parallel(natural=room(2, 1, 0.3, 4), electroacoustic=electroacoustic).impulse_response(24000).detach()
    print(f"response at the audience {tuple(h.shape)}, 6 dB below instability")


if __name__ == "__main__":
    main()
