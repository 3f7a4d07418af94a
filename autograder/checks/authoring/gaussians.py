"""Diagonal Gaussians as inputs of checks: sampling, whitening and designed Monte-Carlo samples.

All in float64 and through `torch.distributions`: students get this file, so no graded formula is written out here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch.distributions import AffineTransform, Independent, Normal

from autograder.checks.authoring.describing import describe

# Any number of at least 2 is exact (see `standardised_noise`); a few more make the samples look like samples.
_DESIGN_SIZE = 16
_DESIGN_SEED = 0


@dataclass(frozen=True, eq=False, repr=False)
class DiagonalGaussian:
    """Independent normal entries; ``mean`` and ``logvar`` are float32 leaves of one shape (batch, ...)."""

    mean: torch.Tensor
    logvar: torch.Tensor

    def __post_init__(self) -> None:
        if self.mean.shape != self.logvar.shape or self.mean.ndim < 2:
            raise ValueError(
                f"mean and logvar need one shape (batch, ...), not {tuple(self.mean.shape)} and"
                f" {tuple(self.logvar.shape)}"
            )

    def __repr__(self) -> str:
        return f"DiagonalGaussian(mean={describe(self.mean)}, logvar={describe(self.logvar)})"

    @property
    def shape(self) -> tuple[int, ...]:
        """(batch, ...)."""
        return tuple(self.mean.shape)

    def sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """Return n independent float64 samples (n, batch, ...)."""
        if n < 1:
            raise ValueError(f"at least 1 sample is needed, not {n!r}")
        noise = torch.randn((n, *self.shape), generator=generator, dtype=torch.float64)
        return torch.as_tensor(self._affine(noise))

    def whiten(self, samples: torch.Tensor) -> torch.Tensor:
        """Return samples (..., batch, ...) in standard units, float64: N(0, 1) where they come from this Gaussian."""
        return torch.as_tensor(self._affine.inv(samples.detach().double()))

    @cached_property
    def log_ratio_to_standard_normal(self) -> torch.Tensor:
        """Log density of this Gaussian less that of N(0, I), summed over a row, at designed samples: (n, batch).

        The noise behind the samples is standardised for each coordinate, so that the mean over n has no Monte-Carlo
        error: see `assert_equals_monte_carlo_mean`.
        """
        noise = standardised_noise(_DESIGN_SIZE, self.shape, torch.Generator().manual_seed(_DESIGN_SEED))
        z, dimensions = self._affine(noise), len(self.shape) - 1
        here = Normal(self._affine.loc, self._affine.scale, validate_args=False)
        there = Normal(torch.zeros_like(z[0]), torch.ones_like(z[0]), validate_args=False)
        densities = [Independent(normal, dimensions, validate_args=False) for normal in (here, there)]
        of_this, of_standard = (density.log_prob(z) for density in densities)  # type: ignore[no-untyped-call]
        return torch.as_tensor(of_this - of_standard)

    @cached_property
    def _affine(self) -> AffineTransform:
        # N(0, 1) to this Gaussian; the scale is the distribution's own, from its variance.
        return AffineTransform(self.mean.detach().double(), self.logvar.detach().double().exp().sqrt())


def standardised_noise(n: int, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Return noise (n, *shape), float64, with mean 0 and mean square 1 over n for each entry, to rounding.

    The average over n of any a + b e + c e^2 is then a + c exactly, as for N(0, 1) itself. Raises `ValueError` for
    n < 2.
    """
    if n < 2:
        raise ValueError(f"noise of fewer than 2 samples cannot be standardised, and n is {n!r}")
    noise = torch.randn((n, *shape), generator=generator, dtype=torch.float64)
    centred = noise - noise.mean(0)
    return centred / centred.square().mean(0).sqrt()
