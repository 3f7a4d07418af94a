"""Part B, piece by piece, with a model whose prediction is known; numbers are stored here."""

import torch
from hypothesis import strategies as st

from autograder.checks import (
    AffineNoise,
    CheckFailed,
    assert_close,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    exists,
    falls_below,
    item,
    show_images,
    substitute,
)
from autograder.checks.handwriting import coloured_digits
from autograder.checks.normality import Unit
from autograder.concepts.forward_noising import forward_noising
from autograder.concepts.noise_prediction_loss import noise_prediction_loss
from autograder.concepts.noise_schedule import CosineSchedule, noise_schedule
from autograder.concepts.uniform_times import uniform_times

T = 10
# Computed in float64.
ALPHAS = (0.9720927, 0.9245064, 0.875604, 0.8228105, 0.7627185, 0.6901166, 0.5959969, 0.4630018, 0.2561706, 0.001)
ALPHAS_OF_S = (0.786244625, 0.556706763, 0.284778654, 0.001)
# At each index an image is multiplied by SIGNAL, noise by SPREAD.
SIGNAL = (0.9859476, 0.948001, 0.8870798, 0.8046603, 0.7027401, 0.583789, 0.45069, 0.3066686, 0.1552151, 0.004908332)
SPREAD = (0.1670547, 0.3182673, 0.4616162, 0.5937355, 0.7114467, 0.8119054, 0.8926805, 0.9518164, 0.9878807, 0.999988)
# One reverse step, for a prediction of 2 everywhere: by index, pairs of a pixel before and the mean after it.
STEPS = {
    1: ((1.110535, 0.66159411), (-1.069867, -1.0182304)),
    4: ((1.774263, 1.267807), (0.1579613, -0.28113721)),
    8: ((2.053369, 1.0816518), (1.696374, 0.56330611)),
}
STD = {1: 0.144218763, 4: 0.40652062, 8: 0.830969964}
# The standard deviation of the noise of a step, for T = 5.
CHAIN_STD = {4: 0.9513851, 3: 0.7258339, 2: 0.5032799, 1: 0.2834158}
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
    return diffusion_probes.diffusion_of(diffusion.Diffusion, predictor.lent, size, channels, timesteps), predictor


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
        due = torch.stack([images.double().flatten(1).mean(1), noise.double().flatten(1).mean(1)], dim=1)
        assert_close(result[:, 1:], due, name="the images and the noise that p_losses gets (their means)", scale=1.0)
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


# diffusion.p_sample

SIZE, EFFECTS = 36, {"mean_effect": 0.2, "std_effect": 1.2, "unit": Unit.ROW}
"""Of each image 3 * 36 * 36 = 3888 entries: a mean off by 0.2 and a standard deviation off by a fifth are seen."""


@item("diffusion.p_sample", weight=1)
def test_the_last_step_adds_no_noise(diffusion, diffusion_probes):
    """At index 0 the result is the clamped estimate of x_0: exact, and within [-1, 1]."""
    t = torch.zeros(3).long()
    for bias, target in ((-1.5, 3.0), (-1.5, -2.0), (0.5, 0.4), (0.5, -0.9)):
        model, _ = built(diffusion, diffusion_probes, model=(0.0, 0.0, bias))
        images = torch.full((3, 3, 6, 6), SIGNAL[0] * target + SPREAD[0] * bias)
        due = torch.full(images.shape, max(-1.0, min(1.0, target)))
        name = f"the result at index 0 where the estimate of x_0 is {target}"
        assert_close(model.p_sample(images, t, 0), due, name=name, scale=4.0)


@item("diffusion.p_sample", weight=1)
def test_other_steps_add_noise_to_the_posterior_mean(diffusion, diffusion_probes):
    """At index 1, 4 and 8, for estimates of x_0 inside and outside of [-1, 1]: mean and spread are right."""
    rounds = []
    for _ in range(2):
        steps = []
        for index, rows in STEPS.items():
            model, predictor = built(diffusion, diffusion_probes, size=SIZE, model=(0.0, 0.0, 2.0))
            images = torch.tensor([row[0] for row in rows]).reshape(-1, 1, 1, 1).expand(-1, 3, SIZE, SIZE)
            t = torch.full((len(rows),), index)
            step = assert_tensor(model.p_sample(images.clone(), t, index), shape=images.shape)
            times = list(predictor.times)
            if not times or times[-1].tolist() != t.tolist():
                raise CheckFailed(f"p_sample at index {index} must ask the model about that index")
            due = torch.tensor([row[1] for row in rows]).reshape(-1, 1, 1, 1)
            steps.append((step.double() - due) / STD[index])
        rounds.append(torch.cat(steps))
    name = "the noise that is added (two images each at index 1, 4, 8)"
    assert_standard_normal(rounds[0], name=name, **EFFECTS)
    assert_independent(*rounds, name="the noise of two calls")


# diffusion.p_sample_loop


@item("diffusion.p_sample_loop", weight=1)
def test_every_index_in_order(diffusion, diffusion_probes):
    """The loop goes through p_sample from index T - 1 to 0, starting from `img`; the last image is moved to [0, 1].

    Your own `p_sample` is asked to repeat each step: both results have the same mean, and independent noise.
    """
    for timesteps in (1, 5):
        model, predictor = built(diffusion, diffusion_probes, timesteps=timesteps, model=(0.5, 0.1, -0.2))
        start = some_noise(2, 3, SIZE).tanh()
        result = assert_tensor(model.p_sample_loop(start), shape=start.shape, name="the result of p_sample_loop")
        times, seen = list(predictor.times), list(predictor.images)
        if not times:  # the grader's p_sample, which needs no model and knows no chance
            x = start
            for index in reversed(range(timesteps)):
                x = assert_tensor(model.p_sample(x, torch.full((2,), index), index), shape=start.shape)
            assert_close(result, (x.double() + 1) / 2, name="the result of p_sample_loop", scale=1.0)
        else:
            assert_chain(model, list(reversed(range(timesteps))), start, times, seen, result)


def assert_chain(model, order, start, times, seen, result):
    """Raise `CheckFailed` unless the model saw a chain from ``start`` in this order, and ``result`` is its end."""
    if [t.tolist() for t in times] != [[index] * 2 for index in order]:
        raise CheckFailed(
            "p_sample must be called once for each index, from the last to 0, with t of shape (b,)",
            expected=f"t = {order}",
            got=f"t = {[t.tolist() for t in times]}",
        )
    if not torch.equal(seen[0], start):
        raise CheckFailed("the first step must start from `img` as it is")
    differences = []
    for index, before, after in zip(order[:-1], seen[:-1], seen[1:], strict=True):
        again = assert_tensor(model.p_sample(before, torch.full((2,), index), index), shape=start.shape)
        differences.append((after.double() - again.double()) / (2**0.5 * CHAIN_STD[index]))
    if differences:
        name = "the difference of an image of the chain and a repeated step (rows: index 4, 3, 2, 1)"
        assert_standard_normal(torch.stack(differences), name=name, **EFFECTS)
    last = assert_tensor(model.p_sample(seen[-1], torch.zeros(2).long(), 0), shape=start.shape).double()
    assert_close(result, (last + 1) / 2, name="the result, next to the last step moved to [0, 1],", scale=1.0)


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
    due = assert_tensor(model.p_sample_loop(start), shape=shape, name="the result of p_sample_loop").double()
    assert_close(
        result, due, name="the result of sample, next to that of p_sample_loop from the same noise,", scale=1.0
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
