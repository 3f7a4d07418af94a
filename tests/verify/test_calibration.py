"""Calibration: sound checks pass, a check that is a little too strict is found long before it fails anybody."""

from __future__ import annotations

import json

import pytest
import torch

from autograder.checks import (
    PValue,
    assert_independent,
    assert_standard_normal,
    assert_uniform_integers,
    record_p_values,
)
from autograder.checks.statistics.recording import recording
from autograder.verify.measurement.calibration import COMBINED, calibrate, make_series
from tests.verify.sampling import SOUND, TOO_STRICT, TWO, Sampling

UNIFORM = [(number + 0.5) / 200 for number in range(200)]


def fit(p_values, *, exact):
    return make_series([{"c": [("t", value, exact)]} for value in p_values])[0].fit


def test_exact_p_values_must_be_uniform_and_bounds_not_too_small():
    small, large = [p**2 for p in UNIFORM], [p**0.5 for p in UNIFORM]
    assert fit(UNIFORM, exact=True) > 0.5 and fit(UNIFORM, exact=False) > 0.5
    assert fit(small, exact=True) < 1e-6 and fit(small, exact=False) < 1e-6
    assert fit(large, exact=True) < 1e-6 and fit(large, exact=False) > 0.5


def test_a_sound_check_is_calibrated(tmp_path):
    report = calibrate(Sampling(tmp_path, SOUND).loaded, 30, others=2, item="two.shift")
    assert report.passed and report.runs == 30
    assert report.checks == ("hidden/test_noise.py::test_noise",)
    tests = {series.test: series for series in report.series}
    assert tests["standard normal 1: std all"].exact and not tests["standard normal 1: shape"].exact
    assert all(len(series.p_values) == 30 for series in report.series) and COMBINED in tests
    assert len(set(tests["standard normal 1: std all"].p_values)) == 30


def test_a_check_that_is_a_little_too_strict_is_found_before_it_fails_anybody(tmp_path):
    report = calibrate(Sampling(tmp_path, TOO_STRICT).loaded, 40, others=1, item="two.shift")
    assert not report.false_alarms and not report.passed
    assert "standard normal 1: std all" in {series.test for series in report.miscalibrated}
    saved = json.loads(report.as_json())
    assert not saved["passed"] and saved["seeds"] == 40 and saved["others"] == 1


def test_a_check_that_fails_a_correct_solution_is_named(tmp_path):
    tiny = Sampling(tmp_path, SOUND)
    tiny.alternative("loud", two=TWO.replace("torch.randn", "1.5 * torch.randn"))
    report = calibrate(tiny.loaded, 3, others=3)
    assert {alarm.solution for alarm in report.false_alarms} == {"loud"} and len(report.false_alarms) == 3
    assert (
        report.false_alarms[0].check.endswith("test_noise") and "standard deviation" in report.false_alarms[0].summary
    )
    assert not report.passed and report.solutions == ("reference", "loud")


def test_assertions_record_while_somebody_listens():
    torch.manual_seed(0)
    noise = torch.randn(50, 50)
    with recording() as first:
        assert_standard_normal(noise)
        assert_independent(noise, torch.randn(50, 50))
        assert_uniform_integers(torch.randint(0, 10, (15_000,)), 0, 9)
        record_p_values("mine", {"one": PValue(0.25, exact=True)}, 0.5)
        record_p_values("mine", {"one": PValue(0.5)}, 0.5)
    names = [one.test for one in first]
    assert len(set(names)) == len(names)
    assert {"standard normal 1: mean all", "independent 1: inner product", "uniform integers 1: shape"} <= set(names)
    assert [(one.test, one.p_value, one.exact) for one in first[-2:]] == [
        ("mine 1: one", 0.25, True),
        ("mine 2: one", 0.5, False),
    ]
    count = len(first)
    assert_standard_normal(noise)
    assert len(first) == count


def test_what_fails_is_recorded_too():
    with recording() as kept, pytest.raises(AssertionError):
        assert_standard_normal(torch.zeros(50, 50) + torch.randn(50, 1))
    assert min(one.p_value / one.level for one in kept) < 1e-6
