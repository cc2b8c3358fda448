"""A network predicts peaking filters from a magnitude: 16 sets of parameters in each call."""

import argparse

import torch
from torch import Tensor, nn

from diffFx_pytorch import lti
from diffFx_pytorch.fit import MagnitudeError, train

RATE = 48000.0


class FilterPredictor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.freqs_hz = torch.logspace(1.5, 4.3, 128)
        freq, gain = torch.tensor([[[200.0, 2000.0]]]), torch.zeros(1, 1, 2)
        maps = {"gain_db": lti.Bounded(-12.0, 12.0)}
        self.filters = lti.Biquad("peak", freq, 1.0, gain, sample_rate=RATE, map=maps, requires_grad=True)
        numbers = sum(p.numel() for p in self.filters.parameters())
        self.network = nn.Sequential(
            nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, numbers)
        )

    def level_db(self, raw: Tensor) -> Tensor:
        """Levels (B, 1, 128) of raw parameters (B, P)."""
        parameters = self.filters.split_parameters(raw)
        H = self.filters.frequency_response(freqs_hz=self.freqs_hz, sample_rate=RATE, parameters=parameters)
        return 20 * H.abs().log10().squeeze(-2)

    def forward(self, level_db: Tensor) -> Tensor:
        return self.level_db(self.network(level_db.squeeze(-2) / 12))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    steps = parser.parse_args(argv).steps
    torch.manual_seed(0)
    model = FilterPredictor()
    with torch.no_grad():
        targets = [model.level_db(torch.randn(16, 6)) for _ in range(steps)]
    history = train(model, MagnitudeError(), [(t, t) for t in targets], epochs=2, learning_rate=2e-3)
    print("mean square error in dB, epoch by epoch:", *(f"{loss:.3f}" for loss in history.train))


if __name__ == "__main__":
    main()
