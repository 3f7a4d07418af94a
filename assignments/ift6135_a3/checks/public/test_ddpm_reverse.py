"""One step back and the whole chain, with models whose prediction is known; numbers are stored here."""

from functools import partial

import torch

from autograder.checks import AffineNoise
from autograder.concepts.noise_schedule import LinearSchedule
from autograder.concepts.reverse_loop import replace_step, reverse_loop
from autograder.concepts.reverse_step import AncestralStep, StoredStep, reverse_step

RULE = AncestralStep(LinearSchedule(1e-4, 0.02, 1000))
STORED = (
    StoredStep(0, 0.0, {1: 1.00005, -4: -4.00020002}),
    StoredStep(0, 20.0, {0: -0.200010001, 2.5: 2.30011501}),
    StoredStep(1, 20.0, {1: 0.838316433, -0.5: -0.661773515}, 0.00738457017),
    StoredStep(500, 240.0, {3: 0.488295171, 5: 2.49843167}, 0.10025635),
    StoredStep(999, 175.0, {10: 6.56592019, 8: 4.5456151}, 0.141421298),
)
known_model = partial(AffineNoise, time="time")


@reverse_step(
    "ddpm.p_sample",
    call="p_sample(model, x, t, t_index)",
    rule=RULE,
    stored=STORED,
    model=known_model,
    rounding=20.0,  # 1 - alphas_cumprod is 1e-4 at index 0
    gradient_free=True,
)
def test_p_sample(ddpm_solution, model, x, t):
    return ddpm_solution.p_sample(model, x, torch.full((len(x),), t), t)


@reverse_loop(
    "ddpm.p_sample_loop",
    call="p_sample_loop(model, shape, timesteps)",
    names=("model", "p_sample", "shape"),
    rule=lambda timesteps: RULE,
    timesteps=(6, 4),
    model=known_model,
    returns="after_steps",
)
def test_p_sample_loop(ddpm_solution, model, step, shape, timesteps):
    replace_step(ddpm_solution.p_sample, step)
    return ddpm_solution.p_sample_loop(model, shape, timesteps)
