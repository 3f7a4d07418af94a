"""The same with functions of torch, and the noise of all images in one tensor of rows."""

import torch
from torch.nn.functional import l1_loss, mse_loss

T = 100
SIGNAL = (1 - torch.linspace(1e-3, 0.1, T)).log().cumsum(0).div(2).exp()
SPREAD = (1 - SIGNAL**2).sqrt()


def noised(x, t, noise):
    """x_t for images (batch, 1, 8, 8), time indices (batch,) and noise."""
    return torch.einsum("n,nchw->nchw", SIGNAL[t], x) + torch.einsum("n,nchw->nchw", SPREAD[t], noise)


def squared_loss(model, x):
    """The mean squared error of the predicted noise, at random times."""
    t = torch.randperm(T)[: len(x)]
    noise = torch.randn(len(x), 64).reshape(x.shape)
    return mse_loss(model(noised(x, t, noise), t), noise)


def absolute_loss(model, x, t):
    """The mean absolute error of the predicted noise, at these times."""
    noise = torch.randn(len(x), 64).reshape(x.shape)
    return l1_loss(model(noised(x, t, noise), t), noise)


def velocity_loss(model, x):
    """The mean squared error of the predicted velocity, at random times of 1 .. T."""
    index = torch.randperm(T)[: len(x)]
    noise = torch.randn(len(x), 64).reshape(x.shape)
    return mse_loss(model(noised(x, index, noise), index + 1), noised(noise, index, -x))
