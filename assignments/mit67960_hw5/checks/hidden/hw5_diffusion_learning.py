"""What the diffusion model's training is measured by, and the threshold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from autograder_proofs.oracles import training
from mit67960_hw5.checks.hidden.hw5_diffusion_stand_ins import TABLES, T
from mit67960_hw5.checks.public.hw5_networks import SmallDenoiser
from torch import Tensor, nn

from autograder.checks import Criterion, batches, digits, train

STEPS = 200
BATCH = 32
LEARNING_RATE = 4e-3
SIZE = 16
SHARE = 0.7
"""Of the error of the best denoiser that knows mean and variance of every pixel alone."""


@dataclass(frozen=True, eq=False)
class Task:
    """Digits (n, 1, 16, 16) in [-1, 1], and held-out ones with noise that only the grader knows."""

    train: Tensor
    test: Tensor
    noised: training.NoisedImages

    @classmethod
    def draw(cls, generator: torch.Generator) -> Task:
        """Draw the noise."""
        shown, held = (digits(SIZE, held_out=held_out).images for held_out in (False, True))
        return cls(shown, held, training.NoisedImages.draw(TABLES, held, generator))

    @torch.no_grad()
    def error(self, denoiser: training.Denoiser) -> float:
        """Mean squared error of the noise that is predicted in the held-out images."""
        predicted = denoiser(self.noised.noisy, self.noised.t)
        return float((predicted - self.noised.noise).double().square().mean())

    def criteria(self, error: float) -> list[Criterion]:
        """Judge that error."""
        limit = SHARE * self.error(training.GaussianDenoiser(TABLES, self.train))
        return [Criterion("mean squared error of the noise predicted in held-out images", error, limit)]


def new_model() -> nn.Module:
    """The network that learns; it lives on the trusted side."""
    return SmallDenoiser(T)


def checked(model: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    """The model for inputs of a submission: anything but one batch of images and times is refused."""

    def predict(x: Tensor, t: Tensor) -> Tensor:
        if not isinstance(x, Tensor) or x.shape[1:] != (1, SIZE, SIZE) or not 1 <= len(x) <= 2 * BATCH:
            raise TypeError(f"the model takes images (B, 1, {SIZE}, {SIZE})")
        if not isinstance(t, Tensor) or t.shape != x.shape[:1]:
            raise TypeError("the model takes one time index for each image: a tensor (B,)")
        return model(x.float(), t)

    return predict


def train_on(model: nn.Module, task: Task, learn: Callable[[Tensor, Tensor], None], generator: torch.Generator) -> None:
    """Train the model; ``learn`` gets images and time indices and leaves gradients with the parameters."""
    plan = batches(len(task.train), BATCH, STEPS, generator)

    def step(batch: Tensor) -> None:
        learn(task.train[batch], torch.randint(0, T, (len(batch),), generator=generator))

    train(model, step, plan, learning_rate=LEARNING_RATE)
