"""The colourless network with a paraunitary matrix of short responses in its loop instead of gains."""

import colourless_fdn
import torch

from diffFx_pytorch import lti


def main(argv: list[str] | None = None) -> None:
    torch.manual_seed(0)
    colourless_fdn.main(argv, lti.ScatteringMatrix(6, 3, sparsity=3.0, requires_grad=True))


if __name__ == "__main__":
    main()
