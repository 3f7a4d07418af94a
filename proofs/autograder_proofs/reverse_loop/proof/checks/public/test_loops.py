"""The contract on a function that draws its noise, and on a method that gets it and counts from 1."""

from __future__ import annotations

from autograder.concepts.noise_schedule import LinearSchedule
from autograder.concepts.reverse_loop import down_to, replace_step, reverse_loop
from autograder.concepts.reverse_step import AncestralStep


def images_rule(timesteps):
    """The rule of `p_sample`, for any number of steps."""
    return AncestralStep(LinearSchedule(1e-3, 0.08, 30))


@reverse_loop(
    "images",
    call="p_sample_loop(model, shape, timesteps)",
    names=("model", "p_sample", "shape"),
    rule=images_rule,
    timesteps=(5, 8),
    returns="after_steps",
)
def test_p_sample_loop(loops, model, step, shape, timesteps):
    replace_step(loops.p_sample, step)
    return loops.p_sample_loop(model, shape, timesteps)


def points_rule(timesteps):
    """The rule of `Points.before`."""
    return AncestralStep(LinearSchedule(1e-3, 0.3, timesteps), variance="beta", first_time=1)


def points_of(loops, model, timesteps):
    """Points with this model."""
    return loops.Points(model, timesteps)


@reverse_loop(
    "points",
    call="from_noise(start)",
    names=("model", "before", "shape", "start"),
    once=points_of,
    rule=points_rule,
    timesteps=(6, 1),
    times=down_to(1),
    example=(2,),
    returns="last",
    finish=lambda state: 5 * (state + 1),
    draws=False,
    step_takes_model=False,
)
def test_from_noise(made, step, shape, start):
    replace_step(made.before, step)
    return made.from_noise(start)
