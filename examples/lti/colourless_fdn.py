"""Small colourless feedback delay networks: gains and mixing matrix trained towards a flat magnitude.

G. Dal Santo, K. Prawda, S. J. Schlecht, V. Valimaki, "Optimizing tiny colorless feedback delay networks", EURASIP
JASMP 2025. The matrix is kept dense by a loss of its own, so that echoes grow dense too.
"""

import argparse
import math

import torch

from diffFx_pytorch import lti
from diffFx_pytorch.fit import Criterion, MagnitudeError, sparsity, train


def main(argv: list[str] | None = None, feedback: lti.System | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--nfft", type=int, default=96000)
    arguments = parser.parse_args(argv)
    torch.manual_seed(130709)
    delays = torch.tensor([887, 911, 941, 1699, 1951, 2053])
    network = lti.Series(
        b=lti.Gain(size=(6, 1), requires_grad=True),
        loop=lti.Recursion(lti.Delay(delays), feedback or lti.Matrix(6, requires_grad=True)),
        c=lti.Gain(size=(1, 6), requires_grad=True),
    )
    print(network)
    shell = lti.Shell(network, arguments.nfft, alias_decay_db=30.0)
    criteria = [Criterion(MagnitudeError(), name="colour")]
    if feedback is None:
        criteria.append(Criterion(sparsity, 0.2, of=lambda m: m.core.loop.feedback.value("matrix")))
    flat = torch.ones(1, 1, 1)
    with torch.no_grad():  # a power of 1 to begin with, so that no step is spent on level
        level = shell().square().mean().sqrt()
        for gain in (network.b, network.c):
            gain.assign("gain", gain.value("gain") / level.sqrt())
    for label, steps in (("before", 0), ("after", arguments.steps)):
        if steps:
            train(shell, criteria, [(None, flat)] * steps, epochs=1, learning_rate=1e-2)
        with torch.no_grad():
            magnitude = shell()
        spread, peak = magnitude.std() / magnitude.mean(), magnitude.max() / magnitude.median()
        print(
            f"{label:6} {steps:4} steps: |H| has a standard deviation of {float(spread):.3f} of its mean, and its "
            f"highest peak stands {20 * math.log10(float(peak)):.1f} dB above its median"
        )


if __name__ == "__main__":
    main()
