"""Prints how often broken trainings fail: each variant of the reference is trained with many grading seeds.

python benchmarks/broken_training.py                        # 20 trainings of every variant: more than an hour
python benchmarks/broken_training.py --assignment nyu2271_a3
python benchmarks/broken_training.py --runs 2 --item simsiam.training
python benchmarks/broken_training.py --journal trials.jsonl # remembers every training; goes on where it broke off

One process, one thread. Seeds are the outer loop: a run that is broken off has tried everything about equally often.
How far the reference stays from the thresholds is measured by `build.py verify --margins`.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
import tomllib
import warnings
from collections import defaultdict
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
WIDTH = 160


def main() -> None:
    """Train, measure, print; the status is 1 where a variant passes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assignment", choices=VARIANTS, default="ift6135_a3")
    parser.add_argument("--runs", type=int, default=20, help="grading seeds")
    parser.add_argument("--item", action="append", help="one item of training; all by default")
    parser.add_argument("--journal", type=Path, help="file of JSON lines, one for each training")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # broken loops have much to be warned of
    from autograder.assignment import load_assignment
    from autograder.verify.execution.suite import CheckSuite

    assignment = load_assignment(ROOT, options.assignment)
    items = options.item or [item.id for item in assignment.manifest.items if item.training and item.is_auto]
    trials = Trials(CheckSuite.collect(assignment), options.journal)
    raise SystemExit(print_variants(trials, items, options.runs))


@dataclass
class Trials:
    """Trainings of broken variants, each run once and then remembered."""

    suite: object
    journal: Path | None
    known: dict[tuple[str, str, int], dict] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.journal is not None and self.journal.is_file():
            for line in self.journal.read_text(encoding="utf-8").splitlines():
                record = json.loads(line)
                self.known[record["variant"], record["check"], record["seed"]] = record

    def run(self, check, given, seed, broken) -> dict:
        """Whether a check passes on a variant, the seconds it took, and the criteria that it judged."""
        key = (f"{broken['item']}: {broken['name']}", check.id, seed)
        if key not in self.known:
            record = dict(zip(("variant", "check", "seed"), key, strict=True))
            self.known[key] = record | measured(self.suite, check, given, seed, broken)
            if self.journal is not None:
                with self.journal.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(self.known[key]) + "\n")
        return self.known[key]


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
        check = broken["check"].removeprefix("test_")
        table.add_row(broken["item"], broken["name"], check, f"{failed}/{runs}", nearest(records))
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
    """Run one check on a broken variant of the reference."""
    from autograder.checks.training.learning import watching
    from autograder.results import Outcome
    from autograder.verify.execution.suite import CheckSuite

    with tempfile.TemporaryDirectory() as place, watching() as criteria:
        assignment, folder = broken_assignment(suite.assignment, broken, Path(place))
        alone = CheckSuite(assignment, ((check, given),), suite.stand_ins)
        started = time.perf_counter()
        ((_, verdict),) = alone.verdicts(folder, grading_seed=f"calibration {seed}")
    kept = [
        {"name": c.name, "value": c.value, "threshold": c.threshold, "at_least": c.at_least, "holds": c.holds}
        for c in criteria
    ]
    seconds = round(time.perf_counter() - started, 2)
    return {"passed": verdict.outcome is Outcome.PASS, "seconds": seconds, "criteria": kept}


def broken_assignment(assignment, broken, place):
    """The assignment and the folder of solution files in which one exact replacement is made.

    The replacement is in the item's file, or in the training loop of a probe where the variant names that as ``file``.
    """
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


if __name__ == "__main__":
    main()
