"""Losses written out, and no functions in between."""

import math

import torch

beta = [0.001 + k * 0.079 / 99 for k in range(100)]


def level(t):
    return torch.tensor([math.prod(1 - b for b in beta[: int(k) + 1]) for k in t]).view(-1, 1, 1, 1)


def p_losses(model, images, t):
    e = torch.empty_like(images).normal_()
    off = (model(level(t) ** 0.5 * images + (1 - level(t)) ** 0.5 * e, t) - e).abs()
    return torch.where(off < 1, off * off / 2, off - 0.5).mean()


def v_loss(model, images, t, noise=None):
    if noise is None:
        noise = torch.randn(images.shape)
    a, b = level(t - 1) ** 0.5, (1 - level(t - 1)) ** 0.5
    return ((a * noise - b * images - model(a * images + b * noise, t)) ** 2).mean()


class Diffusion:
    def __init__(self, model, timesteps):
        def curve(k):
            return (
                math.cos((k / timesteps + 0.008) / 1.008 * math.pi / 2) ** 2
                / math.cos(0.008 / 1.008 * math.pi / 2) ** 2
            )

        self.model = model
        self.level = torch.tensor([curve(k + 1) / curve(0) for k in range(timesteps)])

    def loss(self, clean, index, noise):
        rows = []
        for image, k, e in zip(clean, index, noise, strict=True):
            rows.append(self.level[k].sqrt() * image + (1 - self.level[k]).sqrt() * e)
        return (self.model(torch.stack(rows), index) - noise).abs().flatten(1).mean(1).mean()
