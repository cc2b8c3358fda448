"""One input, one output: an impulse response is learned from its magnitude."""

import argparse

import torch

from diffFx_pytorch import lti
from diffFx_pytorch.fit import MagnitudeError, train


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=500)
    steps = parser.parse_args(argv).steps
    torch.manual_seed(0)
    nfft = 1024
    target = lti.FIR(size=(1, 1, 32)).frequency_response(nfft).abs().detach()
    shell = lti.Shell(lti.FIR(size=(1, 1, 32), requires_grad=True), nfft)
    history = train(shell, MagnitudeError(), [(None, target)] * steps, epochs=1, learning_rate=1e-2)
    print(f"mean loss {history.train[0]:.4f}, at the end {MagnitudeError()(shell(), target).item():.2e}")


if __name__ == "__main__":
    main()
