"""Reverse steps of Ho et al. (2020): by the predicted noise, and by the clamped estimate of x_0."""

import math

import torch

BETAS = torch.linspace(1e-3, 0.08, 100)


def at(table, t):
    """The entries of a table at t (batch,), one factor for each image."""
    return table[t].reshape(-1, 1, 1, 1)


@torch.no_grad()
def p_sample(model, x, t, t_index):
    """From images (batch, channels, height, width) at the index ``t_index``, which t (batch,) holds, to the one before.

    No noise at index 0; elsewhere it has the posterior's variance. Nothing is clamped.
    """
    ### BEGIN SOLUTION
    level = (1 - BETAS).cumprod(0)
    before = torch.cat([torch.ones(1), level[:-1]])
    variance = BETAS * (1 - before) / (1 - level)
    mean = (x - at(BETAS / (1 - level).sqrt(), t) * model(x, t)) / at(1 - BETAS, t).sqrt()
    return mean + at(variance, t).sqrt() * torch.randn_like(x)
    ### END SOLUTION


def ddim(model, x, t):
    """Images (batch, channels, height, width) at the index before t (batch,), by DDIM without noise."""
    ### BEGIN SOLUTION
    level = (1 - BETAS).cumprod(0)
    now, before = at(level, t), at(torch.cat([torch.ones(1), level[:-1]]), t)
    noise = model(x, t)
    return before.sqrt() * (x - (1 - now).sqrt() * noise) / now.sqrt() + (1 - before).sqrt() * noise
    ### END SOLUTION


class Points:
    """Steps for points (n, 2) with a cosine schedule, and a model that predicts the noise."""

    def __init__(self, model):
        self.model = model
        angle = (torch.arange(15) / 14 + 0.008) / 1.008 * math.pi / 2
        level = angle.cos() ** 2
        self.alpha = (level[1:] / level[:-1]).clamp(0.001, 1)
        self.level = torch.cat([torch.ones(1), self.alpha.cumprod(0)])  # at t = 0 .. 14

    def before(self, points, t):
        """Points at t - 1 from those at t (n,), which is 1 at the last step: the estimate of x_0 is clamped to [-2, 2].

        The variance is beta; no noise is added at the last step.
        """
        ### BEGIN SOLUTION
        level, earlier, alpha = (part[:, None] for part in (self.level[t], self.level[t - 1], self.alpha[t - 1]))
        start = ((points - (1 - level).sqrt() * self.model(points, t)) / level.sqrt()).clamp(-2, 2)
        mean = (earlier.sqrt() * (1 - alpha) * start + alpha.sqrt() * (1 - earlier) * points) / (1 - level)
        return mean + (1 - alpha).sqrt() * (t > 1)[:, None] * torch.randn_like(points)
        ### END SOLUTION
