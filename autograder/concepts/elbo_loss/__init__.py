"""The loss of a VAE: reconstruction plus divergence, the negative evidence lower bound of a batch.

Kingma and Welling, Auto-Encoding Variational Bayes (2014), equation 10 with the opposite sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Bernoulli, Normal

from autograder.checks import (
    CheckFailed,
    Contract,
    DiagonalGaussian,
    Reduction,
    Spread,
    Subject,
    assert_close,
    assert_tensor,
    diagonal_gaussians,
    gradients,
    prop,
    seeds,
)
from autograder.concepts.gaussian_kl import log_ratios


class Likelihood(Enum):
    """What a reconstruction says of each pixel, given the latent vector."""

    BERNOULLI = "independent pixels that are ink with probability x_hat"
    LOGITS = "the same, and x_hat is the logit"
    HALF_SQUARED_ERROR = "normal with mean x_hat and variance 1, without the constant"
    SQUARED_ERROR = "twice as much"

    def costs(self, x_hat: Tensor, x: Tensor) -> Tensor:
        """Minus the log-likelihood of black and white pixels, one by one; float64."""
        of, pixels = x_hat.double(), x.double()
        if self in (Likelihood.BERNOULLI, Likelihood.LOGITS):
            ink = Bernoulli(probs=of) if self is Likelihood.BERNOULLI else Bernoulli(logits=of)
            return -torch.as_tensor(ink.log_prob(pixels))  # type: ignore[no-untyped-call]
        normal = Normal(of, 1.0, validate_args=False)
        half = normal.log_prob(of) - normal.log_prob(pixels)  # type: ignore[no-untyped-call]
        return torch.as_tensor(half if self is Likelihood.HALF_SQUARED_ERROR else 2 * half)


@dataclass(frozen=True, eq=False)
class ElboProblem:
    """Images, their reconstructions, and the posteriors that these come from."""

    x_hat: Tensor
    x: Tensor
    q: DiagonalGaussian

    def rows(self, rows: slice) -> ElboProblem:
        """Some of the images."""
        q = DiagonalGaussian(self.q.mean[rows], self.q.logvar[rows])
        return ElboProblem(self.x_hat[rows], self.x[rows], q)

    def inputs(self, options: Mapping[str, Any]) -> list[Tensor]:
        """What the loss gets: reconstructions, images, means and spreads; all but the images are leaves."""
        x_hat = self.x_hat.flatten(1) if options["flat"] else self.x_hat
        parts = (x_hat, self.q.mean, options["spread"].of_logvar(self.q.logvar))
        leaves = [part.detach().clone().requires_grad_() for part in parts]
        return [leaves[0], self.x, *leaves[1:]]


def problems(
    options: Mapping[str, Any], *, grey: bool = False, min_batch: int = 3, max_batch: int = 6, max_dim: int = 16
) -> dict[str, Any]:
    """Images of black and white pixels, or of grey ones, that suit an assignment."""
    rows = diagonal_gaussians(max_batch, max_dim, min_batch=min_batch, min_dim=3)
    return {"problem": st.builds(partial(_problem, options, grey), rows, seeds())}


def _problem(options: Mapping[str, Any], grey: bool, q: DiagonalGaussian, seed: int) -> ElboProblem:
    generator = torch.Generator().manual_seed(seed)
    x_hat, x = torch.rand(2, len(q.mean), *options["shape"], generator=generator)
    x_hat = 0.05 + 0.9 * x_hat
    if options["likelihood"] is Likelihood.LOGITS:
        x_hat = x_hat.logit()
    return ElboProblem(x_hat, x if grey else (x < 0.3).float(), q)


def combined(costs: Tensor, divergences: Tensor, options: Mapping[str, Any]) -> Tensor:
    """The loss, from what pixels cost (batch, ...) and from divergences of latent variables (batch, dim)."""
    reconstruction = options["over_pixels"].over(costs, range(1, costs.ndim))
    divergence = options["over_latents"].over(divergences, [1])
    loss: Tensor = options["over_rows"].over(reconstruction + options["beta"] * divergence, [0])
    return loss


def assert_loss(loss: Subject, problem: ElboProblem, name: str) -> None:
    """Raise `CheckFailed` unless this is the loss of black and white images."""
    options = loss.options
    x_hat, x, *of_q = problem.inputs(options)
    ratios = log_ratios([part.detach().double() for part in of_q], options["spread"]).mean(0)
    expected = combined(options["likelihood"].costs(problem.x_hat, problem.x), ratios, options)
    assert_close(loss(x_hat, x, *of_q), expected, name=name, scale=0.0)


@prop(weight=2, drawn=problems, examples=8)
def the_loss_is_the_negative_elbo(loss: Subject, problem: ElboProblem) -> None:
    """For black and white images {call} is -log p(x|z) + KL(q || N(0, I)), {over_rows.phrase} the images of the batch.

    The KL divergence is a Monte-Carlo mean of log q(z) - log p(z) whose noise is standardised: it has no Monte-Carlo
    error.
    """
    assert_loss(loss, problem, loss.call)


@prop(drawn=problems, examples=6)
def images_add_up(loss: Subject, problem: ElboProblem) -> None:
    """Each image counts once: {call} is what images cost, {over_rows.phrase} the images, however many there are."""
    for rows in (slice(1), slice(1, None), slice(0, 2)):
        part = problem.rows(rows)
        assert_loss(loss, part, f"{loss.call}, of {len(part.x)} of {len(problem.x)} images,")


@prop(weight=0.5, drawn=problems, examples=5)
def the_loss_can_be_trained_on(loss: Subject, problem: ElboProblem) -> None:
    """Gradients of {call}, where its value is right, reach {x_hat}, {mean} and {logvar}."""
    assert_loss(loss, problem, loss.call)
    x_hat, x, *of_q = problem.inputs(loss.options)
    got = assert_tensor(loss(x_hat, x, *of_q), name=loss.call)
    for gradient, part in zip(gradients(got, [x_hat, *of_q]), ("x_hat", "mean", "logvar"), strict=True):
        if gradient is None or not bool((gradient != 0).any()):
            raise CheckFailed(f"no gradient of {loss.call} reaches {loss.names[part]}")


def with_wider_posteriors(problem: ElboProblem) -> ElboProblem:
    """The same reconstructions, with posteriors farther from the prior."""
    return replace(problem, q=DiagonalGaussian(2 * problem.q.mean, problem.q.logvar + 1.5))


elbo_loss = Contract(
    concept="elbo_loss",
    version=1,
    inputs=("x_hat", "x", "mean", "logvar"),
    public=(the_loss_is_the_negative_elbo, images_add_up, the_loss_can_be_trained_on),
    options={
        "likelihood": Likelihood.BERNOULLI,
        "shape": (1, 28, 28),
        "flat": False,
        "spread": Spread.LOGVAR,
        "over_pixels": Reduction.SUM,
        "over_latents": Reduction.SUM,
        "over_rows": Reduction.MEAN,
        "beta": 1.0,
    },
    required=("likelihood",),
)
"""``(x_hat, x, mean, logvar) -> reconstruction + beta * divergence``, for images x (batch, *shape) and q (batch, dim).

``likelihood`` says what the reconstructions are: x_hat is of the shape of x, or (batch, pixels) with ``flat``.
``spread`` is the form in which the function takes what is called ``logvar`` here. ``over_pixels``, ``over_latents`` and
``over_rows`` say what is added up or averaged; where ``over_rows`` is NONE, each image has a loss of its own. The
adapter of a function that returns its terms as well picks the loss.
"""
