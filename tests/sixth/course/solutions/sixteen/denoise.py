"""Diffusion of RGB pictures, 3 x 20 x 20, by velocities and steps without noise; times are 1 .. STEPS."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

STEPS, LOW, HIGH = 40, 2e-3, 0.25

Network = Callable[[Tensor, Tensor], Tensor]
"""Pictures (batch, 3, 20, 20) and int64 times (batch,) to velocities of the shape of the pictures."""


def noise_rates(low: float, high: float, steps: int) -> Tensor:
    """denoise.rates: beta of the steps 1 .. steps, from low to high, with equally spaced square roots; (steps,)."""
    ### BEGIN SOLUTION
    return torch.linspace(low**0.5, high**0.5, steps).square()
    ### END SOLUTION


def signal_levels(rates: Tensor) -> Tensor:
    """denoise.levels: alpha-bar at the times 0 .. steps, for the betas of the steps 1 .. steps; (steps + 1,)."""
    ### BEGIN SOLUTION
    kept = torch.cumprod(1 - rates, 0)
    return functional.pad(kept, (1, 0), value=1.0)
    ### END SOLUTION


def levels_at(t: Tensor) -> Tensor:
    """alpha-bar of the schedule of this assignment at times (batch,) from 0 to STEPS; (batch, 1, 1, 1)."""
    return signal_levels(noise_rates(LOW, HIGH, STEPS))[t][:, None, None, None]


def random_times(how_many: int, steps: int = STEPS) -> Tensor:
    """denoise.times: times of 1 .. steps, uniform and independent, int64 (how_many,)."""
    ### BEGIN SOLUTION
    return torch.randint(1, steps + 1, (how_many,))
    ### END SOLUTION


def diffuse(noise: Tensor, clean: Tensor, t: Tensor) -> Tensor:
    """denoise.diffuse: pictures at the times t (batch,), 1 .. STEPS, of clean ones and of noise of their shape."""
    ### BEGIN SOLUTION
    level = levels_at(t)
    return level.sqrt() * clean + (1 - level).sqrt() * noise
    ### END SOLUTION


def velocity_loss(network: Network, t: Tensor, clean: Tensor, noise: Tensor) -> Tensor:
    """denoise.loss: mean squared error of the network for the velocity of clean pictures, noise and times; a scalar."""
    ### BEGIN SOLUTION
    level = levels_at(t)
    velocity = level.sqrt() * noise - (1 - level).sqrt() * clean
    return functional.mse_loss(network(diffuse(noise, clean, t), t), velocity)
    ### END SOLUTION


@torch.no_grad()
def earlier(network: Network, t: Tensor, pictures: Tensor) -> Tensor:
    """denoise.earlier: pictures at the times t - 1, from those at t (batch,), int64, by a DDIM step without noise."""
    ### BEGIN SOLUTION
    now, before = levels_at(t), levels_at(t - 1)
    velocity = network(pictures, t)
    clean = now.sqrt() * pictures - (1 - now).sqrt() * velocity
    noise = (1 - now).sqrt() * pictures + now.sqrt() * velocity
    return before.sqrt() * clean + (1 - before).sqrt() * noise
    ### END SOLUTION


def generate(network: Network, shape: Sequence[int], steps: int = STEPS) -> Tensor:
    """denoise.generate: pictures of this shape (batch, ...), from normal noise at the time ``steps`` by `earlier`."""
    ### BEGIN SOLUTION
    pictures = torch.randn(tuple(shape))
    for t in range(steps, 0, -1):
        pictures = earlier(network, torch.full((len(pictures),), t), pictures)
    return pictures
    ### END SOLUTION
