"""A network predicts the filters in a loop from its magnitude response, a batch at a time."""

import argparse

import torch
from torch import Tensor, nn

from diffFx_pytorch import lti
from diffFx_pytorch.fit import MagnitudeError, train

NFFT = 2000
RATE = 16000.0


class CombPredictor(nn.Module):
    """Low-passes of up to -0.1 dB in the feedback of four delays: stable for any prediction."""

    def __init__(self) -> None:
        super().__init__()
        freq, gain = torch.full((4, 1), 2000.0), torch.full((4, 1), -3.0)
        maps = {"freq_hz": lti.Bounded(50.0, 7900.0, "log"), "gain_db": lti.Bounded(-10.0, -0.1)}
        filters = lti.Biquad("low_pass", freq, 0.7, gain, sample_rate=RATE, diagonal=True, map=maps, requires_grad=True)
        loop = lti.Recursion(lti.Delay(torch.tensor([151, 211, 239, 317])), lti.Series(lti.Matrix(4), filters))
        self.comb = lti.Series(lti.Gain(torch.ones(4, 1)), loop, lti.Gain(torch.ones(1, 4) / 4))
        numbers = sum(p.numel() for p in self.comb.parameters() if p.requires_grad)
        self.network = nn.Sequential(nn.Linear(NFFT // 2 + 1, 64), nn.LayerNorm(64), nn.ReLU(), nn.Linear(64, numbers))

    def response(self, raw: Tensor) -> Tensor:
        """Magnitudes (B, 1, M) of raw parameters (B, P), all in one call."""
        H = self.comb.frequency_response(NFFT, parameters=self.comb.split_parameters(raw))
        return H.abs().squeeze(-2)

    def forward(self, magnitude: Tensor) -> Tensor:
        return self.response(self.network(magnitude.squeeze(-2).log()))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    steps = parser.parse_args(argv).steps
    torch.manual_seed(0)
    model = CombPredictor()
    with torch.no_grad():
        targets = [model.response(torch.randn(16, model.network[-1].out_features)) for _ in range(steps)]
    history = train(model, MagnitudeError(), [(t, t) for t in targets], epochs=2, learning_rate=1e-3)
    print("loss, epoch by epoch:", *(f"{loss:.4f}" for loss in history.train))


if __name__ == "__main__":
    main()
