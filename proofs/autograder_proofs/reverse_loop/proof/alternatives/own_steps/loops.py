"""Loops with the formula of a step in themselves."""

import torch

BETAS = torch.linspace(1e-3, 0.08, 30, dtype=torch.float64)
LEVEL = torch.cumprod(1 - BETAS, 0)


def p_sample_loop(model, shape, timesteps):
    x, images = torch.empty(tuple(shape)).normal_(), torch.empty(timesteps, *shape)
    with torch.no_grad():
        for number in range(timesteps):
            k = timesteps - 1 - number
            eps = model(x, torch.full(tuple(shape[:1]), k))
            x = (x - BETAS[k] / (1 - LEVEL[k]).sqrt() * eps) / (1 - BETAS[k]).sqrt()
            if k:
                x += (BETAS[k] * (1 - LEVEL[k - 1]) / (1 - LEVEL[k])).sqrt() * torch.randn(tuple(shape))
            images[number] = x
    return images


class Points:
    def __init__(self, model, timesteps):
        self.model, self.steps = model, timesteps

    @torch.no_grad()
    def from_noise(self, start):
        beta = [1e-3 + (0.3 - 1e-3) * k / max(self.steps - 1, 1) for k in range(self.steps)]
        level = torch.cumprod(1 - torch.tensor(beta), 0).tolist()
        x = start.clone()
        for k in reversed(range(self.steps)):
            eps = self.model(x, torch.ones(len(x), dtype=torch.long) * (k + 1))
            x = (x - beta[k] / (1 - level[k]) ** 0.5 * eps) / (1 - beta[k]) ** 0.5
            x = x + (beta[k] ** 0.5 if k else 0.0) * torch.randn(x.shape)
        return x * 5 + 5
