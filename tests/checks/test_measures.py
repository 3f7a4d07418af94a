"""What trained models are measured by: energy distance, neighbours, directions; and the secret disguise of the data."""

import math

import numpy as np
import pytest
import torch

from autograder.checks import (
    SecretIsometry,
    agreement,
    coloured_digits,
    digits,
    effective_rank,
    energy_distance,
    nearest_neighbour_accuracy,
    secret_generator,
    show_bars,
    show_curves,
    show_images,
    spectrum,
)
from autograder.checks.authoring.secret import keeping_secret
from autograder.checks.authoring.showing import MAX_SHOWN, collecting_exhibits
from autograder.checks.training.secret_isometry import GRID


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_energy_distance_of_two_points_by_hand():
    # 2 * mean |x - y| - mean over pairs |x - x'| - |y - y'| = 2 * 2.5 - 1 - 2
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [4.0]])
    assert energy_distance(x, y) == pytest.approx(2 * (2 + 4 + 1 + 3) / 4 - 1 - 2)


def test_energy_distance_of_shifted_normals():
    # E|N(m, 2)| for the difference of two normals with variance 1 each, in closed form
    shift, n = 1.5, 1500
    x, y = torch.randn(n, 1, generator=generator()), torch.randn(n, 1, generator=generator(1)) + shift
    between = 2 / math.sqrt(math.pi) * math.exp(-(shift**2) / 4) + shift * math.erf(shift / 2)
    assert energy_distance(x, y) == pytest.approx(2 * between - 2 * 2 / math.sqrt(math.pi), abs=0.1)
    assert abs(energy_distance(x, y - shift)) < 0.03


def test_energy_distance_sees_the_shape_where_mean_and_variance_agree():
    n = 1000
    normal = torch.randn(n, 1, generator=generator())
    signs = torch.randint(0, 2, (n, 1), generator=generator(1)) * 2.0 - 1
    assert energy_distance(normal, signs) > 0.05


def test_neighbours_vote():
    bank = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9], [-1.0, 0.0]])
    labels = torch.tensor([0, 0, 1, 1, 2])
    queries = torch.tensor([[2.0, 0.1], [0.1, 3.0]])
    assert nearest_neighbour_accuracy(bank, labels, queries, torch.tensor([0, 1]), neighbours=2) == 1.0
    assert nearest_neighbour_accuracy(bank, labels, queries, torch.tensor([1, 1]), neighbours=2) == 0.5


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_the_effective_rank_counts_equal_directions(rank):
    corners = torch.cat([torch.eye(8)[:rank], -torch.eye(8)[:rank]])
    assert effective_rank(corners) == pytest.approx(rank)
    assert spectrum(corners)[:rank].tolist() == pytest.approx([1 / rank] * rank)


def test_the_effective_rank_of_one_direction_is_zero_whatever_the_length():
    assert effective_rank(torch.rand(20, 1, generator=generator()) * torch.ones(1, 5)) == 0.0


def test_agreement_is_a_mean_cosine():
    assert agreement(torch.eye(2), torch.tensor([[3.0, 0.0], [1.0, 1.0]])) == pytest.approx((1 + 0.5**0.5) / 2)


@pytest.mark.parametrize("background", [0.0, 0.5])
@pytest.mark.parametrize("patch", [1, 2, 4, 16])
def test_a_disguise_keeps_all_distances_and_can_be_taken_off(patch, background):
    images = torch.rand(5, 3, 16, 16, generator=generator()) * 2 - 1
    isometry = SecretIsometry.draw(generator(), patch=patch, size=16, background=background)
    hidden = isometry.put_on(images)
    assert hidden.shape == images.shape and not torch.allclose(hidden, images, atol=0.1)
    assert torch.allclose(
        torch.cdist(hidden.flatten(1), hidden.flatten(1)), torch.cdist(images.flatten(1), images.flatten(1)), atol=1e-4
    )
    assert torch.allclose(isometry.take_off(hidden), images, atol=1e-5)


def test_a_disguise_stays_within_its_patches():
    images = torch.zeros(1, 3, 8, 8)
    images[:, :, :4, :4] = 1.0
    hidden = SecretIsometry.draw(generator(), patch=4, size=8).put_on(images)
    touched = [hidden[:, :, i : i + 4, j : j + 4].any().item() for i in (0, 4) for j in (0, 4)]
    assert sum(touched) == 1


def test_a_background_is_the_same_for_all_and_has_as_many_spots_as_it_says():
    hidden = SecretIsometry.draw(generator(), patch=1, size=16, background=0.5).put_on(torch.zeros(3, 3, 16, 16))
    assert torch.equal(hidden[0], hidden[1]) and 0.1 < float(hidden.std()) < 0.7
    backgrounds = [
        SecretIsometry.draw(generator(seed), patch=1, size=16, background=0.5).background for seed in range(60)
    ]
    assert int(torch.linalg.matrix_rank(torch.stack(backgrounds).flatten(1), rtol=1e-3)) == 3 * GRID**2


def test_disguises_differ():
    first, second = (SecretIsometry.draw(generator(seed), patch=2, size=16).rotation for seed in (0, 1))
    assert float((first - second).norm()) > 1


def test_secrets_are_those_of_the_running_check():
    with pytest.raises(RuntimeError, match="body of a check"):
        secret_generator()
    with keeping_secret(3):
        first = torch.rand(2, generator=secret_generator())
        second = torch.rand(2, generator=secret_generator())
    with keeping_secret(3):
        again = torch.rand(2, generator=secret_generator())
    assert torch.equal(first, again) and not torch.equal(first, second)
    with pytest.raises(RuntimeError):
        secret_generator()


def test_the_digits_are_those_of_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    found = datasets.load_digits()
    train, test = digits(8), digits(8, held_out=True)
    assert (len(train), len(test)) == (1437, 360)
    expected = torch.from_numpy(found.images[::5].astype(np.float32))
    assert torch.allclose((test.images[:, 0] + 1) * 8, expected) and test.labels.tolist() == found.target[::5].tolist()


@pytest.mark.parametrize("size", [16, 28, 32])
def test_digits_are_drawn_in_every_size_and_in_colour(size):
    grey, colour = digits(size), coloured_digits(size, generator=generator())
    assert grey.images.shape == (1437, 1, size, size) and colour.images.shape == (1437, 3, size, size)
    assert float(grey.images.min()) == -1 and float(colour.images.abs().max()) <= 1
    assert torch.equal(grey.labels, colour.labels) and set(grey.labels.tolist()) == set(range(10))
    contrast = colour.images.flatten(2).amax(2) - colour.images.flatten(2).amin(2)
    assert float(contrast.norm(dim=1).min()) > 0.5
    assert not torch.equal(colour.images, coloured_digits(size, generator=generator(1)).images)


def test_what_a_check_shows_is_kept_within_bounds():
    shown = []
    show_bars("nobody looks", {"a": 1.0})
    with collecting_exhibits(shown):
        show_images("pictures", {"grey": torch.zeros(2, 1, 4, 4), "wild": torch.full((2, 3, 4, 4), torch.nan)})
        for _ in range(2 * MAX_SHOWN):
            show_curves("loss", {"told": [1.0, 0.5]}, x="step", threshold=0.7)
    assert len(shown) == MAX_SHOWN and shown[0].data.rows == ("grey", "wild")
    assert set(shown[0].data.pixels) == {128} and shown[1].data.series[0].values == (1.0, 0.5)
