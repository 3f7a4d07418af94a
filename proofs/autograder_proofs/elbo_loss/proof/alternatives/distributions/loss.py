"""The distribution objects of PyTorch, where an assignment does not forbid them."""

from torch.distributions import Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy, mse_loss


def divergences(mean, std):
    return kl_divergence(Normal(mean, std), Normal(0.0, 1.0))


def vae_loss(x_hat, x, mu, logvar):
    each = binary_cross_entropy(x_hat, x, reduction="none").flatten(1).sum(1)
    return (each + divergences(mu, (logvar / 2).exp()).sum(1)).mean()


def losses(logits, images, mean, std):
    each = binary_cross_entropy(logits.sigmoid(), images.reshape(logits.shape), reduction="none")
    return {"loss": each.sum(-1) + divergences(mean, std).sum(-1)}


def beta_loss(x_hat, x, mu, logvar):
    return len(x) * (mse_loss(x_hat, x) + divergences(mu, (logvar / 2).exp()).mean() / 4)
