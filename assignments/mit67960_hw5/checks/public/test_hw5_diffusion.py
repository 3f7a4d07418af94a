"""Questions 8 and 11, with a model whose prediction is known; numbers are stored here. T is 200."""

from __future__ import annotations

import numpy as np
import torch

from autograder.checks import (
    CheckFailed,
    DiagonalGaussian,
    assert_close,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    fetch,
    gradients,
    is_remote,
    item,
)
from autograder.checks.describing import describe_type
from autograder.checks.normality import Unit

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


@item("q8.kl", weight=1)
def test_the_divergence_is_a_mean_of_log_ratios(hw5):
    """The KL divergence is the Monte-Carlo mean of log q(x_T|x_0) - log p(x_T); the noise leaves no error in it."""
    for d, alpha_bar in ((3, 0.6), (7, 0.25)):
        x0 = torch.randn(d, generator=torch.Generator().manual_seed(d))
        level = torch.tensor(alpha_bar)
        q = DiagonalGaussian((level.sqrt() * x0)[None], torch.log1p(-level).expand(1, d).clone())
        due = q.log_ratio_to_standard_normal.mean(0)[0]
        assert_close(number(hw5.kl_to_standard_normal(x0, level)), due, name="the divergence", scale=float(d))


# q11.diffusion.linear_beta_schedule


@item("q11.diffusion.linear_beta_schedule", weight=1)
def test_betas_of_40_and_of_200_steps(hw5):
    """There are T betas at equal distances; the first, the second, one in the middle and the last are stored here."""
    for timesteps, known in BETAS.items():
        name = f"linear_beta_schedule({timesteps})"
        betas = assert_tensor(hw5.linear_beta_schedule(timesteps), shape=(timesteps,), name=name)
        due = torch.tensor(list(known.values()), dtype=torch.float64)
        assert_close(betas[list(known)], due, name=f"{name} at the indices {list(known)}", scale=0.0)
        steps = betas.double().diff()
        assert_close(steps, steps.mean().expand(timesteps - 1), name=f"the distance of neighbours in {name}", scale=0.5)


# q11.diffusion.q_sample


@item("q11.diffusion.q_sample", weight=1)
def test_image_and_noise_have_their_own_factor(hw5):
    """The image's share and the noise's share are right at each time index, and they add up."""
    images, noise, t = some_images(6, 2, 6), some_noise(6, 2, 6), torch.tensor(INDICES)
    nothing = torch.zeros_like(images)
    of_images = hw5.q_sample(images, t, nothing)
    assert_close(of_images, scaled(SIGNAL, images), name="the image's share (noise of zeros)")
    assert_close(hw5.q_sample(nothing, t, noise), scaled(SPREAD, noise), name="the noise's share (images of zeros)")
    due = scaled(SIGNAL, images) + scaled(SPREAD, noise)
    assert_close(hw5.q_sample(images, t, noise), due, name="the result for images and noise")


@item("q11.diffusion.q_sample", weight=0.5)
def test_noise_is_drawn_where_none_is_given(hw5):
    """q_sample(x_0, t) without noise adds standard normal noise of its own, for every pixel and at every call."""
    images, t, draws = some_images(6, 1, 24), torch.tensor(INDICES), []
    for _ in range(2):
        x_t = assert_tensor(hw5.q_sample(images, t), shape=images.shape, name="q_sample(x_0, t)")
        draws.append(scaled([1 / spread for spread in SPREAD], x_t - scaled(SIGNAL, images)))
    assert_standard_normal(draws[0], name="the noise that q_sample draws")
    assert_independent(*draws, name="the noise of two calls of q_sample")


# q11.diffusion.p_losses


@item("q11.diffusion.p_losses", weight=1)
def test_the_price_of_a_known_error(hw5, hw5_probes):
    """A model that always predicts 0.5 pays the mean squared distance of the noise from 0.5; its gradient arrives."""
    images, noise, t = some_images(6, 2, 6), some_noise(6, 2, 6), torch.tensor(INDICES)
    for bias in (0.5, -2.0):
        predictor = hw5_probes.NoisePredictor(0.0, 0.0, bias)
        loss = hw5.p_losses(predictor, images, t, noise)
        assert_close(loss, (noise.double() - bias).square().mean(), name=f"the loss of a model that predicts {bias}")
        assert_times(predictor, t)
        arriving = gradients(loss, [fetch(predictor.bias)])[0]
        if arriving is None:
            raise CheckFailed("no gradient of the loss reaches the model")
        due = 2 * (bias - noise.double()).mean()
        assert_close(arriving, due, name="the gradient of the loss with respect to the prediction", scale=1.0)


@item("q11.diffusion.p_losses", weight=1)
def test_the_noise_to_predict_is_the_noise_that_was_added(hw5, hw5_probes):
    """Without noise given, p_losses draws its own: standard normal, new at every call, the same in x_t and the loss."""
    images, t, draws = some_images(6, 1, 24), torch.tensor(INDICES).clamp_min(4), []
    spread, signal = (torch.tensor(table, dtype=torch.float64) for table in (SPREAD, SIGNAL))
    rows = torch.tensor([2, 2, 2, 3, 4, 5])  # of INDICES: early on, float32 does not know the noise well
    for _ in range(2):
        predictor = hw5_probes.NoisePredictor(0.0, 0.0, 0.25)
        loss = assert_tensor(hw5.p_losses(predictor, images, t), shape=(), name="p_losses(model, x_0, t)")
        x_t = assert_times(predictor, t)
        noise = scaled(1 / spread[rows], x_t - scaled(signal[rows], images))
        assert_close(loss, (noise - 0.25).square().mean(), name="the loss, next to the noise that went into x_t,")
        draws.append(noise)
    assert_standard_normal(draws[0], name="the noise that p_losses draws")
    assert_independent(*draws, name="the noise of two calls of p_losses")


def assert_times(predictor, t):
    """Raise `CheckFailed` unless the model was asked about the times that were given; return the images it saw."""
    times, images = fetch(predictor.times), fetch(predictor.images)
    if not times or times[-1].tolist() != t.tolist():
        raise CheckFailed("the model must be asked about the time indices t as they are, one for each image")
    return images[-1]


# q11.diffusion.p_sample

SIZE, EFFECTS = 42, {"mean_effect": 0.2, "std_effect": 1.2, "unit": Unit.ROW}
"""Of each image 2 * 42 * 42 = 3528 entries: a mean off by 0.2 and a standard deviation off by a fifth are seen."""


@item("q11.diffusion.p_sample", weight=1)
def test_the_last_step_adds_no_noise(hw5, hw5_probes):
    """At index 0 the result is the mean of question 9, and nothing is random."""
    t = torch.zeros(3).long()
    for before, after in LAST_STEP:
        images = torch.full((3, 2, 6, 6), before)
        got = hw5.p_sample(hw5_probes.NoisePredictor(0.0, 0.0, 2.0), images, t, 0)
        name = f"the result at index 0 for pixels of {before} and a predicted noise of 2"
        assert_close(got, torch.full(images.shape, after), name=name, scale=4.0)


@item("q11.diffusion.p_sample", weight=1)
def test_other_steps_add_noise_to_the_mean(hw5, hw5_probes):
    """At index 1, 20, 120 and 199 mean and spread are right, and the noise is fresh for every pixel and call."""
    rounds = []
    for _ in range(2):
        steps = []
        for index, rows in STEPS.items():
            predictor, t = hw5_probes.NoisePredictor(0.0, 0.0, 2.0), torch.full((len(rows),), index)
            images = torch.tensor([row[0] for row in rows]).reshape(-1, 1, 1, 1).expand(-1, 2, SIZE, SIZE).clone()
            step = assert_tensor(hw5.p_sample(predictor, images, t, index), shape=images.shape, name="p_sample")
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


SHOWN = (0, 1, 2, 49, 50, 120, 197, 198, 199)
"""Steps of the loop that are tried again."""


@item("q11.diffusion.p_sample_loop", weight=1)
def test_every_stage_follows_from_the_one_before(hw5, hw5_probes):
    """p_sample_loop goes through all 200 steps in order, from index 199 to 0, and returns x_200, x_199, ..., x_0."""
    shape = (3, 2, 5, 6)
    predictor = hw5_probes.NoisePredictor(0.1, 0.0, -0.2)
    stages = stages_of(hw5.p_sample_loop(predictor, shape), shape)
    times, seen = fetch(predictor.times), fetch(predictor.images)
    if times:  # your own p_sample, which asks the model
        assert_asked(times, seen, stages)
        last = hw5.p_sample(predictor, stages[-2], torch.zeros(3).long(), 0)
        assert_close(stages[-1], last.double(), name="x_0, next to a last step from x_1,", scale=1.0)
        return
    if bool((stages == stages[:1]).all()):
        raise CheckFailed("all stages are the same")
    for step in SHOWN:  # the grader's p_sample, which needs no model and knows no chance
        index = T - 1 - step
        due = assert_tensor(hw5.p_sample(predictor, stages[step], torch.full((3,), index), index), shape=shape)
        assert_close(stages[step + 1], due.double(), name=f"x_{index}, next to a step from x_{index + 1},", scale=1.0)


def assert_asked(times, seen, stages):
    """Raise `CheckFailed` unless the model saw every stage but the last, at its own time."""
    batch = stages.shape[1]
    if [t.tolist() for t in times] != [[index] * batch for index in reversed(range(T))]:
        asked = [t.tolist()[0] for t in times]
        raise CheckFailed(
            "the model must be asked about every index once, from 199 to 0, for all images",
            expected="t = 199, 198, ..., 0",
            got=f"{len(asked)} calls, t = {', '.join(map(str, asked[:3]))}, ..., {asked[-1]}",
        )
    for step, (before, stage) in enumerate(zip(seen, stages[:-1], strict=True)):
        assert_close(stage, before.double(), name=f"stage {step}, next to what the model saw there,", scale=1.0)


@item("q11.diffusion.p_sample_loop", weight=0.5)
def test_the_first_stage_is_fresh_noise(hw5, hw5_probes):
    """The first stage, x_200, is standard normal noise of the shape that was asked for, and new at every call."""
    starts, shape = [], (4, 1, 20, 18)
    for _ in range(2):
        predictor = hw5_probes.NoisePredictor(0.1, 0.0, -0.2)
        starts.append(stages_of(hw5.p_sample_loop(predictor, shape), shape)[0])
    assert_standard_normal(starts[0], name="x_200", mean_effect=0.3, std_effect=1.3)
    assert_independent(*starts, name="x_200 in two calls")
