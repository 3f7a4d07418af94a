"""The contract on tables of a module, on functions of a schedule's parameters, and on an object's tables from t = 0."""

from __future__ import annotations

import torch
from hypothesis import strategies as st

from autograder.checks import fetch
from autograder.concepts.noise_schedule import CosineSchedule, GivenSchedule, LinearSchedule, noise_schedule

LINEAR, INDICES = LinearSchedule(1e-3, 0.08, 100), (0, 1, 37, 99)
NUMBERS = {
    "betas": (0.001, 0.0017979798, 0.0305252525, 0.08),
    "alphas": (0.999, 0.99820202, 0.969474747, 0.92),
    "sqrt_recip_alphas": (1.00050038, 1.0009002, 1.01562118, 1.04257207),
    "alphas_cumprod": (0.999, 0.997203818, 0.545936456, 0.0155588188),
    "sqrt_alphas_cumprod": (0.999499875, 0.99860093, 0.738875129, 0.124734994),
    "sqrt_one_minus_alphas_cumprod": (0.0316227766, 0.0528789355, 0.673842373, 0.992190093),
    "alphas_cumprod_prev": (1, 0.999, 0.56312602, 0.0169117596),
    "posterior_variance": (0, 0.000643012477, 0.0293696526, 0.0798900541),
}
COSINE = {
    CosineSchedule(100): {"betas": {0: 0.000631281598, 1: 0.00111693704, 40: 0.0231088266, 99: 0.999}},
    CosineSchedule(5, 0.1): {"betas": {0: 0.155464829, 3: 0.728445871, 4: 0.999}},
}
GIVEN = GivenSchedule((0.1, 0.3, 0.05, 0.6))


@noise_schedule(
    "tables",
    call="each table",
    schedule=LINEAR,
    stored={LINEAR: {table: dict(zip(INDICES, numbers, strict=True)) for table, numbers in NUMBERS.items()}},
    **{table: f"`{table}`" for table in NUMBERS},
)
def test_tables(schedules, table):
    return fetch(getattr(schedules, table))


@noise_schedule(
    "linear",
    call="linear(start, end, count)",
    betas="linear(start, end, count)",
    schedule=st.builds(LinearSchedule, st.floats(1e-4, 2e-3), st.floats(0.01, 0.2), st.integers(10, 1000)),
    stored={LINEAR: {"betas": dict(zip(INDICES, NUMBERS["betas"], strict=True))}},
)
def test_linear(schedules, schedule):
    return schedules.linear(schedule.beta_start, schedule.beta_end, schedule.timesteps)


@noise_schedule(
    "cosine",
    call="cosine(count, offset)",
    betas="cosine(count, offset)",
    schedule=st.builds(CosineSchedule, st.integers(5, 120), st.sampled_from([0.008, 0.03, 0.1, 0.25])),
    stored=COSINE,
)
def test_cosine(schedules, schedule):
    return schedules.cosine(schedule.timesteps, schedule.s)


@noise_schedule(
    "process",
    call="each table",
    start=0,
    schedule=GIVEN,
    stored={GIVEN: {"alphas_cumprod": {0: 1.0, 2: 0.63}, "sqrt_one_minus_alphas_cumprod": {0: 0.0, 4: 0.872123844}}},
    alphas_cumprod="levels()",
    sqrt_one_minus_alphas_cumprod="spreads()",
)
def test_process(schedules, table, schedule):
    process = schedules.Process(torch.tensor(schedule.betas))
    return process.levels() if table == "alphas_cumprod" else process.spreads()
