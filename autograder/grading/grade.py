"""Grading one submission from its files to its result. The order of the steps is a wall of its own:

intake, heavy imports, zygote, and only then anything secret: the grading seed, the checks, the reference.
"""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder import __version__
from autograder.assignment import Assignment, Item
from autograder.grading.interruption import Interruption
from autograder.results import CheckResult, Failure, GradingResult, Notice, Outcome, Times, Wall
from autograder.submission import Submission, read_submission, write_copy

if TYPE_CHECKING:
    from autograder.grading.plugin import Check
    from autograder.grading.running import Verdict
    from autograder.sandbox.session import Session
    from autograder.sandbox.stand_ins import StandIns
    from autograder.sandbox.workers import Workers

STATEMENT_SHARE = 0.4
"""Part of the loading time that one top-level statement may take before it is stopped and skipped."""
SURVEY_SHARE = 0.25
"""Part of the deadline that loading all files once may take."""
CHECKS_SHARE = 0.9
"""Part of what is left after that which checks may take; the rest is for new workers, reruns and results."""
EXTRA_CPU_SECONDS = 5
"""Processor time of a worker beyond its wall-clock time, so that the clock is what usually ends it."""
FAIR_SHARE = 0.5
"""A check that got less than this part of its time and ran out of it says nothing about the code: it is not a FAIL."""
LEAST_SECONDS = 0.2
OUT_OF_TIME = "the time of the whole run ({:g} s) was over before this check was done"
NO_WORKER = "the grader lost the process that workers come from"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Options:
    """What to grade, and under which limits; ``deadline`` is in seconds from the start."""

    only: frozenset[str] = frozenset()
    training: bool = True
    hidden: bool = True
    grading_seed: str | None = None
    deadline: float | None = None
    strict: bool = False


def grade(assignment: Assignment, path: Path, options: Options, progress: Progress | None = None) -> GradingResult:
    """Grade what lies at ``path``. Raises `UserError` where nothing can be read or an item is unknown."""
    started = time.monotonic()
    wanted = _wanted(assignment, options)
    submission = read_submission(path, assignment)
    with Interruption() as interruption, _private_folder() as folder:
        with _Run(assignment, submission, options, folder, started, progress, interruption) as run:
            run.judge_walls()
            run.survey()
            run.check(wanted)
        return run.result(wanted)


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Give a folder for one run, and remove it whatever a worker has put there."""
    from autograder.sandbox.remains import remove_tree

    folder = Path(tempfile.mkdtemp(prefix="autograder-"))
    try:
        folder.chmod(0o711)  # workers pass through to their own folders
        yield folder
    finally:
        remove_tree(folder)


def _wanted(assignment: Assignment, options: Options) -> list[Item]:
    for item_id in options.only:
        assignment.manifest.item(item_id)
    return [item for item in assignment.manifest.items if not options.only or item.id in options.only]


@dataclass
class _Run:
    """The state of one grading."""

    assignment: Assignment
    submission: Submission
    options: Options
    folder: Path
    started: float
    progress: Progress | None
    interruption: Interruption
    notices: list[Notice] = field(default_factory=list)
    checks: dict[str, list[CheckResult]] = field(default_factory=dict)
    slow_statements: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    """By the file whose survey met them. A hostile file may name what it likes: it is left out for its own items."""
    done: int = 0
    walls: list[Wall] = field(default_factory=list)

    def __enter__(self) -> _Run:
        self._copy = self.folder / "submission"
        self._copy.mkdir(mode=0o755)
        write_copy(self.submission, self.assignment, self._copy)
        self._probes = self._copy_probes()
        _import_heavy(self.assignment.manifest.files.preload)
        from autograder.sandbox.loading import compiled
        from autograder.sandbox.workers import start_workers

        ours = [self._copy / name for name in self.assignment.manifest.files.provided if name.endswith(".py")]
        for path in (*ours, *self._probes):  # the workers inherit what is compiled here; only our own files are
            compiled(path.read_text(encoding="utf-8"), str(path))
        limits = self.assignment.manifest.limits
        memory, seconds = limits.memory_mb * 2**20, max(limits.check_seconds, limits.load_seconds) + EXTRA_CPU_SECONDS
        preload = ("torch", *self.assignment.manifest.files.preload)
        readable = ["submission", "probes"]
        self._workers: Workers = start_workers(
            self.folder, readable=readable, memory=memory, cpu_seconds=seconds, preload=preload
        )
        self.interruption.react(self._workers.stop)
        self.notices += self.submission.notices
        return self

    def __exit__(self, *exception: object) -> None:
        self._workers.close()

    # everything below runs after the fork of the zygote: secrets may be read

    def judge_walls(self) -> None:
        """Start one worker to see which walls hold; in strict mode, refuse to grade without those that are needed."""
        if self.interruption.reason:
            return
        from autograder.grading.plugin import GraderTrouble
        from autograder.sandbox.failure import WorkersLost
        from autograder.sandbox.jail import missing_walls

        try:
            self._workers.fork_worker().close()
        except WorkersLost as error:
            if self.interruption.reason:
                return
            raise GraderTrouble(str(error)) from None
        self.walls = [Wall(name=w.name, held=w.held, note=w.note) for w in self._workers.walls]
        missing = missing_walls(self._workers.walls)
        if not any(wall.name == "landlock" and wall.held for wall in self.walls):
            missing += self._judge_private_folders()
        if self.options.strict and missing:
            raise GraderTrouble(f"refused in strict mode, this machine lacks: {'; '.join(missing)}")

    def _judge_private_folders(self) -> list[str]:
        """Without Landlock, only file modes keep workers from what is secret; return what is missing then."""
        from autograder.sandbox.jail import is_open_to_others

        secret = [self.assignment.hidden_checks, self.assignment.reference]
        open_ones = [str(path) for path in secret if path is not None and path.is_dir() and is_open_to_others(path)]
        note = f"every user can read {' and '.join(open_ones)}" if open_ones else ""
        self.walls.append(Wall(name="private folders", held=not open_ones, note=note))
        return [f"landlock, or folders that only their owner reads: {note}"] if note else []

    def survey(self) -> None:
        """Load every file once, without stand-ins and before any check, and note what did not run."""
        from autograder.sandbox.failure import SubmissionFault, WorkerLost, WorkersLost

        for name, file in self.submission.files.items():
            if file.syntax_error:
                continue
            try:
                session = self._open(name, None, check_ends=time.monotonic() + 2 * self._load_seconds)
                try:
                    skipped, inert = session.load(Path(name).stem)
                finally:
                    session.close()
            except (SubmissionFault, WorkerLost) as error:
                if not self.interruption.reason:
                    self.notices.append(Notice(text=f"could not be loaded: {error}", file=name))
                continue
            except WorkersLost:  # every check will say so
                return
            self._note_load(name, skipped, inert)

    def _note_load(self, name: str, skipped: list[Any], inert: list[Any]) -> None:
        for entry in skipped[:20]:
            if not (isinstance(entry, list) and [type(part) for part in entry] == [str, int, str, str, bool]):
                continue
            file, line, error, message, slow = entry
            if slow:
                self.slow_statements.setdefault(name, []).append((file, line))
                text = "this statement was stopped and left out: it ran too long while the file was loaded"
            else:
                text = f"this statement was left out, it raised {error[:80]}: {message[:200]}"
            self.notices.append(Notice(text=text, file=file[:120], line=line))
        for entry in inert[:20]:
            if isinstance(entry, list) and [type(part) for part in entry] == [str, int, str]:
                text = f"`{entry[2][:80]}` is not installed here; an inert stand-in took its place"
                self.notices.append(Notice(text=text, file=entry[0][:120], line=entry[1]))

    def check(self, wanted: list[Item]) -> None:
        """Run all checks of the wanted items."""
        from autograder.grading.plugin import CheckPlugin, run_checks
        from autograder.grading.secrets import read_stand_ins

        self._seed = self._grading_seed()
        stand_ins = read_stand_ins(self.assignment) if self.options.hidden else {}
        ids = frozenset(item.id for item in wanted if self.options.training or not item.training)
        plugin = CheckPlugin(
            assignment=self.assignment,
            wanted=ids,
            run=lambda check, fixtures: self._run_check(check, fixtures, stand_ins.get(check.item)),
            on_collected=self._plan,
        )
        folders = [self.assignment.public_checks]
        if self.options.hidden:
            folders.append(self.assignment.hidden_checks)
        run_checks(plugin, folders, self.assignment.modules)

    def result(self, wanted: list[Item]) -> GradingResult:
        """Return everything that was found out."""
        from autograder.grading.scoring import score_item

        items = []
        for item in wanted:
            blocked = "the training part was not run" if item.training and not self.checks.get(item.id) else ""
            lost = self._unavailable(item) or self.submission.violations.get(item.id, "")
            items.append(score_item(item, self.checks.get(item.id, []), lost=lost, blocked=blocked))
        return GradingResult(
            assignment=self.assignment.slug,
            assignment_title=self.assignment.manifest.title,
            assignment_version=self.assignment.manifest.version,
            grader_version=__version__,
            submission_digest=self.submission.digest,
            items=tuple(items),
            notices=tuple(self.notices),
            walls=tuple(self.walls),
            times=Times(total=round(time.monotonic() - self.started, 3)),
        )

    # one check

    def _plan(self, checks: list[Check]) -> None:
        """Reserve every check's time beforehand, so that none can spend another's."""
        self._total = len(checks)
        self._reserved = self.assignment.manifest.limits.check_seconds
        if self.options.deadline is not None and checks:
            now = time.monotonic()
            left = max(self._run_ends - now, 0.0) * CHECKS_SHARE
            self._checks_end = now + left
            self._reserved = min(self._reserved, left / len(checks))

    def _allowance(self) -> float:
        """Return the seconds for the next check: what it has reserved, and what those before it have not used."""
        full = self.assignment.manifest.limits.check_seconds
        if self.options.deadline is None:
            return full
        now = time.monotonic()
        spare = self._checks_end - now - (self._total - self.done - 1) * self._reserved
        return min(full, max(spare, self._reserved), self._run_ends - now)

    def _run_check(self, check: Check, fixtures: dict[str, Any], stand_ins: StandIns | None) -> None:
        from autograder.sandbox.failure import WorkersLost

        begun = time.monotonic()
        note = ""
        if self._unavailable(self.assignment.manifest.item(check.item)):
            self._tick()
            return
        out_of_time = _plain_verdict(Outcome.BLOCKED, OUT_OF_TIME.format(self.options.deadline or 0.0))
        allowance = self._allowance()
        try:
            verdict = self._judge(check, fixtures, stand_ins, allowance) if allowance > LEAST_SECONDS else out_of_time
        except WorkersLost as error:
            verdict, note = _plain_verdict(Outcome.BLOCKED, NO_WORKER), str(error)
        if verdict.outcome is Outcome.FAIL and self._was_unfair(allowance, time.monotonic() - begun):
            verdict = out_of_time
        if self.interruption.reason:
            verdict = _plain_verdict(Outcome.BLOCKED, self.interruption.reason)
        self._record(check, verdict, note, time.monotonic() - begun)

    def _judge(self, check: Check, fixtures: dict[str, Any], stand_ins: StandIns | None, seconds: float) -> Verdict:
        from autograder.grading.running import CheckRunner
        from autograder.grading.secrets import open_reference
        from autograder.grading.seeds import check_seed

        slug, version = self.assignment.slug, self.assignment.manifest.version
        seed = check_seed(self._seed, slug, version, check.id)
        ends = time.monotonic() + seconds
        file = self.assignment.manifest.item(check.item).file
        runner = CheckRunner(check.function, check.declaration, fixtures, seed)
        has_reference = self.assignment.reference is not None and self.options.hidden
        return runner.judge(
            lambda variant: self._open(file, variant, check_ends=ends),
            stand_ins,
            (lambda: open_reference(self.assignment)) if has_reference else None,
        )

    def _record(self, check: Check, verdict: Verdict, note: str, seconds: float) -> None:
        failure = verdict.failure
        if failure is not None and not check.public and verdict.outcome is Outcome.FAIL:
            failure = Failure(summary=f"it raised {verdict.builtin}" if verdict.builtin else "this does not hold")
        result = CheckResult(
            id=check.id,
            item=check.item,
            title=check.title,
            public=check.public,
            weight=check.weight,
            outcome=verdict.outcome,
            failure=failure,
            staff_note=verdict.staff_note or note,
            seconds=round(seconds, 4),
        )
        self.checks.setdefault(check.item, []).append(result)
        self._tick()

    def _tick(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self._total)

    def _unavailable(self, item: Item) -> str:
        """Say why an item's file cannot be used, "" where it can."""
        name = item.file
        if name is None:
            return ""
        if name in self.submission.missing:
            return f"{name} was not handed in"
        file = self.submission.files[name]
        return f"{file.found} cannot be read as Python: {file.syntax_error}" if file.syntax_error else ""

    def _grading_seed(self) -> str:
        from autograder.grading.secrets import PUBLIC_SEED, read_grading_seed

        if self.options.grading_seed is not None:
            return self.options.grading_seed
        if not self.options.hidden or self.assignment.reference is None:
            return PUBLIC_SEED
        return read_grading_seed(self.assignment.reference)

    def _was_unfair(self, allowance: float, seconds: float) -> bool:
        """Whether the end of the run cut a check short that used up all that it was given."""
        return seconds >= allowance and allowance < FAIR_SHARE * self.assignment.manifest.limits.check_seconds

    @property
    def _run_ends(self) -> float:
        assert self.options.deadline is not None
        return self.started + self.options.deadline

    @property
    def _load_seconds(self) -> float:
        """Seconds in which one file must be loaded; all of them together stay within their share of the run."""
        longest = self.assignment.manifest.limits.load_seconds
        if self.options.deadline is None:
            return longest
        return min(longest, SURVEY_SHARE * self.options.deadline / max(1, len(self.submission.files)))

    # sessions

    def _open(self, file: str | None, stand_ins: StandIns | None, *, check_ends: float | None) -> Session:
        from autograder.sandbox.session import Deadlines, Session

        limits = self.assignment.manifest.limits
        loader = {
            "folder": str(self._copy),
            "extra": [str(path) for path in self._probes],
            "skip": [list(entry) for entry in self.slow_statements.get(file or "", [])],
            "statement_seconds": self._load_seconds * STATEMENT_SHARE,
            "cuda_on_cpu": any("cuda" in file.source for file in self.submission.files.values()),
        }
        return Session(
            self._workers.fork_worker(),
            loader=loader,
            stand_ins=stand_ins,
            deadlines=Deadlines(limits.call_seconds, check_ends),
            load_seconds=self._load_seconds,
        )

    def _copy_probes(self) -> list[Path]:
        folder = self.folder / "probes"
        folder.mkdir(mode=0o755)
        copies = []
        for path in self.assignment.probes:
            copies.append(folder / path.name)
            copies[-1].write_bytes(path.read_bytes())
            copies[-1].chmod(0o644)
        return copies


def _plain_verdict(outcome: Outcome, summary: str) -> Verdict:
    from autograder.grading.running import Verdict

    return Verdict(outcome, Failure(summary=summary))


def _import_heavy(preload: tuple[str, ...]) -> None:
    """Import what hand-ins import, once, so that a fork has it; a package that is missing is the loader's matter."""
    for name in ("torch", *preload):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            if name == "torch":
                raise
