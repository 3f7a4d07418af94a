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
    raise NotImplementedError("diffusion.schedule (2 points, extra credit): The cosine schedule")


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
        # the coefficients that q_sample needs
        raise NotImplementedError("diffusion.q_sample (2 points, extra credit): The forward process")
        # the coefficients that p_sample needs
        raise NotImplementedError("diffusion.p_sample (6 points, extra credit): One reverse step")

    def noise_like(self, shape: Sequence[int], device: torch.device) -> Tensor:
        """Return standard normal noise of this shape."""
        return torch.randn(tuple(shape), device=device)

    @torch.no_grad()
    def p_sample(self, x: Tensor, t: Tensor, t_index: int) -> Tensor:
        """diffusion.p_sample: one reverse step, from images ``(b, c, h, w)`` at index t to the index before.

        `t` is ``(b,)`` and holds `t_index` everywhere. The estimate of x_0 is clamped to [-1, 1]. At index 0 nothing
        comes before, so alpha-bar of the step before is 1, and no noise is added. Returns the shape of x.
        """
        raise NotImplementedError("diffusion.p_sample (6 points, extra credit): One reverse step")

    @torch.no_grad()
    def p_sample_loop(self, img: Tensor) -> Tensor:
        """diffusion.p_sample_loop: run the reverse process from noise `img` ``(b, c, h, w)`` down to index 0.

        Returns the final images alone, with values in [0, 1], in the shape of img.
        """
        raise NotImplementedError("diffusion.p_sample_loop (2 points, extra credit): The reverse process")

    @torch.no_grad()
    def sample(self, batch_size: int) -> Tensor:
        """diffusion.sample: new images ``(batch_size, channels, image_size, image_size)`` with values in [0, 1]."""
        raise NotImplementedError("diffusion.sample (2 points, extra credit): New images")

    def q_sample(self, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """diffusion.q_sample: noisy images from images and noise, all ``(b, c, h, w)``, each at its own t ``(b,)``."""
        raise NotImplementedError("diffusion.q_sample (2 points, extra credit): The forward process")

    def p_losses(self, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """diffusion.p_losses: how far the model's prediction is from `noise`; a scalar.

        The loss is the L1 distance, averaged over all elements of the batch.
        """
        raise NotImplementedError("diffusion.p_losses (2 points, extra credit): The training loss")

    def forward(self, x_0: Tensor, noise: Tensor) -> Tensor:
        """diffusion.forward: the training loss of images ``(b, c, h, w)`` at random time indices, a scalar.

        An index is drawn for each image, uniform on 0 .. T - 1, int64.
        """
        height, width = x_0.shape[-2:]
        if (height, width) != (self.image_size, self.image_size):
            raise ValueError(f"images must be {self.image_size} x {self.image_size}, not {height} x {width}")
        raise NotImplementedError("diffusion.forward (2 points, extra credit): A training step at random times")
