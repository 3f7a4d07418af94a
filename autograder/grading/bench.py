"""Where a submission's code runs during one grading: its private copy, the workers, and what loading it showed.

A bench is set up before anything secret is read: its workers come from a process that never knew the seed, the checks
or the reference.
"""

from __future__ import annotations

import importlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.assignment import Assignment
from autograder.errors import what_went_wrong
from autograder.grading.interruption import Interruption
from autograder.results import Notice, Wall
from autograder.sandbox.trusted.clock import Meter, Span
from autograder.submission import Submission, write_copy

if TYPE_CHECKING:
    from autograder.sandbox.out_of_process import Workers
    from autograder.sandbox.trusted.session import Session
    from autograder.sandbox.trusted.stand_ins import StandIns
    from autograder.submission.executed import Executed

STATEMENT_SHARE = 0.4
"""Part of the loading time that one top-level statement may take before it is stopped and skipped."""
SURVEY_SHARE = 0.25
"""Part of the deadline that loading all files once may take."""
LEAST_SECONDS = 0.2
"""What loading gets where the run is as good as over."""
EXTRA_CPU_SECONDS = 5
"""Processor time of a worker beyond its longest limit, so that the grader is what usually ends it."""


@dataclass
class Bench:
    """The copy of one submission in ``folder``, and workers that load it; ``run_ends`` on the monotonic clock."""

    assignment: Assignment
    submission: Submission
    folder: Path
    interruption: Interruption
    run_ends: float | None = None
    strict: bool = False
    notices: list[Notice] = field(default_factory=list)
    walls: list[Wall] = field(default_factory=list)
    slow_statements: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    """By the file whose survey met them. A hostile file may name what it likes: it is left out for its own items."""

    def __enter__(self) -> Bench:
        self._copy = self.folder / "submission"
        self._copy.mkdir(mode=0o755)
        write_copy(self.submission, self.assignment, self._copy)
        self._probes = self._copy_probes()
        _import_heavy(self.assignment.manifest.files.preload)
        from autograder.grading.probe_words import read_probe_words
        from autograder.sandbox.out_of_process import start_workers

        self._probe_words = read_probe_words(self.assignment.probes)
        ours = [self._copy / name for name in self.assignment.manifest.files.provided if name.endswith(".py")]
        _judge_cuda()
        limits = self.assignment.manifest.limits
        self._workers: Workers = start_workers(
            self.folder,
            readable=["submission", "probes"],
            memory=limits.memory_mb * 2**20,
            cpu_seconds=self._most_cpu_seconds(),
            preload=("torch", *self.assignment.manifest.files.preload),
            own_files=(*ours, *self._probes),
            run_ends=self.run_ends,
        )
        self.interruption.react(self._workers.stop)
        self._load_seconds = self._share_of_loading()
        return self

    def __exit__(self, *exception: object) -> None:
        self._workers.close()

    def _most_cpu_seconds(self) -> float:
        """Return the processor time of a worker; the clock of the check that it serves ends it sooner."""
        limits = self.assignment.manifest.limits
        trains = any(item.training and item.is_auto for item in self.assignment.manifest.items)
        longest = limits.training_seconds if trains else 0.0
        return max(limits.check_seconds, limits.load_seconds, longest) + EXTRA_CPU_SECONDS

    def judge_walls(self) -> None:
        """Start one worker to see which walls hold; in strict mode, refuse to grade without those that are needed."""
        if self.interruption.reason:
            return
        from autograder.grading.trouble import GraderTrouble
        from autograder.sandbox.trusted.faults import NotEnoughTime, WorkersLost
        from autograder.sandbox.trusted.jail import missing_walls

        try:
            self._workers.fork_worker().close()
        except NotEnoughTime:  # nothing will be run
            return
        except WorkersLost as error:
            if self.interruption.reason:
                return
            raise GraderTrouble(str(error)) from None
        self.walls = [Wall(name=w.name, held=w.held, note=w.note) for w in self._workers.walls]
        missing = missing_walls(self._workers.walls)
        if not any(wall.name in ("landlock", "mount namespace") and wall.held for wall in self.walls):
            missing += self._judge_private_folders()
        if self.strict and missing:
            raise GraderTrouble(f"refused in strict mode, this machine lacks: {'; '.join(missing)}")

    def _judge_private_folders(self) -> list[str]:
        """Where only file modes keep workers from what is secret, return what is missing."""
        from autograder.sandbox.trusted.jail import is_open_to_others

        secret = [self.assignment.hidden_checks, self.assignment.reference]
        open_ones = [str(path) for path in secret if path is not None and path.is_dir() and is_open_to_others(path)]
        note = f"every user can read {' and '.join(open_ones)}" if open_ones else ""
        self.walls.append(Wall(name="private folders", held=not open_ones, note=note))
        return [f"landlock, or folders that only their owner reads: {note}"] if note else []

    def survey(self) -> None:
        """Load every graded file once, without stand-ins and before any check, and note what did not run.

        Files of no auto item are not run: a notebook that students hand in with its outputs would train for hours.
        """
        from autograder.sandbox.trusted.faults import NotEnoughTime, SubmissionFault, WorkerLost, WorkersLost

        graded = {item.file for item in self.assignment.manifest.items if item.is_auto}
        for name, file in self.submission.files.items():
            if file.syntax_error or name not in graded:
                continue
            try:
                session = self.open(name, None, check=self.time(2 * self._load_seconds))
                try:
                    skipped, inert = session.load(Path(name).stem)
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

    def _share_of_loading(self) -> float:
        """Seconds in which one file must be loaded; all together stay within their share of what is left of the run."""
        longest = self.assignment.manifest.limits.load_seconds
        if self.run_ends is None:
            return longest
        left = max(LEAST_SECONDS, self.run_ends - time.monotonic())
        return min(longest, SURVEY_SHARE * left / max(1, len(self.submission.files)))

    def time(self, seconds: float, ends: float | None = None) -> Span:
        """Return a stretch of time that begins now, for workers that this process waits for."""
        return Span(seconds, self.run_ends if ends is None else ends, [], Meter(os.getpid()))

    def open(self, file: str | None, stand_ins: StandIns | None, *, check: Span, training: bool = False) -> Session:
        """Return a session with a fresh worker, for an item of ``file``; raise `WorkersLost` where there is none.

        In one for ``training`` a call may take as long as the check. It has one thread like all others: on networks as
        small as these, a second one costs more than it brings where cores are shared. The wait for the worker is the
        machine's, and taken out of the ``check``'s time.
        """
        from autograder.sandbox.shared.device_names import names_devices
        from autograder.sandbox.trusted.session import Deadlines, Session

        limits = self.assignment.manifest.limits
        loader = {
            "folder": str(self._copy),
            "program": self._program(file),
            "extra": [str(path) for path in self._probes],
            "skip": [list(entry) for entry in self.slow_statements.get(file or "", [])],
            "statement_seconds": self._load_seconds * STATEMENT_SHARE,
            "unordered": [Path(name).stem for name, file in self.submission.files.items() if file.cells is not None],
            "devices_on_cpu": any(names_devices(file.source) for file in self.submission.files.values()),
        }
        begun = time.monotonic()
        channel = self._workers.fork_worker()
        check.pause(time.monotonic() - begun)
        session = Session(
            channel,
            loader=loader,
            stand_ins=stand_ins,
            deadlines=Deadlines(None if training else limits.call_seconds, check),
            load_seconds=self._load_seconds,
        )
        session.executed, session.place = self._executed, self._place
        session.probe_words = self._probe_words
        return session

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

    def _copy_probes(self) -> list[Path]:
        folder = self.folder / "probes"
        folder.mkdir(mode=0o755)
        copies = []
        for path in self.assignment.probes:
            copies.append(folder / path.name)
            copies[-1].write_bytes(path.read_bytes())
            copies[-1].chmod(0o644)
        return copies


def _import_heavy(preload: tuple[str, ...]) -> None:
    """Import what hand-ins import, once, so that a fork has it; a package that is missing is the loader's matter.

    Raises `GraderTrouble` where one is there and broken: no hand-in could use it, whatever it does.
    """
    from autograder.grading.trouble import GraderTrouble

    for name in ("torch", *preload):
        try:
            importlib.import_module(name)
        except Exception as error:
            missing = f"{error.name}." if isinstance(error, ModuleNotFoundError) else ""
            if name != "torch" and missing and f"{name}.".startswith(missing):
                continue
            raise GraderTrouble(
                f"{name} cannot be imported on this machine: {what_went_wrong(error)};"
                " `autograder doctor` says what else is broken"
            ) from None


def _judge_cuda() -> None:
    """Refuse to fork a process in which CUDA is initialised: no fork of it could compute."""
    import torch

    from autograder.grading.trouble import GraderTrouble

    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        raise GraderTrouble("a preloaded module initialises CUDA when it is imported; take it out of `preload`")
