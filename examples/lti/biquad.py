"""Two high-passes in a row, to two outputs, learned from their magnitude response."""

import argparse

import torch

from diffFx_pytorch import lti
from diffFx_pytorch.fit import MagnitudeError, train

RATE = 48000.0
NFFT = 96000


def high_passes(requires_grad: bool) -> lti.Biquad:
    freq = RATE / 2 * (0.05 + 0.9 * torch.rand(2, 1, 2))
    gain = 2 * torch.rand(2, 1, 2) - 1
    return lti.Biquad("high_pass", freq, gain_db=gain, sample_rate=RATE, requires_grad=requires_grad)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=500)
    steps = parser.parse_args(argv).steps
    torch.manual_seed(1)
    target = high_passes(False).frequency_response(NFFT).abs().detach()
    shell = lti.Shell(high_passes(True), NFFT)
    before = MagnitudeError()(shell(), target).item()
    train(shell, MagnitudeError(), [(None, target)] * steps, epochs=1, learning_rate=2e-2)
    print(f"loss {before:.2e} -> {MagnitudeError()(shell(), target).item():.2e}")


if __name__ == "__main__":
    main()
