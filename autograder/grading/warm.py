"""A warm grader: a process that reads all that grades an assignment once, and then grades submission after submission.

Each is graded in a fork of it, which ends with the result: nothing of one submission reaches the next, and the order
changes nothing. Workers come from a factory that was forked before anything secret was read.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.assignment import Assignment, Item
from autograder.grading.environment import Groundwork, lay_groundwork, open_environment
from autograder.grading.forks import ForkSide, ParentSide
from autograder.grading.grade import private_folder, wanted_items
from autograder.grading.grader_error import GraderError
from autograder.grading.interruption import Interruption
from autograder.grading.options import Options
from autograder.grading.preloading import COMPILER, import_heavy, uncollected
from autograder.results import GradingResult
from autograder.sandbox.out_of_process import Order
from autograder.sandbox.trusted.cleanup import remove_tree
from autograder.submission import read_submission

if TYPE_CHECKING:
    from autograder.grading.all_checks import AllChecks

EXTRA_SECONDS = 60.0
"""What a grading may take beyond its limits before its process is killed."""


@dataclass(frozen=True)
class WarmGrader:
    """Grades submissions of one assignment, one at a time."""

    assignment: Assignment
    options: Options
    wanted: list[Item]
    groundwork: Groundwork
    checks: AllChecks

    def of_items(self, items: frozenset[str]) -> WarmGrader:
        """Return one that grades some of the items only, out of the same warm process."""
        checks = self.checks.of_items(items)
        return replace(self, options=checks.options, wanted=list(checks.wanted), checks=checks)

    def grade(self, path: Path) -> GradingResult:
        """Grade what is at ``path``, as `autograder.grading.grade.grade` does, and with the same result.

        Raises `UnreadableSubmission` where nothing can be read, and `GraderError` where the grader broke or was ended;
        the next submission can be graded all the same.
        """
        started = time.monotonic()
        order = self.groundwork.order(many=self.checks.are_many)
        fork = ParentSide(lambda side: self._grade(path, order, started, side))
        order.close()
        longest = self._longest_seconds()
        try:
            if not wait([fork.fileno()], longest):
                raise GraderError(f"it was not done after {longest:.0f} s, more than all of its limits together")
            return GradingResult.model_validate(fork.receive()["result"])
        finally:
            fork.stop(signal.SIGKILL)
            fork.close()
            self._tidy_up()

    def _longest_seconds(self) -> float:
        """Return after which time a grading is hung."""
        deadline = self.options.deadline
        return EXTRA_SECONDS + (self.checks.longest_seconds(self.assignment) if deadline is None else deadline)

    def _grade(self, path: Path, order: Order, started: float, side: ForkSide) -> None:
        self.groundwork.factory.abandon()
        run_ends = None if self.options.deadline is None else started + self.options.deadline
        submission = read_submission(path, self.assignment, in_archives=self.options.hidden)
        with (
            Interruption() as interruption,
            open_environment(
                self.groundwork, order, submission, interruption, run_ends, self.options.strict
            ) as environment,
        ):
            environment.check_isolation()
            findings = self.checks.run(environment, None, 1)
        result = findings.result(self.wanted, time.monotonic() - started)
        side.send({"result": result.model_dump(mode="json")})

    def _tidy_up(self) -> None:
        """Remove all that a submission has left in the folder of the grader; raise `GraderError` where it stays."""
        remove_tree(self.groundwork.place)
        temporary = self.groundwork.folder / "tmp"
        for entry in temporary.iterdir():
            remove_tree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        if self.groundwork.place.exists():
            raise GraderError(f"{self.groundwork.place}: what a submission left there cannot be removed")


@contextmanager
def open_warm_grader(
    assignment: Assignment, options: Options, preload: Sequence[str] | None = None
) -> Iterator[WarmGrader]:
    """Import what any submission may need, fork the factory of workers, and only then read what is secret.

    ``preload`` names the modules where it is known what submissions import.
    """
    wanted = wanted_items(assignment, options)
    with private_folder() as folder:
        preload = assignment.manifest.files.preload if preload is None else preload
        with uncollected():
            import_heavy([*preload, COMPILER] if options.train(wanted) else preload)
        with lay_groundwork(assignment, folder, preload) as groundwork:
            with uncollected():
                from autograder.grading.all_checks import AllChecks  # reads secrets: workers come from the factory

            yield WarmGrader(assignment, options, wanted, groundwork, AllChecks.read(assignment, options, wanted))
