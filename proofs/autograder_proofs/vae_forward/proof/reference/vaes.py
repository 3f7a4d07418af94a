"""Encode, sample, decode."""

import torch
from torch import nn


def draw(mean, logvar):
    """A sample of q(z|x) for each row."""
    return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)


class VAE(nn.Module):
    """Images (batch, 1, 6, 6); its networks are put in place from outside."""

    def forward(self, x):
        """Reconstructions of the shape of x, mean and log-variance."""
        ### BEGIN SOLUTION
        features = self.encoder(x)
        mean, logvar = self.mean_head(features), self.logvar_head(features)
        return self.decoder(draw(mean, logvar)).reshape(x.shape), mean, logvar
        ### END SOLUTION


def reconstruct(posterior, pixels, images, labels):
    """Mean and log-variance of images beside one-hot labels, by `posterior`, and one-sample images, by `pixels`.

    Returns reconstructions, flat or not, mean and log-variance.
    """
    ### BEGIN SOLUTION
    mean, logvar = posterior(torch.cat([images.flatten(1), labels], dim=1))
    return pixels(torch.cat([draw(mean, logvar), labels], dim=1)), mean, logvar
    ### END SOLUTION
