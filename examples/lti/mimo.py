"""Two inputs, three outputs: a matrix of impulse responses is learned from its response to noise."""

import argparse

import torch

from diffFx_pytorch import lti
from diffFx_pytorch.fit import train


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    steps = parser.parse_args(argv).steps
    torch.manual_seed(0)
    hidden = lti.FIR(size=(3, 2, 16))
    x = torch.randn(1, 2, 1000)
    with torch.no_grad():
        y = hidden(x)
    model = lti.FIR(size=(3, 2, 16), requires_grad=True)
    train(model, torch.nn.functional.mse_loss, [(x, y)] * steps, epochs=1, learning_rate=5e-2)
    print(f"largest error of a tap: {(model.taps - hidden.taps).abs().max().item():.2e}")


if __name__ == "__main__":
    main()
