"""Reverse loops of Ho et al. (2020), Algorithm 2."""

import torch

BETAS = torch.linspace(1e-3, 0.08, 30)


def at(table, t):
    """The entries of a table at t (batch,), one factor for each image."""
    return table[t].reshape(-1, 1, 1, 1)


@torch.no_grad()
def p_sample(model, x, t, t_index):
    """One step back for images (batch, channels, height, width), from the index that t (batch,) and t_index hold."""
    level = (1 - BETAS).cumprod(0)
    before = torch.cat([torch.ones(1), level[:-1]])
    variance = BETAS * (1 - before) / (1 - level)
    mean = (x - at(BETAS / (1 - level).sqrt(), t) * model(x, t)) / at(1 - BETAS, t).sqrt()
    return mean + at(variance, t).sqrt() * torch.randn_like(x) * (t_index > 0)


def p_sample_loop(model, shape, timesteps):
    """The images after each of so many steps, (timesteps, *shape), from noise of a shape (batch, ...)."""
    ### BEGIN SOLUTION
    x = torch.randn(shape)
    images = []
    for t_index in range(timesteps - 1, -1, -1):
        x = p_sample(model, x, torch.full((len(x),), t_index), t_index)
        images.append(x)
    return torch.stack(images)
    ### END SOLUTION


class Points:
    """Steps for points (n, 2), and a model that predicts the noise in them."""

    def __init__(self, model, timesteps):
        self.model, self.betas = model, torch.linspace(1e-3, 0.3, timesteps)

    @torch.no_grad()
    def before(self, points, t):
        """Points at t - 1 from those at t (n,), which is 1 in the last step."""
        alpha, level = (1 - self.betas)[t - 1][:, None], (1 - self.betas).cumprod(0)[t - 1][:, None]
        mean = (points - (1 - alpha) / (1 - level).sqrt() * self.model(points, t)) / alpha.sqrt()
        return mean + (1 - alpha).sqrt() * torch.randn_like(points) * (t > 1)[:, None]

    def from_noise(self, start):
        """What becomes of noise (n, 2) by all steps from t = T to t = 1, moved from [-1, 1] to [0, 10]."""
        ### BEGIN SOLUTION
        points = start
        for time in range(len(self.betas), 0, -1):
            points = self.before(points, torch.full((len(points),), time))
        return 5 * (points + 1)
        ### END SOLUTION
