"""Noisy images, their gradients and the noise in them against float64 truths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from autograder.checks import (
    NoisingProblem,
    Subject,
    assert_close,
    assert_gradients_close,
    assert_independent,
    assert_tensor,
    gradients,
    noising_problems,
    prop,
)
from autograder.concepts.forward_noising import (
    PIXELS,
    assert_noise_of_each_image,
    some_images,
)
from autograder.concepts.noise_schedule import CosineSchedule, Schedule
from autograder_proofs.oracles.diffusion import cosine_alphas_cumprod, tables_of


def factors_of(schedule: Schedule) -> list[list[tuple[float, float]]]:
    """The factors of image and noise at each index, in each of its right readings."""
    tables = tables_of(schedule)
    roots = (tables.sqrt_alphas_cumprod.tolist(), tables.sqrt_one_minus_alphas_cumprod.tolist())
    found = [[pair] for pair in zip(*roots, strict=True)]
    if isinstance(schedule, CosineSchedule):
        unclipped = float(cosine_alphas_cumprod(schedule.timesteps, schedule.s)[-1])
        found[-1].append((max(unclipped, 0.0) ** 0.5, (1 - unclipped) ** 0.5))
    return found


def problems(options: Mapping[str, Any]) -> dict[str, Any]:
    """Images, noise and time indices that suit an assignment."""
    return {"problem": noising_problems(options["schedule"].timesteps, channels=options["channels"])}


def assert_noisy(got: object, problem: NoisingProblem, schedule: Schedule) -> None:
    """Raise `CheckFailed` unless these are the noisy images; of the readings of an index the nearest is meant."""
    value, known = assert_tensor(got, shape=problem.images.shape), factors_of(schedule)
    rows = zip(
        problem.t.tolist(), problem.images.double(), problem.noise.double(), value.detach().double(), strict=True
    )
    truth = []
    for index, image, noise, found in rows:
        readings = [signal * image + spread * noise for signal, spread in known[index]]
        truth.append(min(readings, key=lambda reading: float((found - reading).abs().max())))
    assert_close(value, torch.stack(truth))


@prop(weight=1.5, drawn=problems, examples=12)
def noisy_images(noised: Subject, problem: NoisingProblem) -> None:
    """With {noise} given, each image becomes its own mixture of image and noise, as its own time index says."""
    schedule = noised.options["schedule"]
    got = noised(problem.images, problem.t, noise=problem.noise, timesteps=schedule.timesteps)
    assert_noisy(got, problem, schedule)


@prop(weight=0.5, drawn=problems, examples=5)
def gradients_of_noisy_images(noised: Subject, problem: NoisingProblem) -> None:
    """The result is reparameterised: gradients reach {x_0} and {noise}, each with its factor."""
    schedule = noised.options["schedule"]
    known = factors_of(schedule)
    t = problem.t.clamp_max(max(index for index, several in enumerate(known) if len(several) == 1))
    images, noise = problem.images.clone().requires_grad_(), problem.noise.clone().requires_grad_()
    result = assert_tensor(noised(images, t, noise=noise, timesteps=schedule.timesteps), shape=images.shape)
    cotangent = problem.images.flip(0) + 2
    factors = torch.tensor([known[index][0] for index in t.tolist()], dtype=torch.float64)
    truth = [factors[:, part, None, None, None] * cotangent.double() for part in (0, 1)]
    names = [noised.names["x_0"], noised.names["noise"]]
    assert_gradients_close(gradients(result, [images, noise], cotangent.to(result.dtype)), truth, names)


@prop(weight=0.5, needs="draws")
def noise_of_its_own(noised: Subject) -> None:
    """Without {noise}, standard normal noise is drawn: fresh in every call, for each image and each pixel."""
    schedule, channels = noised.options["schedule"], noised.options["channels"]
    known, last = factors_of(schedule), schedule.timesteps - 1
    t = torch.tensor([last - 1, 0, last // 3, 1, last, (2 * last) // 3])
    images = some_images(len(t), channels, -(-PIXELS // channels) // 36, 36)
    signal, spread = torch.tensor([known[index][0] for index in t.tolist()], dtype=torch.float64).unbind(1)
    noise = []
    for _ in range(2):
        x_t = assert_tensor(noised(images, t, timesteps=schedule.timesteps), shape=images.shape).detach().double()
        noise.append((x_t - signal[:, None, None, None] * images.double()) / spread[:, None, None, None])
    assert_noise_of_each_image(noise[0])
    assert_independent(*noise)


HIDDEN = (noisy_images, gradients_of_noisy_images, noise_of_its_own)
