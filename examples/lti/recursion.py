"""A closed loop, y = F (x + B y): its response in frequency, its poles, and whether it is stable."""

import warnings

import torch

from diffFx_pytorch import lti


def main(argv: list[str] | None = None) -> None:
    del argv
    torch.manual_seed(0)
    for gain in (0.9, 1.1):
        loop = lti.Recursion(
            feedforward=lti.Delay(torch.tensor([13, 19, 29])),
            feedback=lti.Series(mixing=lti.Matrix(3), gain=lti.Gain(torch.full((3,), gain), diagonal=True)),
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            radius = lti.check_stability(loop)
        print(f"gain {gain}: outermost of {len(lti.poles(loop))} poles at {radius:.6f}", *(w.message for w in caught))
    print(loop)


if __name__ == "__main__":
    main()
