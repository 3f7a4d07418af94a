"""The file of the journal: an SQLite database that two runs may use at once and that a power cut leaves whole."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autograder.errors import UserError

APPLICATION = 0x41754A6F
"""What tells a journal from other databases: "AuJo" in ASCII."""
FORMAT = 1
WAIT_SECONDS = 60.0
"""How long one process waits for another's transaction, each of which takes milliseconds."""
RETRY_SECONDS = 0.05

_TABLES = """
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    assignment TEXT NOT NULL,
    began_at REAL NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    last_finish INTEGER NOT NULL
);
CREATE TABLE class_entry (
    position INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    submission TEXT NOT NULL,
    submission_digest TEXT NOT NULL,
    grader_digest TEXT NOT NULL
);
CREATE TABLE grading (
    submission_digest TEXT NOT NULL,
    grader_digest TEXT NOT NULL,
    key TEXT NOT NULL DEFAULT '""',
    status TEXT,
    fault TEXT NOT NULL DEFAULT '',
    why TEXT NOT NULL DEFAULT '',
    seconds REAL NOT NULL DEFAULT 0,
    result TEXT,
    regrade INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    finish INTEGER NOT NULL DEFAULT 0,
    finished_at REAL,
    finished_run INTEGER,
    finished_token TEXT,
    token TEXT,
    host TEXT,
    machine TEXT,
    pid INTEGER,
    process_started TEXT,
    expires REAL,
    PRIMARY KEY (submission_digest, grader_digest)
);
"""


class JournalFile:
    """An open journal: one connection, for the process that opened it and any of its threads."""

    def __init__(self, path: Path, *, create: bool) -> None:
        """Open the file, or make it; raise `UserError` where that cannot be done or it is not a journal."""
        self.path = path
        self._lock = threading.RLock()
        self._pid = os.getpid()
        with self.clear_errors():
            self._connection = _connected(path, create=create)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Close the file; a process that was forked from the one that opened it leaves it alone."""
        if self._pid == os.getpid():
            self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for queries, which see one state of the file."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for one change that happens as a whole or not at all, alone among all processes.

        When it is over, the change is on the disk.
        """
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        if self._pid != os.getpid():
            raise RuntimeError("a journal that another process opened; open it anew after a fork")
        with self._lock, self.clear_errors():
            self._connection.execute(begin)
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def clear_errors(self) -> Iterator[None]:
        """Say in one line what SQLite or the system says of the file."""
        try:
            yield
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.OperationalError as error:
            raise UserError(f"{self.path}: the journal cannot be used ({error}); {_advice(error)}") from None
        except sqlite3.DatabaseError as error:
            raise UserError(f"{self.path}: not a journal of gradings ({error}); {NAME_ANOTHER}") from None
        except OSError as error:
            raise UserError(f"{self.path}: cannot be opened ({error.strerror}); {NAME_ANOTHER}") from None

    def _prepare(self) -> None:
        self._refuse_foreign()
        _use_write_ahead_log(self._connection, self.path)
        with self.writing() as connection:
            if self._refuse_foreign():
                return
            for statement in filter(str.strip, _TABLES.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {FORMAT}")
        _sync_folder(self.path.parent)

    def _refuse_foreign(self) -> bool:
        """Return whether this is a journal already, or raise `UserError` where it is something else."""
        application, found = (self._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in _HEADER)
        if application == 0 and self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            return False
        if application != APPLICATION:
            raise UserError(f"{self.path}: not a journal of gradings, but another database; {NAME_ANOTHER}")
        if found != FORMAT:
            raise UserError(
                f"{self.path}: written by another version of autograder (format {found}; this one reads {FORMAT});"
                f" update autograder, or {NAME_ANOTHER}"
            )
        return True


NAME_ANOTHER = "name another folder"
_HEADER = ("application_id", "user_version")


def _connected(path: Path, *, create: bool) -> sqlite3.Connection:
    """Open the file, for its owner alone where it is new."""
    if create:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    elif not path.is_file():
        raise UserError(f"{path}: there is no journal here; name the folder that `autograder batch` wrote into")
    connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")
    return connection


def _use_write_ahead_log(connection: sqlite3.Connection, path: Path) -> None:
    """Let readers and a writer work at once; SQLite waits for nobody while it switches, so this does."""
    ends = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            break
        except sqlite3.OperationalError:
            if time.monotonic() > ends:
                raise
            time.sleep(RETRY_SECONDS)
    if mode != "wal":
        raise UserError(f"{path}: this file system cannot hold a journal; name a folder on a disk of this machine")


def _sync_folder(folder: Path) -> None:
    """Put the names of new files on the disk, where the system can do that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        return
    finally:
        os.close(descriptor)


def _advice(error: sqlite3.OperationalError) -> str:
    text = str(error)
    if "full" in text:
        return "make room on the disk, then run the command again: what was finished is kept"
    if "locked" in text:
        return "another process has kept it for a minute; look which, then run the command again"
    return f"see that it can be read and written, or {NAME_ANOTHER}"
