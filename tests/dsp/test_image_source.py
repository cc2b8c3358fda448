"""Image sources on rooms that can be done in the head."""

import math

import pytest
import torch

from diffFx_pytorch.dsp.image_source import (
    NEAREST,
    SPEED_OF_SOUND,
    distances,
    farthest,
    image_sources,
)

ROOM = torch.tensor([5.0, 4.0, 3.0], dtype=torch.float64)
SOURCE = torch.tensor([1.0, 1.5, 1.2], dtype=torch.float64)
ALPHA = torch.tensor([0.36], dtype=torch.float64)  # walls give back 0.8 of the pressure


@pytest.mark.parametrize(("order", "count"), [(0, 1), (1, 7), (2, 25), (3, 63), (4, 129)])
def test_number_of_images(order, count):
    images = image_sources(ROOM, SOURCE, ALPHA, order)
    assert images.position.shape == (count, 3)
    assert torch.equal(images.order, images.order.sort().values)
    assert int(images.order[-1]) == order
    assert torch.allclose(images.loss, 0.8 ** images.order.double())


def test_first_order_images_are_mirrored_in_each_wall():
    images = image_sources(ROOM, SOURCE, ALPHA, 1)
    assert torch.equal(images.position[0], SOURCE)
    expected = set()
    for axis in range(3):
        for wall in (0.0, float(ROOM[axis])):
            place = SOURCE.clone()
            place[axis] = 2 * wall - place[axis]
            expected.add(tuple(round(v, 9) for v in place.tolist()))
    assert {tuple(round(v, 9) for v in p.tolist()) for p in images.position[1:]} == expected


def test_every_wall_has_its_own_absorption():
    # Only the wall at the far end of the length reflects.
    alpha = torch.tensor([1.0, 1.0, 1.0, 0.19, 1.0, 1.0], dtype=torch.float64)
    images = image_sources(ROOM, SOURCE, alpha, 2)
    heard = images.loss > 0
    assert int(heard.sum()) == 2
    assert torch.allclose(images.position[heard][1], torch.tensor([9.0, 1.5, 1.2], dtype=torch.float64))
    assert torch.allclose(images.loss[heard], torch.tensor([1.0, 0.9], dtype=torch.float64))


def reflections(room, source, receivers, absorption, order, sample_rate):
    """Delays in samples and gains, (C, N), at omnidirectional receivers (C, 3)."""
    images = image_sources(room, source, absorption, order)
    away = distances(images.position.unsqueeze(-3), receivers)
    return away * (sample_rate / SPEED_OF_SOUND), images.loss.unsqueeze(-2) / away


def test_delays_and_gains():
    receiver = torch.tensor([[3.0, 1.5, 1.2], [1.0, 3.5, 1.2]], dtype=torch.float64)
    delays, gains = reflections(ROOM, SOURCE, receiver, ALPHA, 1, 48000)
    assert delays.shape == gains.shape == (2, 7)
    assert torch.allclose(delays[:, 0], torch.full((2,), 2.0 * 48000 / SPEED_OF_SOUND, dtype=torch.float64))
    assert torch.allclose(gains[:, 0], torch.full((2,), 0.5, dtype=torch.float64))
    # By the floor, 1.2 m below both: out and back over a triangle of 2 m and 2.4 m.
    floor = math.hypot(2.0, 2.4)
    assert torch.isclose(delays[0], torch.tensor(floor * 48000 / SPEED_OF_SOUND, dtype=torch.float64)).any()
    assert torch.isclose(gains[0], torch.tensor(0.8 / floor, dtype=torch.float64)).any()


def test_a_source_in_the_receiver_is_finite_and_the_farthest_bound_holds():
    source = SOURCE.clone().requires_grad_()
    delays, gains = reflections(ROOM, source, SOURCE[None], ALPHA, 2, 48000)
    assert float(gains.detach().max()) == pytest.approx(1 / NEAREST)
    (gradient,) = torch.autograd.grad(delays.sum() + gains.sum(), source)
    assert torch.isfinite(gradient).all()
    for order in (1, 3):
        corner = image_sources(ROOM, ROOM * 0.001, ALPHA, order).position
        assert float(distances(corner, ROOM * 0.999).max()) <= farthest((5.0, 4.0, 3.0), order)


def test_gradients_to_everything():
    def both(room, source, receiver, alpha):
        return reflections(room, source, receiver[None], alpha, 2, 100.0)

    receiver = torch.tensor([3.3, 2.1, 1.7], dtype=torch.float64)
    leaves = [t.clone().requires_grad_() for t in (ROOM, SOURCE, receiver, ALPHA)]
    assert torch.autograd.gradcheck(both, leaves)


def test_rooms_in_a_batch():
    rooms = torch.stack([ROOM, 2 * ROOM])[:, None]
    sources = torch.stack([SOURCE, 2 * SOURCE])[:, None]
    images = image_sources(rooms, sources, ALPHA.expand(2, 1, 1), 2)
    assert images.position.shape == (2, 1, 25, 3)
    assert torch.allclose(images.position[1], 2 * images.position[0])


def test_bad_input():
    with pytest.raises(ValueError, match="order"):
        image_sources(ROOM, SOURCE, ALPHA, -1)
    with pytest.raises(ValueError, match="absorption"):
        image_sources(ROOM, SOURCE, torch.full((3,), 0.5), 1)
