"""The contract on a function, and on a loss whose model writes down the times that it is asked about."""

from __future__ import annotations

import torch

from autograder.checks import AffineNoise, CheckFailed
from autograder.concepts.uniform_times import uniform_times


@uniform_times("function", call="draw_times(timesteps, batch_size)")
def test_draw_times(times, timesteps, batch_size):
    return times.draw_times(timesteps, batch_size)


@uniform_times("inside", call="training_loss(model, images, steps)", first_time=1, times="t")
def test_training_loss(times, timesteps, batch_size):
    model = AffineNoise(1.0, 1.0, 0.5, int64_times=True)
    times.training_loss(model.exposed, torch.zeros(batch_size, 1, 1, 1), timesteps)
    if not model.times:
        raise CheckFailed("the model is never asked")
    return model.times[-1]
