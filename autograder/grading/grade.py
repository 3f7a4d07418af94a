"""Grading one submission from its files to its result. The order of the steps is a wall of its own:

intake, heavy imports, zygote, and only then anything secret: the grading seed, the checks, the reference.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from autograder.assignment import Assignment, Item
from autograder.grading.interruption import Interruption
from autograder.grading.options import Options, Progress
from autograder.grading.preloading import COMPILER, import_heavy, named_modules, uncollected
from autograder.results import GradingResult
from autograder.sandbox.trusted.cleanup import remove_tree
from autograder.submission import read_submission


def grade(
    assignment: Assignment,
    path: Path,
    options: Options,
    progress: Progress | None = None,
    interruption: Interruption | None = None,
) -> GradingResult:
    """Grade what is at ``path``. Raises `UserError` where nothing can be read or an item is unknown.

    ``interruption`` is one that the caller has entered already, for what it does before and after.
    """
    started = time.monotonic() if options.started is None else options.started
    run_ends = None if options.deadline is None else started + options.deadline
    wanted = wanted_items(assignment, options)
    submission = read_submission(path, assignment, in_archives=options.hidden)
    own = Interruption() if interruption is None else nullcontext(interruption)
    with own as interruption, private_folder() as folder:
        preload = named_modules(assignment, submission)
        with uncollected():
            import_heavy([*preload, COMPILER] if options.train(wanted) else preload)
            from autograder.grading.environment import (  # needs torch: where that is broken, the line above said so
                lay_groundwork,
                open_environment,
            )

        with (
            lay_groundwork(assignment, folder, preload) as ground,
            open_environment(ground, ground.order(), submission, interruption, run_ends, options.strict) as environment,
        ):
            environment.check_isolation()
            with uncollected():
                from autograder.grading.all_checks import AllChecks  # reads secrets: workers no longer come from here

            findings = AllChecks.read(assignment, options, wanted).run(environment, progress, options.lanes())
        return findings.result(wanted, time.monotonic() - started)


@contextmanager
def private_folder() -> Iterator[Path]:
    """Give a folder for one run, and remove it whatever a worker has put there.

    What libraries leave in temporary folders goes with it: meanwhile those are in a closed folder of its own. Where
    the grader is killed, the factory of workers removes it.
    """
    folder = Path(tempfile.mkdtemp(prefix="autograder-"))
    before = tempfile.tempdir, os.environ.get("TMPDIR")
    try:
        folder.chmod(0o711)  # workers pass through to their own folders
        temporary = folder / "tmp"
        temporary.mkdir(mode=0o700)
        tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)
        yield folder
    finally:
        tempfile.tempdir = before[0]
        os.environ.pop("TMPDIR")
        if before[1] is not None:
            os.environ["TMPDIR"] = before[1]
        remove_tree(folder)


def wanted_items(assignment: Assignment, options: Options) -> list[Item]:
    """Return the items that are asked for; raise `UserError` for an unknown one."""
    for item_id in options.only:
        assignment.manifest.item(item_id)
    return [item for item in assignment.manifest.items if not options.only or item.id in options.only]
