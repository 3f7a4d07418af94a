"""Exact gradients of a sample, and noise of its own for each number."""

from __future__ import annotations

import torch

from autograder.checks import (
    DiagonalGaussian,
    Subject,
    Unit,
    assert_gradients_close,
    assert_independent,
    assert_standard_normal,
    diagonal_gaussians,
    given,
    gradients,
    prop,
)
from autograder.concepts.reparameterization import repeated, sample_of


@prop()
@given(examples=15, q=diagonal_gaussians(min_batch=1, min_dim=1, requires_grad=True))
def gradients_of_a_sample(draw: Subject, q: DiagonalGaussian) -> None:
    """Both gradients of a sample are exact: that to {logvar} follows from how far the sample is from {mean}."""
    z = sample_of(draw, q)  # z = m + exp(l / 2) e, so dz/dm = 1 and dz/dl = exp(l / 2) e / 2 = (z - m) / 2
    cotangent = torch.randn(q.shape, generator=torch.Generator().manual_seed(1))
    half_way = (z.detach().double() - q.mean.detach().double()) / 2
    truth = [cotangent.double(), half_way * cotangent.double()]
    found = gradients(z, [q.mean, q.logvar], cotangent.to(z.dtype))
    assert_gradients_close(found, truth, [draw.names["mean"], draw.names["logvar"]], of="a sample", scale=2.0)


@prop()
def every_number_has_noise_of_its_own(draw: Subject) -> None:
    """Each latent variable of each row has its own standard deviation and its own noise, at every call."""
    mean = 3 * torch.randn(400, 5, generator=torch.Generator().manual_seed(2))
    rows = DiagonalGaussian(mean, torch.linspace(-3, 3, 5).expand(400, 5).clone())
    for times in draw.options["repeats"]:
        q = repeated(rows, times)
        noise = [q.whiten(sample_of(draw, q, times)) for _ in range(2)]
        for whitened in noise:
            assert_standard_normal(whitened, unit=Unit.COORDINATE, mean_effect=0.6, std_effect=1.6)
        assert_independent(*noise)


HIDDEN = (gradients_of_a_sample, every_number_has_noise_of_its_own)
