"""Honest float32 arithmetic passes in any order of operations; a wrong formula does not."""

import math

import pytest
import torch

from autograder.checks import CheckFailed, assert_close, assert_gradients_close, assert_no_gradient
from autograder.checks.assertions.closeness import RELATIVE_TOLERANCE

SEEDS = range(20)


def failure(function, *args, **kwargs):
    with pytest.raises(CheckFailed) as caught:
        function(*args, **kwargs)
    return caught.value


def sequential_sum(terms):
    total = torch.zeros(terms.shape[0])
    for column in terms.T:
        total = total + column
    return total


@pytest.mark.parametrize("seed", SEEDS)
def test_sums_of_3072_terms_pass_in_any_order(seed):
    generator = torch.Generator().manual_seed(seed)
    terms = torch.randn(4, 3072, generator=generator) ** 2 * 3 + 0.9
    truth = terms.double().sum(1)
    for got in (terms.sum(1), terms.flip(1).sum(1), sequential_sum(terms), terms.mean(1) * 3072):
        assert_close(got, truth)


def test_equal_terms_whose_roundings_all_go_one_way_pass():
    for value in (0.1, 1 / 3, 0.7, 1.1, 3.3333):
        terms = torch.full((1, 3072), value)
        assert_close(sequential_sum(terms), terms.double().sum(1))


@pytest.mark.parametrize("seed", SEEDS)
def test_sums_that_cancel_pass_with_the_scale_of_their_terms(seed):
    generator = torch.Generator().manual_seed(seed)
    terms = torch.randn(4, 3072, generator=generator) * 10
    got, truth = sequential_sum(terms), terms.double().sum(1)
    assert_close(got, truth, scale=terms.double().abs().sum(1))
    assert_close(got, truth, scale=float(terms.abs().sum(1).max()))


@pytest.mark.parametrize("seed", SEEDS)
def test_log_sum_exp_passes_naively_and_shifted(seed):
    generator = torch.Generator().manual_seed(seed)
    logs = torch.randn(100, 5, generator=generator) * 3
    truth = torch.logsumexp(logs.double(), 0)
    assert_close(logs.exp().sum(0).log(), truth)
    assert_close(torch.logsumexp(logs - 4000, 0), truth - 4000)


def test_running_products_of_1000_factors_pass():
    betas = torch.linspace(1e-4, 0.02, 1000)
    truth = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
    looped, product = [], torch.tensor(1.0)
    for beta in betas:
        product = product * (1 - beta)
        looped.append(product)
    for got in (torch.cumprod(1 - betas, 0), torch.stack(looped), torch.log1p(-betas).cumsum(0).exp()):
        assert_close(got, truth)
        assert_close((1 - got).sqrt(), (1 - truth).sqrt())


def test_the_worst_honest_error_uses_a_small_part_of_the_tolerance():
    generator = torch.Generator().manual_seed(0)
    terms = torch.randn(64, 3072, generator=generator) ** 2
    off = (sequential_sum(terms).double() - terms.double().sum(1)).abs() / terms.double().sum(1)
    assert float(off.max()) < RELATIVE_TOLERANCE / 4


def test_a_formula_that_is_off_by_a_thousandth_fails():
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(8, generator=generator, dtype=torch.float64)
    assert_close(truth.float(), truth)
    for wrong in (truth * 1.001, truth + 1e-3, truth.roll(1), -truth, truth.square()):
        failure(assert_close, wrong.float(), truth)


def test_one_wrong_entry_among_many_is_found_and_shown():
    truth = torch.arange(1.0, 25.0, dtype=torch.float64).reshape(4, 6)
    got = truth.float().clone()
    got[2, 3] = 17.5
    error = failure(assert_close, got, truth, name="q_sample(x, t)")
    assert error.summary == "q_sample(x, t) is wrong at 1 of 24 entries"
    assert error.worst.startswith(
        "at index (2, 3): expected 16, got 17.5, difference 1.5 (rounding explains at most 0.0"
    )
    assert (
        error.expected.startswith("float64 tensor (4, 6) [[1, 2,") and error.got.startswith("float32 tensor") is False
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: 2 * x, "it is 2 times what is expected"),
        (lambda x: x / 3, "it is 0.3333 times what is expected"),
        (lambda x: -x, "it is minus what is expected"),
        (lambda x: x + 0.5, "it is 0.5 more than expected at every entry"),
        (lambda x: 0 * x, "it is 0 everywhere"),
        (lambda x: x.flip(0) ** 2, "wrong at every entry"),
    ],
)
def test_a_constant_factor_or_shift_is_named(change, words):
    truth = torch.tensor([1.0, -2.5, 4.0, 0.7], dtype=torch.float64)
    assert words in failure(assert_close, change(truth).float(), truth).summary


def test_a_shift_of_large_numbers_that_are_all_alike_is_no_factor():
    truth = torch.tensor([-2740.25, -2741.5, -2739.875], dtype=torch.float64)
    error = failure(assert_close, truth + 1.0986, truth)
    assert "it is 1.0986 more than expected at every entry" in error.summary


def test_a_number_is_a_truth_too():
    assert_close(torch.tensor(0.25), 0.25)
    error = failure(assert_close, torch.tensor(0.5), 0.25, name="the loss")
    assert error.summary == "the loss is wrong" and error.worst.startswith("expected 0.25, got 0.5")
    assert "has shape (4,) where () is due" in failure(assert_close, torch.ones(4), 1).summary


def test_a_truth_of_zeros_allows_zeros_alone_unless_a_scale_is_given():
    zeros = torch.zeros(3)
    assert_close(zeros, zeros)
    failure(assert_close, zeros + 1e-20, zeros)
    assert_close(zeros + 1e-6, zeros, scale=1.0)
    assert_close(torch.zeros(0, 2), torch.zeros(0, 2))


def test_what_is_no_tensor_fails_and_does_not_raise_otherwise():
    assert "is None" in failure(assert_close, None, torch.ones(2)).summary
    assert "not finite" in failure(assert_close, torch.tensor([1.0, math.nan]), torch.ones(2)).summary


def test_misuse_by_the_author_is_no_verdict():
    one = torch.ones(2)
    with pytest.raises(ValueError, match="`expected` must be finite"):
        assert_close(one, torch.tensor([1.0, math.inf]))
    with pytest.raises(TypeError, match="`expected` must be a tensor or a number, not str"):
        assert_close(one, "1")
    with pytest.raises(ValueError, match="cannot be negative"):
        assert_close(one, one, scale=-1.0)
    with pytest.raises(ValueError, match=r"`scale` of shape \(3,\) does not fit"):
        assert_close(one, one, scale=torch.ones(3))
    with pytest.raises(ValueError, match="got: 1, expected: 2, names: 2"):
        assert_gradients_close([one], [one, one], ["a", "b"])


def test_gradients_are_compared_one_by_one():
    mean, logvar = torch.tensor([1.0, 2.0]), torch.tensor([0.5, -0.5])
    assert_gradients_close([mean, logvar], [mean.double(), logvar.double()], ["mean", "logvar"])
    error = failure(assert_gradients_close, [mean, 2 * logvar], [mean, logvar], ["mean", "logvar"], of="kl()")
    assert error.summary.startswith("the gradient of kl() with respect to logvar is wrong")
    error = failure(assert_gradients_close, [None, logvar], [mean, logvar], ["mean", "logvar"], of="kl()")
    assert error.summary.startswith("no gradient reaches mean: kl() does not depend on it")
    assert error.got == "no gradient" and "[1, 2]" in error.expected


def test_a_gradient_that_should_be_cut_off_is_found():
    assert_no_gradient([None, torch.zeros(2)], ["z1", "z2"])
    error = failure(assert_no_gradient, [None, torch.ones(2)], ["z1", "z2"], of="the loss")
    assert error.summary.startswith("a gradient of the loss reaches z2, where none should")
