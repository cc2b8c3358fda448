"""A matrix of velvet noise: sparse responses between two inputs and two outputs, their spectra flat on average."""

import torch

from diffFx_pytorch import lti


def main(argv: list[str] | None = None) -> None:
    del argv
    matrix = lti.VelvetNoiseMatrix((2, 2), 4800, density=2000.0, generator=torch.Generator().manual_seed(0))
    H = matrix.frequency_response(9600).abs().square()
    octaves = [float(H[0, 0, 2**k : 2 ** (k + 1)].mean()) for k in range(6, 12)]
    print(
        f"{int(matrix.taps[0, 0].abs().sum())} impulses; mean energy by octave: "
        + " ".join(f"{e:.0f}" for e in octaves)
    )


if __name__ == "__main__":
    main()
