"""Whole chains against the known step, or against float64 truths where the loop has its own steps."""

from __future__ import annotations

import torch

from autograder.checks import Subject, assert_close, assert_standard_normal, prop
from autograder.concepts.reverse_loop import LONG, Run, assert_chained, assert_starts_from_noise, run
from autograder.concepts.reverse_step import size_of
from autograder_proofs.reverse_step.properties import predicted, truth_of


@prop(weight=2)
def the_whole_way_back(loop: Subject) -> None:
    """All steps are taken in order, each from the result of the one before, and the states come as they should."""
    for number, timesteps in enumerate(loop.options["timesteps"]):
        rows, example = size_of(loop.options["example"], 1200 if timesteps < LONG else 120)
        ran = run(loop, ((2 + number) * rows, *example), timesteps, (0.1, 0.002, -0.2), kept=0.7, frequency=1.3)
        assert_chained(loop, ran)
        if ran.own_way:
            assert_own_steps(loop, ran, timesteps)


def assert_own_steps(loop: Subject, ran: Run, timesteps: int) -> None:
    """Raise `CheckFailed` unless the model saw a chain of steps by the assignment's rule, and the result is its end."""
    truth, noise = truth_of(loop.options["rule"](timesteps)), []
    finish, last = loop.options["finish"], ran.result if loop.options["returns"] == "last" else ran.result[-1]
    for before, after, t in zip(ran.model.images, [*ran.model.images[1:], last], ran.times, strict=True):
        mean, std = truth.mean(before, t, predicted(ran.model, before, t)), truth.std(t)
        if std > 0:
            noise.append((after.double() - mean) / std)
        else:
            expected = finish(mean) if finish and after is last else mean
            assert_close(after, expected, name=f"the state after the step at {t:g}", scale=4.0)
    if noise:
        assert_standard_normal(torch.stack(noise), name="the noise of the steps", mean_effect=0.3, std_effect=1.3)


@prop(weight=0.5, needs="draws")
def the_start_is_new_noise(loop: Subject) -> None:
    """The chain starts from standard normal noise of the asked shape, fresh in every call and for each example."""
    assert_starts_from_noise(loop, 3, (0.3, 0.001, -0.1), kept=0.6)


HIDDEN = (the_whole_way_back, the_start_is_new_noise)
