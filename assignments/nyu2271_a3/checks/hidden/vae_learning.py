"""What training in Part A is measured by, and the thresholds; `margins.json` has the margins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from autograder_proofs.oracles.bernoulli import cross_entropy
from autograder_proofs.oracles.gaussian import kl_to_standard_normal
from torch import Tensor

from autograder.checks import CLASSES, Criterion, SecretTiling, digits

STEPS = 700
"""Three hidden layers, as people write them, need so many to begin with; one layer half as many."""
BATCH = 128
LEARNING_RATE = 1e-3
LATENT_SIZE = 15
SIZE = 28
TILE = 4
SAMPLES = 50
"""Of each class, from the CVAE."""
TEMPERATURE = 0.7
"""Standard deviation of the latent vectors of samples. At 1, right networks of one hidden layer need longer to draw
well everywhere than they are given here; those of two or three do not."""
RIDGE = 10.0
"""Penalty on the weights of the classifier, which is right on 93 % of the held-out images."""
MIN_PROBABILITY = 1e-6
"""Probabilities are read as no nearer to 0 and 1 than this: float32 rounds a Sigmoid's to either."""

MEAN_SHARE = 0.9
"""Of the loss of the mean image, for the VAE."""
CLASS_MEANS_SHARE = 0.97
"""Of the loss of the mean image of each class, for the CVAE: it must use its latent variables, too."""
RECOGNISED = 0.7
"""Of the CVAE's samples."""


@dataclass(frozen=True, eq=False)
class Task:
    """Digits in [0, 1] as secret mosaics, ``(n, 1, 28, 28)``, and what they show."""

    tiling: SecretTiling
    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor

    @classmethod
    def draw(cls, generator: torch.Generator) -> Task:
        """Draw the mosaic."""
        tiling = SecretTiling.draw(generator, tile=TILE, size=SIZE)
        train, test = digits(SIZE), digits(SIZE, held_out=True)
        shown, held = (tiling.put_on((one.images + 1) / 2) for one in (train, test))
        return cls(tiling, shown, train.labels, held, test.labels)

    def loss_of_means(self) -> float:
        """The loss of a decoder that always draws the mean image: its code is free."""
        return float(reconstruction_loss(self.train.mean(0).expand_as(self.test), self.test).mean())

    def class_means(self) -> Tensor:
        """The mean image of each class, ``(10, 1, 28, 28)``."""
        return torch.stack([self.train[self.train_labels == label].mean(0) for label in range(CLASSES)])

    def loss_of_class_means(self) -> float:
        """The loss of a decoder that draws the mean image of the class."""
        return float(reconstruction_loss(self.class_means()[self.test_labels], self.test).mean())

    def recognised(self, images: Tensor, labels: Tensor) -> float:
        """The part of the images in which a linear classifier, fitted to the training images, sees what was asked for.

        Ridge regression of the one-hot classes on the pixels (Hastie, Tibshirani and Friedman 2009, section 4.2).
        """
        seen = _with_ones(self.train)
        normal = seen.T @ seen + RIDGE * torch.eye(seen.shape[1], dtype=seen.dtype)
        weights = torch.linalg.solve(normal, seen.T @ one_hot(self.train_labels).double())
        return float(((_with_ones(images) @ weights).argmax(1) == labels).double().mean())

    def criteria(self, loss: float) -> list[Criterion]:
        """Judge a VAE by its loss on held-out images (nats)."""
        return [Criterion("loss on held-out images", loss, MEAN_SHARE * self.loss_of_means())]

    def conditional_criteria(self, loss: float, recognised: float) -> list[Criterion]:
        """Judge a CVAE by its loss on held-out images, given what they show, and by its samples."""
        return [
            Criterion("loss on held-out images", loss, CLASS_MEANS_SHARE * self.loss_of_class_means()),
            Criterion("part of the samples that is recognised", recognised, RECOGNISED, at_least=True),
        ]


def _with_ones(images: Tensor) -> Tensor:
    """Flat pixels and a 1 for each image, float64."""
    return F.pad(images.double().flatten(1), (0, 1), value=1.0)


def one_hot(labels: Tensor) -> Tensor:
    """Classes ``(n, 10)``, float."""
    return F.one_hot(labels, CLASSES).float()


def reconstruction_loss(images: Tensor, expected: Tensor) -> Tensor:
    """The cross entropy of each image, ``(n,)``, nats."""
    return cross_entropy(images.double().clamp(MIN_PROBABILITY, 1 - MIN_PROBABILITY), expected)


def trusted_loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """The loss that the grader lends to the training loop; a batch of images ``(n, 1, 28, 28)``, in float32."""
    if not all(isinstance(part, Tensor) for part in (x_hat, x, mu, logvar)):
        raise TypeError("forward must return three tensors: x_hat, mu and logvar")
    if x_hat.shape != x.shape or len(x) > BATCH or not mu.shape == logvar.shape == (len(x), LATENT_SIZE):
        raise TypeError("x_hat must have the shape of x, mu and logvar (N, latent_size)")
    reconstruction = F.binary_cross_entropy(x_hat.float().clamp(0, 1), x, reduction="sum") / len(x)
    return reconstruction + kl_to_standard_normal(mu, logvar).mean().to(x.dtype)


def measured_loss(
    task: Task, mean: Tensor, logvar: Tensor, decode: Callable[[Tensor], Tensor], generator: torch.Generator
) -> float:
    """The negative ELBO of the held-out images, at a code that is drawn here; posteriors are ``(n, LATENT_SIZE)``."""
    logvar = logvar.clamp(-30, 20)
    code = mean + (0.5 * logvar).exp() * torch.randn(mean.shape, generator=generator)
    return float((reconstruction_loss(decode(code), task.test) + kl_to_standard_normal(mean, logvar)).mean())
