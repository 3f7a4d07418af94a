"""Training losses of diffusion models: Ho et al. (2020), equation 14; Salimans and Ho (2022), section 4."""

import math

import torch
import torch.nn.functional as F

T = 100
LEVELS = torch.cumprod(1 - torch.linspace(1e-3, 0.08, T), 0)


def factors(t):
    """The factors of image and noise at the time indices t (batch,), as (batch, 1, 1, 1)."""
    level = LEVELS[t].reshape(-1, 1, 1, 1)
    return level.sqrt(), (1 - level).sqrt()


def q_sample(x_0, t, noise=None):
    """Noisy images at the time indices t."""
    signal, spread = factors(t)
    return signal * x_0 + spread * (torch.randn_like(x_0) if noise is None else noise)


def later(x_0, t, noise=None):
    """Noisy images at the times t, from 1."""
    return q_sample(x_0, t - 1, noise)


def velocity(x_0, t, noise):
    """v at the times t, from 1."""
    signal, spread = factors(t - 1)
    return signal * noise - spread * x_0


def p_losses(model, images, t):
    """The smooth L1 loss of the noise that a model predicts."""
    ### BEGIN SOLUTION
    noise = torch.randn_like(images)
    return F.smooth_l1_loss(model(q_sample(images, t, noise), t), noise)
    ### END SOLUTION


def v_loss(model, images, t, noise=None):
    """The mean squared error of v, at times from 1."""
    ### BEGIN SOLUTION
    noise = torch.randn_like(images) if noise is None else noise
    return F.mse_loss(model(later(images, t, noise), t), velocity(images, t, noise))
    ### END SOLUTION


class Diffusion:
    """A model and the cosine schedule."""

    def __init__(self, model, timesteps):
        self.model, self.timesteps = model, timesteps
        angle = (torch.arange(timesteps + 1, dtype=torch.float64) / timesteps + 0.008) / 1.008 * math.pi / 2
        level = angle.cos() ** 2
        self.levels = (level[1:] / level[:-1]).clamp(0.001, 1).cumprod(0).float()

    def noised(self, clean, index, noise):
        """Noisy images."""
        level = self.levels[index].reshape(-1, 1, 1, 1)
        return level.sqrt() * clean + (1 - level).sqrt() * noise

    def loss(self, clean, index, noise):
        """The mean absolute error of the noise that the model predicts."""
        ### BEGIN SOLUTION
        return F.l1_loss(self.model(self.noised(clean, index, noise), index), noise)
        ### END SOLUTION
