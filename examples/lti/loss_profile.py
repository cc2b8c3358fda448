"""A loss along one parameter, and over two: with one minimum, and with many.

python examples/lti/loss_profile.py --plot profile.png
"""

import argparse

import torch

from diffFx_pytorch import lti
from diffFx_pytorch.fit import AveragePower, Criterion, MagnitudeError, MultiResolutionSTFT, loss_landscape


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=21, help="values along each parameter")
    parser.add_argument("--plot", help="a picture to write")
    arguments = parser.parse_args(argv)
    torch.manual_seed(0)
    network = lti.Series(
        b=lti.Gain(torch.ones(4, 1)),
        loop=lti.Recursion(
            lti.Delay(torch.tensor([809, 877, 937, 1049])),
            lti.Series(
                mixing=lti.Matrix(4), gain=lti.Gain(torch.tensor([[0.9]]).expand(4, 1)[:, 0].clone(), diagonal=True)
            ),
        ),
        c=lti.Gain(torch.ones(1, 4) / 4),
    )
    shell = lti.Shell(network, 32768, alias_decay_db=30.0, output="signal")
    with torch.no_grad():
        target = shell()
    criteria = [Criterion(MultiResolutionSTFT()), Criterion(AveragePower()), Criterion(MagnitudeError())]
    gains = torch.linspace(0.8, 0.98, arguments.steps)
    profile = loss_landscape(shell, {"core.loop.feedback.gain.gain": gains}, criteria, None, target)
    for name in profile.losses:
        print(f"{name:20} lowest at a loop gain of {profile.minimum(name)[0]:.3f} (true: 0.9)")
    grid = {"core.loop.feedback.gain.gain": gains, "core.c.gain": torch.linspace(0.1, 0.4, arguments.steps)}
    surface = loss_landscape(shell, grid, criteria[:1], None, target)
    print("over loop gain and output gain, lowest at", *(f"{v:.3f}" for v in surface.minimum()))
    if arguments.plot:
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
        profile.plot(axes[0])
        surface.plot(axes[1])
        figure.savefig(arguments.plot)


if __name__ == "__main__":
    main()
