"""Reparameterised sampling: a sample of a diagonal Gaussian that is a differentiable function of its parameters.

Kingma and Welling, Auto-Encoding Variational Bayes (2014), section 2.4.
"""

from __future__ import annotations

import torch
from torch import Tensor

from autograder.checks import (
    CheckFailed,
    Contract,
    DiagonalGaussian,
    Subject,
    assert_gradients_close,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    diagonal_gaussians,
    given,
    gradients,
    prop,
)


def repeated(q: DiagonalGaussian, times: int) -> DiagonalGaussian:
    """The same Gaussians, every row so many times in turn: leaves of their own."""
    parts = (part.detach().repeat_interleave(times, dim=0) for part in (q.mean, q.logvar))
    return DiagonalGaussian(*(part.requires_grad_(q.mean.requires_grad) for part in parts))


def sample_of(draw: Subject, q: DiagonalGaussian, times: int = 1) -> Tensor:
    """A sample of the shape of its parameters, whose rows are repeated already."""
    name = draw.call if times == 1 else f"{draw.call.removesuffix(')')}, {times})"
    return assert_tensor(draw(q.mean, q.logvar, times=times), shape=q.shape, name=name)


@prop(weight=2)
def samples_have_the_mean_and_spread(draw: Subject) -> None:
    """{call}, less {mean} and over the standard deviation, is independent N(0, 1) noise, fresh at every call."""
    for shape in draw.options["shapes"]:
        generator = torch.Generator().manual_seed(1)
        rows = DiagonalGaussian(*(scale * torch.randn(shape, generator=generator) for scale in (1, 2)))
        for times in draw.options["repeats"]:
            q = repeated(rows, times)
            noise = [q.whiten(sample_of(draw, q, times)) for _ in range(2)]
            for whitened in noise:
                assert_standard_normal(whitened, name=draw.words("the noise of {function}"))
            assert_independent(*noise, name=draw.words("the noise of two calls of {function}"))


@prop()
@given(examples=10, rows=diagonal_gaussians(requires_grad=True))
def gradients_reach_both_parameters(draw: Subject, rows: DiagonalGaussian) -> None:
    """A sample depends on {mean} and {logvar} through differentiable operations; moving {mean} moves it as much."""
    for times in draw.options["repeats"]:
        q = repeated(rows, times)
        to_mean, to_logvar = gradients(sample_of(draw, q, times), [q.mean, q.logvar])
        assert_gradients_close([to_mean], [torch.ones(q.shape)], [draw.names["mean"]], of="the sum of the samples")
        if to_logvar is None or not bool((to_logvar != 0).any()):
            why = "the noise must be scaled by a function of {logvar}, not drawn so"
            raise CheckFailed(draw.words(f"no gradient reaches {{logvar}}: {why}"))


reparameterization = Contract(
    concept="reparameterization",
    version=1,
    inputs=("mean", "logvar"),
    optional={"times": 1},
    public=(samples_have_the_mean_and_spread, gradients_reach_both_parameters),
    options={"shapes": ((256, 12),), "repeats": (1,)},
)
"""``(mean, logvar) -> sample``, all of one shape, the batch first; ``logvar`` is the logarithm of the variance.

``shapes`` are those on which mean and spread of the samples are looked at, each of at least 2,000 numbers. Where rows
come repeated and the function is told how often (``times``), ``repeats`` are numbers to try.
"""
