"""Noise schedules: Ho et al. (2020), section 2; Nichol and Dhariwal (2021), equation 17."""

import math

import torch
import torch.nn.functional as F

T = 100
betas = torch.linspace(1e-3, 0.08, T)  # SOLUTION
alphas = 1 - betas  # SOLUTION
sqrt_recip_alphas = alphas.rsqrt()  # SOLUTION
alphas_cumprod = alphas.cumprod(0)  # SOLUTION
sqrt_alphas_cumprod = alphas_cumprod.sqrt()  # SOLUTION
sqrt_one_minus_alphas_cumprod = (1 - alphas_cumprod).sqrt()  # SOLUTION
alphas_cumprod_prev = F.pad(alphas_cumprod[:-1], (1, 0), value=1.0)  # SOLUTION
posterior_variance = betas * (1 - alphas_cumprod_prev) / (1 - alphas_cumprod)  # SOLUTION


def linear(start, end, count):
    """Betas (count,) at equal distances."""
    ### BEGIN SOLUTION
    return torch.linspace(start, end, count)
    ### END SOLUTION


def cosine(count, offset=0.008):
    """Betas (count,) of the cosine schedule, at most 0.999."""
    ### BEGIN SOLUTION
    level = torch.cos((torch.arange(count + 1) / count + offset) / (1 + offset) * math.pi / 2) ** 2
    return 1 - (level[1:] / level[:-1]).clamp(0.001, 1)
    ### END SOLUTION


class Process:
    """A process of given betas; its tables (T + 1,) begin with the clean image."""

    def __init__(self, betas):
        self.kept = torch.cat([torch.ones(1), 1 - betas])

    def levels(self):
        """alpha-bar."""
        ### BEGIN SOLUTION
        return self.kept.cumprod(0)
        ### END SOLUTION

    def spreads(self):
        """The standard deviation of all the noise so far."""
        ### BEGIN SOLUTION
        return (1 - self.kept.cumprod(0)).sqrt()
        ### END SOLUTION
