"""Losses of grey images and their gradients against closed forms in float64."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from autograder.checks import (
    CheckFailed,
    Subject,
    assert_close,
    assert_gradients_close,
    assert_tensor,
    exceeds,
    gradients,
    prop,
)
from autograder.concepts.elbo_loss import ElboProblem, Likelihood, combined, problems, with_wider_posteriors
from autograder_proofs.oracles.bernoulli import cross_entropy_of_pixels
from autograder_proofs.oracles.gaussian import kl_of_coordinates


def costs_of(likelihood: Likelihood, x_hat: Tensor, x: Tensor) -> Tensor:
    """Minus the log-likelihood of pixels, which may be grey."""
    if likelihood in (Likelihood.BERNOULLI, Likelihood.LOGITS):
        return cross_entropy_of_pixels(x_hat if likelihood is Likelihood.BERNOULLI else x_hat.sigmoid(), x)
    squares = (x_hat - x.double()) ** 2
    return squares / 2 if likelihood is Likelihood.HALF_SQUARED_ERROR else squares


def truth_of(options: Mapping[str, Any], x_hat: Tensor, x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """What should come out, from float64 parameters."""
    zero = torch.zeros((), dtype=torch.float64)
    divergences = kl_of_coordinates(mean, 2 * options["spread"].std(spread).log(), zero, zero)
    return combined(costs_of(options["likelihood"], x_hat, x.reshape(x_hat.shape)), divergences, options)


@prop(weight=2, drawn=partial(problems, grey=True, min_batch=1, max_batch=7), examples=8)
def grey_images_and_gradients(loss: Subject, problem: ElboProblem) -> None:
    """{call} is right for grey images, any number of them and any {logvar}, and so are its three gradients."""
    options = loss.options
    x_hat, x, *of_q = problem.inputs(options)
    got = loss(x_hat, x, *of_q)
    leaves = [part.detach().double().requires_grad_() for part in (x_hat, *of_q)]
    truth = truth_of(options, leaves[0], x, *leaves[1:])
    assert_close(got, truth, name=loss.call, scale=0.0)
    expected = torch.autograd.grad(truth.sum(), leaves)
    names = [loss.names[part] for part in ("x_hat", "mean", "logvar")]
    assert_gradients_close(gradients(assert_tensor(got), [x_hat, *of_q]), expected, names, of=loss.call)
    if options["likelihood"] in (Likelihood.BERNOULLI, Likelihood.LOGITS):
        sure = torch.full((len(x), x_hat[0].numel()), 0.5)
        sure[:, ::10], sure[:, 5::10] = 0.001, 0.999
        sure = sure.logit() if options["likelihood"] is Likelihood.LOGITS else sure
        assert_sure_pixels(loss, sure.reshape(x_hat.shape), x, of_q)


def assert_sure_pixels(loss: Subject, x_hat: Tensor, x: Tensor, of_q: list[Tensor]) -> None:
    """Raise `CheckFailed` where certainty is cut off; a small constant in the logarithm stays below the tolerance."""
    truth = truth_of(loss.options, x_hat.double(), x, *(part.detach().double() for part in of_q))
    found = assert_tensor(loss(x_hat, x, *of_q), shape=truth.shape, name=loss.call).detach().double()
    if exceeds((found - truth).abs(), 0.01 * truth):
        raise CheckFailed(loss.words("{call} is wrong for pixels that {x_hat} is sure of: are probabilities cut off?"))


@prop(drawn=partial(problems, grey=True, max_batch=4, max_dim=40), examples=5)
def weight_of_the_divergence(loss: Subject, problem: ElboProblem) -> None:
    """One reconstruction under two posteriors: the losses differ by as much as the divergences say."""
    losses, truths = [], []
    for one in (problem, with_wider_posteriors(problem)):
        x_hat, x, *of_q = one.inputs(loss.options)
        truths.append(truth_of(loss.options, *(part.detach().double() for part in (x_hat, x, *of_q))))
        losses.append(assert_tensor(loss(x_hat, x, *of_q), shape=truths[0].shape, name=loss.call).detach().double())
    assert_close(losses[1] - losses[0], truths[1] - truths[0], scale=truths[0].abs())


HIDDEN = (grey_images_and_gradients, weight_of_the_divergence)
