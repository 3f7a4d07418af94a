"""The environment of a submission's code during one grading: its private copy, the workers, and the result of loading.

Its groundwork is laid before anything secret is read: all workers come from a process that never knew the seed, the
checks or the reference.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from autograder.assignment import Assignment
from autograder.grading.grader_error import GraderError
from autograder.grading.interruption import Interruption
from autograder.grading.probe_words import read_probe_words
from autograder.results import Notice, Wall
from autograder.sandbox.out_of_process import Factory, Order, Workers, open_factory
from autograder.sandbox.shared.device_names import names_devices
from autograder.sandbox.trusted.channel import Deadlines
from autograder.sandbox.trusted.clock import Meter, Span
from autograder.sandbox.trusted.example import ProbeWords
from autograder.sandbox.trusted.faults import NotEnoughTime, SubmissionFault, WorkerLost, WorkersLost
from autograder.sandbox.trusted.jail import is_open_to_others, missing_walls
from autograder.sandbox.trusted.session import Context, OpenAnother, Session
from autograder.sandbox.trusted.signatures import Signatures
from autograder.sandbox.trusted.stand_ins import StandIns
from autograder.submission import Submission, write_copy
from autograder.submission.model import Executed
from autograder.submission.provided import provided_files

STATEMENT_SHARE = 0.4
"""Part of the loading time that one top-level statement may take before it is stopped and skipped."""
SURVEY_SHARE = 0.25
"""Part of the deadline that loading all files once may take."""
MIN_SECONDS = 0.2
"""What loading gets where the run is as good as over."""
PLACE, COPY = "place", "submission"
EXTRA_CPU_SECONDS = 5
"""Processor time of a worker beyond its longest limit, so that the grader is what usually ends it."""


@dataclass(frozen=True)
class Groundwork:
    """What the environments of one grader share: the factory that their workers come from, and the probes."""

    assignment: Assignment
    folder: Path
    """Private to the grader; submissions are copied to a place in it, one at a time."""
    factory: Factory
    probes: Sequence[Path]
    probe_words: Mapping[str, ProbeWords]

    @property
    def place(self) -> Path:
        """The folder of the submission that is being graded."""
        return self.folder / PLACE

    @property
    def copy(self) -> Path:
        """Where its copy lies."""
        return self.place / COPY

    def order(self, *, many: bool = False) -> Order:
        """Make the place for a submission, and ask for the workers that will load it; ``many`` where others follow."""
        self.place.mkdir(mode=0o711)
        return self.factory.order(self.place, [COPY, *map(str, self.probes)], many=many)

    def order_lane(self, number: int, *, many: bool) -> Order:
        """Ask for workers that load the same copy, next to those that were ordered for it; ``many`` in all lanes."""
        lane = self.folder / f"lane-{number}"
        lane.mkdir(mode=0o711)
        return self.factory.order(lane, map(str, [self.copy, *self.probes]), many=many)


@dataclass
class GradingEnvironment:
    """The copy of one submission, and workers that load it; ``run_ends`` on the monotonic clock."""

    groundwork: Groundwork
    submission: Submission
    interruption: Interruption
    run_ends: float | None
    strict: bool
    workers: Workers
    load_seconds: float
    """In which one file must be loaded."""
    notices: list[Notice] = field(default_factory=list)
    walls: list[Wall] = field(default_factory=list)
    slow_statements: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    """By the file whose survey met them. A hostile file may name what it likes: it is left out for its own items."""
    scripts: dict[str, bytes] = field(default_factory=dict)
    """By the file, what its survey compiled. A hostile file may put anything there: only its own workers read it."""

    @cached_property
    def signatures(self) -> Signatures:
        """What the submission calls the arguments of its functions."""
        return Signatures(lambda: {Path(name).stem: file.source for name, file in self.submission.files.items()})

    @property
    def assignment(self) -> Assignment:
        """The assignment that is graded."""
        return self.groundwork.assignment

    def check_isolation(self) -> None:
        """Start one worker to see which walls hold; in strict mode, refuse to grade without those that are needed."""
        if self.interruption.reason:
            return
        try:
            self.workers.fork_worker().close()
        except NotEnoughTime:  # nothing will be run
            return
        except WorkersLost as error:
            if self.interruption.reason:
                return
            raise GraderError(str(error)) from None
        self.walls = [Wall(name=w.name, held=w.held, note=w.note) for w in self.workers.walls]
        missing = missing_walls(self.workers.walls)
        if not any(wall.name in ("landlock", "mount namespace") and wall.held for wall in self.walls):
            missing += self._check_private_folders()
        if self.strict and missing:
            raise GraderError(f"refused in strict mode, this machine lacks: {'; '.join(missing)}")

    def _check_private_folders(self) -> list[str]:
        """Where only file modes keep workers from what is secret, return what is missing."""
        secret = [self.assignment.hidden_checks, self.assignment.reference]
        open_ones = [str(path) for path in secret if path is not None and path.is_dir() and is_open_to_others(path)]
        note = f"every user can read {' and '.join(open_ones)}" if open_ones else ""
        self.walls.append(Wall(name="private folders", held=not open_ones, note=note))
        return [f"landlock, or folders that only their owner reads: {note}"] if note else []

    def survey(self) -> None:
        """Load every graded file once, without stand-ins and before any check, and note what did not run.

        Files of no auto item are not run: a notebook that students hand in with its outputs would train for hours.
        """
        graded = {item.file for item in self.assignment.manifest.items if item.is_auto}
        for name, file in self.submission.files.items():
            if file.syntax_error or name not in graded:
                continue
            try:
                session = self.open(name, None, check=self.time(2 * self.load_seconds))
                try:
                    skipped, inert = session.load(Path(name).stem)
                    with suppress(SubmissionFault, WorkerLost, NotEnoughTime):  # what is loaded is loaded
                        self.scripts[name] = session.scripts()
                finally:
                    session.close()
            except (SubmissionFault, WorkerLost) as error:
                if not self.interruption.reason:
                    self.notices.append(Notice(text=f"could not be loaded: {error}", file=name))
                continue
            except NotEnoughTime:
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
            self.notices.append(self._notice(text, file, line))
        for entry in inert[:20]:
            if isinstance(entry, list) and [type(part) for part in entry] == [str, int, str]:
                text = f"`{entry[2][:80]}` is not installed here; an inert stand-in took its place"
                self.notices.append(self._notice(text, entry[0], entry[1]))

    def _notice(self, text: str, copy_name: str, line: int) -> Notice:
        """Return a notice about a line of the copy, told as in what was handed in: by its cell in a notebook."""
        files = self.submission.files.values()
        file = next((file for file in files if file.copy_name == copy_name), None)
        return Notice(text=text, file=copy_name[:120], line=line) if file is None else file.notice(text, line)

    def time(self, seconds: float, ends: float | None = None) -> Span:
        """Return a stretch of time that begins now, for workers that this process waits for."""
        return Span(seconds, self.run_ends if ends is None else ends, [], Meter(os.getpid()))

    def open(
        self,
        file: str | None,
        stand_ins: StandIns | None,
        open_another: OpenAnother | None = None,
        *,
        check: Span,
        training: bool = False,
    ) -> Session:
        """Return a session with a fresh worker, for an item of ``file``; raise `WorkersLost` where there is none.

        In one for ``training`` a call may take as long as the check. It has one thread like all others: on networks as
        small as these, a second one costs more than it brings where cores are shared. The wait for the worker is the
        machine's, and taken out of the ``check``'s time.
        """
        limits = self.assignment.manifest.limits
        loader = {
            "folder": str(self.groundwork.copy),
            "program": self._program(file),
            "extra": [str(path) for path in self.groundwork.probes],
            "skip": [list(entry) for entry in self.slow_statements.get(file or "", [])],
            "statement_seconds": self.load_seconds * STATEMENT_SHARE,
            "unordered": [Path(name).stem for name, file in self.submission.files.items() if file.cells is not None],
            "devices_on_cpu": any(names_devices(file.source) for file in self.submission.files.values()),
        }
        begun = time.monotonic()
        channel = self.workers.fork_worker()
        check.pause(time.monotonic() - begun)
        return Session(
            channel,
            loader=loader,
            stand_ins=stand_ins,
            deadlines=Deadlines(None if training else limits.call_seconds, check),
            load_seconds=self.load_seconds,
            context=Context(
                self._executed,
                self._place,
                self.groundwork.probe_words,
                self.signatures,
                self.scripts.get(file or "", b""),
                open_another,
            ),
        )

    def _program(self, file: str | None) -> str:
        """Return the name of an item's file in the copy: what a script that runs by itself is called."""
        found = self.submission.files.get(file or "")
        return "" if found is None else found.copy_name

    def _place(self, copy_name: str, line: int) -> str:
        """Return where a line of the copy was in what was handed in: in which cell, where that was a notebook."""
        file = next((file for file in self.submission.files.values() if file.copy_name == copy_name), None)
        if file is None or file.cells is None:
            return f"{copy_name}, line {line}"
        return f"{file.found}, {file.where(line)}"

    def _executed(self, module: str) -> Executed | None:
        files = self.submission.files.items()
        return next((file.executed for name, file in files if Path(name).stem == module), None)


@contextmanager
def lay_groundwork(assignment: Assignment, folder: Path, preload: Sequence[str]) -> Iterator[Groundwork]:
    """Copy the probes into ``folder``, and start the factory of workers; it ends with the block.

    ``preload`` names what this process has imported for them.
    """
    probes = _copy_probes(assignment.probes, folder / "probes")
    probe_words = read_probe_words(assignment.probes)
    _check_cuda()
    copy = folder / PLACE / COPY
    provided = {path: copy / name for name, path in provided_files(assignment).items() if name.endswith(".py")}
    factory = open_factory(folder, preload=("torch", *preload), provided=provided, probes=probes)
    try:
        yield Groundwork(assignment, folder, factory, probes, probe_words)
    finally:
        factory.close()


@contextmanager
def open_environment(
    groundwork: Groundwork,
    order: Order,
    submission: Submission,
    interruption: Interruption,
    run_ends: float | None,
    strict: bool,
) -> Iterator[GradingEnvironment]:
    """Copy a submission to its place, and take the workers that were ordered for it; they end with the block."""
    assignment = groundwork.assignment
    groundwork.copy.mkdir(mode=0o755)
    write_copy(submission, assignment, groundwork.copy)
    workers = start_workers(assignment, order, run_ends)
    try:
        interruption.react(workers.stop)
        seconds = _share_of_loading(assignment.manifest.limits.load_seconds, len(submission.files), run_ends)
        yield GradingEnvironment(groundwork, submission, interruption, run_ends, strict, workers, seconds)
    finally:
        workers.close()


def start_workers(assignment: Assignment, order: Order, run_ends: float | None) -> Workers:
    """Take the workers that were ordered, with the limits of an assignment."""
    limits = assignment.manifest.limits
    return order.start(memory=limits.memory_mb * 2**20, cpu_seconds=_max_cpu_seconds(assignment), run_ends=run_ends)


def _max_cpu_seconds(assignment: Assignment) -> float:
    """Return the processor time of a worker; the clock of the check that it serves ends it sooner."""
    limits = assignment.manifest.limits
    trains = any(item.training and item.is_auto for item in assignment.manifest.items)
    longest = limits.training_seconds if trains else 0.0
    return max(limits.check_seconds, limits.load_seconds, longest) + EXTRA_CPU_SECONDS


def _share_of_loading(longest: float, files: int, run_ends: float | None) -> float:
    """Seconds in which one file must be loaded; all together stay within their share of what is left of the run."""
    if run_ends is None:
        return longest
    left = max(MIN_SECONDS, run_ends - time.monotonic())
    return min(longest, SURVEY_SHARE * left / max(1, files))


def _copy_probes(probes: Iterable[Path], folder: Path) -> list[Path]:
    folder.mkdir(mode=0o755)
    copies = []
    for path in probes:
        copies.append(folder / path.name)
        copies[-1].write_bytes(path.read_bytes())
        copies[-1].chmod(0o644)
    return copies


def _check_cuda() -> None:
    """Refuse to fork a process in which CUDA is initialised: no fork of it could compute."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        raise GraderError("a preloaded module initialises CUDA when it is imported; take it out of `preload`")
