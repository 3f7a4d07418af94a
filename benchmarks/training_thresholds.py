"""Prints where the thresholds of training lie: the reference's least, mean and greatest, the margin, every baseline.

python benchmarks/training_thresholds.py                        # 20 trainings of every item: about 10 minutes
python benchmarks/training_thresholds.py --assignment nyu2271_a3
python benchmarks/training_thresholds.py --runs 2 --item simsiam.training
python benchmarks/training_thresholds.py --variants             # broken variants instead of the reference
python benchmarks/training_thresholds.py --journal trials.jsonl # remembers every training; goes on where it broke off

One process, one thread. Seeds are the outer loop: a run that is broken off has tried everything about equally often.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import sys
import tempfile
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
VARIANTS = {
    "ift6135_a3": ROOT / "tests" / "assignments" / "broken_training.toml",
    "nyu2271_a3": ROOT / "tests" / "assignments" / "broken_training_nyu2271.toml",
    "mit6s978_ps1": ROOT / "tests" / "assignments" / "broken_training_mit6s978.toml",
}
LEAST_MARGIN = 3.0
"""Standard deviations of the reference between its mean and a threshold."""
WIDTH = 160


def main() -> None:
    """Train, measure, print; the status is 1 where a margin is too small, a baseline passes or a variant does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assignment", choices=VARIANTS, default="ift6135_a3")
    parser.add_argument("--runs", type=int, default=20, help="grading seeds")
    parser.add_argument("--item", action="append", help="one item of training; all by default")
    parser.add_argument("--variants", action="store_true", help="train the broken variants instead of the reference")
    parser.add_argument("--journal", type=Path, help="file of JSON lines, one for each training")
    options = parser.parse_args()
    torch.set_num_threads(1)
    from autograder.assignment import load_assignment
    from autograder.verify.suite import CheckSuite

    assignment = load_assignment(ROOT, options.assignment)
    items = options.item or [item.id for item in assignment.manifest.items if item.training and item.is_auto]
    trials = Trials(CheckSuite.collect(assignment), options.journal)
    if options.variants:
        raise SystemExit(print_variants(trials, items, options.runs))
    raise SystemExit(max(print_margins(trials, items, options.runs), print_baselines(assignment, items)))


@dataclass
class Trials:
    """Trainings of the reference and of its broken variants, each run once and then remembered."""

    suite: object
    journal: Path | None
    known: dict[tuple[str, str, int], dict] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.journal is not None and self.journal.is_file():
            for line in self.journal.read_text(encoding="utf-8").splitlines():
                record = json.loads(line)
                self.known[record["variant"], record["check"], record["seed"]] = record

    def run(self, check, given, seed, broken=None) -> dict:
        """Whether a check passes on a variant, the seconds it took, and the criteria that it judged."""
        key = (f"{broken['item']}: {broken['name']}" if broken else "", check.id, seed)
        if key not in self.known:
            record = dict(zip(("variant", "check", "seed"), key, strict=True))
            self.known[key] = record | measured(self.suite, check, given, seed, broken)
            if self.journal is not None:
                with self.journal.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(self.known[key]) + "\n")
        return self.known[key]


def print_margins(trials, items, runs):
    """Train the reference with several seeds and print one row for every criterion."""
    checks = [(check, given) for check, given in trials.suite.checks if check.item in items]
    found = defaultdict(list)
    for seed in range(runs):
        for check, given in checks:
            found[check.id].append(trials.run(check, given, seed))
    table = Table(title=f"reference, {runs} trainings")
    for column in ("check", "passed", "seconds", "criterion", "least", "mean", "greatest", "threshold", "margin (sd)"):
        table.add_column(column)
    status = 0
    for check_id, records in found.items():
        passed, seconds = sum(r["passed"] for r in records), statistics.median(r["seconds"] for r in records)
        status = max(status, int(passed < runs))
        for name, numbers, margin in margins(records):
            counted = f"{passed}/{runs}", f"{seconds:.1f}"
            table.add_row(short(check_id), *counted, name, *(f"{n:.4g}" for n in numbers), f"{margin:.1f}")
            # the public checks are easy by design and draw nothing anew: their spread is that of rounding or none
            status = max(status, int(margin < LEAST_MARGIN and check_id.startswith("hidden/")))
    Console(width=WIDTH).print(table)
    return status


def margins(records):
    """Yield name, (least, mean, greatest, mean threshold) and the margin of each criterion of one check."""
    criteria = defaultdict(list)
    for record in records:
        for criterion in record["criteria"]:
            criteria[criterion["name"]].append(criterion)
    for name, entries in criteria.items():
        values, thresholds = [c["value"] for c in entries], [c["threshold"] for c in entries]
        ratios = [v / t for v, t in zip(values, thresholds, strict=True)]  # thresholds may depend on the data
        spread = statistics.stdev(ratios) if len(ratios) > 1 else math.nan
        away = (statistics.mean(ratios) - 1) * (1 if entries[0]["at_least"] else -1)
        numbers = min(values), statistics.mean(values), max(values), statistics.mean(thresholds)
        yield name, numbers, away / spread if spread else math.copysign(math.inf, away)


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
    Console(width=WIDTH).print(table)
    return int(any(earned.values()))


def print_variants(trials, items, runs):
    """Train broken variants with several seeds and print how often each fails its check."""
    listed = tomllib.loads(VARIANTS[trials.suite.assignment.slug].read_text(encoding="utf-8"))["variants"]
    variants = [v for v in listed if v["item"] in items]
    found = defaultdict(list)
    for seed in range(runs):
        for number, broken in enumerate(variants):
            pair = next(pair for pair in trials.suite.checks if pair[0].id.endswith(f"::{broken['check']}"))
            found[number].append(trials.run(*pair, seed, broken))
    table = Table(title=f"broken variants, {runs} trainings each")
    for column in ("item", "variant", "check", "failed", "criterion that fails by least: value / threshold"):
        table.add_column(column)
    for number, records in found.items():
        broken = variants[number]
        failed = sum(not record["passed"] for record in records)
        table.add_row(broken["item"], broken["name"], short(broken["check"]), f"{failed}/{runs}", nearest(records))
    Console(width=WIDTH).print(table)
    return int(any(record["passed"] for records in found.values() for record in records))


def nearest(records):
    """The failed criterion that came nearest to its threshold, over all runs of one variant."""
    closest = []
    for record in records:
        failed = [(c["value"] / c["threshold"], c["name"]) for c in record["criteria"] if not c["holds"]]
        if failed:  # a run fails by its worst criterion
            closest.append(max(failed, key=lambda pair: off(pair[0])))
    if not closest:
        return "raised"
    ratio, name = min(closest, key=lambda pair: off(pair[0]))
    return f"{name} {ratio:.3g}"


def off(ratio):
    """How far a ratio is from 1, on either side."""
    return abs(math.log(ratio)) if 0 < ratio < math.inf else math.inf


def measured(suite, check, given, seed, broken):
    """Run one check on the reference or on a broken variant of it."""
    from autograder.results import Outcome
    from autograder.verify.suite import CheckSuite

    with tempfile.TemporaryDirectory() as place, criteria_of(check) as criteria:
        assignment, folder = broken_assignment(suite.assignment, broken, Path(place))
        alone = CheckSuite(assignment, ((check, given),), suite.stand_ins)
        started = time.perf_counter()
        ((_, verdict),) = alone.verdicts(folder, grading_seed=f"calibration {seed}")
    kept = [{"name": c.name, "value": c.value, "threshold": c.threshold} for c in criteria]
    for entry, criterion in zip(kept, criteria, strict=True):
        entry |= {"at_least": criterion.at_least, "holds": criterion.holds}
    seconds = round(time.perf_counter() - started, 2)
    return {"passed": verdict.outcome is Outcome.PASS, "seconds": seconds, "criteria": kept}


def broken_assignment(assignment, broken, place):
    """The assignment and the folder of solution files in which one exact replacement is made; of None, as they are.

    The replacement is in the item's file, or in the training loop of a probe where the variant names that as ``file``.
    """
    if broken is None:
        return assignment, assignment.reference
    from autograder.references import as_text

    name = broken.get("file") or as_text(assignment.manifest.item(broken["item"]).file)
    if "file" in broken:
        assignment = replace(assignment, folder=shutil.copytree(assignment.folder, place / assignment.slug))
        file = source = assignment.public_checks / name
        folder = assignment.reference
    else:
        folder, source, file = place, assignment.reference / name, place / name
    text = source.read_text(encoding="utf-8")
    assert text.count(broken["old"]) == 1, broken
    file.write_text(text.replace(broken["old"], broken["new"]), encoding="utf-8")
    return assignment, folder


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
