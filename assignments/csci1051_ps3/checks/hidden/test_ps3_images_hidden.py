"""Parts 1B and 1C on other data, and the parts of the variational autoencoder against closed forms."""

from __future__ import annotations

import torch
from autograder_proofs.oracles.gaussian import kl_between
from csci1051_ps3.checks.public.test_ps3_images import (
    FORMS,
    assert_all_there,
    assert_arranged,
    assert_coloured,
    clusters,
    decoded,
    form_of,
    generator,
    total,
)

from autograder.checks import (
    CheckFailed,
    assert_close,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    exceeds,
    falls_below,
    given,
    gradients,
    item,
    seeds,
)

ROWS = 40
CALLS = 60
FLAT = 5e-3
"""Relative difference of gradients: those of float32 code are off by parts in a million."""


# p1b.clusters, p1c.grid


@item("p1b.clusters", weight=1)
def test_other_images_and_labels(ps3, ps3_probes):
    """Points and colours are right for other images, another encoder, labels in any order, some of them missing."""
    labels = torch.tensor([7, 2, 2, 9, 0, 7, 4, 4, 9, 2, 0, 7, 5, 5, 4, 0, 9, 2, 7, 5, 4, 9, 0])
    assert_coloured(clusters(ps3, ps3_probes, len(labels), 11, labels), labels)


@item("p1c.grid", weight=1)
def test_another_grid(ps3, ps3_probes):
    """Pictures and their arrangement are right for another decoder and other coordinates, unevenly spaced."""
    draws = generator(5)
    xs, ys = (torch.cumsum(0.1 + 0.5 * torch.rand(n, generator=draws), 0) - 1 for n in (10, 9))
    seen, expected = decoded(ps3, ps3_probes, xs, ys, 7)
    assert_all_there(seen, expected)
    assert_arranged(seen, expected, len(xs), len(ys))


# ec.vae


def truth(mu, sigma, prior):
    """The divergence from N(0, prior I), for each row."""
    level = torch.tensor(prior, dtype=torch.float64).log()
    return kl_between(mu, 2 * sigma.double().log(), torch.zeros((), dtype=torch.float64), level)


@item("ec.vae", weight=1)
@given(examples=8, seed=seeds())
def test_the_variational_term_and_its_gradient(ps3, seed):
    """kl_loss is one of the two forms for all mu and sigma, and so is its gradient, in every coordinate."""
    draws = generator(seed)
    batches = [
        (2 * torch.randn(5, 2, generator=draws), 0.1 + 3 * torch.rand(5, 2, generator=draws).square()) for _ in range(7)
    ]
    losses = [total(ps3.kl_loss(mu, sigma)) for mu, sigma in batches]
    form = form_of(losses, {form: [float(truth(*b, prior).sum()) for b in batches] for form, prior in FORMS.items()})
    mu, sigma = (part.clone().requires_grad_() for part in batches[0])
    loss = assert_tensor(ps3.kl_loss(mu, sigma), name="kl_loss(mu, sigma)")
    arriving = gradients(loss, [mu, sigma])
    due = torch.autograd.grad(truth(mu, sigma, FORMS[form]).sum(), [mu, sigma])
    if any(gradient is None for gradient in arriving):
        raise CheckFailed("no gradient of kl_loss reaches mu or sigma: it cannot be trained on")
    got, expected = (torch.cat([part.double().flatten() for part in parts]) for parts in (arriving, due))
    factor = float((got * expected).sum() / expected.square().sum())
    if falls_below(factor, 1e-9) or exceeds((got - factor * expected).abs().max(), FLAT * got.abs().max()):
        raise CheckFailed("the gradient of kl_loss is not that of its value")


@item("ec.vae", weight=1)
def test_noise_and_gradients_of_the_draws(ps3):
    """(z - mu) / sigma is standard normal, independent over rows, columns, calls; gradients reach mu and sigma."""
    draws = generator(2)
    mu = (3 * torch.randn(ROWS, 2, generator=draws)).requires_grad_()
    sigma = (0.2 + 2 * torch.rand(ROWS, 2, generator=draws)).requires_grad_()
    calls = [assert_tensor(ps3.sample_latent(mu, sigma), shape=(ROWS, 2), name="z") for _ in range(CALLS)]
    white = [(z.detach().double() - mu.detach()) / sigma.detach() for z in calls]
    assert_independent(torch.cat(white[:30]), torch.cat(white[30:]), name="the noise of two calls")
    assert_standard_normal(torch.stack(white), name="the noise (z - mu) / sigma")
    arriving = gradients(calls[0], [mu, sigma])
    for gradient, expected, name in zip(arriving, (torch.ones(ROWS, 2), white[0]), ("mu", "sigma"), strict=True):
        if gradient is None:
            raise CheckFailed(f"no gradient of the draw reaches {name}: the encoder cannot learn through it")
        assert_close(gradient, expected, name=f"the gradient of the draw with respect to {name}", scale=20.0)
