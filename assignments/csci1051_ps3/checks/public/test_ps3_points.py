"""Parts 2A and 2B: your points, and how they turn into noise."""

from __future__ import annotations

import math

import numpy as np
import torch

from autograder.checks import (
    CheckFailed,
    assert_close,
    assert_standard_normal,
    assert_tensor,
    exceeds,
    falls_below,
    fetch,
    first_that_fits,
    item,
    show_bars,
    show_images,
)

MAX_LEFT = 0.05
MIN_ALPHA = 0.7
MANY = 50
"""So many points never come twice by chance, even if each is at one of two places."""


def as_points(reply, n, name):
    """Points ``(n, 2)`` as a tensor; an array of numpy is fine, too."""
    value = torch.from_numpy(reply.copy()) if isinstance(reply, np.ndarray) else reply
    if isinstance(value, torch.Tensor) and value.dtype in (torch.int64, torch.int32):
        value = value.double()
    return assert_tensor(value, shape=(n, 2), name=name).detach()


def number(value, name):
    """A number as a float, also where it is a tensor or an array of one entry."""
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        raise CheckFailed(f"{name} must be a number", got=type(value).__name__) from None


def schedule(ps3):
    """T and alpha as plain numbers."""
    steps, alpha = number(fetch(ps3.T), "T"), number(fetch(ps3.alpha), "alpha")
    if not math.isfinite(steps) or steps != int(steps) or falls_below(steps, 1.0):
        raise CheckFailed("T must be a whole number of steps, at least 1", got=f"T = {steps:g}")
    if falls_below(alpha, 2.0**-149) or exceeds(alpha, 1 - 2.0**-53):
        raise CheckFailed("alpha must lie between 0 and 1", got=f"alpha = {alpha:g}")
    return int(steps), alpha


def pair(reply, n):
    """x_t and z, as `noise_points` gives them."""
    if type(reply) not in (tuple, list) or len(reply) != 2:
        raise CheckFailed("noise_points(x0, t) must return two things: x_t and z")
    return [as_points(part, n, name) for part, name in zip(reply, ("x_t", "z"), strict=True)]


def noised(noise_points, x0, t):
    """x_t and z for steps ``(n,)``; as a column, or step by step as numbers, where `noise_points` takes no such."""

    def by_numbers():
        parts = torch.zeros_like(x0), torch.zeros_like(x0)
        for step in t.unique().tolist():
            rows = t == step
            for part, found in zip(parts, pair(noise_points(x0[rows], step), int(rows.sum())), strict=True):
                part[rows] = found.to(part.dtype)
        return parts

    reply = first_that_fits(
        lambda: noise_points(x0, t),
        lambda: noise_points(x0, t[:, None]),
        by_numbers,
        fits=lambda reply: isinstance(reply, (tuple, list)) and all(has_shape(part, x0.shape) for part in reply),
    )
    return pair(reply, len(x0))


def has_shape(value, shape):
    """Whether this is a tensor, or an array of numpy, of a shape."""
    return isinstance(value, (torch.Tensor, np.ndarray)) and tuple(value.shape) == tuple(shape)


# p2a.points


@item("p2a.points", weight=1)
def test_as_many_new_points_as_asked(ps3):
    """sample_points(n) gives n points of the plane, for even and odd n, and other ones in the next call."""
    for n in (64, 5, 1001):
        first, second = (as_points(ps3.sample_points(n), n, f"sample_points({n})") for _ in range(2))
        if len(first) > MANY and bool((first == second).all()):
            raise CheckFailed(
                f"two calls of sample_points({n}) give the same points: draw them anew in every call",
                expected="different points",
            )
    show_images("Your points", {"1,001 points": density(first)})


def density(points):
    """How many points lie where, as a picture ``(1, 1, 64, 64)`` in [-1, 1]."""
    low, high = points.double().min(0).values, points.double().max(0).values
    side = float((high - low).max()) / 2 + 1e-9
    edges = [torch.linspace(float(c) - side, float(c) + side, 65, dtype=torch.float64) for c in (low + high) / 2]
    counts = torch.histogramdd(points.double(), edges).hist.T.flip(0)
    return (2 * (counts / 2).clamp(0, 1).float() - 1)[None, None]


# p2b.noising


@item("p2b.noising", weight=1)
def test_T_and_alpha_suit_each_other(ps3):
    """At most 5 % of the signal is left after T steps, and no single step takes more than 30 %."""
    T, alpha = schedule(ps3)
    left = math.exp(T * math.log(alpha))
    show_bars("Left of the signal (alpha to the power of t)", {"t = 1": alpha, f"t = T = {T}": left})
    if falls_below(alpha, MIN_ALPHA):
        raise CheckFailed("alpha is so small that a single step makes noise of the points", got=f"alpha = {alpha:g}")
    if exceeds(left, MAX_LEFT):
        raise CheckFailed(
            "T and alpha leave too much of the points after T steps",
            expected=f"alpha^T at most {MAX_LEFT}",
            got=f"alpha = {alpha:g}, T = {T}: alpha^T = {left:.3g}",
        )


def assert_noised(ps3, x0, t):
    """Raise `CheckFailed` unless x_t is a mixture of points and standard normal noise, and z is that noise."""
    T, alpha = schedule(ps3)
    x_t, z = noised(ps3.noise_points, x0, t)
    share = (alpha ** t.double())[:, None]
    expected = share.sqrt() * x0.double() + (1 - share).sqrt() * z.double()
    assert_close(x_t, expected, name=f"x_t for steps from {int(t.min())} to {int(t.max())} of {T}", scale=4.0)
    later = t > 0
    noise = (x_t.double() - share.sqrt() * x0.double())[later] / (1 - share[later]).sqrt()
    assert_standard_normal(noise, name="the noise in x_t", mean_effect=0.6, std_effect=1.6)


@item("p2b.noising", weight=1)
def test_nothing_happens_at_step_0_and_much_at_step_T(ps3):
    """At t = 0 the points are as they were; at t = T only a factor of sqrt(alpha^T) of each is left, and z is added."""
    T, _ = schedule(ps3)
    x0 = 3 * torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    start, _ = noised(ps3.noise_points, x0, torch.zeros(6, dtype=torch.int64))
    assert_close(start, x0, name="x_t at t = 0")
    assert_noised(ps3, x0.repeat(50, 1), torch.full((300,), T))
