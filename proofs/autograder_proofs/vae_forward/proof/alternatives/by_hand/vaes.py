"""The sample written out, image by image where that is possible."""

import torch
from torch import nn


class VAE(nn.Module):
    def forward(self, x):
        rows = []
        for image in x:
            features = self.encoder(image[None])
            mean, logvar = self.mean_head(features), self.logvar_head(features)
            z = torch.addcmul(mean, logvar.exp().sqrt(), torch.randn(mean.shape))
            rows.append((self.decoder(z).view(1, *image.shape), mean, logvar))
        return [torch.cat(parts) for parts in zip(*rows, strict=True)]


def reconstruct(posterior, pixels, images, labels):
    mean, logvar = posterior(torch.hstack([images.reshape(len(labels), -1), labels]))
    z = torch.distributions.Normal(mean, (logvar / 2).exp()).rsample()
    return pixels(torch.hstack([z, labels])).view_as(images), mean, logvar
