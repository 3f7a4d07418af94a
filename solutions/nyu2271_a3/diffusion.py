"""Part B: a denoising diffusion probabilistic model (Ho et al. 2020) with the cosine schedule.

This is the only file of Part B that you change. The text counts t = 1 .. T; the code counts from 0, so index 0 of every
table holds the coefficient of t = 1, index T - 1 that of t = T. Images are ``(b, c, h, w)`` float32 in [-1, 1].
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def extract(a: Tensor, t: Tensor, x_shape: Sequence[int]) -> Tensor:
    """Return the entries of `a` ``(T,)`` at the indices `t` ``(b,)``, as ``(b, 1, 1, 1)``: one factor per image."""
    picked = a.gather(-1, t)
    return picked.reshape(len(t), *([1] * (len(x_shape) - 1)))


def unnormalize_to_zero_to_one(t: Tensor) -> Tensor:
    """Map images from [-1, 1] to [0, 1]."""
    return (t + 1) * 0.5


def cosine_schedule(timesteps: int, s: float = 0.008) -> Tensor:
    """diffusion.schedule: the alphas of the cosine schedule, clipped to [0.001, 1], float32 ``(timesteps,)``.

    Source: Nichol and Dhariwal 2021, equation 17; equation 3 of the handout.
    """
    ### BEGIN SOLUTION
    steps = torch.arange(timesteps + 1, dtype=torch.float64)  # t = 0 .. T
    f = torch.cos((steps / timesteps + s) / (1 + s) * math.pi / 2).square()
    alphas_cumprod = f / f[0]
    alphas = alphas_cumprod[1:] / alphas_cumprod[:-1]
    return alphas.clamp(0.001, 1.0).float()
    ### END SOLUTION


class Diffusion(nn.Module):
    """A model that predicts noise, and the processes around it: forward (training) and backward (sampling)."""

    def __init__(self, model: nn.Module, *, image_size: int, channels: int = 3, timesteps: int = 1000) -> None:
        """Keep the model, and prepare the coefficients, as buffers of shape ``(timesteps,)``."""
        super().__init__()
        self.model = model
        self.channels = channels
        self.image_size = image_size
        self.num_timesteps = timesteps
        alphas = cosine_schedule(timesteps)
        ### BEGIN SOLUTION diffusion.q_sample
        ### PROMPT: the coefficients that q_sample needs
        signal = torch.cumprod(alphas, dim=0)  # what is left of the picture's variance
        self.register_buffer("sqrt_alphas_cumprod", torch.sqrt(signal))
        self.register_buffer("sqrt_one_minus_alphas_cumprod", torch.sqrt(1 - signal))
        ### END SOLUTION
        ### BEGIN SOLUTION diffusion.p_sample
        ### PROMPT: the coefficients that p_sample needs
        alphas_cumprod = torch.cumprod(alphas, dim=0)
        alphas_cumprod_prev = F.pad(alphas_cumprod[:-1], (1, 0), value=1.0)
        self.register_buffer("sqrt_recip_alphas_cumprod", torch.sqrt(1 / alphas_cumprod))
        self.register_buffer("sqrt_recipm1_alphas_cumprod", torch.sqrt(1 / alphas_cumprod - 1))
        # Equation 7: the posterior's mean is posterior_of_start * x_0 + posterior_of_noisy * x_t.
        posterior_of_start = torch.sqrt(alphas_cumprod_prev) * (1 - alphas) / (1 - alphas_cumprod)
        posterior_of_noisy = torch.sqrt(alphas) * (1 - alphas_cumprod_prev) / (1 - alphas_cumprod)
        posterior_variance = (1 - alphas_cumprod_prev) / (1 - alphas_cumprod) * (1 - alphas)
        self.register_buffer("posterior_of_start", posterior_of_start)
        self.register_buffer("posterior_of_noisy", posterior_of_noisy)
        self.register_buffer("posterior_std", torch.sqrt(posterior_variance))
        ### END SOLUTION

    def noise_like(self, shape: Sequence[int], device: torch.device) -> Tensor:
        """Return standard normal noise of this shape."""
        return torch.randn(tuple(shape), device=device)

    @torch.no_grad()
    def p_sample(self, x: Tensor, t: Tensor, t_index: int) -> Tensor:
        """diffusion.p_sample: one reverse step, from images ``(b, c, h, w)`` at index t to the index before.

        `t` is ``(b,)`` and holds `t_index` everywhere. The estimate of x_0 is clamped to [-1, 1]. At index 0 nothing
        comes before, so alpha-bar of the step before is 1, and no noise is added. Returns the shape of x.
        """
        ### BEGIN SOLUTION
        predicted_noise = self.model(x, t)
        scale = extract(self.sqrt_recip_alphas_cumprod, t, x.shape)  # (b, 1, 1, 1)
        spread = extract(self.sqrt_recipm1_alphas_cumprod, t, x.shape)
        x_start = (scale * x - spread * predicted_noise).clamp(-1, 1)
        of_start = extract(self.posterior_of_start, t, x.shape)
        of_noisy = extract(self.posterior_of_noisy, t, x.shape)
        mean = of_start * x_start + of_noisy * x
        if t_index == 0:
            return mean
        return mean + extract(self.posterior_std, t, x.shape) * self.noise_like(x.shape, x.device)
        ### END SOLUTION

    @torch.no_grad()
    def p_sample_loop(self, img: Tensor) -> Tensor:
        """diffusion.p_sample_loop: run the reverse process from noise `img` ``(b, c, h, w)`` down to index 0.

        Returns the final images alone, with values in [0, 1], in the shape of img.
        """
        ### BEGIN SOLUTION
        x = img
        for t_index in reversed(range(self.num_timesteps)):
            t = torch.full((len(img),), t_index, dtype=torch.long, device=img.device)
            x = self.p_sample(x, t, t_index)
        return unnormalize_to_zero_to_one(x).clamp(0, 1)
        ### END SOLUTION

    @torch.no_grad()
    def sample(self, batch_size: int) -> Tensor:
        """diffusion.sample: new images ``(batch_size, channels, image_size, image_size)`` with values in [0, 1]."""
        ### BEGIN SOLUTION
        self.model.eval()
        shape = (batch_size, self.channels, self.image_size, self.image_size)
        noise = self.noise_like(shape, next(self.model.parameters()).device)
        return self.p_sample_loop(noise)
        ### END SOLUTION

    def q_sample(self, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """diffusion.q_sample: noisy images from images and noise, all ``(b, c, h, w)``, each at its own t ``(b,)``."""
        ### BEGIN SOLUTION
        signal_scale = extract(self.sqrt_alphas_cumprod, t, x_0.shape)  # (b, 1, 1, 1)
        noise_scale = extract(self.sqrt_one_minus_alphas_cumprod, t, x_0.shape)
        return signal_scale * x_0 + noise_scale * noise
        ### END SOLUTION

    def p_losses(self, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """diffusion.p_losses: how far the model's prediction is from `noise`; a scalar.

        The loss is the L1 distance, averaged over all elements of the batch.
        """
        ### BEGIN SOLUTION
        x_t = self.q_sample(x_0, t, noise)
        predicted_noise = self.model(x_t, t)
        return F.l1_loss(predicted_noise, noise)
        ### END SOLUTION

    def forward(self, x_0: Tensor, noise: Tensor) -> Tensor:
        """diffusion.forward: the training loss of images ``(b, c, h, w)`` at random time indices, a scalar.

        An index is drawn for each image, uniform on 0 .. T - 1, int64.
        """
        height, width = x_0.shape[-2:]
        if (height, width) != (self.image_size, self.image_size):
            raise ValueError(f"images must be {self.image_size} x {self.image_size}, not {height} x {width}")
        ### BEGIN SOLUTION
        t = torch.randint(0, self.num_timesteps, (len(x_0),), device=x_0.device)
        return self.p_losses(x_0, t, noise)
        ### END SOLUTION
