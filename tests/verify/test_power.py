"""Power: what only statistics can see is caught by a designed check at every seed, and missed by a weak one."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from autograder.checks.statistics.recording import Recorded
from autograder.verify.measurement.power import evidence_of, measure_power
from autograder.verify.measuring import Measures, measure
from tests.verify.sampling import LOUD, SOUND, TOO_STRICT, WEAK, Sampling


def test_a_designed_check_catches_it_at_every_seed(tmp_path):
    report = measure_power(Sampling(tmp_path, SOUND).loaded, 15)
    (found,) = report.detections
    assert report.passed and (found.mutant, found.caught, found.seeds) == ("loud", 15, 15)
    assert found.killers == ("hidden/test_noise.py::test_noise",)
    assert found.min_evidence is not None and found.min_evidence > 10
    assert found.shown == pytest.approx(0.05 ** (1 / 15))
    assert report.designed == 1 - 1e-6


def test_a_weak_check_lets_it_get_away(tmp_path):
    report = measure_power(Sampling(tmp_path, WEAK).loaded, 15)
    (found,) = report.detections
    assert not report.passed and report.missed == (found,)
    assert found.caught < 15 and found.min_evidence is None
    assert found.shown < found.caught / 15 + 0.01


def test_mutants_that_values_can_show_are_not_measured(tmp_path):
    tiny = Sampling(tmp_path, SOUND)
    tiny.catalogue(LOUD.replace("statistical = true", ""))
    assert measure_power(tiny.loaded, 3).detections == ()


def test_evidence_is_that_of_the_most_telling_test():
    recorded = [Recorded("a", 1e-12, True, 1e-10), Recorded("b", 1e-15, True, 1e-10), Recorded("c", 0.5, True, 1e-10)]
    assert evidence_of(recorded) == pytest.approx(5)
    assert evidence_of(recorded[2:]) is None


def test_measures_are_shown_and_saved(tmp_path):
    tiny, said = Sampling(tmp_path, TOO_STRICT), io.StringIO()
    problems = measure(
        tiny.loaded,
        Measures(automatic=True, calibrate=40, power=5),
        tmp_path / "found",
        Console(file=said, width=200),
        item="two.shift",
    )
    text = said.getvalue()
    assert "loud" in text and "5/5" in text and "strict" in text and "calibrated" in text
    assert any("std all: its p-values are not those of a correct solution" in problem for problem in problems)
    names = sorted(path.name for path in (tmp_path / "found").iterdir())
    assert names == ["automatic.json", "calibration.json", "calibration.png", "power.json"]
    assert (tmp_path / "found/calibration.png").read_bytes().startswith(b"\x89PNG")


def test_survivors_and_what_gets_away_are_problems(tmp_path):
    found = tmp_path / "found"
    problems = measure(Sampling(tmp_path, WEAK).loaded, Measures(True, 0, 10), found, Console(file=io.StringIO()))
    assert any("mutant 'loud' of two.shift got away" in problem for problem in problems)
    assert any("automatic mutants of two.shift: " in problem and "95% must be" in problem for problem in problems)
