"""Pictures cost nobody anything: what goes wrong while one is made is left out, the grader's own faults are not."""

from __future__ import annotations

import pytest

from autograder.checks import CheckFailed, SubmissionRaised, only_for_show, show_curves
from autograder.checks.authoring.showing import collecting_exhibits
from autograder.exhibits import Curves, Exhibit
from autograder.sandbox.trusted.faults import WorkerLost


@pytest.mark.parametrize(
    "fault", [SubmissionRaised("sample() is not implemented yet"), CheckFailed("no image"), WorkerLost("out of time")]
)
def test_what_a_submission_does_wrong_costs_a_picture_and_no_more(fault: BaseException) -> None:
    shown: list[Exhibit] = []
    with collecting_exhibits(shown):
        show_curves("before", {"loss": [1.0, 0.0]})
        with only_for_show():
            raise fault
        show_curves("after", {"loss": [1.0, 0.0]})
    assert [exhibit.title for exhibit in shown] == ["before", "after"]


def test_a_fault_of_the_grader_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), only_for_show():
        1 / 0  # noqa: B018


def test_long_series_are_thinned_and_keep_their_axis() -> None:
    shown: list[Exhibit] = []
    with collecting_exhibits(shown):
        show_curves("loss", {"told": list(range(10_001)), "short": [1.0, 2.0, 3.0, 4.0]})
    curves = shown[0].data
    assert isinstance(curves, Curves) and curves.step == 3
    assert curves.series[0].values[:3] == (0, 3, 6) and curves.series[0].values[-1] == 9999
    assert curves.series[1].values == (1, 4)
