"""Truths about Gaussians, in float64: divergences, densities, and a latent-variable model with a known likelihood."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch


def kl_to_standard_normal(mean: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """KL(N(mean, diag exp(logvar)) || N(0, I)), summed over all dimensions but the first: (batch, ...) -> (batch,).

    Kingma and Welling, Auto-Encoding Variational Bayes (2014), appendix B, with the opposite sign.
    """
    zeros = torch.zeros((), dtype=torch.float64)
    return kl_between(mean, logvar, zeros, zeros)


def kl_between(
    mean_q: torch.Tensor, logvar_q: torch.Tensor, mean_p: torch.Tensor, logvar_p: torch.Tensor
) -> torch.Tensor:
    """KL(q || p) of diagonal Gaussians, summed over all dimensions but the first: (batch, ...) -> (batch,)."""
    return kl_of_coordinates(mean_q, logvar_q, mean_p, logvar_p).flatten(1).sum(1)


def kl_of_coordinates(
    mean_q: torch.Tensor, logvar_q: torch.Tensor, mean_p: torch.Tensor, logvar_p: torch.Tensor
) -> torch.Tensor:
    """KL(q || p) of univariate Gaussians, entry by entry; the parameters broadcast.

    Bishop, Pattern Recognition and Machine Learning (2006), from eqs. 1.110 and 1.113.
    """
    log_q, log_p = logvar_q.double(), logvar_p.double()
    squared = (mean_q.double() - mean_p.double()) ** 2
    return ((log_q - log_p).exp() + squared * (-log_p).exp() - 1 - (log_q - log_p)) / 2


def negative_log_likelihood(
    sample: torch.Tensor, mean: torch.Tensor, logvar: torch.Tensor, dims: Sequence[int] = (1,)
) -> torch.Tensor:
    """-log N(sample; mean, diag exp(logvar)), summed over ``dims``; the arguments broadcast."""
    return -log_density(sample, mean, logvar).sum(tuple(dims))


def log_density(sample: torch.Tensor, mean: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    """log N(sample; mean, exp(logvar)) of each coordinate by itself; the arguments broadcast.

    Bishop (2006), eq. 1.46.
    """
    log_variance = logvar.double()
    standardised = (sample.double() - mean.double()) ** 2 * (-log_variance).exp()
    return -(math.log(2 * math.pi) + log_variance + standardised) / 2


def importance_weighted_log_likelihood(
    log_likelihood: torch.Tensor, log_prior: torch.Tensor, log_posterior: torch.Tensor, dim: int = 0
) -> torch.Tensor:
    """log of the mean over ``dim`` of p(x|z_k) p(z_k) / q(z_k|x), from the three logarithms.

    Burda, Grosse and Salakhutdinov, Importance Weighted Autoencoders (2016), eq. 8.
    """
    log_weights = log_likelihood.double() + log_prior.double() - log_posterior.double()
    largest = log_weights.amax(dim, keepdim=True)
    return (log_weights - largest).exp().mean(dim).log() + largest.squeeze(dim)


@dataclass(frozen=True, eq=False)
class LinearGaussian:
    """p(z) = N(0, I), p(x | z) = N(weight z + bias, noise_std^2 I): a latent-variable model whose likelihood is known.

    ``weight`` (data, latent), ``bias`` (data,). Tipping and Bishop, Probabilistic Principal Component Analysis (1999).
    """

    weight: torch.Tensor
    bias: torch.Tensor
    noise_std: float = 1.0

    def __post_init__(self) -> None:
        if self.weight.ndim != 2 or self.bias.shape != self.weight.shape[:1] or not self.noise_std > 0:
            raise ValueError("weight (data, latent), bias (data,) and a positive noise_std are needed")

    def marginal_log_likelihood(self, x: torch.Tensor) -> torch.Tensor:
        """log p(x) for x (batch, data) -> (batch,): x is N(bias, weight weight^T + noise_std^2 I), eq. 4 and 5."""
        size = self.bias.numel()
        weight = self.weight.double()
        covariance = weight @ weight.T + self.noise_std**2 * torch.eye(size, dtype=torch.float64)
        factor = torch.linalg.cholesky(covariance)
        whitened = torch.linalg.solve_triangular(factor, (x.double() - self.bias.double()).T, upper=False)
        log_determinant = 2 * factor.diagonal().log().sum()
        return -(size * math.log(2 * math.pi) + log_determinant + (whitened**2).sum(0)) / 2

    def posterior(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean (batch, latent) and covariance (latent, latent) of p(z | x), eq. 6 and 7.

        Orthogonal columns of ``weight`` make the covariance diagonal, so that an encoder with a diagonal covariance can
        give the exact posterior; the importance weights are then constant, and one sample gives the exact likelihood.
        """
        weight = self.weight.double()
        precision = weight.T @ weight / self.noise_std**2 + torch.eye(weight.shape[1], dtype=torch.float64)
        covariance = torch.linalg.inv(precision)
        return (x.double() - self.bias.double()) @ weight @ covariance / self.noise_std**2, covariance
