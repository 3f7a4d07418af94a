"""The contract on a function that draws noise, and on a method of a model with a number of steps, which gets it."""

from __future__ import annotations

from autograder.concepts.forward_noising import forward_noising
from autograder.concepts.noise_schedule import CosineSchedule, LinearSchedule

LINEAR = {
    37: [(0.738875129, 0.673842373)],
    99: [(0.124734994, 0.992190093)],
    0: [(0.999499875, 0.0316227766)],
    62: [(0.43830628, 0.898825681)],
    5: [(0.991039256, 0.133570927)],
}
COSINE = {
    3: [(0.702740059, 0.711446702)],
    7: [(0.00612143405, 0.999981264), (0.0, 1.0)],
    0: [(0.978674916, 0.205415211)],
    5: [(0.379831676, 0.925055619)],
}


@forward_noising("function", call="q_sample(x_0, t, noise)", schedule=LinearSchedule(1e-3, 0.08, 100), stored=LINEAR)
def test_q_sample(noising, x_0, t, noise):
    return noising.q_sample(x_0, t) if noise is None else noising.q_sample(x_0, t, noise)


def diffusion_of(noising, timesteps):
    """A diffusion of so many steps."""
    return noising.Diffusion(timesteps)


@forward_noising(
    "method",
    call="noised(clean, index, noise)",
    once=diffusion_of,
    schedule=CosineSchedule(14),
    stored=COSINE,
    stored_timesteps=8,
    channels=2,
    draws=False,
)
def test_noised(made, x_0, t, noise):
    return made.noised(x_0, t, noise)
