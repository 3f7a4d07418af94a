"""The contract on a function that draws noise, on one that may be given it, for v at times from 1, and on a method."""

from __future__ import annotations

from autograder.concepts.noise_prediction_loss import noise_prediction_loss
from autograder.concepts.noise_schedule import CosineSchedule, LinearSchedule

LINEAR = {
    37: [(0.738875129, 0.673842373)],
    99: [(0.124734994, 0.992190093)],
    0: [(0.999499875, 0.0316227766)],
    62: [(0.43830628, 0.898825681)],
    5: [(0.991039256, 0.133570927)],
}
VELOCITIES = {
    37: (-0.673842373, 0.738875129),
    99: (-0.992190093, 0.124734994),
    0: (-0.0316227766, 0.999499875),
    62: (-0.898825681, 0.43830628),
    5: (-0.133570927, 0.991039256),
}
COSINE = {
    3: [(0.702740059, 0.711446702)],
    7: [(0.00612143405, 0.999981264), (0.0, 1.0)],
    0: [(0.978674916, 0.205415211)],
    5: [(0.379831676, 0.925055619)],
}


@noise_prediction_loss(
    "drawn",
    call="p_losses(model, images, t)",
    names=("images", "t"),
    schedule=LinearSchedule(1e-3, 0.08, 100),
    stored=LINEAR,
    given=False,
    draws=True,
    distance="huber",
    prices={0.25: (0.03125, 0.25), -2.0: (1.5, -1.0)},
)
def test_p_losses(losses, model, x_0, t):
    return losses.p_losses(model, x_0, t)


@noise_prediction_loss(
    "velocity",
    call="v_loss(model, images, t, noise)",
    names=("images", "t", "noise"),
    schedule=LinearSchedule(1e-3, 0.08, 100),
    stored=LINEAR,
    parametrisation="v",
    distance="squared",
    prices={-1.0: (1.0, -2.0), 1.5: (2.25, 3.0)},
    targets=VELOCITIES,
    draws=True,
    first_time=1,
)
def test_v_loss(losses, model, x_0, t, noise):
    return losses.v_loss(model, x_0, t) if noise is None else losses.v_loss(model, x_0, t, noise)


def diffusion_around(losses, model, timesteps):
    """A diffusion around a model."""
    return losses.Diffusion(model, timesteps)


@noise_prediction_loss(
    "method",
    call="loss(clean, index, noise)",
    once=diffusion_around,
    schedule=CosineSchedule(14),
    stored=COSINE,
    stored_timesteps=8,
    channels=2,
    time_name="index",
    distance="absolute",
    prices={-3.0: (3.0, -1.0), 0.25: (0.25, 1.0)},
    int64_times=True,
)
def test_loss(made, x_0, t, noise):
    return made.loss(x_0, t, noise)
