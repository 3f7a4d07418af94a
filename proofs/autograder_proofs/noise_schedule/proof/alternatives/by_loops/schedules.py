"""Number by number, as the text defines them."""

import itertools
import math

import torch

T = 100
betas = torch.zeros(T)
levels = torch.ones(T + 1)
posterior_variance = torch.zeros(T)
for k in range(T):
    betas[k] = 0.001 + k * (0.08 - 0.001) / 99
    levels[k + 1] = levels[k] * (1 - betas[k])
    posterior_variance[k] = (1 - levels[k]) / (1 - levels[k + 1]) * betas[k]
alphas = 1 - betas
sqrt_recip_alphas = 1 / torch.sqrt(alphas)
alphas_cumprod, alphas_cumprod_prev = levels[1:], levels[:-1]
sqrt_alphas_cumprod = torch.sqrt(alphas_cumprod)
sqrt_one_minus_alphas_cumprod = torch.sqrt(1 - alphas_cumprod)


def linear(start, end, count):
    step, values = (end - start) / (count - 1), [start]
    while len(values) < count:
        values.append(values[-1] + step)
    return torch.tensor(values)


def cosine(count, offset=0.008):
    level = [math.cos((k / count + offset) / (1 + offset) * math.pi / 2) ** 2 for k in range(count + 1)]
    return torch.tensor([min(0.999, 1 - after / before) for before, after in itertools.pairwise(level)])


class Process:
    def __init__(self, betas):
        self.table = [1.0]
        for beta in betas.tolist():
            self.table.append(self.table[-1] * (1 - beta))

    def levels(self):
        return torch.tensor(self.table)

    def spreads(self):
        return torch.tensor([math.sqrt(1 - level) for level in self.table])
