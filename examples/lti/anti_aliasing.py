"""A lossless loop rings forever: time aliasing of a circle of nfft points, and its reduction by the alias decay."""

import torch

from diffFx_pytorch import lti


def main(argv: list[str] | None = None) -> None:
    del argv
    nfft = 4000
    comb = lti.Recursion(lti.Delay(torch.tensor([100]), dtype=torch.float64), lti.Gain(torch.ones(1, 1).double()))
    exact = torch.zeros(nfft, dtype=torch.float64)
    exact[100::100] = 1.0
    for alias_decay_db in (10.0, 30.0, 60.0, 100.0):
        h = comb.impulse_response(nfft, nfft=nfft, alias_decay_db=alias_decay_db)[0, 0].detach()
        print(f"{alias_decay_db:5.0f} dB: relative error {float((h - exact).norm() / exact.norm()):.1e}")


if __name__ == "__main__":
    main()
