"""The response of a system anywhere in the z-plane: along a circle inside its poles, where it is largest."""

import torch

from diffFx_pytorch import lti


def main(argv: list[str] | None = None) -> None:
    del argv
    resonator = lti.Biquad("band_pass", torch.tensor([[[3000.0]]]).double(), 20.0, sample_rate=48000.0)
    angle = torch.linspace(0, torch.pi, 2001, dtype=torch.float64)
    for radius in (1.0, 0.995, 0.991):
        H = resonator.probe(torch.polar(torch.full_like(angle, radius), angle))[0, 0].abs()
        print(f"radius {radius}: largest at {float(angle[H.argmax()]) / torch.pi * 24000:.0f} Hz, {float(H.max()):.1f}")
    print(f"poles at radius {lti.poles(resonator).abs()[0]:.4f}")


if __name__ == "__main__":
    main()
