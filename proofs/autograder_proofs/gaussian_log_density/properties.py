"""Log-densities and their gradients against the closed form in float64."""

from __future__ import annotations

import torch
from torch import Tensor

from autograder.checks import Subject, assert_close, assert_gradients_close, assert_tensor, gradients, prop
from autograder.concepts.gaussian_log_density import NAMES, DensityProblem, Dims, asked_for, problems, sign
from autograder_proofs.oracles.gaussian import log_density


def truth_of(density: Subject, inputs: list[Tensor], dims: Dims) -> Tensor:
    """What should come out for float64 inputs."""
    logvar = 2 * density.options["spread"].std(inputs[2]).log()
    each: Tensor = density.options["over_dims"].over(log_density(inputs[0], inputs[1], logvar), dims)
    return sign(density) * each


def assert_density_and_gradients(
    density: Subject, sent: list[Tensor], dims: Dims | None, meant: Dims, name: str, scale: float = 1.0
) -> None:
    """Raise `CheckFailed` unless values and gradients are right."""
    leaves = [part.detach().double().requires_grad_() for part in sent]
    truth = truth_of(density, leaves, meant)
    got = density(*sent, dims=dims)
    assert_close(got, truth, name=name, scale=truth.detach().abs() + 5.0)  # terms of either sign may cancel
    cotangent = torch.randn(truth.shape, generator=torch.Generator().manual_seed(1))
    expected = torch.autograd.grad(truth, leaves, cotangent.double())
    found = gradients(assert_tensor(got), sent, cotangent.to(assert_tensor(got).dtype))
    names = [density.names[part] for part in NAMES]
    assert_gradients_close(found, expected, names, of=name, scale=scale)


@prop(weight=2, drawn=problems, examples=6)
def log_densities_and_their_gradients(density: Subject, problem_of: dict[int, DensityProblem]) -> None:
    """{call} has all of its constants, and its gradients to {sample}, {mean} and {logvar} are right."""
    for rank, dims, meant, name in asked_for(density):
        for rows in (slice(None), slice(1)):
            problem = problem_of[rank]
            part = problem.of(rows, -1 if rows == slice(None) else 1, *problem.sample.shape[1:])
            assert_density_and_gradients(density, part.inputs(density.options["spread"]), dims, meant, name)


@prop(needs="shared", drawn=problems, examples=5)
def shared_parameters(density: Subject, problem_of: dict[int, DensityProblem]) -> None:
    """With single numbers for {mean} and {logvar}, values and all gradients are right as well."""
    for rank, dims, meant, name in asked_for(density):
        problem = problem_of[rank]
        sample, mean, value = problem.inputs(density.options["spread"])
        shared = [part.detach().flatten()[0].clone().requires_grad_() for part in (mean, value)]
        assert_density_and_gradients(density, [sample, *shared], dims, meant, name, scale=10.0)  # long sums


HIDDEN = (log_densities_and_their_gradients, shared_parameters)
