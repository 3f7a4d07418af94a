"""A reverse step: from x_t to the state before it, with a model that predicts the noise (p_sample).

Ho, Jain and Abbeel, Denoising Diffusion Probabilistic Models (2020), Algorithm 2. Every solver that asks the model once
for each step has this contract: its rule says which mean and which standard deviation a step has.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from autograder.checks import (
    AffineNoise,
    CheckFailed,
    Contract,
    NoisePredictor,
    Subject,
    Unit,
    assert_close,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    prop,
)
from autograder.concepts.noise_schedule import CosineSchedule, LinearSchedule

ENTRIES = 3600
"""Numbers of each image in checks of random ones: with two images, enough to see at each of 8 times by itself a mean
off by .2 and a standard deviation off by a fifth."""


@dataclass(frozen=True)
class AncestralStep:
    """The rule of Algorithm 2: the posterior's mean for the predicted noise, and fresh noise, but not in the last step.

    ``variance`` is that of the posterior or beta (section 3.2); ``clamp`` the range to which the estimate of x_0 is
    clamped, None where it is not; ``first_time`` what the assignment calls the time of the last step.
    """

    schedule: LinearSchedule | CosineSchedule
    variance: Literal["posterior", "beta"] = "posterior"
    clamp: tuple[float, float] | None = None
    first_time: int = 0

    def __post_init__(self) -> None:
        if self.variance not in ("posterior", "beta"):
            raise ValueError(f"variance is 'posterior' or 'beta', not {self.variance!r}")
        if self.clamp is not None and not self.clamp[0] < self.clamp[1]:
            raise ValueError(f"clamp is a range (low, high), not {self.clamp!r}")


@dataclass(frozen=True)
class StoredStep:
    """Some numbers of one step: what images of one constant each become where the model predicts the same everywhere.

    ``means`` has for the pixels before the step those of the mean after it, computed in float64; ``std`` is the
    standard deviation of the noise that is added, 0 where there is none. ``where`` is for messages: what is special
    about these numbers, as in "the estimates of x_0 are 3 and -2".
    """

    t: float
    prediction: float
    means: Mapping[float, float]
    std: float = 0.0
    where: str = ""


def size_of(example: Sequence[int | None], entries: int) -> tuple[int, tuple[int, ...]]:
    """Return how many examples of which shape have so many entries; free sizes (None) grow, so that one may do."""
    free, fixed = list(example).count(None), math.prod(size or 1 for size in example)
    side = math.ceil((entries / fixed) ** (1 / free)) if free else 0
    shape = tuple(size or side for size in example)
    return math.ceil(entries / math.prod(shape)), shape


def constant_images(pixels: Sequence[float], example: Sequence[int | None], entries: int) -> Tensor:
    """Images of one constant each, float32; several of each where one has too few entries."""
    repeats, shape = size_of(example, entries)
    values = torch.tensor(list(pixels), dtype=torch.float32).repeat_interleave(repeats)
    return values.reshape(-1, *[1] * len(shape)).expand(-1, *shape).contiguous()


def assert_asked(step: Subject, model: NoisePredictor, images: Tensor, t: float) -> None:
    """Raise `CheckFailed` unless the model was asked about these images at this time, one entry for each."""
    called, named = step.words("{function}"), step.names["t"]
    if not model.times or any(time != t for time in model.times[-1].tolist()):
        raise CheckFailed(
            f"{called} at {named} = {t:g} must ask the model about that time, with one entry for each image",
            expected=f"model(x, t) with t = {t:g} everywhere",
            got=f"t = {sorted(set(model.times[-1].tolist()))}" if model.times else "the model was not called",
        )
    name = f"what the model gets as x at {named} = {t:g}, next to what {called} got,"
    assert_close(model.images[-1], images, name=name, scale=1.0)


@prop(weight=1)
def a_step_without_noise_is_exact(step: Subject) -> None:
    """Where no noise is to be added, as in the last step, the result is the mean alone, whatever the images are."""
    for stored in step.options["stored"]:
        if stored.std == 0:
            images = constant_images(list(stored.means), step.options["example"], 60)
            expected = constant_images(list(stored.means.values()), step.options["example"], 60).double()
            model = step.options["model"](0.0, 0.0, stored.prediction)
            got = step(model.exposed, images, stored.t)
            pixels = " and ".join(f"{pixel:g}" for pixel in stored.means)
            name = f"the result at {step.names['t']} = {stored.t:g} for pixels of {pixels} and a prediction of"
            name += f" {stored.prediction:g}" + (f", where {stored.where}," if stored.where else "")
            scale = step.options["rounding"] * (images.abs() + expected.abs())
            assert_close(got, expected, name=name, scale=scale)
            assert_asked(step, model, images, stored.t)


@prop(weight=1, needs="noisy")
def noise_is_added_to_the_mean(step: Subject) -> None:
    """In all other steps mean and spread are those of the time, with fresh noise for each image, pixel and call."""
    noisy = [stored for stored in step.options["stored"] if stored.std > 0]
    rounds = []
    for _ in range(2):
        noise = []
        for stored in noisy:
            images = constant_images(list(stored.means), step.options["example"], ENTRIES)
            means = constant_images(list(stored.means.values()), step.options["example"], ENTRIES)
            model = step.options["model"](0.0, 0.0, stored.prediction)
            result = assert_tensor(step(model.exposed, images, stored.t), shape=images.shape).detach()
            assert_asked(step, model, images, stored.t)
            noise.append((result.double() - means.double()) / stored.std)
        rounds.append(torch.stack(noise))
    times = ", ".join(f"{stored.t:g}" for stored in noisy)
    name = f"the noise that is added (rows: {step.names['t']} = {times})"
    assert_standard_normal(rounds[0], name=name, mean_effect=0.2, std_effect=1.2, unit=Unit.ROW)
    assert_independent(*rounds, name="the noise of two calls")


def refused(options: Mapping[str, Any]) -> str:
    """What is wrong with the options of an assignment."""
    stored = options["stored"]
    if not stored or not all(isinstance(step, StoredStep) and step.means and step.std >= 0 for step in stored):
        return "stored must hold instances of StoredStep with pixels and a std of 0 or more"
    noisy = {len(step.means) for step in stored if step.std > 0}
    if len(noisy) != options["noisy"]:
        return "stored steps with noise must have equally many pixels; there are none if not noisy"
    return ""


reverse_step = Contract(
    concept="reverse_step",
    version=1,
    inputs=("model", "x", "t"),
    public=(a_step_without_noise_is_exact, noise_is_added_to_the_mean),
    options={
        "rule": None,
        "stored": (),
        "model": AffineNoise,
        "example": (3, None, None),
        "rounding": 1.0,
        "noisy": True,
        "gradient_free": False,
    },
    required=("rule", "stored"),
    refuse=refused,
)
"""``(model, x, t) -> x`` at the step before, for examples (batch, ...) at one time, a plain number as the assignment
counts; the adapter makes of it what its function takes.

``rule`` says which step it is (`AncestralStep`), and ``stored`` has numbers of some steps (`StoredStep`), the last one
among them; those with noise have equally many pixels. ``model`` makes a known model from gain, tilt and bias
(`AffineNoise`, or a `partial` of it); the function gets it as the assignment calls it, ``model(x, t)`` with times
(batch,). ``example`` is the shape of one example, None for sizes that may be any. ``rounding`` is what a right function
loses in float32 in a mean, in units of `assert_close`'s tolerance: about 2**-9 / (1 - alpha-bar) at the first index.
``noisy`` is false for rules that never add noise, and ``gradient_free`` true where no graph may be kept.
"""
