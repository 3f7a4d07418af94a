"""What the checks of training minimise: the loss of a model of yours. It runs beside your file."""

from torch import nn

from autograder.sandbox.jailed.trainee import Trainee


def trainee(model: nn.Module) -> Trainee:
    """A model that learns from its own `loss`."""
    return Trainee(model, model.loss)
