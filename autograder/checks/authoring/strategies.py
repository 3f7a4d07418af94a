"""Hypothesis strategies for inputs in generic position.

Each draws a few small sizes and one seed, and fills tensors from a private generator: cheap to draw, and a failing
example shrinks to the smallest batch, the fewest dimensions and the seed 0. Batches and dimensions are above 1 by
default, log-variances are never near 0, values are distinct: a formula that is wrong anywhere gives a wrong number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from hypothesis import strategies as st

from autograder.checks.authoring.describing import describe
from autograder.checks.authoring.gaussians import DiagonalGaussian

MAX_SEED = 2**16 - 1

Drawn = TypeVar("Drawn")
Size = int | tuple[int, int]


@dataclass(frozen=True)
class LinearSchedule:
    """A noise schedule with betas at equal distances, from the first to the last."""

    beta_start: float
    beta_end: float
    timesteps: int


@dataclass(frozen=True, eq=False, repr=False)
class NoisingProblem:
    """Images in [-1, 1] and noise, both (batch, channels, height, width), and time indices (batch,)."""

    images: torch.Tensor
    noise: torch.Tensor
    t: torch.Tensor

    def __repr__(self) -> str:
        return f"NoisingProblem(images={describe(self.images)}, noise={describe(self.noise)}, t={describe(self.t)})"


def seeds() -> st.SearchStrategy[int]:
    """Seeds for private generators; they shrink to 0."""
    return st.integers(0, MAX_SEED)


def tensors(*shape: Size, requires_grad: bool = False) -> st.SearchStrategy[torch.Tensor]:
    """Float32 tensors of distinct standard normal values; each size is a number or a pair (smallest, largest)."""
    sizes = [_size(entry, f"size {k}") for k, entry in enumerate(shape)]

    def build(seed: int, *drawn: int) -> torch.Tensor:
        return torch.randn(drawn, generator=_generator(seed)).requires_grad_(requires_grad)

    return _built(build, *sizes)


def images(
    channels: int = 3, size: int = 32, *, min_batch: int = 2, max_batch: int = 4
) -> st.SearchStrategy[torch.Tensor]:
    """Float32 images (batch, channels, size, size) of values in [-1, 1]."""
    batch = _size((min_batch, max_batch), "batch")
    _positive(channels=channels, size=size)
    return _built(lambda seed, rows: _pixels((rows, channels, size, size), _generator(seed)), batch)


def diagonal_gaussians(
    max_batch: int = 8,
    max_dim: int = 16,
    *,
    image: bool = False,
    requires_grad: bool = False,
    min_batch: int = 2,
    min_dim: int = 2,
) -> st.SearchStrategy[DiagonalGaussian]:
    """Gaussians of shape (batch, dim), or (batch, channels, height, width) with ``image``, all sizes up to ``max_dim``.

    Means and log-variances have magnitudes in [0.25, 2] and either sign. Image sizes stay at most 8.
    """
    batch, dim = _size((min_batch, max_batch), "batch"), _size((min_dim, max_dim), "dim")
    if image:
        side = _size((min_dim, max(min_dim, min(max_dim, 8))), "dim")
        return _built(lambda seed, *shape: _gaussian(shape, seed, requires_grad), batch, _size((2, 3), ""), side, side)
    return _built(lambda seed, *shape: _gaussian(shape, seed, requires_grad), batch, dim)


def timesteps(T: int, batch: int) -> st.SearchStrategy[torch.Tensor]:
    """Time indices (batch,), int64, in 0..T-1: mixed, index 0 and index T - 1 always among them, in any order.

    A batch of 1 has one index, either end included. Raises `ValueError` unless T > 1 and batch > 0.
    """
    _positive(T=T - 1, batch=batch)
    return _built(lambda seed: _time_indices(T, batch, _generator(seed)))


def noising_problems(
    T: int,
    *,
    channels: int = 3,
    max_size: int = 8,
    min_batch: int = 3,
    max_batch: int = 6,
) -> st.SearchStrategy[NoisingProblem]:
    """Images with noise of the same shape and mixed time indices as in `timesteps`; height and width differ."""
    _positive(T=T - 1, channels=channels)
    batch, side = _size((min_batch, max_batch), "batch"), _size((2, max_size), "size")

    def build(seed: int, rows: int, height: int) -> NoisingProblem:
        generator, shape = _generator(seed), (rows, channels, height, height + 1)
        pixels, noise = _pixels(shape, generator), torch.randn(shape, generator=generator)
        return NoisingProblem(pixels, noise, _time_indices(T, rows, generator))

    return _built(build, batch, side)


def schedules(min_timesteps: int = 4, max_timesteps: int = 200) -> st.SearchStrategy[LinearSchedule]:
    """Linear schedules with 0 < beta_start < beta_end < 0.3, none of them the default."""
    length = _size((min_timesteps, max_timesteps), "timesteps")

    def build(seed: int, steps: int) -> LinearSchedule:
        low, ratio = torch.rand(2, generator=_generator(seed), dtype=torch.float64).tolist()
        beta_start = 1e-4 * math.exp(4 * low)  # 1e-4 .. 5.5e-3
        return LinearSchedule(beta_start, beta_start * math.exp(1 + 3 * ratio), steps)

    return _built(build, length)


def _built(build: Callable[..., Drawn], *sizes: st.SearchStrategy[int]) -> st.SearchStrategy[Drawn]:
    return st.tuples(seeds(), *sizes).map(lambda drawn: build(*drawn))


def _gaussian(shape: tuple[int, ...], seed: int, requires_grad: bool) -> DiagonalGaussian:
    generator = _generator(seed)
    mean, logvar = _away_from_zero(shape, generator), _away_from_zero(shape, generator)
    return DiagonalGaussian(mean.requires_grad_(requires_grad), logvar.requires_grad_(requires_grad))


def _away_from_zero(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Magnitudes in [0.25, 2], either sign."""
    uniform = torch.rand(shape, generator=generator) * 2 - 1
    return 1.75 * uniform + torch.where(uniform < 0, -0.25, 0.25)


def _pixels(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    return torch.rand(shape, generator=generator) * 2 - 1


def _time_indices(T: int, batch: int, generator: torch.Generator) -> torch.Tensor:
    ends = torch.tensor([0, T - 1])
    middle = torch.randint(0, T, (max(0, batch - 2),), generator=generator)
    order = torch.randperm(max(2, batch), generator=generator)
    return torch.cat([ends, middle])[order][:batch]


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _size(size: Size, what: str) -> st.SearchStrategy[int]:
    low, high = size if isinstance(size, tuple) else (size, size)
    if not 1 <= low <= high:
        raise ValueError(f"{what}: sizes from {low} to {high} are no range of positive sizes")
    return st.just(low) if low == high else st.integers(low, high)


def _positive(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name} is too small")
