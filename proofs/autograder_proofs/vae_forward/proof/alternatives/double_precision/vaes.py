"""Codes in float64."""

import torch
from torch import nn


class VAE(nn.Module):
    def forward(self, x):
        hidden = self.encoder(x.double())
        heads = mean, logvar = self.mean_head(hidden), self.logvar_head(hidden)
        noise = torch.empty(mean.shape, dtype=torch.float64).normal_()
        return (self.decoder(mean + noise * (0.5 * logvar).exp()).reshape(x.shape), *heads)


def reconstruct(posterior, pixels, images, labels):
    mean, logvar = posterior(torch.cat([images.flatten(1), labels], -1).double())
    z = mean + torch.sqrt(logvar.exp()) * torch.randn(mean.shape, dtype=torch.float64)
    return pixels(torch.cat([z, labels.double()], -1)).float(), mean, logvar
