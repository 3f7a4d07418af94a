"""Everything in float64, and v by the image and the noise that it stands for."""

import torch
from torch import nn

SUMS = torch.log1p(-torch.linspace(1e-3, 0.08, 100, dtype=torch.float64)).cumsum(0)


def mixed(sums, t, image, noise):
    signal = sums.exp().sqrt()[t, None, None, None]
    return signal * image + (-torch.expm1(sums)).sqrt()[t, None, None, None] * noise


def p_losses(model, images, t):
    noise = torch.randn(images.shape, dtype=torch.float64)
    return nn.HuberLoss()(model(mixed(SUMS, t, images, noise), t), noise)


def v_loss(model, images, t, noise=None):
    noise = torch.randn(images.shape, dtype=torch.float64) if noise is None else noise
    return nn.MSELoss()(mixed(SUMS, t - 1, noise, -images), model(mixed(SUMS, t - 1, images, noise), t))


class Diffusion:
    def __init__(self, model, timesteps):
        self.model = model
        angle = (torch.arange(timesteps + 1, dtype=torch.float64) / timesteps + 0.008) / 1.008 * torch.pi
        level = 1 + torch.cos(angle)
        self.sums = (level[1:] / level[:-1]).clamp(0.001, 1).log().cumsum(0)

    def loss(self, clean, index, noise):
        return nn.L1Loss()(noise, self.model(mixed(self.sums, index, clean, noise), index))
