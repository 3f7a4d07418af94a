"""The examination of ``autograder doctor``: Python, libraries, and what a worker can do. A fault is one line.

Nothing here may need a library: the doctor is for machines on which one is broken.
"""

from __future__ import annotations

import sys

from autograder.doctor_libraries import PARTS_OF_PYTHON, Finding, examine_libraries
from autograder.errors import what_went_wrong
from autograder.proofs import exposed
from autograder.sandbox.trusted.faults import SubmissionFault, WorkerLost, WorkersLost

FOR_WORKERS = frozenset({"autograder", "numpy", "pydantic", "torch"})
"""Without these, no worker can be tried; a broken one may even end this process when it is imported."""


def examine(*, strict: bool, private_user: bool = False) -> int:
    """Print one line for everything that grading needs; return the exit status.

    It is 1 where Python is no final release, submissions could import the hidden halves of the concepts, a library is
    missing, too old or broken, no worker can be started or one cannot do what correct code needs, if ``strict``, where
    a wall is missing without which strict grading refuses, and if ``private_user``, where workers keep the grader's
    user.
    """
    python_is_right = _show_python()
    nothing_is_exposed = _show_exposed()
    broken = examine_libraries(_show)
    if lacking := sorted(broken & FOR_WORKERS):
        print(f"      workers were not tried: they need {', '.join(lacking)}")
        return 1
    workers_are_right = _examine_workers(strict=strict, private_user=private_user)
    return 0 if python_is_right and nothing_is_exposed and workers_are_right and not broken else 1


def _show_python() -> bool:
    version = sys.version.partition(" ")[0]
    final = sys.version_info.releaselevel == "final" and sys.version_info >= (3, 11)
    note = "" if final else ": not a final release of Python 3.11 or later; libraries count on one"
    print(f"{'ok   ' if final else 'FAIL '} Python {version}{note}")
    return final


def _show_exposed() -> bool:
    if problem := exposed():
        print(f"FAIL  {problem}")
    return not problem


def _show(finding: Finding) -> None:
    name = f"Python's module {finding.name}" if finding.name in PARTS_OF_PYTHON else finding.name
    if finding.needs:
        print(f"      {name} was not tried: it needs {finding.needs}")
    elif finding.fault:
        print(f"FAIL  {name}: {finding.fault}")
    else:
        print(f"ok    {name} {finding.version}".rstrip())


def _examine_workers(*, strict: bool, private_user: bool = False) -> bool:
    try:
        from autograder.doctor_walls import look

        needed, kept_out, missing = look()
    except (Exception, WorkersLost, WorkerLost) as error:
        known = isinstance(error, WorkersLost | WorkerLost | SubmissionFault)
        print(f"FAIL  a worker cannot be started: {error if known else what_went_wrong(error)}")
        return False
    for held, text in (*needed, *kept_out):
        print(f"{'ok   ' if held else 'FAIL '} {text}")
    if lacking := sum(not held for held, _ in kept_out):
        print(f"{lacking} of {len(kept_out)} protections are missing on this machine; reports will say so")
    if missing:
        print(f"strict grading is not possible here, it needs: {'; '.join(missing)}")
    keeps_user = private_user and (True, "private user") not in kept_out
    if keeps_user:
        print(
            'FAIL  workers keep the grader\'s user, and a private user is asked for; the line "private user" says why'
        )
    return all(held for held, _ in needed) and not (strict and missing) and not keeps_user
