"""Samples, log-densities and both forms of the divergence against closed forms in float64, with gradients."""

from __future__ import annotations

import torch
from autograder_proofs.oracles.gaussian import negative_log_likelihood
from hypothesis import strategies as st
from mit6s978_ps1.checks.public.test_pset1_elbo import judge_estimates, normal

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


# p2.log_normal_pdf


@item("p2.log_normal_pdf", weight=2)
@given(examples=12, q=diagonal_gaussians(min_batch=1, min_dim=1, requires_grad=True), seed=seeds())
def test_the_log_density_and_its_gradients(pset1, q, seed):
    """The log-density has all of its constants, and its gradients to sample, mean and logvar are right."""
    sample = (2 * normal(*q.shape, seed=seed)).requires_grad_()
    got = pset1.log_normal_pdf(sample, q.mean, q.logvar)
    leaves = float64_leaves(sample, q.mean, q.logvar)
    truth = -negative_log_likelihood(*leaves)
    assert_close(got, truth, name="log_normal_pdf", scale=truth.detach().abs() + q.logvar.detach().abs().sum(1) + 1)
    cotangent = normal(*truth.shape, seed=1)
    expected = torch.autograd.grad(truth, leaves, cotangent.double())
    found = gradients(got, [sample, q.mean, q.logvar], cotangent.to(got.dtype))
    assert_gradients_close(found, expected, ["sample", "mean", "logvar"], of="log_normal_pdf", scale=1.0)


@item("p2.log_normal_pdf", weight=1)
@given(examples=8, seed=seeds(), batch=st.integers(1, 5), width=st.integers(2, 9), axis=st.sampled_from((0, 1, -1)))
def test_shared_parameters_along_any_axis(pset1, seed, batch, width, axis):
    """With single numbers for mean and logvar, log-density and gradient to the sample are right along every axis."""
    sample = (2 * normal(batch, width, seed=seed)).requires_grad_()
    mean, logvar = normal(2, seed=seed + 1).unbind()
    got = pset1.log_normal_pdf(sample, mean, logvar, raxis=axis)
    (leaf,) = float64_leaves(sample)
    truth = -negative_log_likelihood(leaf, mean, logvar, (axis,))
    assert_close(got, truth, name="log_normal_pdf", scale=truth.detach().abs() + width)
    (expected,) = torch.autograd.grad(truth.sum(), [leaf])
    assert_gradients_close(gradients(got, [sample]), [expected], ["sample"], of="log_normal_pdf", scale=1.0)


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

    judge_estimates(pset1, pset1_probes, q, TIMES, judge)


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

    judge_estimates(pset1, pset1_probes, q, TIMES, judge)
