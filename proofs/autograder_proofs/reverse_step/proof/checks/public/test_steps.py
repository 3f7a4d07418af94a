"""The contract on functions for images that count from 0, and on a method for points that counts from 1."""

from __future__ import annotations

from functools import partial

import torch

from autograder.checks import AffineNoise
from autograder.concepts.noise_schedule import CosineSchedule, LinearSchedule
from autograder.concepts.reverse_step import AncestralStep, DdimStep, StoredStep, reverse_step

LINEAR = (
    StoredStep(0, 0.0, {1: 1.00050038, -4: -4.0020015}),
    StoredStep(0, 3.0, {0: -0.0949157996, 2.5: 2.40633514}),
    StoredStep(1, 10.0, {1: 0.660575965, -2: -2.34212465}, 0.0253576907),
    StoredStep(40, 20.0, {2: 1.09164438, -3: -3.99274288}, 0.178383919),
    StoredStep(99, 20.0, {3: 1.44647053, -5: -6.89410604}, 0.282648287),
)
DDIM = (
    StoredStep(40, 1.5, {1.25: 1.23517236, -2: -2.06967936}),
    StoredStep(0, 0.0, {1: 1.00050038, -4: -4.0020015}),
    StoredStep(0, 3.0, {0: -0.0949157996, 2.5: 2.40633514}),
    StoredStep(1, -2.0, {0.5: 0.543057623, 2: 2.04440793}),
    StoredStep(99, -3.0, {2: 2.21390899, 0.5: 0.650050883}),
)
COSINE = (
    StoredStep(1, -1.5, {4.777875: 2, -3.657751: -2}),
    StoredStep(1, 0.5, {1.649302: 1.60000003, -0.8317646: -0.899999926}),
    StoredStep(2, 2.0, {1.729561: 1.4172979, -2.45249: -2.12351071}, 0.19903738),
    StoredStep(7, 2.0, {0.9309754: 0.461060276, 3.320292: 2.90765858}, 0.427687712),
    StoredStep(14, 6.0, {6.003827: 0.309587455, 6.014015: 0.409792181}, 0.999499875),
)


@reverse_step(
    "images",
    call="p_sample(model, x, t, t_index)",
    rule=AncestralStep(LinearSchedule(1e-3, 0.08, 100)),
    stored=LINEAR,
    rounding=2.0,
    gradient_free=True,
)
def test_p_sample(steps, model, x, t):
    return steps.p_sample(model, x, torch.full((len(x),), t), t)


@reverse_step(
    "ddim",
    call="ddim(model, x, t)",
    rule=DdimStep(LinearSchedule(1e-3, 0.08, 100)),
    stored=DDIM,
    rounding=2.0,
    noisy=False,
)
def test_ddim(steps, model, x, t):
    return steps.ddim(model, x, torch.full((len(x),), t))


def points_of(steps, model):
    """Steps with this model."""
    return steps.Points(model)


@reverse_step(
    "points",
    call="before(points, t)",
    names=("model", "points", "t"),
    once=points_of,
    rule=AncestralStep(CosineSchedule(14), variance="beta", clamp=(-2, 2), first_time=1),
    stored=COSINE,
    model=partial(AffineNoise, int64_times=True),
    example=(2,),
)
def test_before(made, x, t):
    return made.before(x, torch.full((len(x),), t))
