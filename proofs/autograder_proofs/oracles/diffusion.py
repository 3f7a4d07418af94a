"""Truths about denoising diffusion models, in float64.

Equations are those of Ho, Jain and Abbeel, Denoising Diffusion Probabilistic Models (2020), unless another source is
named. Index 0 of every table is t = 1 of the text. Images are (batch, ...), time indices (batch,).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch

from autograder.concepts.noise_schedule import (
    CosineSchedule,
    GivenSchedule,
    LinearSchedule,
    ScaledLinearSchedule,
    Schedule,
)


def linear_betas(beta_start: float, beta_end: float, timesteps: int) -> torch.Tensor:
    """Betas (timesteps,) at equal distances, both ends included (section 4)."""
    steps = torch.arange(timesteps, dtype=torch.float64)
    return beta_start + (beta_end - beta_start) * steps / max(timesteps - 1, 1)


def scaled_linear_betas(beta_start: float, beta_end: float, timesteps: int) -> torch.Tensor:
    """Betas (timesteps,) whose square roots are at equal distances (Rombach et al., 2022, in their code)."""
    return linear_betas(math.sqrt(beta_start), math.sqrt(beta_end), timesteps).square()


def cosine_alphas(timesteps: int, s: float = 0.008, smallest: float = 0.001) -> torch.Tensor:
    """Alphas (timesteps,) of the cosine schedule, clipped to [smallest, 1].

    Nichol and Dhariwal, Improved Denoising Diffusion Probabilistic Models (2021), eq. 17; they clip betas at 0.999.
    """
    level = cosine_alphas_cumprod(timesteps, s)
    return (level[1:] / level[:-1]).clamp(smallest, 1.0)


def cosine_alphas_cumprod(timesteps: int, s: float = 0.008) -> torch.Tensor:
    """The unclipped alpha-bar at t = 0 .. T, (timesteps + 1,): f(t) / f(0) of Nichol and Dhariwal, eq. 17."""
    angle = (torch.arange(timesteps + 1, dtype=torch.float64) / timesteps + s) / (1 + s) * math.pi / 2
    return angle.cos() ** 2 / angle[0].cos() ** 2


@dataclass(frozen=True, eq=False)
class Tables:
    """All coefficients (timesteps,) that follow from the betas; each is computed once, and must not be written to."""

    betas: torch.Tensor

    def __post_init__(self) -> None:
        betas = self.betas.double()
        if betas.ndim != 1 or not bool(((betas >= 0) & (betas < 1)).all()) or not bool(betas[:1] > 0):
            raise ValueError("betas must be of shape (timesteps,) with values in [0, 1), the first above 0")
        object.__setattr__(self, "betas", betas)

    @cached_property
    def alphas(self) -> torch.Tensor:
        """1 - beta (below eq. 4)."""
        return 1 - self.betas

    @cached_property
    def sqrt_recip_alphas(self) -> torch.Tensor:
        """1 / sqrt(alpha), of alpha, not of alpha-bar (eq. 11)."""
        return self.alphas**-0.5

    @cached_property
    def alphas_cumprod(self) -> torch.Tensor:
        """alpha-bar, the product of all alphas up to t (below eq. 4), as a sum of logarithms."""
        return torch.log1p(-self.betas).cumsum(0).exp()

    @cached_property
    def alphas_cumprod_prev(self) -> torch.Tensor:
        """alpha-bar of the step before; nothing was multiplied before the first, hence 1."""
        return torch.cat([torch.ones(1, dtype=torch.float64), self.alphas_cumprod[:-1]])

    @cached_property
    def noise_variance(self) -> torch.Tensor:
        """1 - alpha-bar without cancellation: the variance of x_t given x_0 (eq. 4)."""
        return -torch.expm1(torch.log1p(-self.betas).cumsum(0))

    @cached_property
    def sqrt_alphas_cumprod(self) -> torch.Tensor:
        """sqrt(alpha-bar) (eq. 4)."""
        return self.alphas_cumprod.sqrt()

    @cached_property
    def sqrt_one_minus_alphas_cumprod(self) -> torch.Tensor:
        """sqrt(1 - alpha-bar) (eq. 4)."""
        return self.noise_variance.sqrt()

    @cached_property
    def posterior_variance(self) -> torch.Tensor:
        """beta-tilde, the variance of q(x_{t-1} | x_t, x_0); 0 at index 0 (eq. 7)."""
        before = torch.cat([torch.zeros(1, dtype=torch.float64), self.noise_variance[:-1]])
        return self.betas * before / self.noise_variance


@lru_cache(maxsize=64)
def tables_of(schedule: Schedule) -> Tables:
    """All coefficients of a schedule; the cosine schedule's are those of its clipped alphas."""
    if isinstance(schedule, LinearSchedule):
        return Tables(linear_betas(schedule.beta_start, schedule.beta_end, schedule.timesteps))
    if isinstance(schedule, ScaledLinearSchedule):
        return Tables(scaled_linear_betas(schedule.beta_start, schedule.beta_end, schedule.timesteps))
    if isinstance(schedule, CosineSchedule):
        return Tables(1 - cosine_alphas(schedule.timesteps, schedule.s))
    if isinstance(schedule, GivenSchedule):
        return Tables(torch.tensor(schedule.betas, dtype=torch.float64))
    raise TypeError(f"a schedule is a value of autograder.concepts.noise_schedule, not {schedule!r}")


def at(table: torch.Tensor, t: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Entries of a table at t (batch,), shaped (batch, 1, ...) to multiply a tensor of ``like``'s dimensions."""
    return table[t].reshape(-1, *[1] * (like.ndim - 1))


def q_sample(tables: Tables, x_start: torch.Tensor, t: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """x_t given x_0 and the noise (eq. 4, reparameterised)."""
    signal, spread = at(tables.sqrt_alphas_cumprod, t, x_start), at(tables.sqrt_one_minus_alphas_cumprod, t, x_start)
    return signal * x_start.double() + spread * noise.double()


def predict_start(tables: Tables, x: torch.Tensor, t: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
    """The x_0 that eq. 4 gives for x_t and this noise."""
    spread, signal = at(tables.sqrt_one_minus_alphas_cumprod, t, x), at(tables.sqrt_alphas_cumprod, t, x)
    return (x.double() - spread * eps.double()) / signal


def velocity(tables: Tables, x_start: torch.Tensor, t: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """The v of x_0 and noise (Salimans and Ho, 2022, appendix D)."""
    signal, spread = at(tables.sqrt_alphas_cumprod, t, noise), at(tables.sqrt_one_minus_alphas_cumprod, t, noise)
    return signal * noise.double() - spread * x_start.double()


def velocity_of_noise(tables: Tables, x: torch.Tensor, t: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """The v of x_t and the noise in it: noise = sqrt(1 - alpha-bar) x_t + sqrt(alpha-bar) v, solved for v."""
    signal, spread = at(tables.sqrt_alphas_cumprod, t, noise), at(tables.sqrt_one_minus_alphas_cumprod, t, noise)
    return (noise.double() - spread * x.double()) / signal


def start_and_noise_of_velocity(
    tables: Tables, x: torch.Tensor, t: torch.Tensor, velocity: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The x_0 and the noise of x_t and its v (Salimans and Ho, 2022, appendix D: a rotation)."""
    signal, spread = at(tables.sqrt_alphas_cumprod, t, x), at(tables.sqrt_one_minus_alphas_cumprod, t, x)
    image, v = x.double(), velocity.double()
    return signal * image - spread * v, spread * image + signal * v


def ddim_step(tables: Tables, t: torch.Tensor, x_start: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """x_{t-1} by DDIM without noise: the same x_0 and noise, mixed as one step before.

    Song, Meng and Ermon, Denoising Diffusion Implicit Models (2021), eq. 12 with sigma = 0.
    """
    before = at(tables.alphas_cumprod_prev, t, x_start)
    return before.sqrt() * x_start.double() + (1 - before).sqrt() * noise.double()


def posterior_mean(tables: Tables, x_start: torch.Tensor, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Mean of q(x_{t-1} | x_t, x_0) (eq. 7)."""
    variance, before = at(tables.noise_variance, t, x), at(tables.alphas_cumprod_prev, t, x)
    beta, alpha = at(tables.betas, t, x), at(tables.alphas, t, x)
    return (before.sqrt() * beta * x_start.double() + alpha.sqrt() * (1 - before) * x.double()) / variance


def p_sample_mean(tables: Tables, x: torch.Tensor, t: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
    """Mean of p(x_{t-1} | x_t) where the model predicts the noise ``eps`` (eq. 11)."""
    share = at(tables.betas / tables.sqrt_one_minus_alphas_cumprod, t, x)
    return at(tables.sqrt_recip_alphas, t, x) * (x.double() - share * eps.double())


def clamped_p_sample_mean(
    tables: Tables, x: torch.Tensor, t: torch.Tensor, eps: torch.Tensor, low: float = -1.0, high: float = 1.0
) -> torch.Tensor:
    """Mean of p(x_{t-1} | x_t) through the estimate of x_0, clamped to the data's range (eq. 7)."""
    return posterior_mean(tables, predict_start(tables, x, t, eps).clamp(low, high), x, t)


def p_sample(tables: Tables, mean: torch.Tensor, t: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """One reverse step from its mean: noise of variance beta-tilde, none at index 0 (Algorithm 2)."""
    return mean.double() + at(tables.posterior_variance.sqrt(), t, mean) * noise.double()


def target_shares(parametrisation: str, signal: float, spread: float) -> tuple[float, float]:
    """The shares of x_0 and of the noise in what a model predicts, where x_t = signal x_0 + spread noise.

    "v" is v = signal noise - spread x_0 of Salimans and Ho, Progressive Distillation for Fast Sampling of Diffusion
    Models (2022), appendix D; "score" the gradient -noise / spread of log q(x_t | x_0) (Vincent, 2011).
    """
    shares = {"eps": (0.0, 1.0), "x0": (1.0, 0.0), "v": (-spread, signal), "score": (0.0, -1 / spread)}
    return shares[parametrisation]


def mean_distance(error: torch.Tensor, distance: str, delta: float = 1.0) -> torch.Tensor:
    """Mean over all elements of d^2 ("squared"), |d| ("absolute") or, for "huber", d^2 / 2 where |d| < delta and
    delta (|d| - delta / 2) elsewhere; differentiable.

    Huber, Robust Estimation of a Location Parameter (1964); smooth L1 for delta = 1.
    """
    if distance == "squared":
        return error.square().mean()
    size = error.abs()
    inner = size.clamp_max(delta)
    return size.mean() if distance == "absolute" else (inner * (size - inner / 2)).mean()
