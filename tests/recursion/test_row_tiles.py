"""Tiles of rows whose places lead into another array, before this one in memory or after it."""

import numpy as np
import pytest

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.recursion.cpu.row_tiles import distance, read_tile, write_tile

LANES, WIDTH = 8, 24


@njit(error_model="numpy")
def _read(source, other, own, count, tile):
    places = own.copy()
    places[places < 0] = distance(source, other)
    read_tile(source, places, count, tile, LANES, count)


@njit(error_model="numpy")
def _write(target, other, own, count, tile):
    places = own.copy()
    places[places < 0] = distance(target, other)
    write_tile(target, places, count, tile, LANES, count)


@pytest.fixture(params=["before", "after"])
def arrays(request):
    """Rows and a silence of one dtype, in one piece of memory, so that which comes first is known."""
    memory = np.arange(1.0, 1.0 + (LANES + 1) * WIDTH)
    before = request.param == "before"
    silence, rows = (memory[:WIDTH], memory[WIDTH:]) if before else (memory[-WIDTH:], memory[:-WIDTH])
    silence[:] = 0.0
    return rows.reshape(LANES, WIDTH), silence


OWN = np.array([0, -1, 2 * WIDTH, 3 * WIDTH, -1, 5 * WIDTH, 6 * WIDTH, 7 * WIDTH])


@pytest.mark.parametrize("count", [3, 8, 21])  # a tail alone, whole vectors, both
def test_reads_what_lies_elsewhere(arrays, count):
    rows, silence = arrays
    tile = np.full(LANES * count, np.nan)
    _read(rows, silence, OWN, count, tile)
    expected = np.where((OWN < 0)[:, None], 0.0, rows[:, :count])
    np.testing.assert_array_equal(tile.reshape(count, LANES).T, expected)


@pytest.mark.parametrize("count", [3, 8, 21])
def test_writes_elsewhere_and_leaves_the_rest(arrays, count):
    rows, silence = arrays
    expected = rows.copy()
    tile = -np.arange(1.0, 1.0 + LANES * count)
    expected[OWN >= 0, :count] = tile.reshape(count, LANES).T[OWN >= 0]
    _write(rows, silence, OWN, count, tile)
    np.testing.assert_array_equal(rows, expected)
    assert (silence[:count] < 0).all()
    assert not silence[count:].any()
