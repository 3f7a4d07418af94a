"""What a network has learned from a loss, on held-out images with noise that the submission never saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor

from autograder.checks import (
    Criterion,
    Subject,
    assert_learned,
    batches,
    energy_distance,
    expose,
    placed,
    prop,
    secret_generator,
    show_curves,
    show_images,
    train,
)
from autograder.concepts.diffusion_training import Diffusion
from autograder_proofs.oracles import training as oracle
from autograder_proofs.oracles.diffusion import (
    Tables,
    q_sample,
    start_and_noise_of_velocity,
    tables_of,
    velocity_of_noise,
)

Predict = Callable[[Tensor, Tensor], Tensor]
"""Images (n, ...) and times (n,) to what is predicted, in the shape of the images."""
SHOWN = 16
SAMPLES = 128
SAMPLING_STEPS = 50


@dataclass(frozen=True, eq=False)
class Task:
    """Images for training, and held-out ones with noise that only the grader knows."""

    options: Mapping[str, Any]
    tables: Tables
    train: Tensor
    test: Tensor
    noised: oracle.NoisedImages

    @classmethod
    def draw(cls, options: Mapping[str, Any], generator: torch.Generator) -> Task:
        """Draw images and noise."""
        shown, held = (options["pictures"](generator, held_out) for held_out in (False, True))
        tables = tables_of(options["schedule"])
        velocities = options["parametrisation"] == "v"
        return cls(
            options, tables, shown, held, oracle.NoisedImages.draw(tables, held, generator, velocities=velocities)
        )

    def error(self, predict: Predict) -> float:
        """How far predictions are from the noise in the held-out images, or from their velocities."""
        return self.noised.error(predict, self.options["distance"])

    def error_of(self, denoiser: oracle.Denoiser) -> float:
        """The same of a denoiser: where velocities are to be predicted, its are those that follow from its noise.

        They are what errors are measured in: near the end, nearly all of x_t is noise, and so whoever takes a velocity
        for noise is right about nearly all of it.
        """
        if self.options["parametrisation"] == "v":
            return self.error(lambda x, t: velocity_of_noise(self.tables, x, t, denoiser(x, t)))
        return self.error(denoiser)

    def samples(self, denoiser: oracle.Denoiser, generator: torch.Generator) -> Tensor:
        """Images that come out of a denoiser; a few to be shown where they are not judged."""
        shape = (SAMPLES if self.options["samples_below"] else SHOWN, *self.train.shape[1:])
        steps = min(SAMPLING_STEPS, len(self.tables.betas))
        return oracle.ddim_samples(self.tables, denoiser, shape, steps, generator)

    def diagonal(self) -> oracle.Denoiser:
        """The best denoiser that knows mean and variance of every pixel alone."""
        return oracle.GaussianDenoiser(self.tables, self.train)

    def mean_image(self) -> oracle.Denoiser:
        """The denoiser that takes the mean image for what is behind the noise."""
        mean = self.train.mean(0, keepdim=True)

        def predict(x: Tensor, t: Tensor) -> Tensor:
            behind = q_sample(self.tables, mean.expand_as(x), t, torch.zeros_like(x))
            return ((x - behind) / q_sample(self.tables, torch.zeros_like(x), t, torch.ones_like(x))).to(x.dtype)

        return predict

    def standard_normal(self) -> oracle.Denoiser:
        """The best denoiser where images are noise as well: its velocities are 0."""
        return lambda x, t: q_sample(self.tables, torch.zeros_like(x), t, x).to(x.dtype)

    def matched_gaussian(self, generator: torch.Generator) -> Tensor:
        """Samples of the Gaussian with mean and variance of every pixel."""
        noise = torch.randn((SAMPLES, *self.train.shape[1:]), generator=generator)
        return self.train.mean(0) + self.train.std(0) * noise

    def error_criterion(self, error: float) -> Criterion:
        """Judge an error on held-out images."""
        limit = self.options["error_below"] * self.error_of(self.diagonal())
        what = "velocities" if self.options["parametrisation"] == "v" else "noise"
        return Criterion(f"error of the {what} predicted in held-out images", error, limit)

    def criteria(self, error: float, samples: Tensor, generator: torch.Generator) -> list[Criterion]:
        """Judge an error on held-out images, and the energy distance of samples to them."""
        found = [self.error_criterion(error)]
        if share := self.options["samples_below"]:
            noise = energy_distance(torch.randn((SAMPLES, *self.test.shape[1:]), generator=generator), self.test)
            distance = energy_distance(samples, self.test)
            found.append(Criterion("energy distance of samples to held-out images", distance, share * noise))
        return found

    def predictor(self, model: Predict) -> Predict:
        """What a network predicts, at indices of the tables."""
        return lambda x, t: model(x, t + self.options["first_time"])

    def denoiser(self, predict: Predict) -> oracle.Denoiser:
        """The noise in images that follows from what is predicted."""
        if self.options["parametrisation"] != "v":
            return predict
        return lambda x, t: start_and_noise_of_velocity(self.tables, x, t, predict(x, t))[1].to(x.dtype)

    def checked(self, model: Predict) -> Predict:
        """The model for inputs of a submission: anything but one batch of images and times is refused."""
        shape, most = self.train.shape[1:], 2 * self.options["training"].batch

        def predict(x: Tensor, t: Tensor) -> Tensor:
            if not isinstance(x, Tensor) or x.shape[1:] != shape or not 1 <= len(x) <= most:
                raise TypeError(f"the model takes images (batch, {', '.join(map(str, shape))})")
            if not isinstance(t, Tensor) or t.shape != x.shape[:1]:
                raise TypeError("the model takes one time index for each image: a tensor (batch,)")
            return model(x.float(), t)

        return predict


DENOISERS: dict[str, Callable[[Task], oracle.Denoiser]] = {
    "no noise at all": lambda task: lambda x, t: torch.zeros_like(x),
    "the noisy image itself": lambda task: lambda x, t: x,
    "no velocity at all": Task.standard_normal,
    "mean image": Task.mean_image,
    "diagonal Gaussian": Task.diagonal,
}
"""Denoisers that were not trained."""
MATCHED = "diagonal Gaussian and its samples"


def trivial_methods(options: Mapping[str, Any]) -> dict[str, Callable[[int], bool]]:
    """Denoisers that were not trained, with the samples that come of them: whether one would pass."""

    @lru_cache(maxsize=1)
    def task(seed: int) -> Task:
        return Task.draw(options, torch.Generator().manual_seed(seed))

    return {name: partial(_passes, task, name) for name in (*DENOISERS, MATCHED)}


def _passes(task: Callable[[int], Task], name: str, seed: int) -> bool:
    of_seed, generator = task(seed), torch.Generator().manual_seed(seed)
    denoiser = DENOISERS.get(name, Task.diagonal)(of_seed)
    error = of_seed.error_of(denoiser)
    if not of_seed.error_criterion(error).holds:
        return False  # samples take longer
    samples = of_seed.matched_gaussian(generator) if name == MATCHED else of_seed.samples(denoiser, generator)
    return all(one.holds for one in of_seed.criteria(error, samples, generator))


@prop(weight=3, trivial=trivial_methods)
def noise_is_predicted_in_held_out_images(diffusion: Subject) -> None:
    """After {training.steps} steps on your loss, a network predicts noise that you never saw, in new pictures."""
    generator, how = secret_generator(), diffusion.options["training"]
    task, model = Task.draw(diffusion.options, generator), diffusion.options["network"]()
    network = placed(model)
    predict = task.predictor(network)
    learner: Diffusion = diffusion(model=expose(task.checked(network)))
    losses: list[float] = []

    def step(batch: Tensor) -> None:
        told = learner.trainee.learn(task.train[batch])
        losses.append(told if isinstance(told, float) else float("nan"))

    train(model, step, batches(len(task.train), how.batch, how.steps, generator), learning_rate=how.learning_rate)
    show_curves("Loss of the diffusion model, as it tells it", {diffusion.call: losses}, x="step")
    model.eval()
    samples = task.samples(task.denoiser(predict), generator)
    show_images("Samples", {"data": task.test[:SHOWN], "samples": samples[:SHOWN]})
    assert_learned(task.criteria(task.error(predict), samples, generator), "the network")


HIDDEN = (noise_is_predicted_in_held_out_images,)
