"""All times of long and short schedules are reached."""

from __future__ import annotations

from autograder.checks import Subject, prop
from autograder.concepts.uniform_times import assert_uniform_times


@prop()
def all_times_are_reached(draw: Subject) -> None:
    """For 1000 steps and for other numbers, times are uniform from the first to the last, and fresh in every call."""
    for timesteps, batch_size in ((1000, 12_000), (17, 4_000)):
        assert_uniform_times(draw, timesteps, batch_size, 0.1)


HIDDEN = (all_times_are_reached,)
