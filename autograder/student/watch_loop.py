"""The command `check --watch`: after each save, the items that the change concerns are checked and answered for."""

from __future__ import annotations

import ast
import contextlib
import itertools
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from rich.console import Console

from autograder.assignment import MANIFEST, SUBMITTABLE, Assignment, Item
from autograder.errors import UserError, first_few
from autograder.grading.grader_error import GraderError
from autograder.grading.options import Options
from autograder.grading.preloading import named_modules
from autograder.reports.console import as_words, render_item
from autograder.reports.plain_text import first_to_do, unwritten
from autograder.reports.safe_text import one_line, plural, points, worth
from autograder.results import ItemResult, Outcome
from autograder.selection import selected_items
from autograder.source.junk import is_environment, is_left_behind
from autograder.source.parsing import parse_or_none
from autograder.student.dependencies import digest_of_reached, parts_of
from autograder.student.item_table import print_items
from autograder.student.keyboard import Keys, open_keys
from autograder.student.own_folder import unpacked
from autograder.student.quick_answers import Answers, open_answers
from autograder.student.submission_files import named_files
from autograder.submission import Submission, read_submission
from autograder.submission.provided import provided_files
from autograder.submission.stub_search import Writing, writing_of

POLL_SECONDS = 0.1
SETTLED_SECONDS = 0.05
"""An editor may write a file in several steps: it is read when nothing has changed for so long."""
MAX_ENTRIES = 300
"""A folder that holds more has data, and no code that is imported."""
MAX_DEPTH = 3
KEYS = "n next · a all · r again · l list · h handout · q quit"

Stamps = Mapping[str, tuple[int, int]]
"""When each file was changed last, and its size."""


def watch(folder: Path, words: Sequence[str], *, training: bool, console: Console) -> int:
    """Check on every save until the student ends it; return the exit status.

    Raises `UserError` for a folder that is none of an assignment and for a word that names no item.
    """
    assignment = unpacked(folder)
    wanted = selected_items(assignment.manifest, words)
    submission = read_submission(assignment.folder, assignment, in_archives=False)
    preload = named_modules(assignment, submission)
    console.print("getting ready ...", style="dim")
    engine = _engine_stamps(assignment)
    with open_answers(assignment, Options(training=training, hidden=False), preload) as answers, open_keys() as keys:
        again = _Loop(assignment, wanted, answers, keys, console, training, engine).run()
    if again:
        console.print("the assignment was changed: starting anew", style="dim")
        _start_anew()
    return 0


def _start_anew() -> None:
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "autograder", *sys.argv[1:]])


@dataclass
class _Loop:
    """What is known of each item, and what the student looks at."""

    assignment: Assignment
    wanted: frozenset[str]
    answers: Answers
    keys: Keys
    console: Console
    training: bool
    engine: Stamps
    results: dict[str, ItemResult] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    """Of each item as it was when it was checked last."""
    last: frozenset[str] = frozenset()
    focus: str = ""
    blank: set[str] = field(default_factory=set)
    """Items that are not written, as their files were read last."""
    read: set[str] = field(default_factory=set)
    """Files that submitted code names."""
    stamps: Stamps = field(default_factory=dict)
    """Of the student's files when they were read last."""

    def run(self) -> bool:
        """Answer until the student quits (False), or until something else than the student's files changed (True)."""
        self._save(first=True)
        while True:
            try:
                key = self.keys.next(POLL_SECONDS)
            except KeyboardInterrupt:
                return False
            if key in ("q", "\x03", "\x04"):
                return False
            if key:
                self._key(key)
            if _engine_stamps(self.assignment) != self.engine:
                return True
            if self._stamps() != self.stamps:
                self._save()

    # files

    def _stamps(self) -> Stamps:
        folder = self.assignment.folder
        return dict(_stamps_below(folder)) | {path: _stamp(folder / path) for path in self.read}

    def _settled(self) -> Stamps:
        """Wait until an editor has done with writing."""
        now = self._stamps()
        while True:
            time.sleep(SETTLED_SECONDS)
            if (later := self._stamps()) == now:
                return now
            now = later

    # what the student does

    def _save(self, *, first: bool = False) -> None:
        """Check what is written and concerned; what is not written is known without."""
        started = time.monotonic()
        self.stamps = self._settled()
        try:
            submission = read_submission(self.assignment.folder, self.assignment, in_archives=False)
            now = self._digests(submission)
        except UserError as error:
            self._say(one_line(str(error), 500), "red")
            return
        changed = [item for item in self._items() if now[item.id] != self.digests.get(item.id)]
        for item in changed:
            self.results.pop(item.id, None)
            self.digests.pop(item.id, None)  # until it is checked
        concerned = [item for item in changed if not item.training]  # a training is measured when it is asked for
        self.blank = {i.id for i in self._items() if writing_of(i, submission) is Writing.NOT_WRITTEN}
        begun = frozenset(item.id for item in concerned if item.id not in self.blank)
        self.digests |= {item.id: now[item.id] for item in changed if item.id not in begun}
        if begun:
            if self._check(begun, started):
                self.digests |= {name: now[name] for name in begun}
        elif first or changed:
            self._tell(())
        else:
            self._say("saved; nothing that is checked has changed", "dim")

    def _check(self, items: frozenset[str], started: float | None = None) -> bool:
        """Check items and say what came of it; return whether they were checked."""
        started = time.monotonic() if started is None else started
        self._say(f"checking {plural(len(items), 'item')} ...", "dim")
        try:
            result = self.answers.check(items)
        except KeyboardInterrupt:
            self._say("not checked: interrupted", "yellow")
            return False
        except (GraderError, UserError) as error:
            self._say(f"not checked: {one_line(str(error), 500)}", "yellow")
            return False
        self.last = items
        self.results |= {item.id: item for item in result.items if item.id in items}
        self._tell([item.id for item in result.items if item.id in items], time.monotonic() - started)
        return True

    def _key(self, key: str) -> None:
        match key:
            case "a":
                self._check(frozenset(item.id for item in self._items() if self.training or not item.training))
            case "r" if self.last:
                self._check(self.last)
            case "l":
                print_items(self.assignment, sorted(self.wanted), self.console, self.results)
                self._say(KEYS, "dim")
            case "n":
                self._next()
            case "h":
                self._handout()
            case "\n" | "\r" | "\x1b":
                pass
            case _:
                self._say(KEYS, "dim")

    def _next(self) -> None:
        """Go to the next item that does not pass, after the one that is looked at."""
        names = [item.id for item in self._items()]
        at = names.index(self.focus) + 1 if self.focus in names else 0
        rest = [name for name in (*names[at:], *names[:at]) if not self._passes(name) and name != self.focus]
        if not rest:
            self._tell(())
            return
        self.focus = rest[0]
        if self.focus in self.results:
            render_item(self.results[self.focus], self.console)
        self._say_next(self.focus)

    def _handout(self) -> None:
        """Print what the handout says of the item that is looked at."""
        if not self.focus:
            self._say("nothing is left to look up")
            return
        path = self.assignment.folder / "handout.md"
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
        told = [line for line in lines if f"`{self.focus}`" in line]
        self._say("\n".join(told or [f"the handout has no line of its own for {self.focus}"]))

    # what it says

    def _tell(self, checked: Sequence[str], seconds: float | None = None) -> None:
        """Say what came of the items that were checked, how far everything is, and what to do next."""
        wrong = [name for name in checked if not self._passes(name)]
        right = [name for name in checked if name not in wrong]
        if right:
            self._say(f"✓ {first_few(right, 6)}", "green")
        todo = first_to_do([self.results[name] for name in wrong])
        for name in wrong:
            result = self.results[name]
            if result is todo or len(wrong) <= 2:
                self.console.print()
                render_item(result, self.console)
            elif not unwritten(result):
                self._say(f"✗ {name}", "red")
        self.console.print()
        if todo is not None:
            self.focus = todo.id
        else:
            self.focus = next((item.id for item in self._items() if not self._passes(item.id)), "")
        self._progress(seconds)
        self._say_next(self.focus)

    def _progress(self, seconds: float | None) -> None:
        items = self._items()
        passed = [item for item in items if self._passes(item.id)]
        given = sum(result.points for result in self.results.values())
        bar = "#" * round(20 * len(passed) / len(items)) if items else ""
        took = f" · {seconds:.1f} s" if seconds is not None else ""
        text = f"[{bar:<20}] {len(passed)} of {plural(len(items), 'item')} pass, {points(given)} of"
        text += f" {worth(sum(item.points for item in items))} in the public checks{took}"
        self._say(text)

    def _say_next(self, name: str) -> None:
        if not name:
            self._say("all items here pass; `autograder pack` makes the zip to hand in", "bold")
        else:
            item = self.assignment.manifest.item(name)
            known = self.results.get(name)
            state = "training: press a to measure it" if item.training else "not checked yet"
            state = "not written yet" if name in self.blank else state
            state = state if known is None else "not written yet" if unwritten(known) else "to fix"
            self._say(f"Next: {name}, {one_line(item.title)} ({item.file}), {state}", "bold")
        self._say(KEYS, "dim")

    def _say(self, text: str, style: str = "") -> None:
        self.console.print(as_words(text, self.console, style))

    def _passes(self, name: str) -> bool:
        return name in self.results and self.results[name].outcome is Outcome.PASS

    def _items(self) -> list[Item]:
        return [i for i in self.assignment.manifest.items if i.is_auto and (not self.wanted or i.id in self.wanted)]

    def _digests(self, submission: Submission) -> dict[str, str]:
        """Return a digest of all that each item's checks may reach, and of what submitted code reads beside it."""
        sources = {file.copy_name: file.source for file in submission.files.values()} | dict(submission.helpers)
        provided = [path for name, path in provided_files(self.assignment).items() if name.endswith(".py")]
        checks = sorted(self.assignment.public_checks.rglob("*.py"))
        parts = parts_of(sources, provided, checks)
        found = {item.id: digest_of_reached(parts, *start_of(item, checks)) for item in self._items()}
        self.read = named_files(submission, self.assignment.folder)
        read = {path: _stamp(self.assignment.folder / path) for path in sorted(self.read)}
        self.stamps = {**self.stamps, **read}
        lost = {item.id: submission.unavailable(item.file) for item in self._items()}
        return {item: f"{digest} {lost[item]} {read}" for item, digest in found.items()}


def start_of(item: Item, checks: Iterable[Path]) -> tuple[set[str], set[str]]:
    """Return the names, and the modules, that the checks of an item start from.

    These are its blanks and the functions that have a decorator which names it; where there is none, all of them.
    """
    names = {name for blank in item.blanks for name in (blank, blank.rpartition(".")[2])}
    modules = {PurePosixPath(item.file).stem} if item.file else set()
    functions = [(path.stem, node) for path in checks for node in _functions(path)]
    own = [(stem, node) for stem, node in functions if any(_says(item.id, one) for one in node.decorator_list)]
    for stem, node in own or functions:
        names.add(node.name)
        modules.add(stem)
    return names, modules


def _functions(path: Path) -> Iterator[ast.FunctionDef]:
    tree = parse_or_none(path.read_text(encoding="utf-8", errors="replace"))
    yield from (node for node in ast.walk(tree or ast.Module([], [])) if isinstance(node, ast.FunctionDef))


def _says(text: str, tree: ast.AST) -> bool:
    return any(isinstance(node, ast.Constant) and node.value == text for node in ast.walk(tree))


def _engine_stamps(assignment: Assignment) -> Stamps:
    """The stamps of what an assignment consists of, and of the engine itself."""
    files = [assignment.folder / MANIFEST, *sorted(assignment.public_checks.rglob("*.py")), Path(__file__)]
    return {str(path): _stamp(path) for path in files}


def _stamps_below(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """The code in a folder, not too deep in it and not too much, so that data do not matter."""
    waiting = [(folder, 0)]
    while waiting:
        place, depth = waiting.pop()
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            listed = list(itertools.islice(entries, MAX_ENTRIES + 1))
            if len(listed) > MAX_ENTRIES and depth:
                continue
            for entry in listed:
                if is_left_behind(entry.name) or is_environment(entry.name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if depth < MAX_DEPTH:
                        waiting.append((Path(entry.path), depth + 1))
                elif entry.name.endswith(SUBMITTABLE):
                    yield entry.path, _stamp(Path(entry.path))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, -1
    return found.st_mtime_ns, found.st_size
