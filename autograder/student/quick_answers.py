"""Answers at once: the public checks of some items, by a process that has everything imported before it is asked.

Where processes can be forked, each answer is a fork of one warm process. Elsewhere it is a spare one,
``python -P -m autograder.student.quick_answers FOLDER TRAINING MODULE...``, which is told what to check by its input,
and ends with the answer; the next is warmed meanwhile.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from autograder.assignment import Assignment
from autograder.errors import UserError
from autograder.grading.grade import grade
from autograder.grading.grader_error import GraderError
from autograder.grading.options import Options
from autograder.grading.preloading import import_heavy, uncollected
from autograder.launch import clean_environment
from autograder.results import GradingResult
from autograder.student.own_folder import unpacked

if TYPE_CHECKING:
    from autograder.grading.warm import WarmGrader

END_SECONDS = 10.0


class Answers(Protocol):
    """Checks items of the student's folder as it is now."""

    def check(self, items: frozenset[str]) -> GradingResult:
        """Return the result of the public checks of these items.

        Raises `GraderError` where the grader breaks, and `UserError` where nothing can be read.
        """


@contextmanager
def open_answers(assignment: Assignment, options: Options, preload: Sequence[str]) -> Iterator[Answers]:
    """Give what answers; ``preload`` names the modules that the student's files import."""
    if hasattr(os, "fork"):
        with uncollected():
            from autograder.grading.warm import open_warm_grader  # needs torch, and a typo should be told before

        with open_warm_grader(assignment, options, preload) as grader:
            yield _Forks(grader)
        return
    spares = Spares(assignment.folder, options.training, preload)
    try:
        yield spares
    finally:
        spares.close()


class _Forks:
    """Answers of one warm process."""

    def __init__(self, grader: WarmGrader) -> None:
        self._grader = grader

    def check(self, items: frozenset[str]) -> GradingResult:
        return self._grader.of_items(items).grade(self._grader.assignment.folder)


class Spares:
    """Answers of processes that end with them."""

    def __init__(self, folder: Path, training: bool, preload: Sequence[str]) -> None:
        """Warm the first one."""
        self._command = [sys.executable, "-P", "-m", __name__, str(folder), str(int(training)), *preload]
        self._spare = self._start()

    def check(self, items: frozenset[str]) -> GradingResult:
        """See `Answers.check`."""
        asked, self._spare = self._spare, self._start()
        output, _ = asked.communicate(json.dumps(sorted(items)))
        try:
            answer = json.loads(output)
        except ValueError:
            raise GraderError(f"a process that was to check ended with status {asked.returncode}") from None
        if "misuse" in answer:
            raise UserError(answer["misuse"])
        if "error" in answer:
            raise GraderError(answer["error"])
        return GradingResult.model_validate(answer["result"])

    def close(self) -> None:
        """End the process that nobody will ask."""
        try:
            self._spare.communicate("", END_SECONDS)
        except subprocess.TimeoutExpired:
            self._spare.kill()
            self._spare.wait()

    def _start(self) -> subprocess.Popen[str]:
        environment = clean_environment() if hasattr(os, "fork") else {**os.environ, **clean_environment()}
        return subprocess.Popen(
            self._command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )


def serve(folder: Path, training: bool, preload: Sequence[str]) -> None:
    """Import everything, wait until somebody says what to check, and write the answer to the output."""
    options = Options(training=training, hidden=False)
    with uncollected():
        import_heavy(preload)
        import pytest  # noqa: F401  # what `grade` imports once it is asked

        import autograder.checks
        import autograder.grading.environment  # noqa: F401
    asked = sys.stdin.readline()
    if not asked:
        return
    answer: dict[str, object]
    try:
        result = grade(unpacked(folder), folder, replace(options, only=frozenset(json.loads(asked))))
        answer = {"result": result.model_dump(mode="json")}
    except UserError as error:
        answer = {"misuse": str(error)}
    except (GraderError, OSError) as error:
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2] == "1", sys.argv[3:])
