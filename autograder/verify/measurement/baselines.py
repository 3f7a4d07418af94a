"""Trivial methods that must earn nothing in training items: those of contracts, and those of an assignment.

A property of a contract has methods of its own (``trivial``). For other checks, ``checks/hidden/baselines.py`` holds
``BASELINES``: for each training item, by name, a function of a seed that returns the part of the item's points, in
[0, 1], that the method earns on data drawn from that seed::

    BASELINES = {"vae.training": {"the mean picture": score_of_the_mean_picture}}
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence

from autograder.assignment import Assignment
from autograder.errors import UserError, did_you_mean
from autograder.grading.plugin import Check
from autograder.verify.execution.suite import CheckSuite

BASELINES = "baselines.py"

BASELINE_SEEDS = 20
"""Each method is tried on so many draws of the data."""

Baselines = Mapping[str, Mapping[str, Callable[[int], float]]]


def max_earned(scores: Mapping[str, Callable[[int], float]], seeds: int = BASELINE_SEEDS) -> dict[str, float]:
    """Return what each method of one item earns with the seed that serves it best; all methods share a seed's data."""
    best = dict.fromkeys(scores, 0.0)
    for seed in range(seeds):  # outside, so that an assignment may keep the data of one seed
        best = {name: max(best[name], score(seed)) for name, score in scores.items()}
    return best


def baselines_of(suite: CheckSuite) -> Baselines:
    """Return all baselines by item and name; raise `UserError` for an item that is none of training."""
    found = {item: dict(methods) for item, methods in read_baselines(suite.assignment).items()}
    by_item: dict[str, list[Check]] = {}
    for check, _ in suite.checks:
        by_item.setdefault(check.item, []).append(check)
    for item, checks in by_item.items():
        for name in dict.fromkeys(name for check in checks for name in check.declaration.trivial):
            found.setdefault(item, {})[name] = _earned(checks, name)
    return found


def _earned(checks: Sequence[Check], name: str) -> Callable[[int], float]:
    """Return what a method earns of an item, given the seed of the data: the weight of the checks that it passes."""
    total = sum(check.weight for check in checks)
    tried = [check for check in checks if name in check.declaration.trivial]
    return lambda seed: sum(check.weight for check in tried if check.declaration.trivial[name](seed)) / total


def read_baselines(assignment: Assignment) -> Baselines:
    """Return the baselines of an assignment's file by item and name; one without the file has none.

    Raises `UserError` for an item that is none of training.
    """
    path = assignment.hidden_checks / BASELINES
    if not path.is_file():
        return {}
    spec = importlib.util.spec_from_file_location("autograder_baselines", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    baselines: Baselines = module.BASELINES
    known = [item.id for item in assignment.manifest.items if item.training]
    for item_id in baselines:
        if item_id not in known:
            raise UserError(f"{path}: no item of training {item_id!r}{did_you_mean(item_id, known)}")
    return baselines
