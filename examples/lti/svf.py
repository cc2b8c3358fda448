"""State-variable filters, stable at any setting, learned from a magnitude; a network can drive them too."""

import argparse

import torch

from diffFx_pytorch import lti
from diffFx_pytorch.fit import MagnitudeError, train

RATE = 48000.0
NFFT = 9600


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=600)
    steps = parser.parse_args(argv).steps
    torch.manual_seed(0)
    hidden = lti.SVF(torch.tensor([[[300.0, 4000.0]]]), 0.5, 0.3, 1.0, 1.2, sample_rate=RATE)
    target = hidden.frequency_response(NFFT).abs().detach()
    model = lti.SVF(torch.tensor([[[200.0, 6000.0]]]), sample_rate=RATE, requires_grad=True)
    shell = lti.Shell(model, NFFT)
    before = MagnitudeError()(shell(), target).item()
    train(shell, MagnitudeError(), [(None, target)] * steps, epochs=1, learning_rate=2e-2)
    print(f"loss {before:.3f} -> {MagnitudeError()(shell(), target).item():.2e}")
    predicted = model.split_parameters(torch.randn(8, 10))
    print("eight filters in one call:", tuple(model.frequency_response(NFFT, parameters=predicted).shape))


if __name__ == "__main__":
    main()
