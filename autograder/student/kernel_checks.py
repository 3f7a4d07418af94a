"""Public checks of what is defined in a notebook's running kernel, in its own process."""

from __future__ import annotations

import inspect
import os
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder import __version__
from autograder.assignment import NOTEBOOK, Assignment, Item
from autograder.errors import UserError
from autograder.grading.plugin import Check, Collected, collect_checks
from autograder.grading.probe_words import read_probe_words
from autograder.grading.scoring import score_item
from autograder.grading.trusted_files import PUBLIC_SEED
from autograder.results import CheckResult, GradingResult, ItemResult, Notice, Times
from autograder.sandbox.in_kernel import KernelChannel
from autograder.sandbox.trusted.example import ProbeWords
from autograder.sandbox.trusted.session import Context, OpenAnother, Session
from autograder.sandbox.trusted.signatures import Signatures
from autograder.sandbox.trusted.stand_ins import StandIns
from autograder.selection import selected_items
from autograder.source.parsing import parse_or_none
from autograder.student.kernel_state import borrowed_kernel
from autograder.submission import Submission, read_submission
from autograder.submission.provided import provided_files
from autograder.submission.stub_search import is_stub_of

SESSION = "JPY_SESSION_NAME"
"""Where Jupyter's server says which notebook a kernel belongs to."""
OF_CODE_EDITORS = "__vsc_ipynb_file__"


@dataclass
class KernelChecks:
    """The checks of an assignment, collected once, for one kernel."""

    assignment: Assignment
    kernel: Any
    """IPython's shell."""
    collected: list[Collected] = field(default_factory=list)
    _stamps: list[tuple[str, int]] = field(default_factory=list)

    def check(self, words: Sequence[str]) -> GradingResult:
        """Check what the words name; without any, all that is written in this kernel and trains nothing.

        Raises `UserError` for a word that names no item, and where nothing is written, `GraderError` where a check
        breaks, and `KeyboardInterrupt` where the student interrupts it.
        """
        started = time.monotonic()
        manifest = self.assignment.manifest
        ids = selected_items(manifest, words)
        items = [item for item in manifest.items if item.is_auto and (not ids or item.id in ids)]
        if ids and not items:
            raise UserError(f"{', '.join(sorted(ids))}: people grade that, so there is nothing to check")
        left_out: list[Item] = []
        if not ids:
            left_out = [item for item in items if item.training or not self._is_written(item)]
            items = [item for item in items if item not in left_out]
        if not items:
            raise UserError("nothing of this assignment is written in this kernel; run the cells that define it first")
        submission = read_submission(self.assignment.folder, self.assignment, in_archives=False)
        with borrowed_kernel():
            self.collect()
            attempt = _Attempt(self, submission, read_probe_words(self.assignment.probes))
            lines = tuple(attempt.checked(item) for item in items)
        names = ", ".join(item.id for item in left_out)
        said = f"Not checked, since it is not written in this kernel, or trains: {names}."
        notices = [Notice(text=said, minor=True)] if left_out else []
        return GradingResult(
            assignment=self.assignment.slug,
            assignment_title=manifest.title,
            assignment_version=manifest.version,
            grader_version=__version__,
            submission_digest="",
            items=lines,
            notices=tuple(notices),
            times=Times(total=round(time.monotonic() - started, 3)),
            public_only=True,
        )

    def collect(self) -> None:
        """Collect all public checks, unless they are as they were."""
        files = sorted(self.assignment.public_checks.rglob("*.py"))
        stamps = [(str(path), path.stat().st_mtime_ns) for path in files]
        if stamps != self._stamps:
            everything = frozenset(item.id for item in self.assignment.manifest.items)
            before = set(sys.modules)
            self.collected = collect_checks(self.assignment, everything, hidden=False)
            for name in [name for name in sys.modules if name.partition(".")[0] == "checks" and name not in before]:
                del sys.modules[name]
            self._stamps = stamps

    def notebooks(self) -> list[str]:
        """The modules that are notebooks of this kernel: the one that Jupyter names, else all."""
        names = [name for name in self.assignment.manifest.files.required if name.endswith(NOTEBOOK)]
        told = self.kernel.user_ns.get(OF_CODE_EDITORS) or os.environ.get(SESSION, "")
        own = [name for name in names if Path(name).name == Path(told).name]
        return [Path(name).stem for name in own or names]

    def is_here(self, item: Item) -> bool:
        """Whether the item belongs to this kernel, and not to a file beside the notebook."""
        return item.file is not None and Path(item.file).stem in self.notebooks() and bool(item.blanks)

    def _is_written(self, item: Item) -> bool:
        """Whether all of an item is defined in this kernel, and none of it is a stub."""
        return self.is_here(item) and not any(map(self._is_stub, item.blanks))

    def _is_stub(self, blank: str) -> bool:
        first, *others = blank.split(".")
        value = self.kernel.user_ns.get(first, ...)
        for name in others:
            value = value if value is ... else inspect.getattr_static(value, name, ...)
        if value is ...:
            return True
        tree = parse_or_none(_source_of(value))
        return tree is not None and is_stub_of(blank.rpartition(".")[2], tree.body) is True

    def sources(self) -> dict[str, str]:
        """What is known of the source of this kernel's blanks, as that of the notebook's module."""
        names = {blank.split(".")[0] for item in self.assignment.manifest.items for blank in item.blanks}
        texts = [_source_of(self.kernel.user_ns[name]) for name in sorted(names) if name in self.kernel.user_ns]
        return dict.fromkeys(self.notebooks(), "\n".join(texts))

    def is_cell(self, filename: str) -> bool:
        return self.kernel.compile.format_code_name(filename) is not None

    def place(self, file: str, line: int) -> str:
        """Say where code of the student's is, as they find it."""
        named = self.kernel.compile.format_code_name(file)
        return f"{named[0]} {named[1]}, line {line}" if named else f"{file}, line {line}"


@dataclass(frozen=True)
class _Attempt:
    """One answer to the student: the files beside the notebook are read once."""

    checks: KernelChecks
    submission: Submission
    probe_words: Mapping[str, ProbeWords]

    def checked(self, item: Item) -> ItemResult:
        """Return what became of an item."""
        lost = "" if self.checks.is_here(item) else self.submission.unavailable(item.file)
        if lost:
            return score_item(item, (), lost=lost)
        return score_item(item, [self._run(*one) for one in self.checks.collected if one[0].item == item.id])

    def _run(self, check: Check, fixtures: dict[str, Any]) -> CheckResult:
        runner = check.runner(self.checks.assignment, PUBLIC_SEED, fixtures)
        verdict = runner.grade(self._open, None, None)
        if verdict.builtin == KeyboardInterrupt.__name__:
            raise KeyboardInterrupt
        return check.result(verdict)

    def _open(self, stand_ins: StandIns | None, open_another: OpenAnother | None) -> Session:
        """Open a session with the kernel: its definitions are the notebook, other files are those beside it."""
        assignment, kernel = self.checks.assignment, self.checks.kernel
        provided = [path for name, path in provided_files(assignment).items() if name.endswith(".py")]
        loader = {"folder": str(assignment.folder), "extra": [str(path) for path in (*provided, *assignment.probes)]}
        module = sys.modules[kernel.user_module.__name__]
        channel = KernelChannel(dict.fromkeys(self.checks.notebooks(), module), self.checks.is_cell, assignment.folder)
        executed = {Path(name).stem: file.executed for name, file in self.submission.files.items()}
        context = Context(
            executed.get,
            self.checks.place,
            self.probe_words,
            Signatures(self.checks.sources),
            open_another=open_another,
        )
        return Session(channel, loader=loader, stand_ins=stand_ins, context=context)


def _source_of(value: Any) -> str:
    """The source of a function or class; "" for a number, and where IPython has not kept it."""
    try:
        return textwrap.dedent(inspect.getsource(value))
    except (OSError, TypeError):
        return ""


def folder_of(kernel: Any, start: Path) -> Path:
    """Return the folder of the notebook: where it is, as far as the kernel knows, else the current one."""
    told = kernel.user_ns.get(OF_CODE_EDITORS) or os.environ.get(SESSION, "")
    return Path(told).parent if told and Path(told).is_absolute() and Path(told).exists() else start
