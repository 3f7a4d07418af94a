"""One submission as a job of an executor: a function of plain values, in whichever process and on whichever machine.

Each thread that runs jobs keeps a warm grader of its own.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from autograder.batch.exports import opened
from autograder.batch.listing import Fault, Graded, GradingStatus, ListedSubmission
from autograder.batch.warm_process import GraderSpec, ProcessLost, WarmProcess
from autograder.errors import UnreadableSubmission, UserError
from autograder.results import GradingResult, Outcome

Job = Mapping[str, Any]

_own = threading.local()
_all: set[WarmProcess] = set()
_lock = threading.Lock()


def job_of(spec: GraderSpec, listed: ListedSubmission) -> Job:
    """Return what `run_job` is given: who handed it in stays here."""
    anonymous = replace(listed, submitters=(), created_at=None)
    return {"spec": asdict(spec), "listed": asdict(anonymous) | {"source": str(listed.source)}}


def run_job(job: Job) -> dict[str, Any]:
    """Grade one submission with this thread's warm grader; return what `graded_of` reads.

    Raises `UserError` where the assignment cannot be graded at all. Whatever else goes wrong is in the answer: one
    submission stops no run.
    """
    begun = time.monotonic()
    spec = GraderSpec(**job["spec"] | {"only": tuple(job["spec"]["only"])})
    values = dict(job["listed"])
    files = tuple((found, name) for found, name in values["files"])
    listed = ListedSubmission(**values | {"source": Path(values["source"]), "files": files, "submitters": ()})
    try:
        answer = _answer(_grader(spec), listed)
    except ProcessLost as error:  # on its way, or in the middle of it
        _drop()
        answer = {"lost": str(error)}
    return {**answer, "seconds": round(time.monotonic() - begun, 3)}


def _answer(grader: WarmProcess, listed: ListedSubmission) -> dict[str, Any]:
    try:
        with tempfile.TemporaryDirectory(prefix="autograder-batch-") as workdir, opened(listed, Path(workdir)) as path:
            if not path.exists():  # it was there when the class was read: no fault of the student's
                return {"lost": f"{path}: is gone"}
            return {"result": grader.grade(path)}
    except UnreadableSubmission as error:
        return {"unreadable": str(error)}
    except (UserError, OSError) as error:
        return {"lost": str(error)}


def graded_of(key: str, answer: Mapping[str, Any]) -> Graded:
    """Return what became of a submission, from the answer of its job."""
    seconds = float(answer["seconds"])
    if "unreadable" in answer:
        return Graded(key, GradingStatus.GRADED, Fault.STUDENT, answer["unreadable"], seconds=seconds)
    if "lost" in answer:
        return Graded(key, GradingStatus.AGAIN, Fault.SYSTEM, answer["lost"], seconds=seconds)
    result = GradingResult.model_validate(answer["result"])
    status, why = _status(result)
    fault = Fault.NONE if status is GradingStatus.GRADED else Fault.SYSTEM
    return Graded(key, status, fault, why, result, seconds)


def _status(result: GradingResult) -> tuple[GradingStatus, str]:
    """Say how far a grading came, and which items are to be graded again; what was left out on request is not."""
    tried = [item for item in result.items if item.checks or item.outcome is Outcome.ERROR]
    open_ones = [
        item
        for item in tried
        if item.outcome is Outcome.ERROR or any(check.outcome.is_provisional for check in item.checks)
    ]
    if not open_ones:
        return GradingStatus.GRADED, ""
    why = f"to be graded again: {', '.join(item.id for item in open_ones)}"
    return (GradingStatus.PARTIAL if len(open_ones) < len(tried) else GradingStatus.AGAIN), why


def end_all() -> None:
    """End the warm graders of all threads at once."""
    with _lock:
        for process in _all:
            process.kill()


def _grader(spec: GraderSpec) -> WarmProcess:
    process: WarmProcess | None = getattr(_own, "process", None)
    if process is not None and process.spec == spec:
        return process
    _drop()
    _own.process = WarmProcess(spec)
    with _lock:
        _all.add(_own.process)
    return _own.process  # type: ignore[no-any-return]


def _drop() -> None:
    """End this thread's grader: the next job begins with a new one."""
    process: WarmProcess | None = getattr(_own, "process", None)
    if process is not None:
        with _lock:
            _all.discard(process)
        process.close()
    _own.process = None
