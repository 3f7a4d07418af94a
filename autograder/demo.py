"""The main job in one go: build a release, then grade four submissions and show how they compare."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from autograder.assignment import Assignment
from autograder.errors import UserError
from autograder.platforms.gradescope.bundle import bundle_files
from autograder.references import reference_name, reference_path
from autograder.release.building import build
from autograder.texts import read_text, read_toml


@dataclass(frozen=True)
class ExampleSubmission:
    """One submission of the demonstration: where it lies and what it shows."""

    name: str
    story: str
    path: Path


def run_demo(root: Path, assignment: Assignment, out: Path) -> int:
    """Build the release into ``out``, grade the submissions, print the tables; return the worst exit status."""
    console = Console()
    release = out / "release"
    templates = out / "student_templates"
    build(root, [assignment.slug], out=release, platform_files=bundle_files, templates=templates)
    submissions = [*_given(templates, assignment), *_wrong(assignment, out / "hand-ins")]
    status, results = 0, []
    for submission in submissions:
        console.print(f"grading {submission.name}: {submission.story}")
        folder = out / "results" / submission.name
        command = [sys.executable, "-P", "-m", "autograder", "grade", assignment.slug, str(submission.path)]
        command += ["--root", str(root), "--out", str(folder), "--json", "--no-training"]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        status = max(status, done.returncode)
        results.append(json.loads((folder / "results.json").read_text(encoding="utf-8")))
    console.print(_comparison(submissions, results))
    for submission, result in zip(submissions[2:], results[2:], strict=True):
        _show_failures(console, submission, result)
    console.print("\nItems of training were left out here; `autograder grade` trains for a minute or two.")
    console.print(f"The release is in {release}, the results are in {out / 'results'}.")
    return status


def _given(templates: Path, assignment: Assignment) -> list[ExampleSubmission]:
    assert assignment.reference is not None
    template = templates / assignment.slug
    return [
        ExampleSubmission("reference", "the instructor's solution, which must get full marks", assignment.reference),
        ExampleSubmission("template", "the untouched template, which must get nothing", template),
    ]


def _wrong(assignment: Assignment, folder: Path) -> list[ExampleSubmission]:
    """Make the wrong submissions that ``demo.toml`` describes as replacements in the reference."""
    assert assignment.reference is not None
    description = assignment.reference / "demo.toml"
    if not description.is_file():
        return []
    submissions = []
    for entry in read_toml(description)["hand_ins"]:
        target = folder / entry["name"]
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in assignment.manifest.files.required:
            if name not in entry.get("left_out", []):
                text = read_text(reference_path(assignment, name))
                changed = _changed(text, name, entry["changes"], description)
                (target / reference_name(assignment, name)).write_text(changed, encoding="utf-8")
        submissions.append(ExampleSubmission(entry["name"], entry["story"], target))
    return submissions


def _changed(text: str, name: str, changes: list[dict[str, str]], description: Path) -> str:
    for change in changes:
        if change["file"] != name:
            continue
        if text.count(change["old"]) != 1:
            raise UserError(f"{description}: {change['old']!r} must be in {name} exactly once")
        text = text.replace(change["old"], change["new"])
    return text


def _comparison(submissions: list[ExampleSubmission], results: list[dict[str, Any]]) -> Table:
    table = Table(title="Points per item")
    table.add_column("item")
    table.add_column("of", justify="right")
    for submission in submissions:
        table.add_column(submission.name, justify="right")
    for tests in zip(*(result["tests"] for result in results), strict=True):
        if "max_score" in tests[0]:
            scores = [f"{test['score']:g}" for test in tests]
            table.add_row(tests[0]["extra_data"]["item"], f"{tests[0]['max_score']:g}", *scores)
    table.add_section()
    total = sum(test.get("max_score", 0) for test in results[0]["tests"])
    table.add_row("total", f"{total:g}", *(f"{result['score']:g}" for result in results))
    return table


def _show_failures(console: Console, submission: ExampleSubmission, result: dict[str, Any]) -> None:
    console.rule(f"what {submission.name} is told", align="left")
    for test in result["tests"]:
        if test.get("status") == "failed" and test["extra_data"]["outcome"] == "FAIL":
            console.print(f"{test['name']}: {test['score']:g} of {test['max_score']:g}", style="bold", markup=False)
            console.print(test["output"], markup=False, highlight=False)
