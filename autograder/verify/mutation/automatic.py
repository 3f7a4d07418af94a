"""Automatic mutants: every generic slip in the marked regions of the reference, tried on the checks of its item.

They say how closely the checks watch, without anybody's idea of what students do wrong. A survivor is either a hole in
the checks or right after all; the latter are recorded in ``mutants.toml``, with a reason.
"""

from __future__ import annotations

import ast
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import torch

from autograder.assignment import Assignment, Item
from autograder.mutants import Equivalent, read_catalogue
from autograder.references import as_text, reference_code
from autograder.release.markers import Mark, find_marks
from autograder.release.rubric import Rubric
from autograder.source.lines import Place
from autograder.source.parsing import parse_or_none, parse_python
from autograder.source.scopes import bound_names
from autograder.source.spans import Source
from autograder.verify.execution.children import Handler, Lost, in_children
from autograder.verify.execution.progress import Progress
from autograder.verify.execution.suite import CheckSuite
from autograder.verify.mutation.operators import Edit, edits

SECONDS = 60.0
"""For all checks of one item on one mutant; they take the reference a second at most."""
GRADING_SEED = "automatic"


@dataclass(frozen=True)
class AutomaticMutant:
    """The reference with one edit. ``old`` and ``new`` are the whole lines that differ, without their indentation."""

    id: str
    item: str
    file: str
    text: str
    diff: str
    old: str
    new: str

    def is_recorded_as(self, entry: Equivalent) -> bool:
        """Whether an entry of the catalogue means this mutant."""
        return (self.item, self.old) == (entry.item, _bare(entry.old)) and self.new in map(_bare, entry.new)


class Fate(StrEnum):
    """What became of an automatic mutant."""

    KILLED = "killed"
    RAISED = "raised"
    """Killed, but by an exception or the time limit: hardly the merit of a check."""
    SURVIVED = "survived"
    EQUIVALENT = "equivalent"
    REFUTED = "refuted"
    """Recorded as equivalent, but a check fails."""


@dataclass(frozen=True)
class Graded:
    """A mutant and its fate; ``why`` is the check that failed, what ended it, or why it is equivalent."""

    mutant: AutomaticMutant
    fate: Fate
    why: str = ""


@dataclass(frozen=True)
class AutomaticReport:
    """All automatic mutants of an assignment, or of one item, in the order of the text."""

    slug: str
    graded: tuple[Graded, ...]
    stale: tuple[Equivalent, ...]
    """Entries of the catalogue, with what no mutant of theirs fits any more."""

    def of(self, fate: Fate, item: str | None = None) -> tuple[Graded, ...]:
        """Those of one fate, of one item or of all."""
        return tuple(one for one in self.graded if one.fate is fate and item in (None, one.mutant.item))

    @property
    def items(self) -> tuple[str, ...]:
        """The items that have mutants, in the order of the text."""
        return tuple(dict.fromkeys(one.mutant.item for one in self.graded))

    def kill_rate(self, item: str | None = None, *, strict: bool = False) -> float:
        """Killed among those that are not equivalent; 1 where there is none. ``strict`` leaves out what raised."""
        killed, raised, refuted, alive = (
            len(self.of(fate, item)) for fate in (Fate.KILLED, Fate.RAISED, Fate.REFUTED, Fate.SURVIVED)
        )
        dead = killed + refuted + (0 if strict else raised)
        return dead / (dead + alive) if dead + alive else 1.0

    def as_json(self) -> str:
        """Everything but the texts, for programs."""
        entries = [
            {
                "id": one.mutant.id,
                "item": one.mutant.item,
                "fate": one.fate.value,
                "why": one.why,
                "diff": one.mutant.diff,
            }
            for one in self.graded
        ]
        stale = [entry.model_dump() for entry in self.stale]
        rates = {item: self.kill_rate(item) for item in self.items}
        found = {"assignment": self.slug, "kill_rate": self.kill_rate(), "kill_rates": rates}
        return json.dumps({**found, "mutants": entries, "stale": stale}, indent=1)


def automatic_mutants(assignment: Assignment, item: str | None = None) -> tuple[AutomaticMutant, ...]:
    """Return the mutants of the marked regions of items that the grader gives points for, each code once.

    An unknown ``item`` raises `UserError`.
    """
    if item is not None:
        assignment.manifest.item(item)
    wanted = [
        entry
        for entry in assignment.manifest.items
        if entry.is_auto and not entry.training and item in (None, entry.id)
    ]
    files = dict.fromkeys(entry.file for entry in wanted if entry.file)
    return tuple(mutant for file in files for mutant in _mutants_of_file(assignment, file, wanted))


def run_automatic(
    assignment: Assignment,
    item: str | None = None,
    *,
    jobs: int = 1,
    seconds: float = SECONDS,
    progress: Progress | None = None,
) -> AutomaticReport:
    """Try the automatic mutants on the checks of their items, until a check fails; a time limit counts as a kill."""
    mutants = automatic_mutants(assignment, item)
    recorded = [entry for entry in read_catalogue(assignment).automatic if item in (None, entry.item)]
    tasks = [[mutant.item, mutant.file, mutant.text] for mutant in mutants]
    graded: dict[int, Graded] = {}
    answers = in_children(partial(_handler, assignment), tasks, jobs=jobs, seconds=seconds, progress=progress)
    for number, answer in answers:
        graded[number] = _graded(mutants[number], answer, recorded)
    return AutomaticReport(
        assignment.slug, tuple(graded[number] for number in sorted(graded)), tuple(_stale(recorded, mutants))
    )


def _stale(recorded: Sequence[Equivalent], mutants: Sequence[AutomaticMutant]) -> Iterator[Equivalent]:
    for entry in recorded:
        met = {mutant.new for mutant in mutants if mutant.is_recorded_as(entry)}
        if left := tuple(new for new in entry.new if _bare(new) not in met):
            yield entry.model_copy(update={"new": left})


def _graded(mutant: AutomaticMutant, answer: Any, recorded: Sequence[Equivalent]) -> Graded:
    killer, compared = (answer.reason, False) if isinstance(answer, Lost) else answer
    entry = next((entry for entry in recorded if mutant.is_recorded_as(entry)), None)
    if entry is not None:
        return Graded(mutant, Fate.REFUTED, killer) if killer else Graded(mutant, Fate.EQUIVALENT, entry.reason)
    return Graded(mutant, (Fate.KILLED if compared else Fate.RAISED) if killer else Fate.SURVIVED, killer)


def _handler(assignment: Assignment) -> Handler:
    torch.set_num_threads(1)
    suite = CheckSuite.collect(assignment)
    return lambda task: first_failure(suite, *task)


def first_failure(suite: CheckSuite, item: str, file: str, text: str) -> tuple[str, bool]:
    """Try a file with this text on the checks of an item, up to the first that fails.

    Returns its id and whether it found a wrong value (and not an exception); ("", False) where all pass.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for check, verdict in suite.verdicts(Path(folder), [item], GRADING_SEED, max_shrinks=0):
            if verdict.failure is not None:
                return check.id, verdict.by_comparison
    return "", False


def _mutants_of_file(assignment: Assignment, file: str, wanted: Sequence[Item]) -> Iterator[AutomaticMutant]:
    place = Place(f"solutions/{assignment.slug}/{as_text(file)}")
    code, seen = Source.parse(reference_code(assignment, file), place), set[tuple[int, str]]()
    marks = [mark for mark in find_marks(code, Rubric(assignment.manifest, file)) if mark.item in wanted]
    for mark in marks:
        yield from _mutants_of_mark(code, mark, _names_around(mark, marks), as_text(file), seen)


def _names_around(mark: Mark, marks: Sequence[Mark]) -> list[str]:
    """The parameters of the function that a mark is in; outside of functions, what the item's other marks bind."""
    if mark.in_function:
        function = mark.around[-1]
        assert not isinstance(function, ast.ClassDef)
        parameters = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
        return [parameter.arg for parameter in parameters if parameter.arg not in ("self", "cls")]
    return [name for other in marks if other.item is mark.item for name in bound_names(other.statements)]


def _mutants_of_mark(
    code: Source, mark: Mark, names: Sequence[str], file: str, seen: set[tuple[int, str]]
) -> Iterator[AutomaticMutant]:
    first, last = (code.span(mark.statements[place])[0] for place in (0, -1))
    around = [span for span in map(code.positions.lines, code.tree.body) if first < span[1] and span[0] <= last]
    begin, end = around[0][0], around[-1][1]
    seen.add((begin, ast.dump(parse_python(code.plain[begin:end], code.place))))
    for edit in sorted(edits(mark.statements, code, names), key=lambda edit: (edit.place, edit.operator)):
        part = code.plain[begin : edit.begin] + edit.text + code.plain[edit.end : end]
        tree = parse_or_none(part)
        if tree is not None and (key := (begin, ast.dump(tree))) not in seen:
            seen.add(key)
            yield _mutant(code, mark.item.id, file, edit, code.plain[:begin] + part + code.plain[end:])


def _mutant(code: Source, item: str, file: str, edit: Edit, text: str) -> AutomaticMutant:
    line, column = code.positions.place(edit.place)
    first = code.plain.rfind("\n", 0, edit.begin) + 1
    after = code.plain[edit.end :].partition("\n")[0]
    old = code.plain[first : edit.end] + after
    new = code.plain[first : edit.begin] + edit.text + after
    diff = "\n".join([f"@@ {file}, line {line} @@", *_prefixed("-", old), *_prefixed("+", new)])
    return AutomaticMutant(f"{item}:{line}:{column}:{edit.operator}", item, file, text, diff, _bare(old), _bare(new))


def _prefixed(sign: str, lines: str) -> list[str]:
    return [f"{sign}{line}" for line in lines.splitlines()]


def _bare(lines: str) -> str:
    return "\n".join(line.strip() for line in lines.strip().splitlines())
