"""The energy distance between two samples.

Szekely and Rizzo, Energy statistics: a class of statistics based on distances (2013), equation 2.1: for independent X,
X' and Y, Y', ``2 E|X - Y| - E|X - X'| - E|Y - Y'|`` is at least 0, and 0 only for equal distributions.
"""

from __future__ import annotations

import torch
from torch import Tensor


def energy_distance(first: Tensor, second: Tensor) -> float:
    """Return the unbiased estimate from samples ``(n, ...)`` and ``(m, ...)``, each of at least two.

    The means within a sample leave out the distance of a point to itself, so that the estimate is 0 on average for
    equal distributions; it can then be a little below 0.
    """
    x, y = first.double().flatten(1), second.double().flatten(1)
    return float(2 * torch.cdist(x, y).mean() - _mean_within(x) - _mean_within(y))


def _mean_within(x: Tensor) -> Tensor:
    return torch.cdist(x, x).sum() / (len(x) * (len(x) - 1))
