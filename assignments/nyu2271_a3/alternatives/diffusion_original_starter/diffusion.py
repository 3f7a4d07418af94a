"""In the style of the course's starter code: `noise_like`, buffers, lambdas, many coefficients."""

import math
from functools import partial  # noqa: F401

import torch
import torch.nn.functional as F
from torch import nn
from tqdm.auto import tqdm


def extract(a, t, x_shape):
    b, *_ = t.shape
    out = a.gather(-1, t)
    return out.reshape(b, *((1,) * (len(x_shape) - 1)))


def cosine_schedule(timesteps, s=0.008):
    def f(t):
        return torch.cos((t / timesteps + s) / (1 + s) * 0.5 * torch.pi) ** 2

    x = torch.linspace(0, timesteps, timesteps + 1)
    alphas_cumprod = f(x) / f(torch.tensor([0]))
    alphas = alphas_cumprod[1:] / alphas_cumprod[:-1]
    return torch.clip(alphas, 0.001, 1)


def unnormalize_to_zero_to_one(t):
    return (t + 1) * 0.5


class Diffusion(nn.Module):
    def __init__(self, model, *, image_size, channels=3, timesteps=1000):
        super().__init__()
        self.channels = channels
        self.image_size = image_size
        self.model = model
        self.num_timesteps = int(timesteps)

        alphas = cosine_schedule(self.num_timesteps)
        alphas_cumprod = torch.cumprod(alphas, axis=0)
        alphas_cumprod_prev = F.pad(alphas_cumprod[:-1], (1, 0), value=1.0)
        register_buffer = lambda name, val: self.register_buffer(name, val.to(torch.float32))  # noqa: E731
        register_buffer("alphas", alphas)
        register_buffer("betas", 1 - alphas)
        register_buffer("alphas_cumprod", alphas_cumprod)
        register_buffer("alphas_cumprod_prev", alphas_cumprod_prev)
        register_buffer("sqrt_alphas_cumprod", torch.sqrt(alphas_cumprod))
        register_buffer("sqrt_one_minus_alphas_cumprod", torch.sqrt(1.0 - alphas_cumprod))
        register_buffer("posterior_variance", (1 - alphas) * (1.0 - alphas_cumprod_prev) / (1.0 - alphas_cumprod))

    def noise_like(self, shape, device):
        noise = lambda: torch.randn(shape, device=device)  # noqa: E731
        return noise()

    @torch.no_grad()
    def p_sample(self, x, t, t_index):
        alpha_t = extract(self.alphas, t, x.shape)
        abar_t = extract(self.alphas_cumprod, t, x.shape)
        abar_prev = extract(self.alphas_cumprod_prev, t, x.shape)
        eps = self.model(x, t)
        x0_hat = (x - torch.sqrt(1 - abar_t) * eps) / torch.sqrt(abar_t)
        x0_hat = torch.clamp(x0_hat, -1.0, 1.0)
        mean = torch.sqrt(alpha_t) * (1 - abar_prev) / (1 - abar_t) * x
        mean = mean + torch.sqrt(abar_prev) * (1 - alpha_t) / (1 - abar_t) * x0_hat
        if t_index == 0:
            return mean
        noise = self.noise_like(x.shape, x.device)
        return mean + torch.sqrt(extract(self.posterior_variance, t, x.shape)) * noise

    @torch.no_grad()
    def p_sample_loop(self, img):
        b = img.shape[0]
        for i in tqdm(reversed(range(0, self.num_timesteps)), total=self.num_timesteps, disable=True):
            img = self.p_sample(img, torch.full((b,), i, device=img.device, dtype=torch.long), i)
        return unnormalize_to_zero_to_one(img)

    @torch.no_grad()
    def sample(self, batch_size):
        self.model.eval()
        device = self.alphas.device
        img = self.noise_like((batch_size, self.channels, self.image_size, self.image_size), device)
        return self.p_sample_loop(img)

    def q_sample(self, x_0, t, noise):
        x_t = extract(self.sqrt_alphas_cumprod, t, x_0.shape) * x_0
        return x_t + extract(self.sqrt_one_minus_alphas_cumprod, t, x_0.shape) * noise

    def p_losses(self, x_0, t, noise):
        x_t = self.q_sample(x_0, t, noise)
        return F.l1_loss(noise, self.model(x_t, t))

    def forward(self, x_0, noise):
        b, _c, h, w, device, img_size = *x_0.shape, x_0.device, self.image_size
        assert h == img_size and w == img_size, f"height and width of image must be {img_size}"
        t = torch.randint(0, self.num_timesteps, (b,), device=device).long()
        return self.p_losses(x_0, t, noise)


assert math.isclose(unnormalize_to_zero_to_one(torch.tensor(1.0)).item(), 1)
