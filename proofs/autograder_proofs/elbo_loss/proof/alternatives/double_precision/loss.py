"""Image by image, in float64."""

import torch


def terms(p, x, m, std):
    p, x, m, std = (part.double().flatten() for part in (p, x, m, std))
    cross_entropy = -(torch.xlogy(x, p) + torch.xlogy(1 - x, 1 - p)).sum()
    return cross_entropy + (m * m / 2 + std * std / 2 - std.log() - 0.5).sum()


def vae_loss(x_hat, x, mu, logvar):
    return sum(map(terms, x_hat, x, mu, (logvar / 2).exp())) / x.size(0)


def losses(logits, images, mean, std):
    return {"loss": torch.stack(list(map(terms, logits.double().sigmoid(), images, mean, std)))}


def beta_loss(x_hat, x, mu, logvar):
    total = 0.0
    for p, t, m, v in zip(x_hat.double(), x.double(), mu.double(), logvar.double(), strict=True):
        total = total + ((p - t) ** 2).mean() + (m**2 + v.exp() - 1 - v).mean() / 8
    return total
