"""My DDPM: a class holds the coefficients, the functions that are asked for are bound methods of it."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from networks import Unet

T = 1000


def linear_beta_schedule(beta_start, beta_end, timesteps):
    return torch.linspace(beta_start, beta_end, timesteps)


class Diffusion:
    def __init__(self, timesteps, beta_start=1e-4, beta_end=0.02):
        self.timesteps = timesteps
        self.betas = linear_beta_schedule(beta_start, beta_end, timesteps)
        self.alphas = 1.0 - self.betas
        self.sqrt_recip_alphas = self.alphas ** -0.5
        self.alphas_cumprod = torch.cumprod(self.alphas, 0)
        self.sqrt_alphas_cumprod = self.alphas_cumprod ** 0.5
        self.sqrt_one_minus_alphas_cumprod = (1.0 - self.alphas_cumprod) ** 0.5
        self.alphas_cumprod_prev = torch.ones(timesteps)
        self.alphas_cumprod_prev[1:] = self.alphas_cumprod[:-1]
        self.posterior_variance = self.betas * (1.0 - self.alphas_cumprod_prev) / (1.0 - self.alphas_cumprod)

    @staticmethod
    def extract(a, t, x_shape):
        return a.to(t.device).index_select(0, t).view(t.shape[0], *[1 for _ in x_shape[1:]])

    def q_sample(self, x_start, t, noise=None):
        if noise is None:
            noise = torch.randn_like(x_start)
        return (
            self.extract(self.sqrt_alphas_cumprod, t, x_start.shape) * x_start
            + self.extract(self.sqrt_one_minus_alphas_cumprod, t, x_start.shape) * noise
        )

    @torch.no_grad()
    def p_mean_variance(self, model, x, t):
        eps = model(x, t)
        coefficient = (1 - self.extract(self.alphas, t, x.shape)) / self.extract(
            self.sqrt_one_minus_alphas_cumprod, t, x.shape
        )
        mean = self.extract(self.sqrt_recip_alphas, t, x.shape) * (x - coefficient * eps)
        return mean, self.extract(self.posterior_variance, t, x.shape)

    def p_sample(self, model, x, t, t_index):
        mean, variance = self.p_mean_variance(model, x, t)
        if t_index:
            mean = mean + variance.sqrt() * torch.randn_like(mean)
        return mean

    def p_sample_loop(self, model, shape, timesteps):
        device = next(model.parameters()).device
        x = torch.randn(shape).to(device)
        steps = []
        for index in range(timesteps):
            i = timesteps - 1 - index
            x = self.p_sample(model, x, torch.full((shape[0],), i).long().to(device), t_index=i)
            steps += [x.cpu()]
        return torch.cat([s[None] for s in steps])

    def p_losses(self, denoise_model, x_start, t):
        noise = torch.randn_like(x_start)
        return nn.HuberLoss(reduction="mean", delta=1.0)(denoise_model(self.q_sample(x_start, t, noise), t), noise)


diffusion = Diffusion(T)
betas = diffusion.betas
alphas = diffusion.alphas
sqrt_recip_alphas = diffusion.sqrt_recip_alphas
alphas_cumprod = diffusion.alphas_cumprod
sqrt_alphas_cumprod = diffusion.sqrt_alphas_cumprod
sqrt_one_minus_alphas_cumprod = diffusion.sqrt_one_minus_alphas_cumprod
alphas_cumprod_prev = diffusion.alphas_cumprod_prev
posterior_variance = diffusion.posterior_variance

extract = Diffusion.extract
q_sample = diffusion.q_sample
p_sample = diffusion.p_sample
p_sample_loop = diffusion.p_sample_loop
p_losses = diffusion.p_losses


def sample(model, image_size, batch_size=16, channels=3):
    return p_sample_loop(model, shape=(batch_size, channels, image_size, image_size), timesteps=T)


t_sample = lambda timesteps, batch_size: torch.randint(low=0, high=timesteps, size=(batch_size,))
