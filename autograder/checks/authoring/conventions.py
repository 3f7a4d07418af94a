"""Conventions in which functions of one purpose differ: the form of a spread, and what is added up or averaged."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import torch


class Spread(Enum):
    """The form in which a function takes the spread of a Gaussian."""

    LOGVAR = "log-variance"
    LOG_STD = "logarithm of the standard deviation"
    VARIANCE = "variance"
    STD = "standard deviation"

    def std(self, value: torch.Tensor) -> torch.Tensor:
        """Return the standard deviation that a value of this form stands for; differentiable."""
        if self is Spread.LOGVAR:
            return value.exp().sqrt()
        if self is Spread.LOG_STD:
            return value.exp()
        return value.sqrt() if self is Spread.VARIANCE else value

    def of_logvar(self, logvar: torch.Tensor) -> torch.Tensor:
        """Return a log-variance in this form."""
        if self is Spread.LOGVAR:
            return logvar
        std = logvar.exp().sqrt()
        return {Spread.LOG_STD: std.log(), Spread.VARIANCE: std.square(), Spread.STD: std}[self]


class Reduction(Enum):
    """What becomes of many numbers."""

    NONE = "none"
    SUM = "sum"
    MEAN = "mean"

    @property
    def phrase(self) -> str:
        """Words that go in front of what is reduced, as in "averaged over the rows"."""
        return {Reduction.NONE: "for each of", Reduction.SUM: "summed over", Reduction.MEAN: "averaged over"}[self]

    def over(self, values: torch.Tensor, dims: Sequence[int]) -> torch.Tensor:
        """Return the sum or the mean over dimensions, of which there may be none."""
        if self is Reduction.NONE or not dims:
            return values
        return values.sum(tuple(dims)) if self is Reduction.SUM else values.mean(tuple(dims))
