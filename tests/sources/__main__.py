"""``python -m tests.sources SLUG``: write the list of an assignment anew, as things are; `named` stays as it is."""

from __future__ import annotations

import sys
from pathlib import Path

from autograder.assignment import load_assignment
from autograder.verify.execution.suite import CheckSuite
from tests.sources.lists import FOLDER, Kind, SourceList, ours, written
from tests.sources.recording import sources_of_checks

ROOT = Path(__file__).resolve().parents[2]


def renew(slug: str, *, training: bool) -> None:
    """Grade the reference and write what is found; lines of checks that are not run stay."""
    suite = CheckSuite.collect(load_assignment(ROOT, slug))
    assignment, path = suite.assignment, FOLDER / f"{slug}.toml"
    listed = SourceList.read(path)
    checks = [check for check, _ in suite.checks if training or not assignment.manifest.item(check.item).training]
    assert assignment.reference is not None
    found = {check.id: sources for check, sources in sources_of_checks(suite, assignment.reference, checks)}
    for check, _ in suite.checks:
        if check not in checks:
            found[check.id] = {s for kind in Kind for s in listed.by_kind.get(kind, {}).get(check.id, ())}
    path.write_text(written(listed.named, found, ours(assignment)), encoding="utf-8")


if __name__ == "__main__":
    renew(sys.argv[1], training="--training" in sys.argv[2:])
