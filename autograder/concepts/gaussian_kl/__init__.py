"""The KL divergence of a diagonal Gaussian from the standard normal, or from another diagonal Gaussian.

Kingma and Welling, Auto-Encoding Variational Bayes (2014), appendix B.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import AffineTransform, Normal

from autograder.checks import (
    Contract,
    DiagonalGaussian,
    Reduction,
    Spread,
    Subject,
    assert_equals_monte_carlo_mean,
    assert_gradients_close,
    assert_tensor,
    diagonal_gaussians,
    gradients,
    prop,
    standardised_noise,
)


@dataclass(frozen=True, eq=False)
class KlProblem:
    """Gaussians whose divergence is asked for, row by row, from others or from the standard normal."""

    q: DiagonalGaussian
    p: DiagonalGaussian | None

    def first(self) -> KlProblem:
        """The first row alone."""
        return KlProblem(_rows(self.q, slice(1)), _rows(self.p, slice(1)) if self.p else None)

    def parameters(self, options: Mapping[str, Any]) -> list[Tensor]:
        """What the function gets: leaves, mean and spread of each Gaussian."""
        parts = [(each.mean, options["spread"].of_logvar(each.logvar)) for each in (self.q, self.p) if each is not None]
        return [part.detach().clone().requires_grad_(options["gradients"]) for pair in parts for part in pair]


def _rows(gaussian: DiagonalGaussian, rows: slice) -> DiagonalGaussian:
    return DiagonalGaussian(gaussian.mean[rows], gaussian.logvar[rows])


def problems(options: Mapping[str, Any], *, max_batch: int = 8, max_dim: int = 16) -> dict[str, Any]:
    """Gaussians that suit an assignment."""
    if options["isotropic"]:
        return {"problem": diagonal_gaussians(1, max_dim, min_batch=1, min_dim=3).map(_isotropic)}
    # What is twice as large in a batch of two may be a sum in place of a mean, or what lacks its factor 1/2.
    least = 2 if options["over_rows"] is Reduction.NONE else 3
    if not options["prior"]:
        drawn = diagonal_gaussians(max_batch, max_dim, image=options["image"], min_batch=least, min_dim=3)
        return {"problem": drawn.map(lambda q: KlProblem(q, None))}
    rows = diagonal_gaussians(2 * max_batch, max_dim, image=options["image"], min_batch=2 * least, min_dim=3)
    return {"problem": st.builds(_halves, rows)}


def _isotropic(q: DiagonalGaussian) -> KlProblem:
    return KlProblem(DiagonalGaussian(q.mean, -q.logvar[:, :1].abs().expand(q.shape).contiguous()), None)


def _halves(rows: DiagonalGaussian) -> KlProblem:
    half = len(rows.mean) // 2
    return KlProblem(_rows(rows, slice(half)), _rows(rows, slice(half, 2 * half)))


def ask(kl: Subject, parameters: list[Tensor]) -> object:
    """What the function gives for means and spreads."""
    return kl(*parameters[:2], **dict(zip(("prior_mean", "prior_logvar"), parameters[2:], strict=False)))


def as_asked(each: Tensor, options: Mapping[str, Any], first: int = 0) -> Tensor:
    """What should be made of the divergences of single coordinates, whose rows are at the dimension ``first``."""
    rows = options["over_coordinates"].over(each, range(first + 1, each.ndim))
    total: Tensor = options["over_rows"].over(rows, [first])
    return -total if options["negated"] else total


def log_ratios(parameters: list[Tensor], spread: Spread) -> Tensor:
    """log q(z) - log p(z) of single coordinates, at samples z of q that move with its parameters: (16, batch, ...).

    The noise behind the samples is standardised for each coordinate: the mean over them has no Monte-Carlo error.
    """
    pairs = list(zip(parameters[::2], parameters[1::2], strict=True))
    q, *prior = (Normal(mean, spread.std(value), validate_args=False) for mean, value in pairs)
    noise = standardised_noise(16, tuple(q.loc.shape), torch.Generator().manual_seed(0))
    z = AffineTransform(q.loc, q.scale)(noise)
    p = prior[0] if prior else Normal(0.0, 1.0, validate_args=False)
    return torch.as_tensor(q.log_prob(z) - p.log_prob(z))  # type: ignore[no-untyped-call]


def names_of(kl: Subject) -> list[str]:
    """What the assignment calls the parameters, in order."""
    return [kl.names[name] for name in ("mean", "logvar", "prior_mean", "prior_logvar")]


def assert_kl_gradients(kl: Subject, got: Tensor, sent: list[Tensor], expected: tuple[Tensor, ...]) -> None:
    """Raise `CheckFailed` unless the gradients of the sum of what came are these."""
    of = kl.call if got.ndim == 0 else f"the sum of {kl.call}"
    assert_gradients_close(gradients(got, sent), expected, names_of(kl)[: len(sent)], of=of)


@prop(drawn=problems, examples=10)
def agrees_with_monte_carlo(kl: Subject, problem: KlProblem) -> None:
    """{call} agrees with the Monte-Carlo mean of the log-ratio of q(z) and p(z), {over_rows.phrase} the rows."""
    parameters = problem.parameters(kl.options)
    ratios = log_ratios([part.detach().double() for part in parameters], kl.options["spread"])
    assert_equals_monte_carlo_mean(ask(kl, parameters), as_asked(ratios, kl.options, 1), name=kl.call)


@prop(drawn=partial(problems, max_dim=8), examples=8, needs="gradients")
def gradients_agree_with_monte_carlo(kl: Subject, problem: KlProblem) -> None:
    """The gradients of {call} are those of the Monte-Carlo mean of the log-ratio, whose samples z move with q."""
    sent = problem.parameters(kl.options)
    leaves = [part.detach().double().requires_grad_() for part in sent]
    mean = as_asked(log_ratios(leaves, kl.options["spread"]), kl.options, 1).mean(0)
    got = assert_tensor(ask(kl, sent), shape=mean.shape, name=kl.call)
    assert_kl_gradients(kl, got, sent, torch.autograd.grad(mean.sum(), leaves))


gaussian_kl = Contract(
    concept="gaussian_kl",
    version=1,
    inputs=("mean", "logvar"),
    optional={"prior_mean": None, "prior_logvar": None},
    public=(agrees_with_monte_carlo, gradients_agree_with_monte_carlo),
    options={
        "spread": Spread.LOGVAR,
        "prior": False,
        "over_coordinates": Reduction.SUM,
        "over_rows": Reduction.NONE,
        "negated": False,
        "image": False,
        "isotropic": False,
        "gradients": True,
    },
)
"""``(mean, logvar) -> KL(q || N(0, I))`` of Gaussians (batch, dim), or (batch, channels, height, width) with ``image``.

``spread`` is the form in which the function takes what is called ``logvar`` here, and ``prior_logvar``. With ``prior``
it is KL(q || p), and the adapter gets p as ``prior_mean`` and ``prior_logvar`` of the same shape. ``over_coordinates``
and ``over_rows`` say what becomes of the divergences of coordinates and of rows, ``negated`` that minus the divergence
is asked for. ``isotropic`` gives one row at a time, whose coordinates share one variance below 1, for functions of
other parameters that an adapter can work out from these. ``gradients`` is false where a mere number may be returned.
"""
