"""Prints where the thresholds of training lie: the reference's least, mean and greatest, the margin, every baseline.

python benchmarks/training_thresholds.py                        # 20 trainings of every item: about 20 minutes
python benchmarks/training_thresholds.py --runs 2 --item simsiam.training
python benchmarks/training_thresholds.py --variants             # broken variants instead of the reference
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SLUG = "ift6135_a3"
VARIANTS = ROOT / "tests" / "assignments" / "broken_training.toml"
LEAST_MARGIN = 3.0
"""Standard deviations of the reference between its mean and a threshold."""


def main() -> None:
    """Train, measure, print; the status is 1 where a margin is too small, a baseline passes or a variant does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="grading seeds")
    parser.add_argument("--item", action="append", help="one item of training; all by default")
    parser.add_argument("--variants", action="store_true", help="train the broken variants instead of the reference")
    options = parser.parse_args()
    torch.set_num_threads(1)
    from autograder.assignment import load_assignment
    from autograder.verify.suite import CheckSuite

    assignment = load_assignment(ROOT, SLUG)
    suite = CheckSuite.collect(assignment)
    items = options.item or [item.id for item in assignment.manifest.items if item.training and item.is_auto]
    if options.variants:
        raise SystemExit(print_variants(suite, items, options.runs))
    raise SystemExit(max(print_margins(suite, items, options.runs), print_baselines(assignment, items)))


def print_margins(suite, items, runs):
    """Train the reference with several seeds and print one row for every criterion."""
    table = Table(title=f"reference, {runs} trainings")
    for column in ("check", "criterion", "least", "mean", "greatest", "threshold", "margin (sd)", "nearest"):
        table.add_column(column)
    status = 0
    for check, given in hidden(suite, items):
        found = defaultdict(list)
        for seed in range(runs):
            for criterion in measured(suite, check, given, suite.assignment.reference, seed)[1]:
                found[criterion.name, criterion.at_least].append(criterion)
        for (name, at_least), criteria in found.items():
            ratios = [c.value / c.threshold for c in criteria]  # of thresholds that depend on the data of the seed
            spread = statistics.stdev(ratios) if runs > 1 else math.nan
            margin = (statistics.mean(ratios) - 1) * (1 if at_least else -1) / spread
            nearest = min(ratios) if at_least else max(ratios)
            values = [c.value for c in criteria]
            numbers = [
                min(values),
                statistics.mean(values),
                max(values),
                statistics.mean(c.threshold for c in criteria),
            ]
            table.add_row(short(check.id), name, *(f"{n:.4g}" for n in numbers), f"{margin:.1f}", f"{nearest:.2f}")
            status = max(status, int(margin < LEAST_MARGIN or not all(c.holds for c in criteria)))
    Console(width=150).print(table)
    return status


def print_baselines(assignment, items):
    """Print what trivial methods earn."""
    from autograder.verify.baselines import read_baselines

    table = Table(title="trivial methods: part of the item that each earns")
    for column in ("item", "method", "earned"):
        table.add_column(column)
    earned = {
        (item, name): score() for item in items for name, score in read_baselines(assignment).get(item, {}).items()
    }
    for (item, name), part in earned.items():
        table.add_row(item, name, f"{part:g}")
    Console(width=150).print(table)
    return int(any(earned.values()))


def print_variants(suite, items, runs):
    """Train broken variants with several seeds and print how often each fails its check."""
    table = Table(title=f"broken variants, {runs} trainings each")
    for column in ("item", "variant", "check", "failed", "worst criterion, value / threshold"):
        table.add_column(column)
    status = 0
    for broken in tomllib.loads(VARIANTS.read_text(encoding="utf-8"))["variants"]:
        if broken["item"] not in items:
            continue
        check, given = next(pair for pair in hidden(suite, items) if pair[0].id.endswith(f"::{broken['check']}"))
        file = suite.assignment.manifest.item(broken["item"]).file
        source = (suite.assignment.reference / file).read_text(encoding="utf-8")
        assert source.count(broken["old"]) == 1, broken
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / file).write_text(source.replace(broken["old"], broken["new"]), encoding="utf-8")
            tried = [measured(suite, check, given, Path(folder), seed) for seed in range(runs)]
        failed = sum(not passed for passed, _ in tried)
        worst = {c.name: f"{c.value / c.threshold:.3g}" for _, criteria in tried[:1] for c in criteria if not c.holds}
        shown = ", ".join(f"{name} {ratio}" for name, ratio in worst.items())
        table.add_row(broken["item"], broken["name"], short(check.id), f"{failed}/{runs}", shown or "raised")
        status = max(status, int(failed < runs))
    Console(width=150).print(table)
    return status


def hidden(suite, items):
    """The hidden checks of some items, with their fixtures."""
    return [(check, given) for check, given in suite.checks if check.item in items and not check.public]


def measured(suite, check, given, folder, seed):
    """Whether a check passes on the solution in a folder, and the criteria that it judged."""
    from autograder.results import Outcome
    from autograder.verify.suite import CheckSuite

    with criteria_of(check) as criteria:
        alone = CheckSuite(suite.assignment, ((check, given),), suite.stand_ins)
        ((_, verdict),) = alone.verdicts(folder, grading_seed=f"calibration {seed}")
    return verdict.outcome is Outcome.PASS, criteria


@contextmanager
def criteria_of(check) -> Iterator[list]:
    """Keep what the check hands to `assert_learned`."""
    names = check.function.__globals__
    judge, kept = names["assert_learned"], []

    def keep(criteria, what):
        kept.extend(criteria)
        judge(criteria, what)

    names["assert_learned"] = keep
    try:
        yield kept
    finally:
        names["assert_learned"] = judge


def short(check_id):
    """The name of the function."""
    return check_id.rpartition("::")[2].removeprefix("test_")


if __name__ == "__main__":
    main()
