"""Filters in a row: gains from one channel to three, a delay and a response per channel, mixed back to two."""

import torch

from diffFx_pytorch import lti


def main(argv: list[str] | None = None) -> None:
    del argv
    torch.manual_seed(0)
    chain = lti.Series(
        lti.Gain(size=(3, 1)),
        lti.Delay(torch.tensor([100, 150, 225])),
        lti.FIR(size=(3, 20), diagonal=True),
        lti.Gain(size=(2, 3)),
    )
    print(chain)
    h = chain.impulse_response(400)
    print(
        f"impulse responses {tuple(h.shape)}, the first sound after {int(h[0, 0].abs().gt(1e-6).nonzero()[0])} samples"
    )


if __name__ == "__main__":
    main()
