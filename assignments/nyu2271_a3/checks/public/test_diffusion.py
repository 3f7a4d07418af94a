"""Part B, piece by piece, with a model whose prediction is known; numbers are stored here."""

from functools import partial

import torch
from hypothesis import strategies as st

from autograder.checks import (
    AffineNoise,
    CheckFailed,
    assert_close,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    coloured_digits,
    exists,
    falls_below,
    item,
    show_images,
    substitute,
)
from autograder.concepts.forward_noising import forward_noising
from autograder.concepts.noise_prediction_loss import noise_prediction_loss
from autograder.concepts.noise_schedule import CosineSchedule, noise_schedule
from autograder.concepts.reverse_loop import replace_step, reverse_loop
from autograder.concepts.reverse_step import AncestralStep, StoredStep, reverse_step
from autograder.concepts.uniform_times import uniform_times

T = 10
# Computed in float64.
ALPHAS = (0.9720927, 0.9245064, 0.875604, 0.8228105, 0.7627185, 0.6901166, 0.5959969, 0.4630018, 0.2561706, 0.001)
ALPHAS_OF_S = (0.786244625, 0.556706763, 0.284778654, 0.001)
# At each index an image is multiplied by SIGNAL, noise by SPREAD.
SIGNAL = (0.9859476, 0.948001, 0.8870798, 0.8046603, 0.7027401, 0.583789, 0.45069, 0.3066686, 0.1552151, 0.004908332)
SPREAD = (0.1670547, 0.3182673, 0.4616162, 0.5937355, 0.7114467, 0.8119054, 0.8926805, 0.9518164, 0.9878807, 0.999988)
INDICES = (4, 9, 0, 7, 1)
"""Time indices in no order, as in a batch of random ones."""


def some_images(batch, channels, size, seed=0):
    """Images (batch, channels, size, size) with values in [-1, 1]."""
    return torch.rand(batch, channels, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def some_noise(batch, channels, size, seed=0):
    """Noise (batch, channels, size, size)."""
    return torch.randn(batch, channels, size, size, generator=torch.Generator().manual_seed(seed + 1))


def built(diffusion, diffusion_probes, *, size=6, channels=3, timesteps=T, model=(0.0, 0.0, 0.5)):
    """Your Diffusion around a known model, and that model."""
    predictor = AffineNoise(*model, int64_times=True)
    return diffusion_probes.diffusion_of(diffusion.Diffusion, predictor.exposed, size, channels, timesteps), predictor


# diffusion.schedule


@noise_schedule(
    "diffusion.schedule",
    call="cosine_schedule(timesteps, s)",
    alphas="cosine_schedule(timesteps, s)",
    schedule=st.builds(CosineSchedule, st.integers(5, 120) | st.just(1000), st.sampled_from([0.008, 0.03, 0.1, 0.25])),
    stored={
        CosineSchedule(T): {"alphas": dict(enumerate(ALPHAS))},
        CosineSchedule(4, 0.1): {"alphas": dict(enumerate(ALPHAS_OF_S))},
    },
    formula=": alphas that fall slowly at first, the last of which is clipped",
    weights={"stored_entries": 1, "alphas": 3},
)
def test_cosine_schedule(diffusion, schedule):
    if schedule == CosineSchedule(schedule.timesteps):
        return diffusion.cosine_schedule(schedule.timesteps)
    return diffusion.cosine_schedule(schedule.timesteps, s=schedule.s)


# diffusion.q_sample

STORED = {index: [(SIGNAL[index], SPREAD[index])] for index in INDICES}
STORED[T - 1].append((0.0, 1.0))  # the product of the clipped alphas and the unclipped curve differ by 0.005


def diffusion_of(diffusion, diffusion_probes, x_0, timesteps):
    """Your Diffusion for images like these and so many steps."""
    return built(diffusion, diffusion_probes, size=x_0.shape[-1], channels=x_0.shape[1], timesteps=timesteps)[0]


@forward_noising(
    "diffusion.q_sample",
    call="q_sample(x_0, t, noise)",
    once=diffusion_of,
    schedule=CosineSchedule(14),
    stored=STORED,
    stored_timesteps=T,
    draws=False,
    weights={"noisy_images": 2},
)
def test_q_sample(made, x_0, t, noise):
    return made.q_sample(x_0, t, noise)


# diffusion.p_losses


def loss_of(model):
    """The method that computes the loss: `p_losses`, or `p_loss` where a hand-in calls it so."""
    return model.p_loss if exists(model.p_loss) else model.p_losses


def diffusion_around(diffusion, diffusion_probes, model, x_0, timesteps):
    """Your Diffusion around a model, for images like these and so many steps."""
    channels, size = x_0.shape[1:3]
    return diffusion_probes.diffusion_of(diffusion.Diffusion, model, size, channels, timesteps)


@noise_prediction_loss(
    "diffusion.p_losses",
    call="p_losses(x_0, t, noise)",
    once=diffusion_around,
    schedule=CosineSchedule(14),
    stored=STORED,
    stored_timesteps=T,
    distance="absolute",
    prices={0.5: (0.5, 1.0), -2.0: (2.0, -1.0)},
    int64_times=True,
    weights={"known_errors_have_their_price": 0.5},
)
def test_p_losses(made, x_0, t, noise):
    return loss_of(made)(x_0, t, noise)


# diffusion.forward


def times_of(model, predictor, images, noise):
    """The time indices that `forward` draws; raise `CheckFailed` unless it returns the loss at these.

    When the grader runs this, `p_losses` may be its own: what it returns then tells what it was given.
    """
    if exists(model.p_loss) and exists(model.p_losses):  # two names of one method; the grader's has the second
        substitute(model.p_loss, model.p_losses)
    result = assert_tensor(model.forward(images, noise), name="the loss")
    if result.shape == (len(images), 3):
        expected = torch.stack([images.double().flatten(1).mean(1), noise.double().flatten(1).mean(1)], dim=1)
        assert_close(
            result[:, 1:], expected, name="the images and the noise that p_losses gets (their means)", scale=1.0
        )
        return result[:, 0].detach().round().long()
    assert_tensor(result, shape=(), name="the loss")
    times = list(predictor.times)
    if not times or times[-1].shape != (len(images),):
        raise CheckFailed("the model is never asked about these images, one time index for each")
    again = assert_tensor(loss_of(model)(images, times[-1], noise), shape=(), name="the loss of p_losses").detach()
    assert_close(result, again.double(), name="the loss of forward, next to that of p_losses at the same t,", scale=1.0)
    if bool(result == 0):
        raise CheckFailed("the loss of a model that is wrong must be positive")
    return times[-1]


@uniform_times("diffusion.forward", call="forward(x_0, noise)", times="t", weights={"all_times_are_reached": 2})
def test_forward(diffusion, diffusion_probes, timesteps, batch_size):
    model, predictor = built(diffusion, diffusion_probes, size=1, channels=1, timesteps=timesteps)
    return times_of(model, predictor, some_images(batch_size, 1, 1), some_noise(batch_size, 1, 1))


# diffusion.p_sample, diffusion.p_sample_loop

STEPS = (
    StoredStep(0, -1.5, {2.707261: 1, -2.222477: -1}, where="the estimates of x_0 are 3 and -2"),
    StoredStep(
        0, 0.5, {0.4779064: 0.400000011, -0.8038255: -0.899999964}, where="the estimates of x_0 are 0.4 and -0.9"
    ),
    StoredStep(1, 2.0, {1.110535: 0.661594107, -1.069867: -1.01823039}, 0.144218763),
    StoredStep(4, 2.0, {1.774263: 1.26780704, 0.1579613: -0.281137213}, 0.40652062),
    StoredStep(8, 2.0, {2.053369: 1.08165181, 1.696374: 0.563306114}, 0.830969964),
)
known_model = partial(AffineNoise, int64_times=True)


def rule_of(timesteps):
    """What a step is in a process of so many steps."""
    return AncestralStep(CosineSchedule(timesteps), clamp=(-1, 1))


def diffusion_around(diffusion, diffusion_probes, model):
    """Your Diffusion of 10 steps around a known model."""
    return diffusion_probes.diffusion_of(diffusion.Diffusion, model, 6, 3, T)


@reverse_step(
    "diffusion.p_sample",
    call="p_sample(x, t, t_index)",
    names=("model", "x", "t"),
    once=diffusion_around,
    rule=rule_of(T),
    stored=STEPS,
    model=known_model,
    rounding=4.0,
    weights={"mean_and_noise_at_other_times": 2},
)
def test_p_sample(made, x, t):
    return made.p_sample(x, torch.full((len(x),), t), t)


def diffusion_of_steps(diffusion, diffusion_probes, model, shape, timesteps):
    """Your Diffusion of so many steps for images of this shape around a known model."""
    return diffusion_probes.diffusion_of(diffusion.Diffusion, model, shape[-1], shape[1], timesteps)


@reverse_loop(
    "diffusion.p_sample_loop",
    call="p_sample_loop(img)",
    names=("model", "p_sample", "shape", "img"),
    once=diffusion_of_steps,
    rule=rule_of,
    timesteps=(5, 9, 1),
    model=known_model,
    returns="last",
    finish=lambda state: (state + 1) / 2,
    draws=False,
    step_takes_model=False,
)
def test_p_sample_loop(made, step, start):
    replace_step(made.p_sample, step)
    return made.p_sample_loop(start)


# diffusion.sample


def start_of(model, predictor, batch, shape):
    """The noise that `sample` starts from, in a process of one step, which ends without noise.

    Raises `CheckFailed` where the result is not what `p_sample_loop` makes of it. When the grader runs this, that may
    be its own, which moves the noise by a constant.
    """
    result = assert_tensor(model.sample(batch), shape=shape, name=f"sample({batch})")
    seen = list(predictor.images)
    if not seen:
        moved = assert_tensor(model.p_sample_loop(torch.zeros(shape)), shape=shape, name="p_sample_loop of zeros")
        if predictor.images:
            raise CheckFailed("sample never asks the model: it must go through p_sample_loop")
        return (result - moved).detach()
    start = assert_tensor(seen[0], shape=shape, name="the noise at the start")
    expected = assert_tensor(model.p_sample_loop(start), shape=shape, name="the result of p_sample_loop").double()
    assert_close(
        result, expected, name="the result of sample, next to that of p_sample_loop from the same noise,", scale=1.0
    )
    return start


@item("diffusion.sample", weight=1)
def test_new_images(diffusion, diffusion_probes):
    """sample(n) is what becomes of fresh standard normal noise of the model's size and channels."""
    starts = []
    for _ in range(2):
        model, predictor = built(diffusion, diffusion_probes, size=20, channels=3, timesteps=1)
        starts.append(start_of(model, predictor, 4, (4, 3, 20, 20)))
    assert_standard_normal(starts[0], name="the noise at the start", mean_effect=0.3, std_effect=1.3)
    assert_independent(*starts, name="the noise at the start of two calls")


# diffusion.forward_figure, diffusion.backward_figure

PARTS = {"0 %": 0.0, "25 %": 0.25, "50 %": 0.5, "75 %": 0.75, "99 %": 0.99}
"""Parts of T, as `trainer.py` shows them."""


def indices_of_parts(timesteps):
    """The time indices of the five panels."""
    return [int(part * timesteps) for part in PARTS.values()]


def forward_panels(model, images, noise, timesteps):
    """The five images of Part 3: the same images and noise at five times, (5, b, c, h, w)."""
    indices = indices_of_parts(timesteps)
    noisy = [model.q_sample(images, torch.full((len(images),), index), noise) for index in indices]
    return torch.stack([assert_tensor(part, shape=images.shape, name="q_sample(x_0, t, noise)") for part in noisy])


def backward_panels(model, start, timesteps):
    """The five images of Part 4, (5, b, c, h, w): those of one chain, after five parts of its steps."""
    panels, x = {0: start}, start
    for done in range(max(indices_of_parts(timesteps))):
        index = timesteps - 1 - done
        x = assert_tensor(model.p_sample(x, torch.full((len(x),), index), index), shape=start.shape).detach()
        panels[done + 1] = x
    return torch.stack([panels[done] for done in indices_of_parts(timesteps)])


def assert_moving(panels):
    """Raise `CheckFailed` where all panels of a figure are alike."""
    if falls_below((panels - panels[:1]).abs().max(), 1e-4):
        raise CheckFailed("all panels of the figure are the same")


@item("diffusion.forward_figure", weight=1)
def test_the_forward_figure_leads_from_picture_to_noise(diffusion, diffusion_probes):
    """The arrays behind Part 3: five images that change on the way, and depend on the picture and on the noise."""
    images = coloured_digits(24, generator=torch.Generator().manual_seed(0)).images[:4]
    noise = some_noise(4, 3, 24)
    model, _ = built(diffusion, diffusion_probes, size=24, timesteps=40)
    panels = forward_panels(model, images, noise, 40).detach().double()
    assert_moving(panels)
    show_images("Forward process, part of T", dict(zip(PARTS, panels, strict=True)))
    for changed, name in (((-images, noise), "picture"), ((images, -noise), "noise")):
        other = forward_panels(model, *changed, 40).detach().double()
        if falls_below((other - panels).abs().max(), 1e-4):
            raise CheckFailed(f"no image of the figure depends on the {name}")


@item("diffusion.backward_figure", weight=1)
def test_the_backward_figure_leads_away_from_noise(diffusion, diffusion_probes):
    """The arrays behind Part 4: five images of one chain, which the model is asked about at every step."""
    start = some_noise(4, 3, 24)
    model, predictor = built(diffusion, diffusion_probes, size=24, timesteps=12, model=(0.5, 0.0, 0.1))
    panels = backward_panels(model, start, 12).double()
    assert_moving(panels)
    show_images("Backward process of an untrained model, part of the way", dict(zip(PARTS, panels, strict=True)))
    if falls_below(len(predictor.times), max(indices_of_parts(12))):
        raise CheckFailed("the model must be asked at every step of the way back")
