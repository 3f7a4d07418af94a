"""A mosaic moves tiles, the same way in all pictures, and can be undone."""

from __future__ import annotations

import pytest
import torch

from autograder.checks import SecretTiling


def drawn(seed=0):
    return SecretTiling.draw(torch.Generator().manual_seed(seed), tile=4, size=12)


def test_it_is_undone_and_keeps_values_and_distances():
    images, tiling = torch.rand(5, 2, 12, 12), drawn()
    moved = tiling.put_on(images)
    assert moved.shape == images.shape and not torch.equal(moved, images)
    assert torch.equal(tiling.take_off(moved), images)
    assert torch.equal(moved.flatten(1).sort(1).values, images.flatten(1).sort(1).values)
    torch.testing.assert_close(torch.cdist(moved.flatten(1), moved.flatten(1)), torch.cdist(*[images.flatten(1)] * 2))


def test_tiles_stay_whole_and_move_alike():
    images, tiling = torch.rand(2, 1, 12, 12), drawn()
    moved = tiling.put_on(images)
    for place, origin in enumerate(tiling.order.tolist()):
        (row, column), (from_row, from_column) = divmod(place, 3), divmod(origin, 3)
        there = moved[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        assert torch.equal(there, images[:, :, 4 * from_row : 4 * from_row + 4, 4 * from_column : 4 * from_column + 4])


def test_seeds_give_other_mosaics_and_a_rest_is_refused():
    assert torch.equal(drawn().order, drawn().order) and not torch.equal(drawn().order, drawn(1).order)
    with pytest.raises(ValueError, match="28 x 28 cannot be cut into tiles of 5 x 5"):
        SecretTiling.draw(torch.Generator(), tile=5, size=28)
