"""What the DDPM's training is measured by, and the thresholds; `margins.json` has the margins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from autograder_proofs.oracles import diffusion, training
from ift6135_a3.provided.networks import Unet
from torch import Tensor

from autograder.checks import Criterion, batches, coloured_digits, energy_distance, train

STEPS = 300
BATCH = 32
LEARNING_RATE = 4e-3
SIZE = 16
DIM = 16
DIM_MULTS = (1, 2, 4)
SAMPLES = 128
SAMPLING_STEPS = 50
TABLES = diffusion.Tables(diffusion.linear_betas(1e-4, 0.02, 1000))

ERROR_SHARE = 0.4
"""Of the error of the diagonal Gaussian's denoiser; the full Gaussian's is out of reach in so few steps."""
DISTANCE_SHARE = 0.6
"""Of the energy distance between pure noise and the data."""


@dataclass(frozen=True, eq=False)
class Task:
    """Digits in random colours, ``(n, 3, 16, 16)``, and held-out ones with noise that only the grader knows."""

    train: Tensor
    test: Tensor
    noised: training.NoisedImages

    @classmethod
    def draw(cls, generator: torch.Generator) -> Task:
        """Draw colours and noise."""
        shown, held = (coloured_digits(SIZE, held_out=h, generator=generator).images for h in (False, True))
        return cls(shown, held, training.NoisedImages.draw(TABLES, held, generator))

    def samples(self, denoiser: training.Denoiser, generator: torch.Generator) -> Tensor:
        """Images that come out of a denoiser."""
        return training.ddim_samples(TABLES, denoiser, (SAMPLES, 3, SIZE, SIZE), SAMPLING_STEPS, generator)

    def distance(self, images: Tensor) -> float:
        """How far images are from the held-out ones."""
        return energy_distance(images, self.test)

    def diagonal(self) -> training.Denoiser:
        """The best denoiser that knows mean and variance of every pixel alone."""
        return training.GaussianDenoiser(TABLES, self.train)

    def criteria(self, error: float, distance: float, generator: torch.Generator) -> list[Criterion]:
        """Judge a mean Huber loss on held-out images and an energy distance of samples to them."""
        noise = self.distance(torch.randn((SAMPLES, 3, SIZE, SIZE), generator=generator))
        limit = ERROR_SHARE * self.noised.error(self.diagonal())
        return [
            Criterion("error of the noise predicted in held-out images", error, limit),
            Criterion("energy distance of samples to held-out images", distance, DISTANCE_SHARE * noise),
        ]


def new_model() -> Unet:
    """The network that learns; it lives on the trusted side."""
    return Unet(DIM, dim_mults=DIM_MULTS)


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
    model: Unet, task: Task, learn: Callable[[Tensor], None], generator: torch.Generator, steps: int = STEPS
) -> None:
    """Train the model; ``learn`` gets a batch of images and leaves gradients with the parameters."""
    plan = batches(len(task.train), BATCH, steps, generator)
    train(model, lambda batch: learn(task.train[batch]), plan, learning_rate=LEARNING_RATE)
