"""Trusted functions in the places of blanks that other items call."""

import torch
from autograder_proofs.oracles.diffusion import q_sample, tables_of
from autograder_proofs.oracles.gaussian import kl_to_standard_normal

from autograder.checks import Callback
from autograder.concepts.noise_schedule import ScaledLinearSchedule

TABLES = tables_of(ScaledLinearSchedule(2e-3, 0.25, 40))
LEVELS = {
    "denoise.noise_rates": Callback(lambda low, high, steps: TABLES.betas.float()),
    "denoise.signal_levels": Callback(lambda rates: torch.cat([torch.ones(1), TABLES.alphas_cumprod.float()])),
}
NOISE = torch.Generator().manual_seed(2416)


def drawn(log_sigma, mu):
    """A sample whose noise no check and no submission knows."""
    return mu + log_sigma.exp() * torch.randn(mu.shape, generator=NOISE, dtype=mu.dtype)


def objective(pictures, mu, log_sigma, logits):
    """The negative ELBO, for training."""
    ink = torch.nn.functional.binary_cross_entropy_with_logits(logits, pictures, reduction="sum")
    return ink / len(pictures) + kl_to_standard_normal(mu, 2 * log_sigma).float().mean()


def noisy(noise, clean, t):
    """Noisy pictures; the times count from 1."""
    return q_sample(TABLES, clean, t - 1, noise).float()


STAND_INS = {
    "latent.objective": {
        "latent.divergence": Callback(lambda mu, log_sigma: kl_to_standard_normal(mu, 2 * log_sigma).float())
    },
    "latent.forward": {"latent.draw": Callback(drawn)},
    "latent.training": {"latent.draw": Callback(drawn), "latent.objective": Callback(objective)},
    "denoise.diffuse": LEVELS,
    "denoise.loss": {**LEVELS, "denoise.diffuse": Callback(noisy)},
    "denoise.earlier": LEVELS,
    "denoise.generate": LEVELS,
    "denoise.training": {**LEVELS, "denoise.diffuse": Callback(noisy)},
}
