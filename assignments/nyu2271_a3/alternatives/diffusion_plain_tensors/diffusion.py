"""No noise_like, `p_loss`, noise optional, plain tensors on a device chosen at import, unclipped alpha-bar."""

import numpy as np
import torch
from torch import nn

device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


def extract(a, t, x_shape):
    return a.to(t.device)[t][:, None, None, None]


def curve(t, T, s):
    return np.cos((t / T + s) / (1 + s) * np.pi / 2) ** 2


def cosine_schedule(timesteps, s=0.008):
    t = np.arange(1, timesteps + 1)
    return torch.tensor(np.clip(curve(t, timesteps, s) / curve(t - 1, timesteps, s), 0.001, 1.0), dtype=torch.float32)


def unnormalize_to_zero_to_one(t):
    return (t + 1) / 2


class Diffusion(nn.Module):
    def __init__(self, model, *, image_size, channels=3, timesteps=1000):
        super().__init__()
        self.model, self.size, self.ch, self.T = model, image_size, channels, timesteps
        self.a = cosine_schedule(timesteps).to(device)
        t = np.arange(0, timesteps + 1)
        unclipped = curve(t, timesteps, 0.008) / curve(0, timesteps, 0.008)
        self.level = torch.tensor(unclipped[1:], dtype=torch.float32, device=device)
        self.abar = torch.cumprod(self.a, 0)
        self.abar_before = torch.cat([torch.ones(1, device=device), self.abar[:-1]])

    def q_sample(self, x_0, t, noise=None):
        noise = torch.randn_like(x_0) if noise is None else noise
        level = extract(self.level, t, x_0.shape)
        return level.sqrt() * x_0 + (1 - level).sqrt() * noise

    def p_loss(self, x_0, t, noise=None):
        noise = torch.randn_like(x_0) if noise is None else noise
        return torch.mean(torch.abs(noise - self.model(self.q_sample(x_0, t, noise), t)))

    def forward(self, x_0, noise=None):
        noise = torch.randn_like(x_0) if noise is None else noise
        t = torch.tensor(np.random.randint(0, self.T, size=x_0.shape[0])).to(x_0.device)
        return self.p_loss(x_0, t, noise)

    @torch.no_grad()
    def p_sample(self, x, t, t_index):
        where = next(self.model.parameters()).device
        x, t = x.to(where), t.to(where)
        a, abar, before = (extract(table, t, x.shape) for table in (self.a, self.abar, self.abar_before))
        eps = self.model(x, t)
        x0 = torch.clip((x - (1 - abar) ** 0.5 * eps) / abar**0.5, min=-1, max=1)
        mu = (a**0.5 * (1 - before) * x + before**0.5 * (1 - a) * x0) / (1 - abar)
        sigma = ((1 - before) / (1 - abar) * (1 - a)) ** 0.5
        z = torch.randn_like(x) if t_index > 0 else torch.zeros_like(x)
        return mu + sigma * z

    @torch.no_grad()
    def p_sample_loop(self, img):
        for i in range(self.T - 1, -1, -1):
            img = self.p_sample(img, torch.tensor([i] * img.shape[0], device=img.device), i)
        return unnormalize_to_zero_to_one(img.clamp(-1, 1))

    @torch.no_grad()
    def sample(self, batch_size):
        where = next(self.model.parameters()).device
        return self.p_sample_loop(torch.randn(batch_size, self.ch, self.size, self.size, device=where))
