"""A shell holds the grid: the same system as spectrum, as magnitude, as sound, at another length."""

import torch

from diffFx_pytorch import lti


def main(argv: list[str] | None = None) -> None:
    del argv
    torch.manual_seed(0)
    system = lti.Series(lti.Gain(size=(2, 1)), lti.FIR(size=(2, 64), diagonal=True), lti.Gain(size=(1, 2)))
    shell = lti.Shell(system, nfft=256, output="magnitude")
    print("magnitude of the response:", tuple(shell().shape))
    shell.output = "signal"
    print("a batch of signals:", tuple(shell(torch.randn(5, 1, 100)).shape))
    shell.nfft, shell.output = 4096, lambda H: 20 * H.abs().clamp_min(1e-6).log10()
    print("in decibels, at 4096 points:", tuple(shell().shape))


if __name__ == "__main__":
    main()
