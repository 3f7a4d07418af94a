"""Every form of a spread stands for one standard deviation; reductions are those of torch."""

import pytest
import torch

from autograder.checks import Reduction, Spread

LOGVAR = torch.linspace(-3, 3, 7, dtype=torch.float64)


@pytest.mark.parametrize("spread", Spread)
def test_a_spread_and_back(spread):
    torch.testing.assert_close(spread.std(spread.of_logvar(LOGVAR)), (LOGVAR / 2).exp())
    torch.testing.assert_close(spread.logvar(spread.of_logvar(LOGVAR)), LOGVAR)


def test_forms_of_a_spread():
    four = torch.tensor(4.0, dtype=torch.float64)
    found = {spread: float(spread.of_logvar(four.log())) for spread in Spread}
    expected = {Spread.LOGVAR: 4.0, Spread.LOG_STD: 2.0}
    assert found[Spread.VARIANCE] == pytest.approx(4) and found[Spread.STD] == pytest.approx(2)
    assert all(found[spread] == pytest.approx(torch.tensor(value).log().item()) for spread, value in expected.items())


def test_reductions():
    values = torch.arange(24.0).reshape(2, 3, 4)
    assert torch.equal(Reduction.SUM.over(values, [1, 2]), values.sum((1, 2)))
    assert torch.equal(Reduction.MEAN.over(values, range(1, 3)), values.mean((1, 2)))
    assert [reduction.phrase for reduction in Reduction] == ["for each of", "summed over", "averaged over"]
    assert Reduction.NONE.over(values, [0]) is values and Reduction.SUM.over(values, []) is values
