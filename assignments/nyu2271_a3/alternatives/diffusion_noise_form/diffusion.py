"""In terms of beta, float64 tables, the posterior by adding precisions, noise by where t is not 0."""

import itertools
import math

import torch
from torch import nn


def extract(a, t, x_shape):
    return a.index_select(0, t).reshape(t.shape[0], *(1 for _ in x_shape[1:])).float()


def cosine_schedule(timesteps: int, s: float = 0.008):
    f = [math.cos((k / timesteps + s) / (1 + s) * math.pi / 2) ** 2 for k in range(timesteps + 1)]
    return torch.tensor([min(1.0, max(0.001, new / old)) for old, new in itertools.pairwise(f)]).double()


def unnormalize_to_zero_to_one(t):
    return 0.5 * t + 0.5


class Diffusion(nn.Module):
    def __init__(self, model, *, image_size, channels=3, timesteps=1000, loss_type="l1"):
        super().__init__()
        self.eps_theta = self.model = model
        self.shape = (channels, image_size, image_size)
        self.loss = {"l1": nn.L1Loss(), "l2": nn.MSELoss()}[loss_type]
        beta = 1 - cosine_schedule(timesteps)
        signal = torch.exp(torch.log1p(-beta).cumsum(0))
        self.register_buffer("beta", beta, persistent=False)
        self.register_buffer("signal", signal, persistent=False)
        self.register_buffer("before", torch.cat([signal.new_ones(1), signal])[:-1], persistent=False)

    def noise_like(self, shape, device):
        return torch.randn(*shape).to(device)

    def q_sample(self, x_0, t, noise):
        keep = extract(self.signal, t, x_0.shape)
        return torch.sqrt(keep) * x_0 + torch.sqrt(1 - keep) * noise

    def p_losses(self, x_0, t, noise, weight=1.0):
        return weight * self.loss(self.eps_theta(self.q_sample(x_0=x_0, t=t, noise=noise), t), noise)

    def forward(self, x_0, noise):
        t = (torch.rand(x_0.size(0), device=x_0.device) * len(self.beta)).floor().long()
        return self.p_losses(x_0=x_0, t=t, noise=noise)

    def p_sample(self, x, t, t_index=None):
        with torch.no_grad():
            beta, keep, before = (extract(table, t, x.shape) for table in (self.beta, self.signal, self.before))
            start = (x / keep.sqrt() - (1 / keep - 1).sqrt() * self.eps_theta(x, t)).clamp_(-1, 1)
            first = t.reshape(-1, *(1 for _ in x.shape[1:])) == 0
            variance = beta * (1 - before) / (1 - keep)
            # precisions of x_{t-1} given x_0 and given x_t add up; at the first step the former is infinite
            pulled = before.sqrt() * start / (1 - before + first) + (1 - beta).sqrt() * x / beta
            mean = torch.where(first, start, variance * pulled)
            return mean + torch.where(first, 0.0, variance.sqrt()) * self.noise_like(x.shape, x.device)

    def p_sample_loop(self, img):
        steps = torch.arange(len(self.beta) - 1, -1, -1, device=img.device)
        for t in steps:
            img = self.p_sample(img, t.expand(len(img)), t_index=t.item())
        return unnormalize_to_zero_to_one(img)

    @torch.no_grad()
    def sample(self, batch_size=16):
        was_training = self.training
        self.eval()
        images = self.p_sample_loop(self.noise_like((batch_size, *self.shape), self.beta.device))
        self.train(was_training)
        return images
