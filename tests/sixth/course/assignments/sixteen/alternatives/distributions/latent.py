"""The same by torch's distributions, with convolutions and one network for both halves of the posterior."""

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence


def draw(log_sigma: Tensor, mu: Tensor) -> Tensor:
    return Normal(mu, log_sigma.exp()).rsample()


def divergence(mu: Tensor, log_sigma: Tensor) -> Tensor:
    prior = Normal(torch.zeros_like(mu), torch.ones_like(mu))
    return kl_divergence(Normal(mu, log_sigma.exp()), prior).sum(dim=-1)


def log_density(picture: Tensor, centre: Tensor, log_sigma: Tensor) -> Tensor:
    return Independent(Normal(centre, log_sigma.exp()), 3).log_prob(picture)


def objective(pictures: Tensor, mu: Tensor, log_sigma: Tensor, logits: Tensor) -> Tensor:
    ink = Bernoulli(logits=logits, validate_args=False).log_prob(pictures)
    return (divergence(mu, log_sigma).sum() - ink.sum()) / len(pictures)


class Encoder(nn.Module):
    def __init__(self, codes: int = 6, side: int = 16) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.Tanh(), nn.Flatten())
        self.both = nn.Linear(8 * side * side, 2 * codes)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        mu, log_sigma = self.both(self.features(pictures)).chunk(2, dim=1)
        return mu, log_sigma


class Decoder(nn.Module):
    def __init__(self, codes: int = 6, side: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(codes, 4 * side * side),
            nn.GELU(),
            nn.Unflatten(1, (4, side, side)),
            nn.Conv2d(4, 1, 3, padding=1),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


class PictureVae(nn.Module):
    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, log_sigma = self.encoder(pictures)
        logits = self.decoder(mu + log_sigma.exp() * torch.empty_like(mu).normal_())
        return mu, log_sigma, logits
