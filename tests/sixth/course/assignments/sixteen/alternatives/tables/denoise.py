"""The same in float64, with its own tables, and steps by the noise instead of the velocity's rotation."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

STEPS, LOW, HIGH = 40, 2e-3, 0.25

Network = Callable[[Tensor, Tensor], Tensor]


def noise_rates(low: float, high: float, steps: int) -> Tensor:
    share = torch.arange(steps, dtype=torch.float64) / (steps - 1)
    return (((1 - share) * low**0.5 + share * high**0.5) ** 2).float()


def signal_levels(rates: Tensor) -> Tensor:
    levels = [torch.ones((), dtype=torch.float64)]
    for rate in rates.double():
        levels.append(levels[-1] * (1 - rate))
    return torch.stack(levels).float()


def levels_at(t: Tensor) -> Tensor:
    return signal_levels(noise_rates(LOW, HIGH, STEPS))[t][:, None, None, None]


def random_times(how_many: int, steps: int = STEPS) -> Tensor:
    return (torch.rand(how_many, dtype=torch.float64) * steps).floor().long() + 1


def mixed(level: Tensor, clean: Tensor, noise: Tensor) -> Tensor:
    angle = torch.arccos(level.double().sqrt())
    return (torch.cos(angle) * clean.double() + torch.sin(angle) * noise.double()).float()


def diffuse(noise: Tensor, clean: Tensor, t: Tensor) -> Tensor:
    return mixed(levels_at(t), clean, noise)


def velocity_loss(network: Network, t: Tensor, clean: Tensor, noise: Tensor) -> Tensor:
    level = levels_at(t)
    difference = network(mixed(level, clean, noise), t) - mixed(level, noise, -clean)
    return (difference**2).sum() / difference.numel()


@torch.no_grad()
def earlier(network: Network, t: Tensor, pictures: Tensor) -> Tensor:
    now, before, velocity = levels_at(t), levels_at(t - 1), network(pictures, t)
    noise = torch.sqrt(1 - now) * pictures + torch.sqrt(now) * velocity
    clean = (pictures - torch.sqrt(1 - now) * noise) / torch.sqrt(now)
    return mixed(before, clean, noise)


def generate(network: Network, shape: Sequence[int], steps: int = STEPS) -> Tensor:
    pictures = torch.normal(torch.zeros(tuple(shape)), 1.0)
    t = torch.full(tuple(shape)[:1], steps)
    while int(t[0]) > 0:
        pictures = earlier(network, t, pictures)
        t = t - 1
    return pictures
