"""Driving a training and judging what was measured; what is told is not believed."""

import math

import pytest
import torch

from autograder.checks import (
    CheckFailed,
    Criterion,
    assert_learned,
    batches,
    checked_weights,
    in_chunks,
    reported_losses,
    train,
)


@pytest.mark.parametrize(
    ("value", "at_least", "holds"),
    [(0.9, False, True), (1.0, False, True), (1.1, False, False), (1.1, True, True), (0.9, True, False)],
)
def test_a_criterion_has_a_direction(value, at_least, holds):
    assert Criterion("error", value, 1.0, at_least=at_least).holds is holds


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at_least", [False, True])
def test_what_is_not_finite_is_never_good_enough(value, at_least):
    assert not Criterion("error", value, 1.0, at_least=at_least).holds


def test_the_message_has_every_number_and_names_the_one_that_fails():
    good, bad = Criterion("error", 0.5, 1.0), Criterion("rank", 2.0, 4.0, at_least=True)
    assert_learned([good], "the model")
    with pytest.raises(CheckFailed, match="the model: after training, the rank is not good enough") as caught:
        assert_learned([good, bad], "the model")
    assert caught.value.expected == "rank at least 4"
    assert caught.value.got == "rank 2 (needed: >= 4); error 0.5 (needed: <= 1)"


def test_batches_show_every_example_equally_often():
    plan = batches(10, 4, 5, torch.Generator().manual_seed(0))
    assert plan.shape == (5, 4) and plan.flatten().bincount().tolist() == [2] * 10
    assert sorted(plan.flatten()[:10].tolist()) == list(range(10))
    assert not torch.equal(plan, batches(10, 4, 5, torch.Generator().manual_seed(1)))


def test_chunks_cover_all_steps_once():
    assert [step for chunk in in_chunks(7, 3) for step in range(7)[chunk]] == list(range(7))
    assert [chunk.stop - chunk.start for chunk in in_chunks(7, 3)] == [3, 3, 1]


def test_told_losses_are_a_picture_and_no_more():
    assert reported_losses(torch.tensor([1.0, 2.0])) == [1.0, 2.0]
    for lie in (None, "low", 3.0, torch.ones(2, 2), torch.ones(2, dtype=torch.int64), [1.0]):
        assert reported_losses(lie) == []


def test_only_plain_weights_are_carried_on():
    weights = checked_weights({"w": torch.ones(2, requires_grad=True)})
    assert not weights["w"].requires_grad
    for lie in (None, [torch.ones(1)], {"w": 1.0}, {1: torch.ones(1)}, {"w": torch.ones(1).expand(2**25)}):
        with pytest.raises(CheckFailed, match="weights of the trained model"):
            checked_weights(lie)


def test_train_lowers_an_error_and_leaves_a_model_without_gradients_as_it_is():
    torch.manual_seed(0)
    x = torch.randn(64, 3)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]])
    plan = batches(64, 16, 150, torch.Generator().manual_seed(0))
    model = torch.nn.Linear(3, 1)
    train(model, lambda batch: (model(x[batch]) - y[batch]).square().mean().backward(), plan, learning_rate=0.1)
    assert float((model(x) - y).detach().square().mean()) < 1e-3
    untouched = torch.nn.Linear(3, 1)
    before = untouched.weight.clone()
    train(untouched, lambda batch: None, plan, learning_rate=0.1)
    assert torch.equal(untouched.weight, before)
