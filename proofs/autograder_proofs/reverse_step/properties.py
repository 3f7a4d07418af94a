"""Means and noise of reverse steps against float64 truths, with models whose prediction is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from hypothesis import strategies as st
from torch import Tensor

from autograder.checks import (
    CheckFailed,
    NoisePredictor,
    Subject,
    Unit,
    assert_close,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    given,
    info,
    per_image,
    prop,
    seeds,
)
from autograder.concepts.reverse_step import ENTRIES, AncestralStep, DdimStep, assert_asked, constant_images, size_of
from autograder_proofs.oracles.diffusion import (
    Tables,
    clamped_p_sample_mean,
    ddim_step,
    p_sample_mean,
    predict_start,
    start_and_noise_of_velocity,
    tables_of,
)

GAIN = 0.6
TARGETS = (0.675, 0.2, 1.75, -0.45)
"""Estimates of x_0 before they are clamped, one for each image, in parts of the range to which they are."""


@dataclass(frozen=True)
class Ancestral:
    """The truth about steps of Algorithm 2, at times as the assignment counts."""

    rule: AncestralStep
    tables: Tables

    @property
    def times(self) -> list[int]:
        """All times, in the order of sampling."""
        first = self.rule.first_time
        return [first + index for index in reversed(range(len(self.tables.betas)))]

    def _index(self, t: float) -> int:
        return int(t) - self.rule.first_time

    def mean(self, x: Tensor, t: float, prediction: Tensor) -> Tensor:
        """The mean of the step from examples at a time (eq. 11; eq. 7 where the estimate of x_0 is clamped)."""
        indices = torch.full((len(x),), self._index(t))
        if self.rule.clamp is None:
            return p_sample_mean(self.tables, x, indices, prediction)
        return clamped_p_sample_mean(self.tables, x, indices, prediction, *self.rule.clamp)

    @cached_property
    def _stds(self) -> list[float]:
        variances = self.tables.betas if self.rule.variance == "beta" else self.tables.posterior_variance
        return [0.0, *variances[1:].sqrt().tolist()]

    def std(self, t: float) -> float:
        """The standard deviation of the noise that is added; 0 in the last step (Algorithm 2)."""
        return self._stds[self._index(t)]

    def share(self, t: float) -> float:
        """By how much the mean falls where the prediction grows by 1, before anything is clamped."""
        index = self._index(t)
        tables = self.tables
        return float(
            tables.sqrt_recip_alphas[index] * tables.betas[index] / tables.sqrt_one_minus_alphas_cumprod[index]
        )

    def images_of(self, targets: Tensor, t: float, prediction: float) -> Tensor:
        """The x_t whose estimates of x_0 are these (eq. 4)."""
        index = self._index(t)
        signal, spread = self.tables.sqrt_alphas_cumprod[index], self.tables.sqrt_one_minus_alphas_cumprod[index]
        return signal * targets.double() + spread * prediction


@dataclass(frozen=True)
class Ddim:
    """The truth about steps of DDIM without noise, at times as the assignment counts."""

    rule: DdimStep
    tables: Tables

    @property
    def times(self) -> list[int]:
        """All times, in the order of sampling."""
        first = self.rule.first_time
        return [first + index for index in reversed(range(len(self.tables.betas)))]

    def mean(self, x: Tensor, t: float, prediction: Tensor) -> Tensor:
        """The state before the one at a time."""
        indices = torch.full((len(x),), int(t) - self.rule.first_time)
        if self.rule.parametrisation == "v":
            start, noise = start_and_noise_of_velocity(self.tables, x, indices, prediction)
        else:
            start, noise = predict_start(self.tables, x, indices, prediction), prediction
        return ddim_step(self.tables, indices, start, noise)

    def std(self, t: float) -> float:
        """No noise is added."""
        return 0.0

    def share(self, t: float) -> float:
        """By how much the mean falls where the prediction grows by 1."""
        one = torch.ones(1, 1, dtype=torch.float64)
        return -float(self.mean(0 * one, t, one))


Truth = Ancestral | Ddim


@lru_cache(maxsize=16)
def truth_of(rule: AncestralStep | DdimStep) -> Truth:
    """The truth about the steps of a rule."""
    tables = tables_of(rule.schedule)
    return Ancestral(rule, tables) if isinstance(rule, AncestralStep) else Ddim(rule, tables)


def predicted(model: NoisePredictor, x: Tensor, t: float) -> Tensor:
    """What a known model predicts, float64."""
    return model.predict(x.double(), per_image(torch.full((len(x),), t), x)).detach()


def some_images(step: Subject, batch: int, entries: int, seed: int) -> Tensor:
    """Standard normal examples (batch, ...); more of them where one has too few entries."""
    repeats, shape = size_of(step.options["example"], entries)
    return torch.randn(batch * repeats, *shape, generator=torch.Generator().manual_seed(seed))


def spread_out(times: list[int]) -> list[int]:
    """At most six of these times: two at each end and two in between."""
    last = len(times) - 1
    return [times[place] for place in sorted({0, 1, last // 3, 2 * last // 3, last - 1, last} & set(range(last + 1)))]


def assert_exact(step: Subject, truth: Truth, x: Tensor, t: int) -> None:
    """Raise `CheckFailed` unless a step without noise gives the mean, twice.

    The bias of the model moves the mean by 0.3.
    """
    model = step.options["model"](GAIN, 0.1, -0.3 / truth.share(t))
    expected = truth.mean(x, t, predicted(model, x, t))
    for _ in range(2):
        scale = step.options["rounding"] * (x.abs() + expected.abs())
        assert_close(step(model.exposed, x, t), expected, name=f"the result at {step.names['t']} = {t}", scale=scale)


@prop(weight=1)
@given(examples=12, seed=seeds(), batch=st.integers(2, 4), spread=st.sampled_from([0.3, 1.0, 3.0]))
def the_mean_of_a_step_without_noise(step: Subject, seed: int, batch: int, spread: float) -> None:
    """Where no noise is to be added, the result follows from the images and the prediction alone."""
    truth = truth_of(step.options["rule"])
    exact = [t for t in truth.times if truth.std(t) == 0]
    x = spread * some_images(step, batch, 60, seed)
    for t in {exact[-1], exact[seed % len(exact)]}:
        assert_exact(step, truth, x, t)


def problem(step: Subject, truth: Ancestral, t: int, seed: int) -> tuple[NoisePredictor, Tensor]:
    """A model and images at a time, for which any wrong share of either moves the mean by much of the noise.

    The image makes 35 and the prediction 25 of the noise's standard deviations, and the time before or after it makes 3
    more or less. Where the estimate of x_0 is clamped, some images lead out of the range.
    """
    clamp, std = step.options["rule"].clamp, truth.std(t)
    if clamp is None:
        unit = std / truth.share(t)
        return (
            step.options["model"](GAIN, 3 * unit, (25 - 3 * t) * unit),
            some_images(step, 2, ENTRIES, seed) + 35 * std,
        )
    targets = clamp[0] + (clamp[1] - clamp[0]) * constant_images(TARGETS, step.options["example"], ENTRIES).double()
    prediction = 3 + 6 * truth.times.index(t) / len(truth.times)
    return step.options["model"](0.0, 0.5, prediction - 0.5 * t), truth.images_of(targets, t, prediction).float()


@prop(weight=1.5, needs="noisy")
def mean_and_noise_at_other_times(step: Subject) -> None:
    """In all other steps mean and variance are those of the time, and the noise is fresh for each image and call."""
    truth = truth_of(step.options["rule"])
    assert isinstance(truth, Ancestral)  # the contract refuses noise for the other rules
    times, rounds = spread_out([t for t in truth.times if truth.std(t) > 0]), []
    for _ in range(2):
        noise = []
        for seed, t in enumerate(times):
            model, x = problem(step, truth, t, seed)
            result = assert_tensor(step(model.exposed, x, t), shape=x.shape).detach()
            assert_asked(step, model, x, t)
            noise.append((result.double() - truth.mean(x, t, predicted(model, x, t))) / truth.std(t))
        rounds.append(torch.stack(noise))
    assert_standard_normal(rounds[0], name="the noise that is added", mean_effect=0.15, std_effect=1.15, unit=Unit.ROW)
    assert_independent(*rounds)


@prop(weight=0.75, needs="gradient_free")
def no_gradient_is_kept(step: Subject) -> None:
    """A reverse step remembers no graph: a thousand of them must fit into memory."""
    truth = truth_of(step.options["rule"])
    x = some_images(step, 3, 40, 5).requires_grad_()
    for t in (truth.times[0], truth.times[-1]):
        result = assert_tensor(step(step.options["model"](GAIN, 0.1, -1.0).exposed, x, t), shape=x.shape)
        if info(result).requires_grad:
            raise CheckFailed(
                f"the result of {step.words('{function}')} requires a gradient: switch gradients off for sampling"
            )
    assert_exact(step, truth, x.detach(), t)


HIDDEN = (the_mean_of_a_step_without_noise, mean_and_noise_at_other_times, no_gradient_is_kept)
