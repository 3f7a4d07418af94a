"""What the autoencoder's training is measured by: windows on a secret landscape, two numbers each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from autograder_proofs.oracles import training
from csci1051_ps3.checks.public.test_ps3_training import windows
from torch import Tensor

from autograder.checks import Criterion

EPOCHS = 200
TRAIN, TEST = 400, 200
BEATS = 0.95
"""Of the error of each trivial method."""


@dataclass(frozen=True, eq=False)
class Task:
    """Windows on one landscape, ``(n, 1, 28, 28)`` in [0, 1], for training and held out."""

    train: Tensor
    test: Tensor

    @classmethod
    def draw(cls, generator: torch.Generator) -> Task:
        """Draw a landscape and windows on it."""
        images = windows(TRAIN + TEST, generator)
        return cls(images[:TRAIN], images[TRAIN:])

    @cached_property
    def trivial_errors(self) -> dict[str, float]:
        """Mean squared errors of methods that learn no network."""
        return {
            "mean picture": training.mean_image_error(self.train, self.test),
            "two principal components": training.principal_components_error(self.train, self.test, 2),
        }

    def criteria(self, error: float) -> list[Criterion]:
        """Judge a mean squared error of reconstructions by each of them."""
        return [
            Criterion(f"reconstruction error of held-out pictures, against the {name}'s", error, BEATS * limit)
            for name, limit in self.trivial_errors.items()
        ]
