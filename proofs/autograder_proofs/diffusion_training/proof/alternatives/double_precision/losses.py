"""The same with tables in float64."""

import torch

T = 100
BETAS = torch.linspace(1e-3, 0.1, T, dtype=torch.float64)
ALPHAS_CUMPROD = torch.cumprod(1 - BETAS, dim=0)


def noised(x, t, noise):
    """x_t for images (batch, 1, 8, 8), time indices (batch,) and noise."""
    level = ALPHAS_CUMPROD[t].reshape(-1, 1, 1, 1)
    return (level.sqrt() * x + (1 - level).sqrt() * noise).float()


def squared_loss(model, x):
    """The mean squared error of the predicted noise, at random times."""
    t, noise = torch.randint(0, T, (len(x),)), torch.randn_like(x)
    return (model(noised(x, t, noise), t) - noise).square().mean()


def absolute_loss(model, x, t):
    """The mean absolute error of the predicted noise, at these times."""
    noise = torch.randn_like(x)
    level = ALPHAS_CUMPROD[t].reshape(-1, 1, 1, 1)
    return (model((level.sqrt() * x + (1 - level).sqrt() * noise).float(), t).double() - noise).abs().mean()


def velocity_loss(model, x):
    """The mean squared error of the predicted velocity, at random times of 1 .. T."""
    t, noise = 1 + torch.randint(0, T, (len(x),)), torch.randn_like(x)
    level = ALPHAS_CUMPROD[t - 1].reshape(-1, 1, 1, 1)
    angle = torch.acos(level.sqrt())
    found = model(noised(x, t - 1, noise), t).double()
    return torch.mean((found - (angle.cos() * noise - angle.sin() * x)) ** 2)
