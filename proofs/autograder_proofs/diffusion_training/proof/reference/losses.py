"""Losses of a network that predicts noise or velocities, at 100 times."""

import torch

T = 100
BETAS = torch.linspace(1e-3, 0.1, T)
ALPHAS_CUMPROD = torch.cumprod(1 - BETAS, dim=0)


def noised(x, t, noise):
    """x_t for images (batch, 1, 8, 8), time indices (batch,) and noise."""
    ### BEGIN SOLUTION
    level = ALPHAS_CUMPROD[t].reshape(-1, 1, 1, 1)
    return level.sqrt() * x + (1 - level).sqrt() * noise
    ### END SOLUTION


def squared_loss(model, x):
    """The mean squared error of the predicted noise, at random times."""
    ### BEGIN SOLUTION
    t, noise = torch.randint(0, T, (len(x),)), torch.randn_like(x)
    return (model(noised(x, t, noise), t) - noise).square().mean()
    ### END SOLUTION


def absolute_loss(model, x, t):
    """The mean absolute error of the predicted noise, at these times."""
    ### BEGIN SOLUTION
    noise = torch.randn_like(x)
    level = ALPHAS_CUMPROD[t].reshape(-1, 1, 1, 1)
    return (model(level.sqrt() * x + (1 - level).sqrt() * noise, t) - noise).abs().mean()
    ### END SOLUTION


def velocity_loss(model, x):
    """The mean squared error of the predicted velocity, at random times of 1 .. T."""
    ### BEGIN SOLUTION
    t, noise = torch.randint(1, T + 1, (len(x),)), torch.randn_like(x)
    level = ALPHAS_CUMPROD[t - 1].reshape(-1, 1, 1, 1)
    velocity = level.sqrt() * noise - (1 - level).sqrt() * x
    return (model(noised(x, t - 1, noise), t) - velocity).square().mean()
    ### END SOLUTION
