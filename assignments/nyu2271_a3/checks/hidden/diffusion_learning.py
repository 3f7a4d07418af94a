"""What the training of Part B is measured by, and the threshold; `margins.json` has the margins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from autograder_proofs.oracles import diffusion, training
from nyu2271_a3.provided.cats import draw_cats
from nyu2271_a3.provided.unet import Unet
from torch import Tensor

from autograder.checks import Criterion, batches, train

STEPS = 300
BATCH = 32
LEARNING_RATE = 4e-3
SIZE = 16
DIM = 16
DIM_MULTS = (1, 2, 4)
TIMESTEPS = 50
TRAIN, TEST = 1000, 200
TABLES = diffusion.Tables(1 - diffusion.cosine_alphas(TIMESTEPS))

ERROR_SHARE = 0.75
"""Of the error of the denoiser that knows mean and variance of every pixel alone."""


@dataclass(frozen=True, eq=False)
class Task:
    """Drawn cats ``(n, 3, 16, 16)`` in [-1, 1], and held-out ones with noise that only the grader knows."""

    train: Tensor
    test: Tensor
    noised: training.NoisedImages

    @classmethod
    def draw(cls, generator: torch.Generator) -> Task:
        """Draw cats and noise."""
        shown, held = (2 * draw_cats(count, SIZE, generator=generator) - 1 for count in (TRAIN, TEST))
        return cls(shown, held, training.NoisedImages.draw(TABLES, held, generator))

    def error(self, denoiser: training.Denoiser) -> float:
        """Mean distance (L1) of the predicted noise from the noise in held-out images."""
        return self.noised.absolute_error(denoiser)

    def diagonal(self) -> training.Denoiser:
        """The best denoiser that knows mean and variance of every pixel alone."""
        return training.GaussianDenoiser(TABLES, self.train)

    def mean_image(self) -> training.Denoiser:
        """The denoiser that takes the mean image for what is behind the noise."""
        mean = self.train.mean(0)

        def predict(x: Tensor, t: Tensor) -> Tensor:
            level = TABLES.alphas_cumprod[t].reshape(-1, 1, 1, 1)
            return ((x - level.sqrt() * mean) / (1 - level).sqrt()).to(x.dtype)

        return predict

    def samples(self, denoiser: training.Denoiser, count: int, generator: torch.Generator) -> Tensor:
        """Images that come out of a denoiser, for the report."""
        return training.ddim_samples(TABLES, denoiser, (count, 3, SIZE, SIZE), TIMESTEPS, generator)

    def criteria(self, error: float) -> list[Criterion]:
        """Judge the error on held-out images."""
        limit = ERROR_SHARE * self.error(self.diagonal())
        return [Criterion("error of the noise predicted in held-out images", error, limit)]


def new_model() -> Unet:
    """The network that learns; it lives on the trusted side."""
    return Unet(DIM, DIM_MULTS)


def checked(model: training.Denoiser) -> Callable[[Tensor, Tensor], Tensor]:
    """The model for inputs of a submission: anything but one batch of images and times is refused."""

    def predict(x: Tensor, time: Tensor) -> Tensor:
        if not isinstance(x, Tensor) or x.shape[1:] != (3, SIZE, SIZE) or not 1 <= len(x) <= 2 * BATCH:
            raise TypeError(f"the model takes images (batch, 3, {SIZE}, {SIZE})")
        if not isinstance(time, Tensor) or time.shape != x.shape[:1]:
            raise TypeError("the model takes one time index for each image: a tensor (batch,)")
        return model(x.float(), time)

    return predict


def train_on(
    model: Unet, task: Task, learn: Callable[[Tensor, Tensor], None], generator: torch.Generator, steps: int = STEPS
) -> None:
    """Train the model; ``learn`` gets a batch of images and noise, and leaves gradients with the parameters."""

    def step(batch: Tensor) -> None:
        images = task.train[batch]
        learn(images, torch.randn(images.shape, generator=generator))

    train(model, step, batches(len(task.train), BATCH, steps, generator), learning_rate=LEARNING_RATE)
