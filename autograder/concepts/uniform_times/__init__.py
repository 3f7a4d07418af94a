"""Random time indices for the training of a diffusion model: uniform, one for each image.

Ho, Jain and Abbeel, Denoising Diffusion Probabilistic Models (2020), algorithm 1.
"""

from __future__ import annotations

import torch

from autograder.checks import Contract, Subject, assert_integers, assert_uniform_integers, prop


def assert_uniform_times(draw: Subject, timesteps: int, batch_size: int, distance: float) -> None:
    """Raise `CheckFailed` unless the times of two calls are uniform, and drawn for each image and call."""
    name, first = draw.options["times"], draw.options["first_time"]
    draws = [assert_integers(draw(timesteps, batch_size), shape=(batch_size,), name=name) for _ in range(2)]
    assert_uniform_integers(torch.stack(draws), first, first + timesteps - 1, name=name, distance=distance)


@prop()
def ten_times_come_equally_often(draw: Subject) -> None:
    """{call} draws int64 times: each of 10 as often as the others, for each image, and afresh at every call."""
    assert_uniform_times(draw, 10, 8000, 0.05)


uniform_times = Contract(
    concept="uniform_times",
    version=1,
    inputs=("timesteps", "batch_size"),
    public=(ten_times_come_equally_often,),
    options={"first_time": 0, "times": "the result"},
)
"""``(timesteps, batch_size) -> times``, int64 (batch_size,), uniform over as many times as there are steps.

``first_time`` is the first of them. Where they are drawn inside of a training loss, the adapter returns those that the
model was asked about, and the loss depends on the time; ``times`` is what messages call them.
"""
