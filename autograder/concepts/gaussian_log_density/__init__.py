"""The log-density of a diagonal Gaussian, or its negative: one number for what is summed over.

Bishop, Pattern Recognition and Machine Learning (2006), equation 1.46.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from autograder.checks import (
    CheckFailed,
    Contract,
    Reduction,
    Spread,
    Subject,
    assert_close,
    assert_tensor,
    falls_below,
    gradients,
    prop,
    seeds,
)

Dims = tuple[int, ...]
GRID = torch.linspace(-12.0, 12.0, 481)
"""Distances from the mean in standard deviations; a normal density is 1e-31 of its peak at the ends."""
AT_THE_PEAK = -0.9189385332
"""Of the standard normal, in float64 and rounded."""
NAMES = ("sample", "mean", "logvar")


@dataclass(frozen=True, eq=False)
class DensityProblem:
    """Samples and the Gaussians that they may come from, all of one shape, with log-variances away from 0."""

    sample: Tensor
    mean: Tensor
    logvar: Tensor

    def inputs(self, spread: Spread) -> list[Tensor]:
        """What the function gets: leaves."""
        parts = (self.sample, self.mean, spread.of_logvar(self.logvar))
        return [part.detach().clone().requires_grad_() for part in parts]

    def of(self, index: Any, *shape: int) -> DensityProblem:
        """Some of the numbers, in another shape."""
        return DensityProblem(*(part[index].reshape(shape) for part in (self.sample, self.mean, self.logvar)))


def density_problem(seed: int, *shape: int) -> DensityProblem:
    """Numbers in general position."""
    generator = torch.Generator().manual_seed(seed)
    sample, mean, logvar = torch.randn(3, *shape, generator=generator)
    return DensityProblem(2 * sample, 2 * mean, logvar + torch.where(logvar < 0, -0.25, 0.25))


def problems(options: Mapping[str, Any]) -> dict[str, Any]:
    """A problem for each number of dimensions that an assignment has: ``(problem, dims)``."""
    return {"problem_of": st.builds(_problem_of, seeds(), st.lists(st.integers(2, 6), min_size=4, max_size=4))}


def _problem_of(seed: int, sizes: list[int]) -> dict[int, DensityProblem]:
    # sizes differ from dimension to dimension, and more than two dimensions are kept small
    return {rank: density_problem(seed, *(size + k for k, size in enumerate(sizes[:rank]))) for rank in range(1, 5)}


def asked_for(density: Subject) -> Iterator[tuple[int, Dims | None, Dims, str]]:
    """Each number of dimensions, what the function is told to sum over, what that means, and how messages name it."""
    for rank, several in density.options["dims"].items():
        for dims in several:
            told = "" if dims is None else f", {density.names['dims']}={dims[0] if len(dims) == 1 else list(dims)}"
            yield rank, dims, density.options["default"] if dims is None else dims, density.call + told


def sign(density: Subject) -> int:
    """Of the log-density in what the function gives."""
    return -1 if density.options["negated"] else 1


@prop(weight=2)
def density_has_mass_mean_and_variance(density: Subject) -> None:
    """{call} is that of a density: it integrates to 1, its mean is the mean and its variance the variance."""
    rank, dims, _, name = next(asked_for(density))
    what = f"exp({'-' if density.options['negated'] else ''}{name})"
    for mean, std in ((0.7, 0.25), (-1.3, 2.5)):  # not near 0.4, where constant and log-variance cancel
        shape = (len(GRID), *[1] * (rank - 1))
        x = (mean + std * GRID).reshape(shape)
        spread = density.options["spread"].of_logvar(torch.full(shape, 2 * math.log(std)))
        got = density(x, torch.full(shape, mean), spread, dims=dims)
        got = assert_tensor(got, shape=shape[:1], name=name).detach().double()
        mass = (sign(density) * got).exp() * std * float(GRID[1] - GRID[0])
        centred = (x.flatten().double() - mean) / std
        given = f"where mean is {mean:g} and the variance {std**2:g}"
        assert_close(mass.sum(), 1.0, name=f"the integral of {what} {given}", scale=4.0)
        assert_close(
            (centred * mass).sum(), 0.0, name=f"the mean, less what it should be, of {what} {given}", scale=8.0
        )
        variance = (centred**2 * mass).sum()
        assert_close(variance, 1.0, name=f"the variance, over what it should be, of {what} {given}", scale=8.0)


@prop(drawn=problems, examples=8)
def coordinates_add_up(density: Subject, problem_of: dict[int, DensityProblem]) -> None:
    """Coordinates are independent: they combine over the dimensions that are asked for, and the others stay."""
    rank, dims, _, _ = next(asked_for(density))
    spread = density.options["spread"]
    for each_rank, told, meant, name in asked_for(density):
        problem = problem_of[each_rank]
        count = problem.sample.numel()
        single = density(*problem.of(..., count, *[1] * (rank - 1)).inputs(spread), dims=dims)
        each = assert_tensor(single, shape=(count,), name=f"{density.call} of single coordinates").detach().double()
        each = each.reshape(problem.sample.shape)
        if falls_below(each.abs().max(), 1e-3):
            raise CheckFailed(density.words("{call} is 0 for every coordinate, whatever {sample} and {mean}"))
        got = density(*problem.inputs(spread), dims=told)
        expected = density.options["over_dims"].over(each, meant)
        assert_close(got, expected, name=name, scale=density.options["over_dims"].over(each.abs(), meant))


@prop(weight=0.5, drawn=problems, examples=5)
def moving_sample_and_mean_together_changes_nothing(density: Subject, problem_of: dict[int, DensityProblem]) -> None:
    """Gradients reach {sample}, {mean} and {logvar}; those of {sample} and {mean} cancel: only the distance counts."""
    for rank, dims, _, name in asked_for(density):
        sent = problem_of[rank].inputs(density.options["spread"])
        found = gradients(assert_tensor(density(*sent, dims=dims), name=name), sent)
        for gradient, part in zip(found, NAMES, strict=True):
            if gradient is None or not bool((gradient != 0).any()):
                raise CheckFailed(f"no gradient of {name} reaches {density.names[part]}")
        to_sample, to_mean, _ = found
        assert to_mean is not None
        assert_close(
            to_sample, -to_mean.double(), name=f"the gradient of {name} with respect to {density.names['sample']}"
        )


@prop(needs="shared", drawn=problems, examples=5)
def single_numbers_as_parameters(density: Subject, problem_of: dict[int, DensityProblem]) -> None:
    """With {mean} and {logvar} single numbers (0-d tensors) all coordinates share them; one is stored here."""
    spread = density.options["spread"]
    for rank, dims, meant, name in asked_for(density):
        problem = problem_of[rank]
        zeros = torch.zeros(problem.sample.shape)
        peak = sign(density) * density.options["over_dims"].over(zeros.double() + AT_THE_PEAK, meant)
        standard = (torch.tensor(0.0), spread.of_logvar(torch.tensor(0.0)))
        assert_close(density(zeros, *standard, dims=dims), peak, name=f"{name}, at the peak of the standard normal")
        mean, value = torch.tensor(0.5), spread.of_logvar(torch.tensor(-0.8))
        wide = density(problem.sample, *(part.expand(zeros.shape).clone() for part in (mean, value)), dims=dims)
        expected = assert_tensor(wide, name=name).detach().double()
        assert_close(density(problem.sample, mean, value, dims=dims), expected, name=f"{name}, with single numbers")


gaussian_log_density = Contract(
    concept="gaussian_log_density",
    version=1,
    inputs=NAMES,
    optional={"dims": None},
    public=(
        density_has_mass_mean_and_variance,
        coordinates_add_up,
        moving_sample_and_mean_together_changes_nothing,
        single_numbers_as_parameters,
    ),
    options={
        "spread": Spread.LOGVAR,
        "negated": False,
        "dims": {2: (None,)},
        "default": (1,),
        "over_dims": Reduction.SUM,
        "shared": False,
    },
)
"""``(sample, mean, logvar, dims=None) -> log N(sample; mean, diag(exp(logvar)))``, summed over dimensions.

``spread`` is the form in which the function takes what is called ``logvar`` here; ``negated`` says that minus the
log-density is asked for. ``dims`` has, for each number of dimensions that samples may have, tuples of dimensions to sum
over, and None where the function is not told (the adapter's ``dims``) and sums over ``default``: ``{2: ((1,),), 4:
(None, (1,))}``. The very first must sum over all but the batch. ``over_dims`` is `Reduction.MEAN` for those who
average. With ``shared``, mean and spread may be 0-d tensors.
"""
