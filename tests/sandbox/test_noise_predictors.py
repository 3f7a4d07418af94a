"""A lent model of noise: what it was asked is what it saw here, whatever the worker says about it."""

import pytest
import torch

from autograder.checks import AffineNoise, SubmissionRaised, teach

USING = """
import sys, torch
def knows_symbols():
    return "sympy" in sys.modules
def prices(model, x, t):
    return (model(x, t) - 1).square().flatten(1).mean(1)
def price(model, x, t):
    model.images, model.times = ["a lie"], ["another"]
    return (model(x, t) - 1).square().mean()
def detached(model, x, t):
    return price(model, x, t).detach()
def scalar_time(model, x, t):
    return model(x, int(t[0]))
def float_time(model, x, t):
    return model(x, t=t.float())
def endless(model, x, t):
    for _ in range(100):
        model(x, t)
"""
X, T = torch.tensor([[[[1.0]]], [[[3.0]]]]), torch.tensor([2, 5])


def test_calls_are_recorded_here_and_gradients_arrive_here(start, backend):
    s, model = start(backend, USING).module("s"), AffineNoise(2.0, 1.0, -1.0)
    loss = s.price(model.exposed, X, T)
    assert torch.equal(model.images[0], X) and [t.tolist() for t in model.times] == [[2, 5]]
    assert loss.item() == pytest.approx((2.0**2 + 9.0**2) / 2)  # predictions 3 and 10
    gradients = teach(loss, [model.gain, model.tilt, model.bias])
    assert [g.item() for g in gradients] == pytest.approx([2 * 1 + 9 * 3, 2 * 2 + 9 * 5, 2 + 9])
    assert teach(s.detached(model.exposed, X, T), [model.gain]) == [None]


def test_one_loss_for_each_image_teaches_their_sum(start, backend):
    s, model = start(backend, USING).module("s"), AffineNoise(2.0, 1.0, -1.0)
    (gain,) = teach(s.prices(model.exposed, X, T), [model.gain])
    assert gain is not None and gain.item() == pytest.approx(2 * (2 * 1 + 9 * 3))


def test_one_number_teaches_without_symbolic_algebra(start):
    """Torch imports that for cotangents: a third of a second in each worker."""
    s, model = start("worker", USING).module("s"), AffineNoise(2.0, 1.0, -1.0)
    before = s.knows_symbols()  # an earlier test may have imported it where workers come from
    teach(s.price(model.exposed, X, T), [model.gain])
    assert s.knows_symbols() == before


@pytest.mark.parametrize(
    ("use", "said"), [("scalar_time", "one time index for each image"), ("float_time", "of type int64")]
)
def test_other_times_are_refused_with_a_reason(start, backend, use, said):
    s, model = start(backend, USING).module("s"), AffineNoise(2.0, 1.0, -1.0, int64_times=True)
    with pytest.raises(SubmissionRaised, match=said):
        getattr(s, use)(model.exposed, X, T)
    assert not model.images


def test_the_record_has_a_bound(start, backend, monkeypatch):
    monkeypatch.setattr("autograder.checks.training.noise_predictors.MAX_RECORDED_BYTES", 1000)
    s, model = start(backend, USING).module("s"), AffineNoise(2.0, 1.0, -1.0)
    with pytest.raises(SubmissionRaised, match="more images"):
        s.endless(model.exposed, X, T)
    assert len(model.images) < 100
