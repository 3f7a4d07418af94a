"""A disguise of pixels moves all pictures alike, keeps what they are worth, and can be undone."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from autograder.checks import shuffled_negatives, tiling, turned_negatives

KINDS = {
    "mosaic": partial(tiling, tile=4),
    "turned": partial(turned_negatives, block=4),
    "shuffled": shuffled_negatives,
}
kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def drawn(kind, seed=0):
    return kind(torch.Generator().manual_seed(seed), size=12)


@kinds
def test_it_is_undone_and_keeps_distances_and_the_range_of_values(kind):
    images, isometry = torch.rand(5, 1, 12, 12), drawn(kind)
    moved = isometry.put_on(images)
    assert moved.shape == images.shape and not torch.equal(moved, images)
    assert moved.min() >= 0 and moved.max() <= 1
    torch.testing.assert_close(isometry.take_off(moved), images)
    torch.testing.assert_close(isometry.put_on(images.flatten(1)), moved.flatten(1))
    torch.testing.assert_close(torch.cdist(moved.flatten(1), moved.flatten(1)), torch.cdist(*[images.flatten(1)] * 2))


@kinds
def test_seeds_give_other_disguises(kind):
    first, again, other = drawn(kind), drawn(kind), drawn(kind, 1)
    assert torch.equal(first.order, again.order) and torch.equal(first.negative, again.negative)
    assert not (torch.equal(first.order, other.order) and torch.equal(first.negative, other.negative))


def test_tiles_of_a_mosaic_stay_whole_and_move_alike():
    images = torch.arange(2 * 144.0).reshape(2, 1, 12, 12)
    moved = drawn(KINDS["mosaic"]).put_on(images)

    def tiles(pictures):
        return pictures.unfold(2, 4, 4).unfold(3, 4, 4).flatten(1, 3).flatten(2)

    places = [(tiles(images)[0] == tile).all(1).nonzero().item() for tile in tiles(moved)[0]]
    assert sorted(places) == list(range(9)) and torch.equal(tiles(moved)[1], tiles(images)[1][places])


def test_neighbours_stay_neighbours_where_pictures_are_turned():
    isometry = drawn(KINDS["turned"], 3)
    rows, columns = isometry.order.reshape(12, 12) // 12, isometry.order.reshape(12, 12) % 12
    for axis in (0, 1):
        steps = rows.diff(dim=axis).abs() + columns.diff(dim=axis).abs()
        assert torch.equal(steps, torch.ones_like(steps))
    blocks = isometry.negative.reshape(3, 4, 3, 4).transpose(1, 2).flatten(2)
    assert torch.equal(blocks.any(2), blocks.all(2))


def test_a_rest_is_refused():
    with pytest.raises(ValueError, match="28 x 28 cannot be cut into tiles of 5 x 5"):
        tiling(torch.Generator(), size=28, tile=5)
