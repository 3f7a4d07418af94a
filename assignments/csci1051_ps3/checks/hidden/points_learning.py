"""What training and sampling of points are measured by, and the thresholds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from autograder_proofs.oracles.points import Clusters, Gaussian, Points, affine_error
from torch import Tensor

from autograder.checks import CheckFailed, Criterion, energy_distance, exceeds, falls_below

STEPS = 3000
FEW_STEPS = 100
"""Make a model of the submission's kind, whose predictions come from elsewhere."""
POOL = 20_000
"""Points that a training draws from."""
HELD_OUT = 6000
SAMPLES = 1000
FRESH = 3000

BELOW_AFFINE = 0.9
"""Of the error of the best affine predictor of each step."""
LEAD = 0.5
"""Or that part of the way from there to the best predictor of all, where 0.9 would ask for more."""
SHARE_OF_GAUSSIAN = 0.5
"""Of the energy distance of the moment-matched Gaussian."""
CLUSTERS_SHARE = 0.2
"""The same for the clusters turned onto each other, by the best of all models. Reverse rules of DDPM and DDIM (any eta)
and Euler steps stayed below 0.15 (12 seeds, 1,000 samples, alpha 0.9 to 0.99); noise times its variance, or a mean
that lacks 1 / sqrt(alpha), above 0.29."""
FINE = 0.9
"""From this alpha on, steps are small enough for that."""
ALL_NOISE = 0.05
"""Of the signal may be left at step T."""
SHARE_OF_POINTS = 0.25
"""Of the energy distance of the points from standard normal noise: so near must x_T be to the noise."""

MIN_ALPHA = 0.7
"""As p2b.noising asks; with much less, every x_t is noise, and there is nothing to learn."""

MAX_T = 100_000


@dataclass(frozen=True)
class Schedule:
    """T and alpha: at step t the signal has the share alpha^t."""

    T: int
    alpha: float

    @classmethod
    def read(cls, T: Any, alpha: Any) -> Schedule:
        """Return the two as plain numbers, whatever kind of number they are; raise `CheckFailed` for others."""
        steps, factor = number(T, "T"), number(alpha, "alpha")
        if not math.isfinite(steps) or steps != int(steps) or falls_below(steps, 1) or exceeds(steps, MAX_T):
            raise CheckFailed("T must be a whole number of steps", got=f"T = {steps:g}")
        if exceeds(factor, 1 - 2.0**-53) or falls_below(factor, 2.0**-149):
            raise CheckFailed("alpha must lie between 0 and 1", got=f"alpha = {factor:g}")
        return cls(int(steps), factor)

    def shares(self, t: Tensor) -> Tensor:
        """alpha^t, float64."""
        return self.alpha ** t.double()

    @property
    def all_shares(self) -> Tensor:
        """Those of the steps 1 to T."""
        return self.shares(torch.arange(1, self.T + 1))

    @property
    def is_fine(self) -> bool:
        """Whether every sound reverse rule comes near the data with the best of all models."""
        return self.alpha >= FINE and self.alpha**self.T <= ALL_NOISE


def number(value: Any, name: str) -> float:
    """Return a number as a float, also where it comes as a tensor or array of one entry."""
    try:
        found = float(value)
    except (TypeError, ValueError, RuntimeError):
        raise CheckFailed(f"{name} must be a number", got=type(value).__name__) from None
    if not math.isfinite(found):
        raise CheckFailed(f"{name} must be a finite number", got=f"{found}")
    return found


def two_clusters(generator: torch.Generator) -> Clusters:
    """Two clusters around the origin, at a secret angle and a secret distance."""
    angle, distance, spread = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
    half = (1.8 + 0.4 * distance) * torch.tensor([math.cos(math.pi * angle), math.sin(math.pi * angle)])
    return Clusters(torch.stack([half, -half]), 0.4 + 0.1 * spread)


@dataclass(frozen=True, eq=False)
class NoisedPoints:
    """Held-out points at random steps, with noise that only the grader knows."""

    x_t: Tensor
    t: Tensor
    noise: Tensor

    @classmethod
    def draw(cls, points: Points, schedule: Schedule, generator: torch.Generator) -> NoisedPoints:
        """Noise new points once each, with steps spread evenly over 1 to T."""
        even = 1 + torch.arange(HELD_OUT) * schedule.T // HELD_OUT
        t = even[torch.randperm(HELD_OUT, generator=generator)]
        noise = torch.randn(HELD_OUT, 2, generator=generator)
        share = schedule.shares(t)[:, None]
        x_t = share.sqrt() * points.draw(HELD_OUT, generator) + (1 - share).sqrt() * noise
        return cls(x_t.float(), t, noise)

    def error(self, predicted: Tensor) -> float:
        """Mean squared error per coordinate."""
        return float((predicted.double() - self.noise.double()).square().mean())

    def criteria(self, error: float, points: Points, schedule: Schedule) -> list[Criterion]:
        """Judge an error by those of the best affine predictors and of the best of all."""
        if falls_below(schedule.alpha, MIN_ALPHA):
            raise CheckFailed(
                "one step takes nearly all of the signal, so that x_t is the noise itself: there is nothing to learn",
                expected=f"alpha of {MIN_ALPHA} or more",
                got=f"alpha = {schedule.alpha:.3g}",
            )
        affine = affine_error(points, schedule.all_shares)
        best = self.error(points.expected_noise(self.x_t, schedule.shares(self.t)))
        limit = max(BELOW_AFFINE * affine, affine - LEAD * (affine - best))
        return [Criterion("error of the noise predicted in held-out points", error, limit)]


def ideal(points: Points, schedule: Schedule, read: Callable[[Any], Tensor]) -> Callable[[Tensor, Any], Tensor]:
    """Return the best of all models, for inputs of a submission: anything but points and steps is refused."""

    def predict(x: Any, t: Any) -> Tensor:
        if not isinstance(x, Tensor) or x.ndim != 2 or x.shape[1] != 2 or not 1 <= len(x) <= 10 * SAMPLES:
            raise TypeError("the model takes points (n, 2)")
        steps = read(t).reshape(-1)
        if steps.numel() not in (1, len(x)) or bool((steps != steps.round()).any()):
            raise TypeError("the model takes one step from 0 to T for each point")
        if not 0 <= float(steps.min()) <= float(steps.max()) <= schedule.T:
            raise TypeError("the model takes steps from 0 to T")
        return points.expected_noise(x.detach(), schedule.shares(steps).expand(len(x))).to(x.dtype)

    return predict


def sampling_criteria(path: Tensor, points: Clusters, generator: torch.Generator) -> list[Criterion]:
    """Judge a reverse process (T + 1, n, 2): it begins with noise, and ends with points of the distribution."""
    new = points.draw(FRESH, generator)
    noise = torch.randn(FRESH, 2, generator=generator)
    matched = energy_distance(Gaussian.like(points).draw(FRESH, generator), new)
    return [
        Criterion("energy distance of x_0 to new points", energy_distance(path[-1], new), SHARE_OF_GAUSSIAN * matched),
        Criterion(
            "energy distance of x_T to standard normal noise",
            energy_distance(path[0], noise),
            SHARE_OF_POINTS * energy_distance(new, noise),
        ),
    ]


def clusters_criterion(path: Tensor, points: Clusters, generator: torch.Generator) -> Criterion:
    """Judge how near the samples of the best of all models come: not how many lie in each cluster, which is chance."""
    new, matched, last = (
        torch.cat([found, -found])  # the clusters lie opposite to each other
        for found in (
            points.draw(FRESH, generator),
            Gaussian.like(points).draw(FRESH, generator),
            path[-1].detach().double().cpu(),
        )
    )
    limit = CLUSTERS_SHARE * energy_distance(matched, new)
    return Criterion(
        "energy distance of x_0 to new points, however many in each cluster", energy_distance(last, new), limit
    )


def middle_criterion(
    path: Tensor, points: Clusters, schedule: Schedule, step: int, generator: torch.Generator
) -> Criterion:
    """Judge the stage of one step by points with as much noise as it should have: x_T to x_0 is one process."""
    share = schedule.alpha**step
    noise = torch.randn(FRESH, 2, generator=generator)
    expected = share**0.5 * points.draw(FRESH, generator) + (1 - share) ** 0.5 * torch.randn(
        FRESH, 2, generator=generator
    )
    return Criterion(
        "energy distance of x_t half-way to noised points",
        energy_distance(path[schedule.T - step].detach(), expected),
        SHARE_OF_GAUSSIAN * energy_distance(noise, expected),
    )
