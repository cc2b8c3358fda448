"""Series by name and nested, and the error where sizes do not fit."""

import torch

from diffFx_pytorch import lti


def main(argv: list[str] | None = None) -> None:
    del argv
    torch.manual_seed(0)
    inner = lti.Series(delays=lti.Delay(torch.tensor([3, 5])), mixing=lti.Matrix(2))
    whole = lti.Series(split=lti.Gain(size=(2, 1)), network=inner, sum=lti.Gain(size=(1, 2)))
    print(whole)
    print("learned and fixed:", ", ".join(whole.state_dict()))
    try:
        lti.Series(split=lti.Gain(size=(3, 1)), network=inner)
    except ValueError as error:
        print(error)


if __name__ == "__main__":
    main()
