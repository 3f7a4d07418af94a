"""Divergences and their gradients against the closed form in float64."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from autograder.checks import Subject, assert_close, assert_gradients_close, assert_tensor, gradients, prop
from autograder.concepts.gaussian_kl import KlProblem, as_asked, ask, names_of, problems
from autograder_proofs.oracles.gaussian import kl_of_coordinates


def truth_of(kl: Subject, parameters: list[Tensor]) -> Tensor:
    """What should come out for float64 parameters."""
    logvars = [2 * kl.options["spread"].std(value).log() for value in parameters[1::2]]
    zero = torch.zeros((), dtype=torch.float64)
    prior = (parameters[2], logvars[1]) if len(logvars) > 1 else (zero, zero)
    return as_asked(kl_of_coordinates(parameters[0], logvars[0], *prior), kl.options)


def assert_divergence(kl: Subject, problem: KlProblem) -> None:
    """Raise `CheckFailed` unless the function gives the divergence, whenever it is asked."""
    sent = problem.parameters(kl.options)
    truth = truth_of(kl, [part.detach().double() for part in sent])
    for _ in range(2):
        assert_close(ask(kl, sent), truth, name=kl.call, scale=truth.abs() + 1)


@prop(drawn=partial(problems, max_dim=40), examples=8)
def divergences(kl: Subject, problem: KlProblem) -> None:
    """{call} is right for Gaussians of any width; a batch of one row is still a batch."""
    assert_divergence(kl, problem)
    assert_divergence(kl, problem.first())


@prop(drawn=problems, examples=8, needs="gradients")
def gradients_of_divergences(kl: Subject, problem: KlProblem) -> None:
    """{call} can be trained on: the gradients of each of its numbers are right."""
    sent = problem.parameters(kl.options)
    leaves = [part.detach().double().requires_grad_() for part in sent]
    truth = truth_of(kl, leaves)
    got = assert_tensor(ask(kl, sent), shape=truth.shape, name=kl.call)
    cotangent = torch.randn(truth.shape, generator=torch.Generator().manual_seed(1))
    expected = torch.autograd.grad(truth, leaves, cotangent.double())
    found = gradients(got, sent, cotangent.to(got.dtype))
    assert_gradients_close(found, expected, names_of(kl)[: len(sent)], of=kl.call)


HIDDEN = (divergences, gradients_of_divergences)
