"""The journal of a batch: what became of each grading, and which process grades what at the moment.

A grading is known by two digests, of the submission's bytes as they were handed in and of everything that grades it
(`grader_digest`), so nothing is graded twice that would be graded alike. Whoever grades claims it first. A claim names
its process: it ends with `finish`, with `release`, or with the process, so that nothing is lost by a kill.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any

from autograder.batch.journal_file import JournalFile
from autograder.batch.listing import Fault, Graded, GradingStatus, ListedSubmission, Submitter
from autograder.batch.process_identity import Life, ProcessIdentity, this_process
from autograder.batch.result_texts import with_texts
from autograder.errors import UserError
from autograder.results import GradingResult

JOURNAL = "journal.sqlite"
"""The journal's name in the folder of a batch."""
LEASE_SECONDS = 120.0
"""How long a claim outlives its last renewal where nobody can tell whether its process is alive."""

_RANKS = {None: -1, GradingStatus.AGAIN: 0, GradingStatus.PARTIAL: 1, GradingStatus.GRADED: 2}


@dataclass(frozen=True)
class ClassEntry:
    """A submission that a run was given, with the digests of its grading; "" where there is nothing to grade."""

    submission: ListedSubmission
    submission_digest: str = ""
    grader_digest: str = ""

    @property
    def key(self) -> str:
        """What names the submission in the class."""
        return self.submission.key


@dataclass(frozen=True)
class Standing:
    """How far an entry of the class is; ``status`` is None where it was never graded, ``held_by`` "" where nobody does.

    ``finished_at`` is in seconds since 1970.
    """

    entry: ClassEntry
    status: GradingStatus | None = None
    fault: Fault = Fault.NONE
    why: str = ""
    seconds: float = 0.0
    attempts: int = 0
    held_by: str = ""
    finished_at: float | None = None
    finished_run: int | None = None


@dataclass(frozen=True)
class Run:
    """A run of the batch on this folder; ``began_at`` is in seconds since 1970."""

    number: int
    assignment: str
    began_at: float
    host: str
    pid: int


@dataclass(frozen=True)
class Claim:
    """The right to grade a submission; nobody else has it until it is finished, released, or its process is dead."""

    key: str
    submission_digest: str
    grader_digest: str
    token: str


class Refusal(StrEnum):
    """Why a submission is not to be graded by the one who asked."""

    NOTHING = "there is nothing to grade"
    DONE = "graded already"
    NEXT_RUN = "tried since this run began; the next run grades it again"
    HELD = "being graded by another"


class Finish(StrEnum):
    """What became of a grading that was handed over."""

    KEPT = "kept"
    REPEATED = "had been kept already"
    WORSE = "left out: what was found out before is more"
    LOST = "left out: the claim had run out, and another process has it"


class Journal:
    """The journal in one file. Any number of processes may have it open; each opens it for itself, after a fork."""

    def __init__(self, file: JournalFile) -> None:
        """Take a file that is open; see `Journal.open`."""
        self._file = file
        self._owner = this_process()
        self._last_finish: int | None = None
        self._run: int | None = None
        self._tokens: set[str] = set()

    @classmethod
    def open(cls, path: Path, *, create: bool = True) -> Journal:
        """Open the journal at ``path``; make a new one where there is none, and its folder is there.

        Raises `UserError` where it is not a journal, or one of another format.
        """
        return cls(JournalFile(path, create=create))

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; claims stay until the process ends."""
        self._file.close()

    def begin(self, assignment: str, entries: Iterable[ClassEntry], *, again: bool = False) -> None:
        """Begin a run on a class, which takes the place of the class that the last run was given.

        Gradings of submissions that are no longer in the class are kept. With ``again`` everything in it is graded once
        more, by this run or, where it is killed, by later ones. Raises `UserError` where the folder holds the gradings
        of another assignment.
        """
        entries = list(entries)
        if len({entry.key for entry in entries}) < len(entries):
            raise ValueError("keys of a class are unique")
        with self._file.writing() as connection:
            before = connection.execute("SELECT assignment FROM run ORDER BY id DESC LIMIT 1").fetchone()
            if before is not None and before["assignment"] != assignment:
                raise UserError(
                    f"{self._file.path}: holds gradings of {before['assignment']}, not of {assignment};"
                    " name another folder with --out"
                )
            self._last_finish = connection.execute("SELECT coalesce(max(finish), 0) FROM grading").fetchone()[0]
            row = (assignment, time.time(), self._owner.host, self._owner.pid, self._last_finish)
            self._run = connection.execute(
                "INSERT INTO run (assignment, began_at, host, pid, last_finish) VALUES (?, ?, ?, ?, ?)", row
            ).lastrowid
            connection.execute("DELETE FROM class_entry")
            connection.executemany(
                "INSERT INTO class_entry VALUES (?, ?, ?, ?, ?)",
                [(number, *_entry_row(entry)) for number, entry in enumerate(entries)],
            )
            if again:
                connection.executemany(
                    "UPDATE grading SET regrade = 1 WHERE submission_digest = ? AND grader_digest = ?",
                    [(entry.submission_digest, entry.grader_digest) for entry in entries],
                )

    def keep_in_class(self, keys: Collection[str]) -> None:
        """Let the class hold these alone; gradings of the others are kept, and come back with a class that has them."""
        with self._file.writing() as connection:
            listed = connection.execute("SELECT key FROM class_entry").fetchall()
            gone = [(row["key"],) for row in listed if json.loads(row["key"]) not in keys]
            connection.executemany("DELETE FROM class_entry WHERE key = ?", gone)

    def known(self, submission_digest: str, grader_digest: str, *, key: str | None = None) -> Graded | None:
        """Return what became of a grading, provisional or not; None where there is none yet.

        It is named by ``key``, or by the submission for which it was made: two may be equal to the byte.
        """
        with self._file.reading() as connection:
            row = connection.execute(
                "SELECT * FROM grading WHERE submission_digest = ? AND grader_digest = ? AND status IS NOT NULL",
                (submission_digest, grader_digest),
            ).fetchone()
        return None if row is None else self._graded(row, key)

    def claim(self, entry: ClassEntry, *, lease_seconds: float = LEASE_SECONDS) -> Claim | Refusal:
        """Return the right to grade an entry, or why it is not to be graded now; to be called after `begin`.

        Of all processes that ask at once, one gets it. A claim whose process is dead is free at once. Where that cannot
        be known (another host, another container), it is free when it was not renewed for its lease; where it is known
        that the process is alive, never. What is final is not given out, unless the run was to grade all again, and
        what is provisional only once in a run.
        """
        if self._last_finish is None:
            raise RuntimeError("a claim before the run began")
        if not entry.submission_digest:
            return Refusal.NOTHING
        token = secrets.token_hex(16)
        place = (entry.submission_digest, entry.grader_digest)
        with self._file.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO grading (submission_digest, grader_digest) VALUES (?, ?)", place)
            row = _row(connection, place)
            if _is_done(row):
                return Refusal.DONE
            if row["finish"] > self._last_finish:
                return Refusal.NEXT_RUN
            if _is_held(row):
                return Refusal.HELD
            owner = self._owner
            connection.execute(
                "UPDATE grading SET token = ?, host = ?, machine = ?, pid = ?, process_started = ?, expires = ?"
                " WHERE submission_digest = ? AND grader_digest = ?",
                (token, owner.host, owner.machine, owner.pid, owner.started, time.time() + lease_seconds, *place),
            )
        self._tokens.add(token)
        return Claim(entry.key, *place, token)

    def renew(self, *, lease_seconds: float = LEASE_SECONDS) -> None:
        """Let every claim that this journal gave out hold for another lease."""
        with self._file.writing() as connection:
            connection.executemany(
                "UPDATE grading SET expires = ? WHERE token = ?",
                [(time.time() + lease_seconds, token) for token in self._tokens],
            )

    def release(self, claim: Claim) -> None:
        """Give a claim back without a grading; one that is over changes nothing."""
        self._tokens.discard(claim.token)
        with self._file.writing() as connection:
            connection.execute("UPDATE grading SET token = NULL WHERE token = ?", (claim.token,))

    def finish(self, claim: Claim, graded: Graded) -> Finish:
        """Keep a grading: when this returns, neither a kill nor a power cut loses it. Again, it changes nothing.

        Never less than before is kept: what is final stays where the new grading is not, and what is partial where it
        found nothing out. A claim that another process has taken over, or finished, keeps nothing.
        """
        result = None if graded.result is None else _as_json(graded.result)
        place = (claim.submission_digest, claim.grader_digest)
        self._tokens.discard(claim.token)
        with self._file.writing() as connection:
            row = _row(connection, place)
            if row is None or row["token"] != claim.token:
                return Finish.REPEATED if row and row["finished_token"] == claim.token else Finish.LOST
            number = connection.execute("SELECT max(finish) + 1 FROM grading").fetchone()[0]
            connection.execute(
                "UPDATE grading SET token = NULL, finished_token = ?, finish = ?, attempts = attempts + 1,"
                " finished_at = ?, finished_run = ? WHERE submission_digest = ? AND grader_digest = ?",
                (claim.token, number, time.time(), self._run, *place),
            )
            if _RANKS[graded.status] < _RANKS[_status(row)]:
                return Finish.WORSE
            connection.execute(
                "UPDATE grading SET key = ?, status = ?, fault = ?, why = ?, seconds = ?, result = ?,"
                " regrade = regrade AND ? WHERE submission_digest = ? AND grader_digest = ?",
                (
                    json.dumps(graded.key),
                    graded.status.value,
                    graded.fault.value,
                    _storable(graded.why),
                    graded.seconds,
                    result,
                    not graded.is_final,
                    *place,
                ),
            )
        return Finish.KEPT

    def listed(self) -> tuple[Standing, ...]:
        """Return the class that the last run was given, in its order, and how far each entry is."""
        query = (
            "SELECT c.submission, c.submission_digest, c.grader_digest, g.status, g.fault, g.why, g.seconds,"
            " g.attempts, g.finished_at, g.finished_run, g.token, g.host, g.machine, g.pid, g.process_started,"
            " g.expires FROM class_entry AS c LEFT JOIN grading AS g USING (submission_digest, grader_digest)"
            " ORDER BY c.position"
        )
        with self._file.reading() as connection:
            return tuple(_standing(row) for row in connection.execute(query))

    def graded(self, entry: ClassEntry) -> Graded | None:
        """Return what became of an entry of the class, None where nothing yet.

        Where there was nothing to grade, it is final, without a result, and the student's fault.
        """
        if entry.submission_digest:
            return self.known(entry.submission_digest, entry.grader_digest, key=entry.key)
        return Graded(entry.key, GradingStatus.GRADED, Fault.STUDENT, entry.submission.problem)

    def runs(self) -> tuple[Run, ...]:
        """Return the runs on this folder, the first one first."""
        with self._file.reading() as connection:
            rows = connection.execute("SELECT id, assignment, began_at, host, pid FROM run ORDER BY id").fetchall()
        return tuple(Run(*row) for row in rows)

    def _graded(self, row: sqlite3.Row, key: str | None) -> Graded:
        try:
            result = None if row["result"] is None else GradingResult.model_validate_json(row["result"])
        except ValueError:
            raise UserError(
                f"{self._file.path}: a result in it cannot be read; grade again into another folder"
            ) from None
        named = json.loads(row["key"]) if key is None else key
        return Graded(named, GradingStatus(row["status"]), Fault(row["fault"]), row["why"], result, row["seconds"])


def _row(connection: sqlite3.Connection, place: tuple[str, str]) -> Any:
    query = "SELECT * FROM grading WHERE submission_digest = ? AND grader_digest = ?"
    return connection.execute(query, place).fetchone()


def _status(row: sqlite3.Row) -> GradingStatus | None:
    return None if row["status"] is None else GradingStatus(row["status"])


def _is_done(row: sqlite3.Row) -> bool:
    return _status(row) is GradingStatus.GRADED and not row["regrade"]


def _is_held(row: sqlite3.Row) -> bool:
    if row["token"] is None:
        return False
    life = ProcessIdentity(row["host"], row["machine"], row["pid"], row["process_started"]).life
    return life is Life.ALIVE or (life is Life.UNKNOWN and row["expires"] > time.time())


def _standing(row: sqlite3.Row) -> Standing:
    submission = _submission(json.loads(row["submission"]))
    entry = ClassEntry(submission, row["submission_digest"], row["grader_digest"])
    if not entry.submission_digest:
        return Standing(entry, GradingStatus.GRADED, Fault.STUDENT, submission.problem)
    standing = Standing(entry, held_by=f"process {row['pid']} on {row['host']}" if _is_held(row) else "")
    if row["status"] is None:
        return standing
    return replace(
        standing,
        status=GradingStatus(row["status"]),
        fault=Fault(row["fault"]),
        why=row["why"],
        seconds=row["seconds"],
        attempts=row["attempts"],
        finished_at=row["finished_at"],
        finished_run=row["finished_run"],
    )


def _entry_row(entry: ClassEntry) -> tuple[str, str, str, str]:
    """Return an entry as columns: in ASCII, so that a key or a path that is not UTF-8 comes back as it was."""
    submission = asdict(entry.submission) | {"source": str(entry.submission.source)}
    if entry.submission.created_at is not None:
        submission["created_at"] = entry.submission.created_at.astimezone(UTC).isoformat()
    return json.dumps(entry.key), json.dumps(submission), entry.submission_digest, entry.grader_digest


def _submission(values: dict[str, Any]) -> ListedSubmission:
    created_at = values["created_at"]
    update = {
        "source": Path(values["source"]),
        "submitters": tuple(Submitter(**submitter) for submitter in values["submitters"]),
        "created_at": None if created_at is None else datetime.fromisoformat(created_at),
        "files": tuple((found, name) for found, name in values["files"]),
    }
    return ListedSubmission(**(values | update))


def _as_json(result: GradingResult) -> str:
    """Return a result as JSON; what is not Unicode in it is spelled out."""
    try:
        return result.model_dump_json()
    except ValueError:
        return with_texts(result, _storable).model_dump_json()


def _storable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
