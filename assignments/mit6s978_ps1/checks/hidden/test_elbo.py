"""Samples, log-densities and both forms of the divergence against closed forms in float64, with gradients."""

from __future__ import annotations

import torch
from autograder_proofs.oracles.gaussian import negative_log_likelihood
from mit6s978_ps1.checks.public.test_pset1_elbo import check_estimates, normal

from autograder.checks import (
    assert_close,
    assert_gradients_close,
    diagonal_gaussians,
    given,
    gradients,
    item,
    seeds,
)


def float64_leaves(*tensors):
    """The same values in float64, as leaves."""
    return [tensor.detach().double().requires_grad_() for tensor in tensors]


# p3.kl

TIMES = 40
FEW = diagonal_gaussians(min_batch=3, max_batch=4, min_dim=4, max_dim=7)


@item("p3.kl", weight=0.5)
@given(examples=4, q=FEW)
def test_the_estimate_is_a_log_ratio(pset1, pset1_probes, q):
    """loss_SGVB is log p - log q at the samples, one number for each."""

    def judge(estimate):
        mean, logvar = estimate.q.mean.double(), estimate.q.logvar.double()
        zero = torch.zeros(())
        truth = negative_log_likelihood(estimate.z, mean, logvar) - negative_log_likelihood(estimate.z, zero, zero)
        terms = (mean**2 + logvar.exp() + logvar.abs() + estimate.z.double() ** 2 + 13).sum(1)
        assert_close(pset1.loss_SGVB(estimate.output), truth, name="loss_SGVB(output)", scale=terms)

    check_estimates(pset1, pset1_probes, q, TIMES, judge)


@item("p3.kl", weight=0.5)
@given(examples=4, q=FEW, seed=seeds())
def test_gradients_of_the_estimate(pset1, pset1_probes, q, seed):
    """loss_SGVB can be trained on: its gradients to mean, logvar and z are right."""

    def judge(estimate):
        names = ("mean", "logvar", "z")
        sent = [
            part.detach().float().clone().requires_grad_() for part in (estimate.q.mean, estimate.q.logvar, estimate.z)
        ]
        mean, logvar, z = float64_leaves(*sent)
        zero, cotangent = torch.zeros(()), normal(len(z), seed=seed)
        truth = negative_log_likelihood(z, mean, logvar) - negative_log_likelihood(z, zero, zero)
        got = pset1.loss_SGVB(dict(zip(names, sent, strict=True)))
        assert_close(got, truth.detach(), name="loss_SGVB(output)", scale=float(truth.detach().abs().max()) + 99.0)
        expected = torch.autograd.grad(truth, [mean, logvar, z], cotangent.double())
        found = gradients(got, sent, cotangent.to(got.dtype))
        assert_gradients_close(found, expected, names, of="loss_SGVB", scale=4.0)

    check_estimates(pset1, pset1_probes, q, TIMES, judge)
