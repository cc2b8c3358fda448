"""No setting inside a range gives NaN, at any rate."""

import torch


def test_ends_are_finite_at_every_rate(case, make_noise):
    for sample_rate in (8000, 11025, 22050, 44100, 96000, 192000):
        fx = case(sample_rate=sample_rate)
        count = len(fx.params)
        flat = torch.cat([torch.eye(count), 1 - torch.eye(count), torch.zeros(1, count), torch.ones(1, count)])
        x = make_noise(1, case.channels(), 500, torch.float32).expand(len(flat), -1, -1)
        assert torch.isfinite(fx(x, norm_params=flat)).all(), sample_rate


def test_frequencies_stay_below_nyquist(first):
    for sample_rate in (8000, 192000):
        for name, param in first(sample_rate=sample_rate).params.items():
            if param.unit == "Hz":
                assert param.max_val <= 0.49 * sample_rate, name
