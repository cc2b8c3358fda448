"""Long blocks of some effects go through in pieces where nobody asks for gradients; nobody hears it."""

import pytest
import torch

from diffFx_pytorch import plan
from diffFx_pytorch.registry import effects

RATE, LENGTH = 16000, 4001
IN_PIECES = [cls for cls in effects().values() if cls.in_pieces]


def counted(fx, monkeypatch):
    """Lengths of the blocks that ``process`` was given from now on."""
    lengths, process = [], type(fx).process

    def counting(x, state, *args, **given):
        lengths.append(x.shape[-1])
        return process(fx, x, state, *args, **given)

    monkeypatch.setattr(fx, "process", counting)
    return lengths


def sounds():
    generator = torch.Generator().manual_seed(1)
    return 0.4 * torch.randn(2, 1, 2, LENGTH, generator=generator, dtype=torch.float64)


def moved(fx):
    """Points of every knob that may move, others at rest."""
    points = torch.rand(1, len(fx.params), 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return {n: points[:, i] if row.automatable else points[:, i, 0] for i, (n, row) in enumerate(fx.params.items())}


@pytest.mark.parametrize("cls", IN_PIECES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("moves", [False, True], ids=["still", "moving"])
def test_pieces_are_the_whole(cls, moves, monkeypatch):
    fx, (x, key) = cls(RATE), sounds()
    x = x if 2 in (fx.channels or (2,)) else x[:, :1]
    given = {"sidechain": key} if fx.takes_sidechain else {}
    knobs = moved(fx) if moves else fx.random_params(1, torch.Generator().manual_seed(3)).double()
    lengths = counted(fx, monkeypatch)
    with torch.no_grad():
        whole = fx(x, norm_params=knobs, **given)
        assert set(lengths) == {LENGTH}
        lengths.clear()
        monkeypatch.setattr(plan, "_PIECE", 1500)
        pieces = fx(x, norm_params=knobs, **given)
    assert lengths == [1500 // x.shape[1]] * (LENGTH // (1500 // x.shape[1])) + [LENGTH % (1500 // x.shape[1])]
    assert torch.allclose(pieces, whole, rtol=1e-8, atol=1e-10)


def test_what_gradients_are_asked_of_stays_whole(monkeypatch):
    fx, (x, _) = effects()["LFOFilter"](RATE), sounds()
    monkeypatch.setattr(plan, "_PIECE", 1000)
    lengths = counted(fx, monkeypatch)
    fx(x.requires_grad_())
    fx(x.detach(), q=torch.tensor([2.0], requires_grad=True))
    fx(x.detach(), norm_params=torch.full((1, 6, 3), 0.5, requires_grad=True))
    assert lengths == [LENGTH] * 3
    fx(x.detach())
    assert lengths[3:] == [500] * 8 + [1]
