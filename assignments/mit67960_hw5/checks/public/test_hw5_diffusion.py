"""Questions 8 and 11, with a model whose prediction is known; numbers are stored here. T is 200."""

from __future__ import annotations

import math

import numpy as np
import torch

from autograder.checks import (
    AffineNoise,
    CheckFailed,
    Reduction,
    assert_close,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    is_remote,
    item,
    lend,
    substitute,
    teach,
)
from autograder.checks.describing import describe_type
from autograder.checks.normality import Unit
from autograder.concepts.forward_noising import LinearSchedule, forward_noising
from autograder.concepts.gaussian_kl import gaussian_kl

T = 200
# Computed in float64. At each index an image is multiplied by SIGNAL, noise by SPREAD.
INDICES = (0, 1, 4, 49, 120, 199)
SIGNAL = (0.999749969, 0.999249969, 0.996253593, 0.725084411, 0.152012213, 0.0055062121)
SPREAD = (0.0223606798, 0.038723378, 0.0864799289, 0.688660001, 0.988378615, 0.999984841)
# Some betas, by index, of schedules of 40 and of 200 steps.
BETAS = {
    40: {0: 0.0025, 1: 0.0152564103, 10: 0.130064103, 39: 0.5},
    200: {0: 0.0005, 1: 0.001, 100: 0.0505, 199: 0.1},
}
# One reverse step, for a prediction of 2 everywhere: by index, pairs of a pixel before and the mean after it.
STEPS = {
    1: ((0.8, 0.74872607), (-1.3, -1.35232472)),
    20: ((0.8, 0.740421219), (-1.3, -1.37069137)),
    120: ((0.8, 0.699053544), (-1.3, -1.46750736)),
    199: ((0.8, 0.632452336), (-1.3, -1.58114203)),
}
STD = {1: 0.0182604622, 20: 0.0979460175, 120: 0.245780072, 199: 0.316227233}
LAST_STEP = ((0.8, 0.755467531), (-1.3, -1.34505767))


def some_images(batch, channels, size, seed=0):
    """Images (batch, channels, size, size) with values in [-1, 1]."""
    return torch.rand(batch, channels, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def some_noise(batch, channels, size, seed=0):
    """Noise (batch, channels, size, size)."""
    return torch.randn(batch, channels, size, size, generator=torch.Generator().manual_seed(seed + 1))


def scaled(factors, images):
    """Multiply each image by its own factor, in float64."""
    return torch.einsum("b,bchw->bchw", torch.as_tensor(factors, dtype=torch.float64), images.double())


# q8.kl


def number(value):
    """One number, as a tensor of shape ()."""
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(np.array(value))
    if isinstance(value, torch.Tensor):
        return value.reshape(()) if value.shape == (1,) else value
    return torch.tensor(value, dtype=torch.float64) if type(value) is float else value


@gaussian_kl(
    "q8.kl",
    call="kl_to_standard_normal(x0, alpha_bar)",
    isotropic=True,
    over_rows=Reduction.SUM,
    gradients=False,
)
def test_kl_to_standard_normal(hw5, mean, logvar):
    alpha_bar = -torch.expm1(logvar[0, 0])
    return number(hw5.kl_to_standard_normal(mean[0] / alpha_bar.sqrt(), alpha_bar))


# q11.diffusion.linear_beta_schedule


@item("q11.diffusion.linear_beta_schedule", weight=1)
def test_betas_of_40_and_of_200_steps(hw5):
    """There are T betas at equal distances; the first, the second, one in the middle and the last are stored here."""
    for timesteps, known in BETAS.items():
        name = f"linear_beta_schedule({timesteps})"
        betas = assert_tensor(hw5.linear_beta_schedule(timesteps), shape=(timesteps,), name=name)
        due = torch.tensor(list(known.values()), dtype=torch.float64)
        assert_close(betas[list(known)], due, name=f"{name} at the indices {list(known)}", scale=0.0)
        steps = ((due[-1] - due[0]) / (timesteps - 1)).expand(timesteps - 1)
        assert_close(betas.double().diff(), steps, name=f"the distance of neighbours in {name}", scale=0.5)


# q11.diffusion.q_sample

STORED = {index: [(signal, spread)] for index, signal, spread in zip(INDICES, SIGNAL, SPREAD, strict=True)}


@forward_noising(
    "q11.diffusion.q_sample",
    call="q_sample(x_0, t, noise)",
    schedule=LinearSchedule(5e-4, 0.1, 200),
    stored=STORED,
    channels=2,
)
def test_q_sample(hw5, x_0, t, noise):
    return hw5.q_sample(x_0, t) if noise is None else hw5.q_sample(x_0, t, noise)


# q11.diffusion.p_losses


@item("q11.diffusion.p_losses", weight=1)
def test_the_price_of_a_known_error(hw5):
    """A model that always predicts 0.5 pays the mean squared distance of the noise from 0.5; its gradient arrives."""
    images, noise, t = some_images(6, 2, 6), some_noise(6, 2, 6), torch.tensor(INDICES)
    for bias in (0.5, -2.0):
        predictor = AffineNoise(0.0, 0.0, bias)
        loss = hw5.p_losses(predictor.lent, images, t, noise)
        assert_close(loss, (noise.double() - bias).square().mean(), name=f"the loss of a model that predicts {bias}")
        assert_times(predictor, t)
        (arriving,) = teach(loss, [predictor.bias])
        if arriving is None:
            raise CheckFailed("no gradient of the loss reaches the model")
        due = 2 * (bias - noise.double()).mean()
        assert_close(arriving, due, name="the gradient of the loss with respect to the prediction", scale=1.0)


@item("q11.diffusion.p_losses", weight=1)
def test_the_noise_to_predict_is_the_noise_that_was_added(hw5):
    """Without noise given, p_losses draws its own: standard normal, new at every call, the same in x_t and the loss."""
    images, t, draws = some_images(6, 1, 24), torch.tensor(INDICES).clamp_min(4), []
    spread, signal = (torch.tensor(table, dtype=torch.float64) for table in (SPREAD, SIGNAL))
    rows = torch.tensor([2, 2, 2, 3, 4, 5])  # of INDICES: early on, float32 does not know the noise well
    for _ in range(2):
        predictor = AffineNoise(0.0, 0.0, 0.25)
        loss = assert_tensor(hw5.p_losses(predictor.lent, images, t), shape=(), name="p_losses(model, x_0, t)")
        x_t = assert_times(predictor, t)
        noise = scaled(1 / spread[rows], x_t - scaled(signal[rows], images))
        assert_close(loss, (noise - 0.25).square().mean(), name="the loss, next to the noise that went into x_t,")
        draws.append(noise)
    assert_standard_normal(draws[0], name="the noise that p_losses draws")
    assert_independent(*draws, name="the noise of two calls of p_losses")


def assert_times(predictor, t):
    """Raise `CheckFailed` unless the model was asked about the times that were given; return the images it saw."""
    images = predictor.asked_last(t)
    if images is None:
        raise CheckFailed("the model must be asked about the time indices t as they are, one for each image")
    return images


# q11.diffusion.p_sample

SIZE, EFFECTS = 42, {"mean_effect": 0.2, "std_effect": 1.2, "unit": Unit.ROW}
"""Of each image 2 * 42 * 42 = 3528 entries: a mean off by 0.2 and a standard deviation off by a fifth are seen."""


@item("q11.diffusion.p_sample", weight=1)
def test_the_last_step_adds_no_noise(hw5):
    """At index 0 the result is the mean of question 9, and nothing is random."""
    t = torch.zeros(3).long()
    for before, after in LAST_STEP:
        images = torch.full((3, 2, 6, 6), before)
        got = hw5.p_sample(AffineNoise(0.0, 0.0, 2.0).lent, images, t, 0)
        name = f"the result at index 0 for pixels of {before} and a predicted noise of 2"
        assert_close(got, torch.full(images.shape, after), name=name, scale=4.0)


@item("q11.diffusion.p_sample", weight=1)
def test_other_steps_add_noise_to_the_mean(hw5):
    """At index 1, 20, 120 and 199 mean and spread are right, and the noise is fresh for every pixel and call."""
    rounds = []
    for _ in range(2):
        steps = []
        for index, rows in STEPS.items():
            predictor, t = AffineNoise(0.0, 0.0, 2.0), torch.full((len(rows),), index)
            images = torch.tensor([row[0] for row in rows]).reshape(-1, 1, 1, 1).expand(-1, 2, SIZE, SIZE).clone()
            step = assert_tensor(hw5.p_sample(predictor.lent, images, t, index), shape=images.shape, name="p_sample")
            assert_times(predictor, t)
            due = torch.tensor([row[1] for row in rows]).reshape(-1, 1, 1, 1)
            steps.append((step.double() - due) / STD[index])
        rounds.append(torch.cat(steps))
    name = "the noise that is added (two images each at index 1, 20, 120, 199)"
    assert_standard_normal(rounds[0], name=name, **EFFECTS)
    assert_independent(*rounds, name="the noise of two calls")


# q11.diffusion.p_sample_loop


def stages_of(result, shape):
    """All stages of the reverse process, (T + 1, *shape), x_T first."""
    if type(result) in (list, tuple) and all(isinstance(part, (torch.Tensor, np.ndarray)) for part in result):
        parts = [part if isinstance(part, torch.Tensor) else torch.from_numpy(np.array(part)) for part in result]
        if {tuple(part.shape) for part in parts} == {tuple(shape)}:
            result = torch.stack(parts)
    if isinstance(result, np.ndarray):
        result = torch.from_numpy(np.array(result))
    if is_remote(result) or not isinstance(result, torch.Tensor):
        kind = "an object" if is_remote(result) else describe_type(result)
        raise CheckFailed(f"p_sample_loop must return all stages as one tensor, not {kind}", got=kind)
    return assert_tensor(result, shape=(T + 1, *shape), name="what p_sample_loop returns").detach()


class KnownStep:
    """A step back that is the grader's own, in the place of your p_sample; it writes down what it is asked.

    It takes no chance, needs no model, and differs for every index. ``calls`` has the images, t, t_index and the answer
    of each call; where t_index was not given, the first of t.
    """

    def __init__(self, shape, kept=0.8, frequency=1.7):
        self.shape, self.kept, self.frequency = tuple(shape), kept, frequency
        self.calls = []
        self.lent = lend(self)

    def __call__(self, *args, **kwargs):
        """Answer a call of p_sample(model, x, t, t_index), by whatever names; raise `TypeError` for anything else."""
        given = [*args, *kwargs.values()]
        x = next((value for value in given if isinstance(value, torch.Tensor) and value.shape == self.shape), None)
        t = next((value for value in given if isinstance(value, torch.Tensor) and value.shape == self.shape[:1]), None)
        if x is None or t is None or not any(is_remote(value) for value in given):
            raise TypeError("p_sample(model, x, t, t_index) needs a model, images of the shape asked for, and t (B,)")
        if len(self.calls) > T:
            raise TypeError(f"p_sample was asked more than {T} times")
        others = [value for value in given if value is not x and value is not t]
        index = next((int(value) for value in others if is_index(value)), int(t[0]))
        phase = torch.sin(self.frequency * t.double() + 1).reshape(-1, *[1] * (x.ndim - 1))
        after = (self.kept * x.double() + 0.3 * phase + 0.3 * math.sin(2.3 * index + 2)).to(x.dtype)
        self.calls.append((x.clone(), t.tolist(), index, after.clone()))
        return after


def is_index(value):
    """Whether a value is one whole number."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return value.ndim == 0
    return type(value) is int


def looped(hw5, shape, predictor, step):
    """All stages of p_sample_loop, in which the grader's step takes the place of yours."""
    substitute(hw5.p_sample, step.lent)
    return stages_of(hw5.p_sample_loop(predictor.lent, shape), shape)


def assert_chained(stages, step):
    """Raise `CheckFailed` unless the grader's step was asked for each index once, about the stage before it."""
    batch = stages.shape[1]
    asked = [(times, index) for _, times, index, _ in step.calls]
    if asked != [([index] * batch, index) for index in reversed(range(T))]:
        found = ", ".join(f"({times[0]}, {index})" for times, index in asked[:3])
        raise CheckFailed(
            "p_sample must be asked about every index once, from 199 to 0, for all images",
            expected="(t, t_index) = (199, 199), (198, 198), ..., (0, 0)",
            got=f"{len(asked)} calls, (t, t_index) = {found}, ...",
        )
    for number, (before, _, index, after) in enumerate(step.calls):
        assert_close(stages[number], before.double(), name=f"x_{index + 1}, next to what p_sample got,", scale=1.0)
        assert_close(stages[number + 1], after.double(), name=f"x_{index}, next to what p_sample gave,", scale=1.0)


LOOP_SHAPE = (3, 2, 24, 24)
"""3456 entries for each index that is judged by itself."""
LOOP_EFFECTS = {"mean_effect": 0.25, "std_effect": 1.25, "unit": Unit.ROW}


@item("q11.diffusion.p_sample_loop", weight=1)
def test_every_stage_follows_from_the_one_before(hw5):
    """p_sample_loop goes through all 200 steps in order, from index 199 to 0, and returns x_200, x_199, ..., x_0.

    A known step takes the place of your p_sample. A loop without it asks a known model, and some steps are judged.
    """
    predictor, step = AffineNoise(0.0, 0.0, 2.0), KnownStep(LOOP_SHAPE)
    stages = looped(hw5, LOOP_SHAPE, predictor, step)
    if step.calls or not predictor.times:
        return assert_chained(stages, step)
    assert_asked(predictor, stages)
    noise = []
    for index in STEPS:
        before, after = stages[T - 1 - index], stages[T - index]
        noise.append((after.double() - line(STEPS[index], before)) / STD[index])
    name = "the noise of the steps at index 1, 20, 120, 199"
    assert_standard_normal(torch.stack(noise), name=name, **LOOP_EFFECTS)
    return assert_close(stages[T], line(LAST_STEP, stages[T - 1]), name="x_0, next to a last step from x_1,", scale=4.0)


def line(pairs, x):
    """What the line through two pairs of a pixel before and after makes of images."""
    (first, low), (second, high) = pairs
    return low + (x.double() - first) * (high - low) / (second - first)


def assert_asked(predictor, stages):
    """Raise `CheckFailed` unless the model saw every stage but the last, at its own time."""
    batch = stages.shape[1]
    if [t.tolist() for t in predictor.times] != [[index] * batch for index in reversed(range(T))]:
        asked = [t.tolist()[0] for t in predictor.times]
        raise CheckFailed(
            "the model must be asked about every index once, from 199 to 0, for all images",
            expected="t = 199, 198, ..., 0",
            got=f"{len(asked)} calls, t = {', '.join(map(str, asked[:3]))}, ..., {asked[-1]}",
        )
    for number, (before, stage) in enumerate(zip(predictor.images, stages[:-1], strict=True)):
        assert_close(stage, before.double(), name=f"stage {number}, next to what the model saw there,", scale=1.0)


@item("q11.diffusion.p_sample_loop", weight=0.5)
def test_the_first_stage_is_fresh_noise(hw5):
    """The first stage, x_200, is standard normal noise of the shape that was asked for, and new at every call."""
    starts, shape = [], (4, 1, 20, 18)
    for _ in range(2):
        starts.append(looped(hw5, shape, AffineNoise(0.1, 0.0, -0.2), KnownStep(shape))[0])
    assert_standard_normal(starts[0], name="x_200", mean_effect=0.3, std_effect=1.3)
    assert_independent(*starts, name="x_200 in two calls")
