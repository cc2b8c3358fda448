"""The gains of a graphic equaliser, learned from the magnitude of another; and one that passes through its gains."""

import argparse

import torch

from diffFx_pytorch import lti
from diffFx_pytorch.fit import MagnitudeError, train

RATE = 48000.0
NFFT = 48000


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    steps = parser.parse_args(argv).steps
    torch.manual_seed(0)
    hidden = lti.GEQ(12 * torch.rand(1, 10) - 6, sample_rate=RATE, diagonal=True)
    target = hidden.frequency_response(NFFT).abs().detach()
    shell = lti.Shell(lti.GEQ(torch.zeros(1, 10), sample_rate=RATE, diagonal=True, requires_grad=True), NFFT)
    train(shell, MagnitudeError(), [(None, target)] * steps, epochs=1, learning_rate=0.1)
    print(f"largest error of a gain: {(shell.core.gain_db - hidden.gain_db).abs().max().item():.3f} dB")
    accurate = lti.GEQ(hidden.gain_db.detach(), sample_rate=RATE, diagonal=True, accurate=True)
    level = 20 * accurate.frequency_response(freqs_hz=torch.tensor(accurate.centres_hz), sample_rate=RATE).abs().log10()
    print(f"accurate: within {(level[0] - hidden.gain_db).abs().max().item():.3f} dB of its gains at every centre")


if __name__ == "__main__":
    main()
