"""The tables of a noise schedule: how much noise each step of a diffusion adds, and what follows from it.

Ho, Jain and Abbeel, Denoising Diffusion Probabilistic Models (2020), section 2; Nichol and Dhariwal, Improved Denoising
Diffusion Probabilistic Models (2021), equation 17.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import torch
from hypothesis import strategies as st
from torch import Tensor

from autograder.checks import Contract, Subject, assert_close, assert_tensor, prop
from autograder.checks import LinearSchedule as LinearSchedule


@dataclass(frozen=True)
class ScaledLinearSchedule:
    """Betas whose square roots are at equal distances, from the first beta to the last.

    Rombach et al., High-Resolution Image Synthesis with Latent Diffusion Models (2022), in their code.
    """

    beta_start: float
    beta_end: float
    timesteps: int


@dataclass(frozen=True)
class CosineSchedule:
    """The cosine schedule with its offset s; at the last index alpha-bar may be clipped or not."""

    timesteps: int
    s: float = 0.008


@dataclass(frozen=True)
class GivenSchedule:
    """These betas, by whatever formula."""

    betas: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "betas", tuple(self.betas))

    @property
    def timesteps(self) -> int:
        """The number of steps."""
        return len(self.betas)


Schedule = LinearSchedule | ScaledLinearSchedule | CosineSchedule | GivenSchedule


def table_of(tables: Subject, table: str, schedule: Schedule) -> tuple[Tensor, str]:
    """An assignment's table for a schedule, and what to call it in messages."""
    name = tables.options[table]
    if schedule != tables.options["schedule"]:
        name = _called(name, schedule)
    length = schedule.timesteps + 1 - tables.options["start"]
    return assert_tensor(tables(table=table, schedule=schedule), shape=(length,), name=name).detach(), name


def _called(name: str, schedule: Schedule) -> str:
    """``beta_schedule(40)`` for ``beta_schedule(timesteps)``; where it has other arguments, the values after it."""
    if isinstance(schedule, GivenSchedule):
        first = ", ".join(f"{beta:.4g}" for beta in schedule.betas[:3])
        return f"{name} for {schedule.timesteps} betas, {first}{', ...' if schedule.timesteps > 3 else ''}"
    values = vars(schedule)
    function, _, listed = name.rstrip(")").partition("(")
    arguments = [part.strip() for part in listed.split(",")]
    if set(arguments) <= set(values):
        return f"{function}({', '.join(f'{values[key]:.4g}' for key in arguments)})"
    return f"{name} for " + ", ".join(f"{key} = {value:.4g}" for key, value in values.items())


@prop(weight=0.5)
def stored_entries(tables: Subject) -> None:
    """{call} has an entry for each step, and at some indices the numbers that are stored here{formula}."""
    for schedule, numbers_of in tables.options["stored"].items():
        for table, numbers in numbers_of.items():
            found, name = table_of(tables, table, schedule)
            evenly_spaced = table == "betas" and isinstance(schedule, LinearSchedule)
            expected = torch.tensor(list(numbers.values()), dtype=torch.float64)
            where = f"{name} at the indices {', '.join(map(str, numbers))}"
            assert_close(found[list(numbers)], expected, name=where, scale=0.0 if evenly_spaced else None)
            if evenly_spaced:
                steps = found[1 - tables.options["start"] :].double().diff()
                apart = torch.full_like(steps, (schedule.beta_end - schedule.beta_start) / len(steps))
                assert_close(steps, apart, name=f"the distance of neighbours in {name}", scale=schedule.beta_end)


TABLES = {
    "betas": "the variance of the noise of single steps",
    "alphas": "what single steps keep of the signal's variance",
    "sqrt_recip_alphas": "made of the alphas of single steps, not of their product",
    "alphas_cumprod": "all steps up to and with its index count",
    "sqrt_alphas_cumprod": "the factor of the clean image after all steps so far",
    "sqrt_one_minus_alphas_cumprod": "the standard deviation of all the noise so far",
    "alphas_cumprod_prev": "alpha-bar of one step before; no step comes before the first",
    "posterior_variance": "the variance of the step before, given this step and the clean image",
}
"""Each table that an assignment may ask for, and what it means: no formula."""
_OPTIONS: dict[str, Any] = {"schedule": None, "stored": {}, "start": 1, "formula": ""}


def refused(options: Mapping[str, Any]) -> str:
    """What is wrong with the options of an assignment."""
    stored = {table for tables in options["stored"].values() for table in tables}
    asked = {table for table in TABLES if options[table]}
    if stored != asked or not asked:
        return f"stored must have numbers of every table that is asked for ({', '.join(sorted(asked))}) and of no other"
    for schedule in (options["schedule"], *options["stored"]):
        if not isinstance(schedule, Schedule | st.SearchStrategy):
            kinds = ", ".join(kind.__name__ for kind in get_args(Schedule))
            return f"schedule is one of {kinds} or a strategy of them, and stored has numbers of such, not {schedule!r}"
    return "" if options["start"] in (0, 1) else "start is 0 or 1"


noise_schedule = Contract(
    concept="noise_schedule",
    version=1,
    inputs=(),
    optional={"table": "", "schedule": None},
    public=(stored_entries,),
    options={**_OPTIONS, **dict.fromkeys(TABLES, "")},
    required=("schedule", "stored"),
    refuse=refused,
)
"""``(table, schedule) -> (timesteps,)``: one of the assignment's tables, for a schedule.

Options that are named like a table, ``alphas="`alphas`"``, say that the assignment has it, and what students call it;
the adapter gets the option's name as ``table``. ``schedule`` is the assignment's one schedule (`LinearSchedule`,
`ScaledLinearSchedule`, `CosineSchedule`, `GivenSchedule`) or, where its code takes parameters of one, a strategy for
schedules, from which the hidden checks draw. ``stored`` has some entries, in float64 and rounded: ``{schedule: {table:
{index: number}}}``. ``start`` is the t of index 0: 1, or 0 where all tables begin with an entry for the clean image.
``formula`` goes on with the title of the public check, ": what the handout asks of the values".
"""
