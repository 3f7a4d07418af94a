"""Every entry of each table against float64 truths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from autograder.checks import Property, Subject, assert_close, prop
from autograder.concepts.noise_schedule import TABLES, CosineSchedule, Schedule, table_of
from autograder_proofs.oracles.diffusion import tables_of

CANCELLING = ("sqrt_one_minus_alphas_cumprod", "posterior_variance")
CLEAN = {**dict.fromkeys(TABLES, 1.0), **dict.fromkeys(("betas", *CANCELLING), 0.0)}
"""The entry of each table at t = 0, where one has it: nothing is added to the image, all of it is left."""


def scale_of(table: str, schedule: Schedule, truth: Tensor) -> Tensor | float | None:
    """The scale of `assert_close` for a table of float32 code.

    A product of index + 1 factors, each rounded once itself, is off by at most 2 (index + 1) 2**-24 of itself; allowed
    are 2**-14 (1 + rounded) of it. Where 1 - alpha-bar cancels, the error is absolute: for 1,000 steps at most 8.5e-6
    in the root and 4e-7 in the posterior's variance, of which the largest is 0.02; allowed are 6e-5 and 1.2e-6. The
    cosine curve falls to 0, where float32 knows the cosine to 1e-7 of 1: up to 4e-4 of the smallest ratios.
    """
    if table in CANCELLING:
        return None
    if isinstance(schedule, CosineSchedule):
        return 4 * truth if table == "sqrt_recip_alphas" else _but_for_the_last(table, truth)
    if table == "betas":
        return 0.0
    rounded = 2 * torch.arange(1, len(truth) + 1, dtype=torch.float64) / 2**10
    return truth.abs() * rounded


def _but_for_the_last(table: str, truth: Tensor) -> Tensor | None:
    """The default scale, but at the last index 0 is as right as what is left there: alpha-bar may be clipped or not."""
    if table not in ("alphas_cumprod", "sqrt_alphas_cumprod"):
        return None
    return torch.cat([truth.max().expand(len(truth) - 1), 2.0**14 * truth[-1:]])


def schedules(options: Mapping[str, Any]) -> dict[str, st.SearchStrategy[Any]]:
    """The schedules of an assignment."""
    schedule = options["schedule"]
    return {"schedule": schedule if isinstance(schedule, st.SearchStrategy) else st.just(schedule)}


def every_entry(table: str, meaning: str) -> Property:
    """The property that a table is right at every index."""

    def check(tables: Subject, schedule: Schedule) -> None:
        truth = getattr(tables_of(schedule), table)
        if tables.options["start"] == 0:
            truth = torch.cat([torch.tensor([CLEAN[table]], dtype=torch.float64), truth])
        found, name = table_of(tables, table, schedule)
        assert_close(found, truth, name=name, scale=scale_of(table, schedule, truth))

    check.__name__ = table
    check.__doc__ = f"{{{table}}} is right at every index: {meaning}."
    return prop(needs=table, drawn=schedules, examples=12)(check)


HIDDEN = tuple(every_entry(*entry) for entry in TABLES.items())
