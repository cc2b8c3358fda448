"""A parametric equaliser of four bands, frequency, Q and gain, learned from the level of another in dB."""

import argparse

import torch

from diffFx_pytorch import lti
from diffFx_pytorch.fit import MagnitudeError, train

RATE = 48000.0


def equaliser(freq: list[float], q: list[float], gain: list[float], requires_grad: bool = False) -> lti.PEQ:
    values = (torch.tensor([[v]]) for v in (freq, q, gain))
    return lti.PEQ(*values, sample_rate=RATE, requires_grad=requires_grad)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=600)
    steps = parser.parse_args(argv).steps
    freqs = torch.logspace(1.5, 4.3, 512)
    z = torch.polar(torch.ones(512), freqs * (2 * torch.pi / RATE))
    target = 20 * equaliser([90, 500, 3000, 9000], [0.7, 2, 1, 0.7], [4, -6, 5, -3]).probe(z).abs().log10().detach()

    class Level(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.eq = equaliser([150, 400, 2000, 6000], [0.7, 1, 1, 0.7], [0.1, -0.1, 0.1, -0.1], requires_grad=True)

        def forward(self) -> torch.Tensor:
            return 20 * self.eq.probe(z).abs().log10()

    model = Level()
    train(model, MagnitudeError(), [(None, target)] * steps, epochs=1, learning_rate=0.03)
    for name in ("freq_hz", "q", "gain_db"):
        print(f"{name:8}", *(f"{v:9.2f}" for v in model.eq.value(name).flatten().tolist()))


if __name__ == "__main__":
    main()
