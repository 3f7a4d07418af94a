"""What the checks of training minimise: the loss of your diffusion model. It runs beside your file."""

import torch
from torch import nn

from autograder.sandbox.jailed.trainee import Trainee


def trainee(diffusion: nn.Module) -> Trainee:
    """The network in a `Diffusion` of yours, which learns from images ``(b, 3, h, w)`` and noise of its own."""
    return Trainee(diffusion.model, lambda images: diffusion(images, torch.randn_like(images)))
