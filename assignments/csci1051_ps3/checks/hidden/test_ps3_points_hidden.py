"""Parts 2A and 2B against independent truths."""

from __future__ import annotations

import torch
from autograder_proofs.oracles.points import gaussian_misfit
from csci1051_ps3.checks.public.test_ps3_points import as_points, assert_noised, noised, schedule
from hypothesis import strategies as st

from autograder.checks import (
    CheckFailed,
    assert_independent,
    assert_standard_normal,
    falls_below,
    given,
    item,
    seeds,
)

POINTS = 3000
MISFIT = 5.0
"""For any Gaussian the misfit of 3,000 points is about 0.65 and exceeds 1.1 with probability 0.01; beyond that the
probability falls by e with every 0.1 (0.2 where all points lie on a line), so that 5 is passed with less than 1e-9.
A square has 26, a disk 29, two moons with noise 0.3 have 18, two clusters three standard deviations apart 12."""

DRAWS = 400
CALLS = 6


# p2a.points


@item("p2a.points", weight=1)
def test_the_points_are_no_gaussian(ps3):
    """The Gaussian with the mean and covariance of your points does not fit them."""
    points = as_points(ps3.sample_points(POINTS), POINTS, f"sample_points({POINTS})")
    misfit = gaussian_misfit(points)
    if falls_below(misfit, MISFIT):  # NaN where all points are one
        raise CheckFailed(
            "the points are those of a Gaussian, or hardly differ from them",
            expected=f"a misfit of more than {MISFIT:g}",
            got=f"{misfit:.3g}",
        )


# p2b.noising


@item("p2b.noising", weight=2)
@given(examples=12, seed=seeds(), n=st.integers(200, 230))
def test_each_point_is_noised_as_its_own_step_says(ps3, seed, n):
    """x_t = sqrt(alpha^t) x_0 + sqrt(1 - alpha^t) z for each point with its own step, from 0 to T; z is returned."""
    T, _ = schedule(ps3)
    generator = torch.Generator().manual_seed(seed)
    x0 = 2 * torch.randn(n, 2, generator=generator) + 1
    t = torch.randint(1, T + 1, (n,), generator=generator)
    t[:4] = torch.tensor([T, 1, T // 3, 0])
    assert_noised(ps3, x0, t)


@item("p2b.noising", weight=1)
def test_the_noise_is_standard_normal(ps3):
    """z is standard normal: its own for each point and coordinate, and drawn anew in every call."""
    T, _ = schedule(ps3)
    x0 = torch.randn(DRAWS, 2, generator=torch.Generator().manual_seed(1))
    t = torch.full((DRAWS,), max(T // 2, 1))
    draws = [noised(ps3.noise_points, x0, t)[1] for _ in range(CALLS)]
    assert_independent(draws[0], draws[1], name="the noise of two calls")
    assert_standard_normal(torch.cat(draws), name="z")
