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
        raise NotImplementedError("vae.init (15 points): Layers of the VAE")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """vae.forward: encode images ``(N, 1, H, W)``, draw one latent vector for each, decode it.

        Returns `x_hat` of the shape of x, and `mu` and `logvar`, both ``(N, latent_size)``.
        """
        raise NotImplementedError("vae.forward (15 points): Forward pass of the VAE")


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
        raise NotImplementedError("cvae.init (10 points): Layers of the CVAE")

    def forward(self, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """cvae.forward: encode images ``(N, 1, H, W)`` and classes ``(N, C)``, draw latent vectors, decode them.

        The encoder sees the image, then the class; the decoder the latent vector, then the class. Returns the same as
        `VAE.forward`.
        """
        raise NotImplementedError("cvae.forward (15 points): Forward pass of the CVAE")


def reparametrize(mu: Tensor, logvar: Tensor) -> Tensor:
    """vae.reparametrize: one sample of N(mu, diag exp(logvar)) for each row, both ``(N, Z)``; returns ``(N, Z)``.

    Differentiable with respect to both arguments, with fresh noise at every call.
    """
    raise NotImplementedError("vae.reparametrize (15 points): The reparameterisation trick")


def loss_function(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """vae.loss: the negative evidence lower bound of a batch, a scalar.

    `x_hat` and `x` are ``(N, 1, H, W)`` with values in [0, 1], `mu` and `logvar` are ``(N, Z)``. Reconstruction (binary
    cross entropy) and KL divergence are summed over everything, then divided by N. No argument may be changed in place.
    """
    raise NotImplementedError("vae.loss (20 points): The negative ELBO")
