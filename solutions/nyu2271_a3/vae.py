"""Part A: a variational autoencoder and a conditional one, for MNIST (Kingma and Welling 2014; Sohn et al. 2015).

This is the only file of Part A that you change; `variational_autoencoders.ipynb` trains what you write here. Images are
``(N, 1, 28, 28)`` float32 with values in [0, 1], so the decoder gives the probability of ink at every pixel.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class VAE(nn.Module):
    """Encoder and decoder of fully connected layers; `input_size` is the number of pixels, such as 28 * 28."""

    def __init__(self, input_size: int, latent_size: int = 15) -> None:
        """vae.init: build four modules, which the notebook and the checks also call directly.

        - `self.encoder`: images ``(N, 1, H, W)`` to hidden features ``(N, hidden_dim)``;
        - `self.mu_layer` and `self.logvar_layer`: hidden features to ``(N, latent_size)``;
        - `self.decoder`: latent vectors ``(N, latent_size)`` to images ``(N, 1, H, W)``, ending in a Sigmoid.

        H = W is the root of `input_size`. Choose `hidden_dim` and the number of hidden layers as you like.
        """
        super().__init__()
        self.input_size = input_size  # H * W
        self.latent_size = latent_size  # Z
        ### BEGIN SOLUTION
        self.hidden_dim = 400
        side = round(input_size**0.5)
        self.encoder = nn.Sequential(
            nn.Flatten(),  # (N, H * W)
            nn.Linear(input_size, self.hidden_dim),
            nn.ReLU(),
            nn.Linear(self.hidden_dim, self.hidden_dim),
            nn.ReLU(),
        )
        self.mu_layer = nn.Linear(self.hidden_dim, latent_size)
        self.logvar_layer = nn.Linear(self.hidden_dim, latent_size)
        self.decoder = nn.Sequential(
            nn.Linear(latent_size, self.hidden_dim),
            nn.ReLU(),
            nn.Linear(self.hidden_dim, self.hidden_dim),
            nn.ReLU(),
            nn.Linear(self.hidden_dim, input_size),
            nn.Sigmoid(),  # a probability for each pixel
            nn.Unflatten(1, (1, side, side)),
        )
        ### END SOLUTION

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """vae.forward: encode images ``(N, 1, H, W)``, draw one latent vector for each, decode it.

        Returns `x_hat` of the shape of x, and `mu` and `logvar`, both ``(N, latent_size)``.
        """
        ### BEGIN SOLUTION
        hidden = self.encoder(x)  # (N, hidden_dim)
        mu, logvar = self.mu_layer(hidden), self.logvar_layer(hidden)
        x_hat = self.decoder(reparametrize(mu, logvar)).reshape(x.shape)
        return x_hat, mu, logvar
        ### END SOLUTION


class CVAE(nn.Module):
    """A VAE that knows the class of each image, as a one-hot float vector ``(N, num_classes)``."""

    def __init__(self, input_size: int, num_classes: int = 10, latent_size: int = 15) -> None:
        """cvae.init: the four modules of the VAE, with the class as a further input of encoder and decoder.

        - `self.encoder`: flat images beside classes, ``(N, H * W + num_classes)``, to ``(N, hidden_dim)``;
        - `self.mu_layer` and `self.logvar_layer`: hidden features to ``(N, latent_size)``;
        - `self.decoder`: latent vectors beside classes, ``(N, latent_size + num_classes)``, to ``(N, 1, H, W)``, ending
          in a Sigmoid.
        """
        super().__init__()
        self.input_size = input_size  # H * W
        self.num_classes = num_classes  # C
        self.latent_size = latent_size  # Z
        ### BEGIN SOLUTION
        self.hidden_dim = 400
        height = round(input_size**0.5)
        self.encoder = nn.Sequential(
            nn.Linear(input_size + num_classes, self.hidden_dim),
            nn.ReLU(),
            nn.Linear(self.hidden_dim, self.hidden_dim),
            nn.ReLU(),
        )
        self.mu_layer = nn.Linear(self.hidden_dim, latent_size)
        self.logvar_layer = nn.Linear(self.hidden_dim, latent_size)
        self.decoder = nn.Sequential(
            nn.Linear(latent_size + num_classes, self.hidden_dim),
            nn.ReLU(),
            nn.Linear(self.hidden_dim, self.hidden_dim),
            nn.ReLU(),
            nn.Linear(self.hidden_dim, input_size),
            nn.Sigmoid(),
            nn.Unflatten(1, (1, height, height)),
        )
        ### END SOLUTION

    def forward(self, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """cvae.forward: encode images ``(N, 1, H, W)`` and classes ``(N, C)``, draw latent vectors, decode them.

        The encoder sees the image, then the class; the decoder the latent vector, then the class. Returns the same as
        `VAE.forward`.
        """
        ### BEGIN SOLUTION
        hidden = self.encoder(torch.cat([x.flatten(1), c], dim=1))  # (N, hidden_dim)
        mu, logvar = self.mu_layer(hidden), self.logvar_layer(hidden)
        z = reparametrize(mu, logvar)
        x_hat = self.decoder(torch.cat([z, c], dim=1)).reshape(x.shape)
        return x_hat, mu, logvar
        ### END SOLUTION


def reparametrize(mu: Tensor, logvar: Tensor) -> Tensor:
    """vae.reparametrize: one sample of N(mu, diag exp(logvar)) for each row, both ``(N, Z)``; returns ``(N, Z)``.

    Differentiable with respect to both arguments, with fresh noise at every call.
    """
    ### BEGIN SOLUTION
    # Kingma and Welling 2014, section 2.4: a fixed function of the parameters and of noise that has none.
    sigma = torch.exp(logvar / 2)
    return mu + sigma * torch.randn_like(mu)
    ### END SOLUTION


def loss_function(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """vae.loss: the negative evidence lower bound of a batch, a scalar.

    `x_hat` and `x` are ``(N, 1, H, W)`` with values in [0, 1], `mu` and `logvar` are ``(N, Z)``. Reconstruction (binary
    cross entropy) and KL divergence are summed over everything, then divided by N. No argument may be changed in place.
    """
    ### BEGIN SOLUTION
    reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum")
    # Kingma and Welling 2014, appendix B.
    kl = -0.5 * torch.sum(1 + logvar - mu.square() - logvar.exp())
    return (reconstruction + kl) / len(x)
    ### END SOLUTION
