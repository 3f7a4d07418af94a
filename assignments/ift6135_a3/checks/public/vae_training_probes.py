"""What the checks of training minimise: nll + kl of your VAE. It runs beside your file."""

from torch import nn

from autograder.sandbox.jailed.trainee import Trainee


def trainee(model: nn.Module) -> Trainee:
    """Your VAE, which learns from the mean of nll + kl of images ``(batch, 3, H, W)``."""

    def loss(images):
        _, nll, kl = model(images)
        return (nll + kl).mean()

    return Trainee(model, loss)
