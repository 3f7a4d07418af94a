"""The steps of the command `batch`: the class is read, what is not graded yet is graded, and grades are written."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

from autograder.assignment import Assignment, find_root, load_assignment
from autograder.batch.attempts import Attempts
from autograder.batch.choosing import latest
from autograder.batch.exports import opened, read_class
from autograder.batch.gradebook import write_gradebook
from autograder.batch.grader_identity import grader_digest
from autograder.batch.jobs import graded_of, job_of, run_job
from autograder.batch.journal import JOURNAL, Claim, ClassEntry, Journal, Refusal
from autograder.batch.listing import Graded, GradingStatus, ListedSubmission
from autograder.batch.places import Place, cluster, local
from autograder.batch.status import status_text
from autograder.batch.submission_bytes import fingerprint
from autograder.batch.submission_folders import SUBMISSIONS, folder_name, remove_others, write_submission
from autograder.batch.throughput import BatchProgress
from autograder.batch.warm_process import GraderSpec
from autograder.cores import free_lanes
from autograder.errors import RUN_FAILED, UnreadableSubmission, UserError
from autograder.grading.options import Device
from autograder.proofs import refuse_exposed
from autograder.reports.safe_text import one_line
from autograder.selection import selected_items

RENEW_SECONDS = 30.0
LOOK_SECONDS = 0.5
TRIES = 2
"""How often one run tries a submission on which a grader was lost."""
INTERRUPTED = 130
"""The exit status of a run that was interrupted: the next one goes on."""


@dataclass(frozen=True)
class BatchRequest:
    """What staff ask for: the class at ``path``, graded into the folder ``out``."""

    slug: str
    path: Path
    out: Path | None = None
    root: Path | None = None
    only: tuple[str, ...] = ()
    """Words for the items, as `selected_items` takes them."""
    training: bool = True
    strict: bool = True
    device: Device = Device.AUTO
    deadline: float | None = None
    jobs: int | None = None
    scheduler: str = ""
    attempts: Attempts = Attempts.ALL
    again: bool = False

    @property
    def folder(self) -> Path:
        """Where everything goes."""
        return self.out or Path(f"{self.slug}-grades")


class _Interrupted(BaseException):
    """Ends a run on Ctrl-C or SIGTERM; what is finished is kept, and the rest is for the next run."""


def batch(request: BatchRequest) -> int:
    """Grade a class, say what became of it, and return the exit status.

    0: every submission has its grade; 1: some are to be graded again; 130: interrupted. Run again, it goes on.
    """
    refuse_exposed()
    root = request.root or find_root()
    assignment = load_assignment(root, request.slug)
    request = replace(request, only=tuple(sorted(selected_items(assignment.manifest, request.only))))
    listed = _chosen(request, read_class(request.path, assignment))
    folder = _made(request.folder)
    spec = GraderSpec(
        str(root.resolve()),
        request.slug,
        request.only,
        request.training,
        request.strict,
        request.device.value,
        request.deadline,
    )
    with Journal.open(folder / JOURNAL) as journal:
        with _interruptible() as interruption:
            entries = _entries(assignment, listed, request)
            journal.begin(request.slug, entries, again=request.again)
            try:
                _Run(request, assignment, journal, spec).grade(entries)
                if request.attempts is Attempts.BEST:
                    journal.keep_in_class(_best(journal))
            finally:
                interruption.end()
                _write_all(folder, journal, assignment)
        if interruption.came:
            print(f"interrupted; run the same command again to go on ({folder})", file=sys.stderr)
            return INTERRUPTED
        print(status_text(folder))
        print(f"written: {folder / 'grades.csv'}, {folder / 'gradebook.sqlite'}, {folder / SUBMISSIONS}")
        return RUN_FAILED if any(one.status is not GradingStatus.GRADED for one in journal.listed()) else 0


def _chosen(request: BatchRequest, listed: Sequence[ListedSubmission]) -> Sequence[ListedSubmission]:
    if request.attempts is not Attempts.LAST:
        return listed
    chosen = latest(listed)
    for remark in chosen.remarks:
        print(f"autograder: {one_line(remark, 500)}", file=sys.stderr)
    return chosen.submissions


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise UserError(f"{folder}: this is a file; name a folder with --out") from None
    except OSError as error:
        raise UserError(f"{folder}: cannot be made: {error.strerror}") from None
    return folder


def _entries(assignment: Assignment, listed: Sequence[ListedSubmission], request: BatchRequest) -> list[ClassEntry]:
    """Return the class with the digests of its gradings; what cannot be opened has a problem instead."""
    options = {"only": request.only, "training": request.training, "device": request.device}
    digest = grader_digest(assignment, options)
    entries = []
    with tempfile.TemporaryDirectory(prefix="autograder-batch-") as workdir:
        for one in listed:
            if one.problem:
                entries.append(ClassEntry(one))
                continue
            try:
                with opened(one, Path(workdir)) as path:
                    entries.append(ClassEntry(one, fingerprint(path), digest))
            except UnreadableSubmission as error:
                entries.append(ClassEntry(replace(one, problem=str(error))))
    return entries


def _write_all(folder: Path, journal: Journal, assignment: Assignment) -> None:
    """Write the grades of the class as far as they are known, and the folders that are not there yet."""
    standings = journal.listed()
    for standing in standings:
        if not (folder / SUBMISSIONS / folder_name(standing.entry.key)).is_dir():
            graded = journal.graded(standing.entry)
            if graded is not None:
                write_submission(folder, assignment, graded, standing.entry.submission)
    remove_others(folder, [standing.entry.key for standing in standings])
    write_gradebook(folder, journal, assignment)


def _best(journal: Journal) -> set[str]:
    """Return the keys of the submissions with the most points of each student and group, the later of equal ones."""
    points: dict[str, float] = {}
    listed = []
    for standing in journal.listed():
        graded = journal.graded(standing.entry)
        points[standing.entry.key] = graded.result.points if graded is not None and graded.result is not None else -1.0
        listed.append(standing.entry.submission)
    listed.sort(key=lambda one: points[one.key])
    ranked = [replace(one, created_at=None) for one in listed]  # the last in order is the best
    return {one.key for one in latest(ranked).submissions}


@dataclass
class _Interruption:
    """Whether Ctrl-C or SIGTERM came; until `end`, it ends the block of `_interruptible` where it is."""

    came: bool = False
    ended: bool = False

    def note(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal."""
        self.came = True
        if not self.ended:
            self.ended = True
            raise _Interrupted

    def end(self) -> None:
        """Let no signal end what follows: grades are written, whatever comes."""
        self.ended = True


@contextmanager
def _interruptible() -> Iterator[_Interruption]:
    """Let Ctrl-C and SIGTERM end the block, in the main thread, and no more than that."""
    interruption = _Interruption()
    before = {number: signal.signal(number, interruption.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with suppress(_Interrupted):
            yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class _Run:
    """One run on a class: claims, jobs, and what came of them."""

    request: BatchRequest
    assignment: Assignment
    journal: Journal
    spec: GraderSpec
    running: dict[Future[dict[str, Any]], tuple[ClassEntry, Claim, int]] = field(default_factory=dict)
    renewed: float = field(default_factory=time.monotonic)

    def grade(self, entries: Sequence[ClassEntry]) -> None:
        """Grade what is not graded yet; raise `UserError` where the assignment cannot be graded at all."""
        waiting = deque(entry for entry in entries if entry.submission_digest)
        held: list[ClassEntry] = []
        with BatchProgress(len(entries)) as progress, self._place() as place:
            progress.skip(len(entries) - len(waiting))
            try:
                while waiting or held or self.running:
                    while waiting and len(self.running) < place.room():
                        self._begin(place, waiting.popleft(), held, progress)
                    finished = self._wait(progress)
                    if held and (finished or not self.running):
                        waiting.extend(held)  # whoever had them may be done
                        held.clear()
                        time.sleep(0 if finished else LOOK_SECONDS)
                    for entry, claim, tries, graded in finished:
                        if graded.status is GradingStatus.AGAIN and tries < TRIES:
                            self._submit(place, entry, claim, tries + 1)
                        else:
                            self._finish(entry, claim, graded, progress)
            except BaseException:
                self._give_up()
                raise

    def _place(self) -> Any:
        request = self.request
        if request.scheduler:
            return cluster(request.scheduler, request.jobs, gpu=request.device is Device.CUDA)
        return local(request.jobs or free_lanes())

    def _begin(self, place: Place, entry: ClassEntry, held: list[ClassEntry], progress: BatchProgress) -> None:
        claim = self.journal.claim(entry)
        if claim is Refusal.HELD:
            held.append(entry)
        elif isinstance(claim, Claim):
            self._submit(place, entry, claim, 1)
        else:
            progress.skip(1)

    def _submit(self, place: Place, entry: ClassEntry, claim: Claim, tries: int) -> None:
        future = place.executor.submit(run_job, job_of(self.spec, entry.submission))
        self.running[future] = entry, claim, tries

    def _wait(self, progress: BatchProgress) -> list[tuple[ClassEntry, Claim, int, Graded]]:
        """Return what was finished in a moment or two."""
        done = wait(self.running, LOOK_SECONDS, FIRST_COMPLETED).done if self.running else set()
        if time.monotonic() - self.renewed > RENEW_SECONDS:
            self.journal.renew()
            self.renewed = time.monotonic()
        progress.tick()
        return [self._answered(future) for future in done]

    def _answered(self, future: Future[dict[str, Any]]) -> tuple[ClassEntry, Claim, int, Graded]:
        entry, claim, tries = self.running.pop(future)
        try:
            answer = future.result()
        except UserError:
            raise
        except (Exception, CancelledError) as error:
            answer = {"lost": f"{type(error).__name__}: {error}", "seconds": 0.0}
        return entry, claim, tries, graded_of(entry.key, answer)

    def _finish(self, entry: ClassEntry, claim: Claim, graded: Graded, progress: BatchProgress) -> None:
        self.journal.finish(claim, graded)
        kept = self.journal.graded(entry)
        if kept is not None:
            write_submission(self.request.folder, self.assignment, kept, entry.submission)
        progress.finish(kept or graded)

    def _give_up(self) -> None:
        for future, (_, claim, _) in self.running.items():
            future.cancel()
            self.journal.release(claim)
