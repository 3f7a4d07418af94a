"""Right networks that thresholds of training are screened over: on record, off the thresholds, and full marks."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.assignment import load_assignment
from autograder.verify.execution.suite import CheckSuite
from autograder.verify.matrix import REFERENCE_NETWORK
from autograder.verify.measurement.margins import network_too_near, read_margins, unmeasured
from autograder.verify.measurement.networks import network_variant, read_networks

ROOT = Path(__file__).resolve().parents[2]
SLUGS = [path.parent.name for path in sorted((ROOT / "assignments").glob("*/networks.toml"))]
VAE = [network.id for network in read_networks(load_assignment(ROOT, "ift6135_a3"))]


@pytest.mark.parametrize("slug", SLUGS)
def test_networks_are_on_record_and_off_the_thresholds(slug):
    assignment = load_assignment(ROOT, slug)
    margins = read_margins(assignment)
    assert unmeasured(CheckSuite.collect(assignment), margins) == []
    others = [margin for margin in margins if margin.network != REFERENCE_NETWORK]
    assert others and [margin for margin in others if network_too_near(margin)] == []


@pytest.fixture(scope="module")
def suite():
    return CheckSuite.collect(load_assignment(ROOT, "ift6135_a3"))


def failures(suite, name, folder, *, hidden):
    """What fails in the training of the VAE with these networks."""
    (network,) = [one for one in read_networks(suite.assignment) if one.id == name]
    network_variant(suite.assignment, network).write(suite.assignment, folder)
    chosen = tuple(pair for pair in suite.checks if hidden or pair[0].public)
    verdicts = CheckSuite(suite.assignment, chosen, suite.stand_ins).verdicts(folder, ["vae.training"])
    return [verdict.failure for _, verdict in verdicts if verdict.failure]


@pytest.mark.thorough
def test_the_courses_networks_learn_a_few_pictures_by_heart(suite, tmp_path):
    assert failures(suite, "course-decoder-without-norm", tmp_path, hidden=False) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", VAE)
def test_the_courses_networks_and_others_get_full_marks(suite, tmp_path, name):
    assert failures(suite, name, tmp_path, hidden=True) == []
