"""One step back and the whole chain, with models whose prediction is known; numbers are stored here."""

import torch

from autograder.checks import AffineNoise, CheckFailed, item
from autograder.checks.closeness import assert_close
from autograder.checks.normality import Unit, assert_independent, assert_standard_normal
from autograder.checks.tensor_assertions import assert_tensor

# At a time index, an image of constant 1 moves the mean to OF_IMAGE, a prediction of constant 1 by OF_PREDICTION; the
# noise has standard deviation STD.
OF_IMAGE = {0: 1.00005, 1: 1.00005997, 500: 1.00506825, 999: 1.01015254}
OF_PREDICTION = {0: -0.0100005, 1: -0.00808717663, 500: -0.0105287899, 999: -0.0202034586}
STD = {1: 0.00738457017, 2: 0.0092460324, 3: 0.0105185323, 500: 0.10025635, 999: 0.141421298}
# With the model of the checks of the chain, the step from noise at index 1 has mean 0 and this standard deviation.
FIRST_STD = 0.99604375
# Entries of the images at each time index in the checks of random numbers: 2 * 3 * 25 * 25 = 3750, enough to see at
# each of 3 indices by itself a mean off by 0.2 and a standard deviation off by a fifth (3338 are needed).
SHAPE, EFFECTS = (2, 3, 25, 25), {"mean_effect": 0.2, "std_effect": 1.2, "unit": Unit.ROW}
# At index 0, float32 code may know the mean only to 1.2e-3 of itself: 1 - alphas_cumprod is 1e-4 and cancels.
MEAN_SCALE = 1.2e-3 * 2.0**14


def known_model(gain, tilt, bias):
    """A model that predicts ``gain * x + tilt * time / 1000 + bias``."""
    return AffineNoise(gain, tilt, bias, time="time", time_unit=1000.0)


@item("ddpm.p_sample", weight=1)
def test_the_last_step_is_the_mean(ddpm_solution):
    """At index 0 nothing is random: the image's and the prediction's share are right, and nothing is clamped."""
    images, t = 4 * torch.randn(3, 2, 5, 6, generator=torch.Generator().manual_seed(1)), torch.zeros(3).long()
    of_images = ddpm_solution.p_sample(known_model(0.0, 0.0, 0.0).lent, images, t, 0)
    due = OF_IMAGE[0] * images.double()
    assert_close(of_images, due, name="the result at index 0 for a prediction of zeros", scale=MEAN_SCALE * due.abs())
    nothing = torch.zeros_like(images)
    of_prediction = ddpm_solution.p_sample(known_model(0.0, 0.0, 1.0).lent, nothing, t, 0)
    due = OF_PREDICTION[0] * torch.ones_like(images).double()
    name = "the result at index 0 for images of zeros and a prediction of ones"
    assert_close(of_prediction, due, name=name, scale=MEAN_SCALE * due.abs())


@item("ddpm.p_sample", weight=1)
def test_other_steps_add_noise_to_the_mean(ddpm_solution):
    """At index 1, 500 and 999 the mean and the standard deviation are right, and the noise is fresh for each image."""
    rounds = []
    for _ in range(2):
        rounds.append(torch.stack([_whitened_step(ddpm_solution, index) for index in (1, 500, 999)]))
    assert_standard_normal(rounds[0], name="the noise that is added (rows: index 1, 500, 999)", **EFFECTS)
    assert_independent(*rounds, name="the noise of two calls")


@item("ddpm.p_sample_loop", weight=1)
def test_each_image_is_one_step_from_the_one_before(ddpm_solution):
    """The images run from index timesteps - 1 down to 0, on the CPU; each is one `p_sample` step from the one before.

    Your own `p_sample` is asked to repeat each step: both results have the same mean, and independent noise.
    """
    model, timesteps = known_model(0.5, 1000.0, -1.0), 4
    chain = ddpm_solution.p_sample_loop(model.lent, SHAPE, timesteps)
    chain = assert_tensor(chain, shape=(timesteps, *SHAPE), name="the stack of images")
    steps = [(chain[0], chain[1], 2), (chain[1], chain[2], 1)]
    seen = list(model.images)  # nothing, where a step was taken without the model
    if seen and seen[0].shape == chain[0].shape:
        steps.insert(0, (seen[0], chain[0], 3))
    differences = []
    for before, after, index in steps:
        again = ddpm_solution.p_sample(model.lent, before, torch.full(SHAPE[:1], index), index)
        again = assert_tensor(again, shape=SHAPE, name="the result of p_sample")
        differences.append((after.double() - again.double()) / STD[index] / 2**0.5)
    indices = ", ".join(str(index) for *_, index in steps)
    name = f"the difference of an image and a repeated step (rows: index {indices})"
    assert_standard_normal(torch.stack(differences), name=name, **EFFECTS)
    last = ddpm_solution.p_sample(model.lent, chain[-2], torch.zeros(SHAPE[0]).long(), 0)
    due = assert_tensor(last, shape=SHAPE, name="the result of p_sample").double()
    name = "the last image (a step from the one before, index 0)"
    allowed = due.abs().max() + MEAN_SCALE * due.abs()
    assert_close(chain[-1], due, name=name, scale=allowed)


@item("ddpm.p_sample_loop", weight=0.25)
def test_the_chain_starts_from_normal_noise(ddpm_solution):
    """The first image of a chain is one step away from standard normal noise, drawn afresh in every call."""
    model, firsts = known_model(0.5, 1000.0, -1.0), []
    for _ in range(2):
        chain = assert_tensor(
            ddpm_solution.p_sample_loop(model.lent, SHAPE, 2), shape=(2, *SHAPE), name="the stack of images"
        )
        firsts.append(chain[0].double() / FIRST_STD)
    assert_standard_normal(firsts[0], name="the first image")
    assert_independent(*firsts, name="the first image of two chains")


def _whitened_step(ddpm_solution, index: int):
    """Take images and a prediction one step back from an index; return the noise in units of its due deviation."""
    # early, float32 knows the image no better than the noise
    height, prediction = (5.0, 400.0) if index > 100 else (1.0, 20.0)
    images, t = torch.full(SHAPE, height), torch.full(SHAPE[:1], index)
    model = known_model(0.0, 0.0, prediction)
    result = assert_tensor(ddpm_solution.p_sample(model.lent, images, t, index), shape=SHAPE)
    times = model.times
    if not times or times[-1].tolist() != t.tolist():
        raise CheckFailed(
            f"p_sample at index {index} must ask the model about that index",
            expected=f"model(x, t) with t = {t.tolist()}",
            got=f"t = {times[-1].tolist()}" if times else "the model was not called",
        )
    return (result.double() - height * OF_IMAGE[index] - prediction * OF_PREDICTION[index]) / STD[index]
