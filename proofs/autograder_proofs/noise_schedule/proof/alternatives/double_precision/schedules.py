"""Everything in float64, products as sums of logarithms."""

import torch

T = 100
betas = 1e-3 + 0.079 * torch.arange(T, dtype=torch.float64) / (T - 1)
alphas = 1 - betas
sqrt_recip_alphas = torch.exp(-0.5 * torch.log1p(-betas))
alphas_cumprod = torch.exp(torch.log1p(-betas).cumsum(0))
sqrt_alphas_cumprod = alphas_cumprod**0.5
sqrt_one_minus_alphas_cumprod = (-torch.expm1(torch.log1p(-betas).cumsum(0))) ** 0.5
alphas_cumprod_prev = alphas_cumprod / alphas
posterior_variance = 1 / (alphas / betas + 1 / (1 - alphas_cumprod_prev))


def linear(start, end, count):
    return torch.tensor([start + (end - start) * k / (count - 1) for k in range(count)], dtype=torch.float64)


def cosine(count, offset=0.008):
    angle = (torch.arange(count + 1, dtype=torch.float64) / count + offset) / (1 + offset) * torch.pi / 2
    level = (1 + torch.cos(2 * angle)) / 2
    return (1 - level[1:] / level[:-1]).clamp(max=0.999)


class Process:
    def __init__(self, betas):
        self.sums = torch.cat([torch.zeros(1), torch.log1p(-betas)]).double().cumsum(0)

    def levels(self):
        return self.sums.exp()

    def spreads(self):
        return (-torch.expm1(self.sums)).sqrt()
