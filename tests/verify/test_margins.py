"""The reference's distance from the thresholds of training: measured, kept beside the rubric, held against it."""

import math

import pytest

from autograder.checks import CheckFailed, Criterion, assert_learned
from autograder.checks.training.learning import watching
from autograder.errors import UserError
from autograder.verify.matrix import Lead, Margin, ProblemKind
from autograder.verify.measurement.margins import (
    keep_margins,
    measure_margins,
    network_too_near,
    read_margins,
    too_near,
)
from autograder.verify.measurement.networks import read_networks
from autograder.verify.mutation.trial import leads_of
from tests.verify.proving import Proving, told

ERROR = "0.5 + abs(draw) / 10"
CHECK = "hidden/test_train.py::test_train"


@pytest.fixture
def proving(tmp_path):
    proving = Proving(tmp_path)
    proving.add_training(ERROR)
    return proving


def margin(**changes):
    numbers = {"runs": 20, "least": 0.2, "mean": 0.4, "spread": 0.1, "value": 0.6, "threshold": 1.0}
    return Margin(check=CHECK, criterion="error", **(numbers | changes))


def lead(number):
    return Lead(check=CHECK, criterion="error", lead=number)


@pytest.mark.parametrize(
    ("value", "threshold", "at_least", "expected"),
    [(0.8, 1.0, False, 0.2), (1.5, 1.0, False, -0.5), (0.8, 0.5, True, 0.6), (-3.0, -2.0, False, 0.5)],
)
def test_a_lead_is_a_part_of_the_threshold(value, threshold, at_least, expected):
    criterion = Criterion("error", value, threshold, at_least)
    assert criterion.lead == pytest.approx(expected) and criterion.holds == (expected > 0)


@pytest.mark.parametrize("at_least", [False, True])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_leads_by_nothing(value, at_least):
    assert Criterion("error", value, 1.0, at_least).lead == -math.inf


def test_criteria_are_watched_whether_they_hold_or_not():
    good, bad = Criterion("a", 0.5, 1.0), Criterion("b", 2.0, 1.0)
    with watching() as watched:
        assert_learned([good], "it")
        with pytest.raises(CheckFailed):
            assert_learned([good, bad], "it")
    assert_learned([good], "it")
    assert watched == [good, good, bad]


def test_of_several_criteria_with_one_name_the_least_counts():
    leads = leads_of(CHECK, [Criterion("error", 0.5, 1.0), Criterion("error", 0.9, 1.0), Criterion("rank", 1.0, 2.0)])
    assert {one.criterion: round(one.lead, 9) for one in leads} == {"error": 0.1, "rank": 0.5}


@pytest.mark.parametrize(
    ("number", "record", "said"),
    [
        (0.4, None, "on record with 0 of the 20 trainings that are needed"),
        (0.4, margin(runs=19), "on record with 19 of the 20"),
        (0.4, margin(spread=0.14), "2.9 standard deviations off the threshold"),
        (0.4, margin(spread=0.05, least=-0.01), "its worst training -1.0% of it"),
        (0.19, margin(), "the reference is 19.0% off the threshold, on record are 40.0%"),
        (-math.inf, margin(), "the reference is -inf% off"),
        (0.21, margin(), ""),
        (0.4, margin(spread=0.0), ""),
        (0.4, margin(spread=0.0, least=-0.4, mean=-0.4), "-inf standard deviations"),
    ],
)
def test_what_is_too_near(number, record, said):
    found = too_near(lead(number), record)
    assert found is None if not said else said in found[0]


@pytest.mark.thorough
def test_measured_kept_and_held_against_the_threshold(proving):
    unmeasured = told(proving.verify())[ProblemKind.MARGIN]
    assert unmeasured == [
        f"{CHECK}, error: the reference is on record with 0 of the 20 trainings that are needed;"
        " measure the reference again: build.py verify --margins 20"
    ]
    margins, failures = measure_margins(proving.loaded, 20, jobs=2)
    ((only,), nothing) = margins, failures
    assert (only.check, only.criterion, only.runs, only.threshold) == (CHECK, "error", 20, 1.0) and not nothing
    assert 0.0 < only.least < only.mean < 0.5 and only.value == pytest.approx(1 - only.mean, abs=1e-3)
    assert 0.02 < only.spread < 0.12  # of |z| / 10 it is .060
    assert measure_margins(proving.loaded, 20, jobs=1)[0] == margins
    keep_margins(proving.loaded, margins)
    report = proving.verify()
    assert ProblemKind.MARGIN not in told(report) and report.margins == margins
    proving.add_training(ERROR, threshold="0.62")  # somebody tightens it: 19.4 % of it are left at most
    (line,) = told(proving.verify("two.train"))[ProblemKind.MARGIN]
    assert f"on record are {only.mean:.1%}" in line


def test_the_record_of_one_item_leaves_the_others(proving):
    other = margin().model_copy(update={"check": "hidden/test_other.py::test_other"})
    keep_margins(proving.loaded, [other, margin(runs=3)])
    written = keep_margins(proving.loaded, [margin()], item="two.train").read_text(encoding="utf-8").splitlines()
    assert len(written) == 2 + 2, "a margin is one line"
    assert read_margins(proving.loaded) == (other, margin()) or read_margins(proving.loaded) == (margin(), other)
    keep_margins(proving.loaded, [margin()])
    assert read_margins(proving.loaded) == (margin(),)


def test_an_item_without_training_has_no_margins(proving):
    with pytest.raises(UserError, match=r"'one.double' is no item of training"):
        measure_margins(proving.loaded, 1, item="one.double")


def test_a_record_that_cannot_be_read_is_named(proving):
    proving.write("assignments/tiny/margins.json", '{"margins": [1]}')
    with pytest.raises(UserError, match=r"margins.json: this is no record of margins; remove it"):
        read_margins(proving.loaded)


NETWORKS = """
[[networks]]
id = "slow"
items = ["two.train"]
why = "needs longer"
code = '''
TRAINED = {error}
'''
"""


@pytest.mark.thorough
def test_other_right_networks_are_trained_kept_and_held_against_the_threshold(proving):
    proving.write("assignments/tiny/networks.toml", NETWORKS.format(error="0.9"))
    (unmeasured,) = [line for line in told(proving.verify("two.train"))[ProblemKind.MARGIN] if "network" in line]
    assert unmeasured == "network 'slow': is not on record for two.train; build.py verify --margins 20"
    margins, failures = measure_margins(proving.loaded, 20, jobs=2)
    assert [(one.network, one.runs) for one in margins] == [("reference", 20), ("slow", 20)] and not failures
    keep_margins(proving.loaded, margins)
    assert ProblemKind.MARGIN not in told(proving.verify("two.train"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"runs": 1, "least": 0.1, "mean": 0.1, "spread": 0.0}, ""),
        ({"runs": 1, "least": -0.1, "mean": -0.1, "spread": 0.0}, "its worst training -10.0% of it"),
        ({"runs": 3, "least": 0.1, "mean": 0.2, "spread": 0.1}, "'slow' is 2.0 standard deviations"),
        ({"runs": 20, "least": 0.1, "mean": 0.4, "spread": 0.1}, ""),
    ],
)
def test_what_a_network_is_too_near(changes, said):
    found = network_too_near(margin(network="slow", **changes))
    assert found is None if not said else said in found[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (NETWORKS.format(error="1").replace("two.train", "two.trian"), "no item of training 'two.trian'"),
        (NETWORKS.format(error="1") + 'alternative = "other"\n', "an alternative, or code, and not both"),
        (NETWORKS.format(error="1").replace('"slow"', '"reference"'), "'reference' is the reference itself"),
        (2 * NETWORKS.format(error="1"), "network 'slow' is there twice"),
        ('[[networks]]\nid = "a"\nitems = ["two.train"]\nwhy = "b"\nalternative = "c"\n', "no alternative 'c'"),
    ],
)
def test_a_wrong_list_of_networks_is_named(proving, text, said):
    proving.write("assignments/tiny/networks.toml", text)
    with pytest.raises(UserError, match=r"networks.toml") as raised:
        read_networks(proving.loaded)
    assert said in str(raised.value)
