"""A variational autoencoder of grey pictures, 1 x side x side, whose encoder gives the logarithm of sigma."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def draw(log_sigma: Tensor, mu: Tensor) -> Tensor:
    """latent.draw: one sample of N(mu, sigma^2) for each entry; all of one shape (batch, codes)."""
    ### BEGIN SOLUTION
    return mu + torch.exp(log_sigma) * torch.randn_like(mu)
    ### END SOLUTION


def divergence(mu: Tensor, log_sigma: Tensor) -> Tensor:
    """latent.divergence: KL(N(mu, sigma^2) || N(0, 1)) of each row (batch, codes), summed over codes; (batch,)."""
    ### BEGIN SOLUTION
    return 0.5 * (mu.square() + torch.expm1(2 * log_sigma) - 2 * log_sigma).sum(1)
    ### END SOLUTION


def log_density(picture: Tensor, centre: Tensor, log_sigma: Tensor) -> Tensor:
    """latent.log_density: log N(picture; centre, sigma^2) of pictures (batch, 1, side, side), summed; (batch,)."""
    ### BEGIN SOLUTION
    distance = (picture - centre) * torch.exp(-log_sigma)
    return -(0.5 * distance.square() + log_sigma + 0.5 * math.log(2 * math.pi)).sum((1, 2, 3))
    ### END SOLUTION


def objective(pictures: Tensor, mu: Tensor, log_sigma: Tensor, logits: Tensor) -> Tensor:
    """latent.objective: the negative ELBO of pixels with values in [0, 1], averaged over the batch; a scalar."""
    ### BEGIN SOLUTION
    ink = functional.binary_cross_entropy_with_logits(logits, pictures, reduction="none")
    return (ink.flatten(1).sum(1) + divergence(mu, log_sigma)).mean()
    ### END SOLUTION


class Encoder(nn.Module):
    """q(z|x) for pictures (batch, 1, side, side)."""

    def __init__(self, codes: int = 6, side: int = 16) -> None:
        """latent.encoder: make the layers that `forward` uses; any will do."""
        super().__init__()
        ### BEGIN SOLUTION
        self.body = nn.Sequential(nn.Linear(side**2, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.mu_head = nn.Linear(32, codes)
        self.log_sigma_head = nn.Linear(32, codes)
        ### END SOLUTION

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """latent.encoder: mu and log sigma, (batch, codes) each."""
        ### BEGIN SOLUTION
        found = self.body(pictures.flatten(1))
        return self.mu_head(found), self.log_sigma_head(found)
        ### END SOLUTION


class Decoder(nn.Module):
    """p(x|z): the logits of ink."""

    def __init__(self, codes: int = 6, side: int = 16) -> None:
        """latent.decoder: make the layers that `forward` uses; any will do."""
        super().__init__()
        ### BEGIN SOLUTION
        self.side = side
        self.layers = nn.Sequential(nn.Linear(codes, 48), nn.ReLU(), nn.Linear(48, side**2))
        ### END SOLUTION

    def forward(self, z: Tensor) -> Tensor:
        """latent.decoder: logits (batch, 1, side, side) of codes (batch, codes), any real numbers."""
        ### BEGIN SOLUTION
        return self.layers(z).reshape(len(z), 1, self.side, self.side)
        ### END SOLUTION


class PictureVae(nn.Module):
    """An encoder and a decoder; both can be called."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """latent.forward: mu and log sigma, and the logits of one sample of q(z|x) for each picture, in this order."""
        ### BEGIN SOLUTION
        mu, log_sigma = self.encoder(pictures)
        return mu, log_sigma, self.decoder(draw(log_sigma, mu))
        ### END SOLUTION
