"""Samples of normal distributions; image by image."""

import math

import torch
from torch.distributions import Normal


def coefficients(index):
    betas = [1e-3 + (0.08 - 1e-3) * step / 99 for step in range(100)]
    before = math.prod(1 - beta for beta in betas[:index])
    return betas[index], before, before * (1 - betas[index])


@torch.no_grad()
def p_sample(model, x, t, t_index):
    predicted = model(x, t)
    images = []
    for image, noise, index in zip(x, predicted, t.tolist(), strict=True):
        beta, before, level = coefficients(index)
        mean = (image - beta / math.sqrt(1 - level) * noise) / math.sqrt(1 - beta)
        std = math.sqrt(beta * (1 - before) / (1 - level))
        images.append(Normal(mean, std).sample() if index > 0 else mean)
    return torch.stack(images)


def ddim(model, x, t):
    noises = model(x, t)
    images = []
    for image, noise, index in zip(x, noises, t.tolist(), strict=True):
        _, before, level = coefficients(index)
        change = math.sqrt(1 - before) - math.sqrt(before / level * (1 - level))
        images.append(math.sqrt(before / level) * image + change * noise)
    return torch.stack(images)


class Points:
    def __init__(self, model):
        self.model = model

    def before(self, points, t):
        step = int(t[0])
        curve = [math.cos((s / 14 + 0.008) / 1.008 * math.pi / 2) ** 2 for s in range(15)]
        alphas = [max(curve[s + 1] / curve[s], 0.001) for s in range(14)]
        alpha, before = alphas[step - 1], math.prod(alphas[: step - 1])
        level = alpha * before
        start = torch.clip((points - math.sqrt(1 - level) * self.model(points, t)) / math.sqrt(level), -2, 2)
        mean = (
            math.sqrt(alpha) * (1 - before) / (1 - level) * points
            + math.sqrt(before) * (1 - alpha) / (1 - level) * start
        )
        return Normal(mean, math.sqrt(1 - alpha)).sample() if step > 1 else mean
