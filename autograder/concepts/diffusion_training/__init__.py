"""The training of a network on the loss of a diffusion model: it predicts noise, or velocities that noise follows from.

Ho, Jain and Abbeel, Denoising Diffusion Probabilistic Models (2020), Algorithm 1; Salimans and Ho, Progressive
Distillation for Fast Sampling of Diffusion Models (2022), section 4, for velocities.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from autograder.checks import (
    Contract,
    Criterion,
    Remote,
    Subject,
    assert_learned,
    assert_tensor,
    checked_weights,
    coloured_digits,
    digits,
    learn,
    prop,
    show_curves,
    show_images,
)

DISTANCES = ("squared", "absolute", "huber")
PARAMETRISATIONS = ("eps", "v")
SHOWN_LEVELS = 8


def grey_digits(generator: torch.Generator, held_out: bool) -> Tensor:
    """Return digits ``(n, 1, 16, 16)`` in [-1, 1]."""
    return digits(16, held_out=held_out).images


def digits_in_colours(generator: torch.Generator, held_out: bool) -> Tensor:
    """Return digits in random colours, ``(n, 3, 16, 16)`` in [-1, 1]."""
    return coloured_digits(16, held_out=held_out, generator=generator).images


@dataclass(frozen=True)
class Diffusion:
    """How a network learns from an assignment's loss.

    ``noised`` gives x_t of images, times and noise. ``pictures`` gives a few pictures to be learned by heart, where
    they cannot be had on this side.
    """

    trainee: Remote
    """A `Trainee` (`autograder.sandbox.jailed.trainee`) around the network; its loss is that of a batch of images."""
    noised: Callable[[Tensor, Tensor, Tensor], Tensor]
    pictures: Callable[[], Tensor] | None = None


@prop(weight=1)
def a_few_pictures_are_learned_by_heart(diffusion: Subject) -> None:
    """{few.steps} steps on your loss, for {few_pictures} pictures, and a network predicts much of new noise in them."""
    options = diffusion.options
    few, count, generator = options["few"], options["few_pictures"], torch.Generator().manual_seed(0)
    learner: Diffusion = diffusion()
    drawn = learner.pictures() if learner.pictures is not None else options["pictures"](generator, False)[:count]
    pictures = assert_tensor(drawn, name="the pictures")
    plan = torch.arange(few.batch).repeat(few.steps, 1)
    losses = learn(learner.trainee, [pictures.repeat(few.batch // count, 1, 1, 1)], plan, few)
    show_curves("Loss while a few pictures are learned", {diffusion.call: losses}, x="step")
    learner.trainee.load(checked_weights(learner.trainee.weights()))
    images = pictures.repeat(options["copies"], 1, 1, 1)
    noise = torch.randn(images.shape, generator=generator)
    timesteps = options["few_timesteps"] or options["schedule"].timesteps
    t = torch.arange(len(images)) * timesteps // len(images) + options["first_time"]
    noisy = assert_tensor(learner.noised(images, t, noise), shape=noise.shape, name="x_t").float()
    found = learner.trainee.model(noisy, t)
    shares = shares_of(images, noise, noisy)
    if options["parametrisation"] == "v":
        velocity = assert_tensor(found, shape=noise.shape, name="the predicted velocity").detach()
        predicted = shares[1] * noisy + shares[0] * velocity
    else:
        predicted = assert_tensor(found, shape=noise.shape, name="the predicted noise").detach()
    show_images("What is left of the noise", cleaned(images, shares, noisy, predicted))
    difference = (predicted - noise).double()
    error = difference.abs() if options["few_distance"] == "absolute" else difference.square()
    assert_learned(
        [Criterion("error of the predicted noise", float(error.mean()), options["few_below"])], "the network"
    )


def shares_of(images: Tensor, noise: Tensor, noisy: Tensor) -> tuple[Tensor, Tensor]:
    """Return how much of images and noise is in x_t: two factors of each, (n, 1, 1, 1), float32."""
    images, noise, noisy = (part.detach().flatten(1).float() for part in (images, noise, noisy))
    found = torch.linalg.lstsq(torch.stack([images, noise], dim=2), noisy[..., None]).solution[..., 0]
    signal, spread = (share[:, None, None, None] for share in found.unbind(1))
    return signal, spread


def cleaned(images: Tensor, shares: tuple[Tensor, Tensor], noisy: Tensor, predicted: Tensor) -> dict[str, Tensor]:
    """Return rows of pictures at growing noise, and what is left when the predicted noise is taken out of them."""
    half = len(images) // 2  # up to the middle: little is left after that
    chosen = torch.arange(0, half + 1, max(1, half // SHOWN_LEVELS))
    images, signal, spread, noisy, predicted = (
        part[chosen].detach().float() for part in (images, *shares, noisy, predicted)
    )
    return {"pictures": images, "noised": noisy, "cleaned": (noisy - spread * predicted) / signal}


def _refuse(options: Mapping[str, Any]) -> str:
    for name in ("distance", "few_distance"):
        if options[name] not in DISTANCES:
            return f"{name} is one of {', '.join(DISTANCES)}, not {options[name]!r}"
    if options["parametrisation"] not in PARAMETRISATIONS:
        return f"parametrisation is {' or '.join(PARAMETRISATIONS)}, not {options['parametrisation']!r}"
    if options["few_distance"] == "huber":
        return "few_distance is squared or absolute"
    if options["few"].batch % options["few_pictures"]:
        return "few.batch must be a multiple of few_pictures"
    return ""


diffusion_training = Contract(
    concept="diffusion_training",
    version=1,
    inputs=(),
    optional={"model": None},
    public=(a_few_pictures_are_learned_by_heart,),
    options={
        "schedule": None,
        "first_time": 0,
        "parametrisation": "eps",
        "pictures": None,
        "network": None,
        "training": None,
        "error_below": None,
        "distance": "squared",
        "samples_below": None,
        "few": None,
        "few_below": None,
        "few_distance": "squared",
        "few_pictures": 8,
        "few_timesteps": None,
        "copies": 4,
    },
    required=("schedule", "pictures", "network", "training", "error_below", "few", "few_below"),
    refuse=_refuse,
)
"""``(model) -> Diffusion``: a network, which is lent by the grader, or the assignment's own where none is given, with
the loss that it learns from.

``network()`` makes the grader's, and is called on the grader's side alone (`ours`); ``pictures(generator, held_out)``
gives images for training, or held-out ones; ``schedule`` (`noise_schedule`) says how they are noised, at times that
count from ``first_time``. The network predicts the noise ("eps"), or by another ``parametrisation`` the velocity ("v",
sqrt(alpha-bar) noise - sqrt(1 - alpha-bar) image). ``training`` (`Training`) says how the grader trains, ``few`` how a
network of the assignment learns ``few_pictures`` pictures. The rates are the highest of a one-cycle schedule, and the
rate itself, respectively.

On held-out images, the error of what is predicted, noise or velocities (mean "squared", "absolute" or "huber"
``distance``), must be the part ``error_below`` of that of the best denoiser that knows mean and variance of every pixel
alone, or less; and the energy distance of samples, the part ``samples_below`` of that of pure noise, if it is given.
The error of the few pictures, in ``copies`` with other noise, must be ``few_below`` or less, by ``few_distance``;
predicting 0 always gives 1 if squared, 0.8 if absolute. There the diffusion may have another number of steps,
``few_timesteps``.
"""
