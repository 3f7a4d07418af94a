"""Unpacking one submission out of a zip that holds many, to disk and under limits; the zip itself may be of any size.

Nothing is checked here that `read_submission` checks of a folder: what is unpacked is what the folder would hold.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from autograder.errors import UserError
from autograder.source.junk import is_environment, is_left_behind
from autograder.source.lines import printable
from autograder.submission.archives import BROKEN, Refused, check_zip_member, environments_among, safe_parts
from autograder.submission.entries import (
    MAX_DEPTH,
    MAX_ENTRIES,
    MAX_FILE,
    MAX_NOTEBOOK,
    MAX_TOTAL,
    MIB,
    Budget,
    is_code_name,
)
from autograder.submission.folders import opened_regular
from autograder.submission.notices import Notices, Topic

MAX_TABLE = 32 * MIB
"""Bytes of a zip's table of contents, which is in memory as a whole: some 200,000 files."""
MAX_STAND_IN = 1024 * MIB
MAX_PARTS = MAX_DEPTH + 6
"""Of a path in a zip of submissions: of one submission, and of the folders around it."""


@dataclass(frozen=True)
class Member:
    """A file or folder in a zip; ``path`` is safe, and relative to the folder that the zip is unpacked in."""

    path: str
    info: zipfile.ZipInfo
    is_folder: bool = False


@contextmanager
def opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip of any size, of which only the table of contents is read; `UserError` where that is damaged."""
    try:
        stream = _Measured(io.FileIO(path))
    except OSError as error:
        raise UserError(f"{printable(path)}: cannot be read: {error.strerror}") from None
    with stream:
        try:
            archive = zipfile.ZipFile(stream)
        except BROKEN as error:
            raise UserError(f"{printable(path)}: this zip is damaged ({printable(error)}); get it again") from None
        with archive:
            yield archive


class _Measured(io.BufferedReader):
    """A file of which no single read takes more than ``MAX_TABLE`` bytes, whatever a damaged zip asks for."""

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(min(size, MAX_TABLE + 1) if size is not None and size >= 0 else MAX_TABLE + 1)
        if len(data) > MAX_TABLE:
            raise OSError(f"its table of contents is larger than {MAX_TABLE // MIB} MB")
        return data


def safe_members(archive: zipfile.ZipFile) -> Iterator[Member]:
    """Yield what may be unpacked, in the order of the zip; not what systems leave behind, nor what was installed.

    What is deeper than ``MAX_PARTS`` is there as the folder at that depth.
    """
    unused: dict[tuple[str, bool], bool] = {}

    def is_used(part: str, *, folder: bool) -> bool:
        if (part, folder) not in unused:
            unused[part, folder] = is_left_behind(part) or (folder and is_environment(part))
        return not unused[part, folder]

    for info in archive.infolist():
        try:
            parts = safe_parts(info.filename)
        except Refused:
            continue
        is_folder = info.filename.endswith(("/", "\\")) or len(parts) > MAX_PARTS
        *above, name = parts[:MAX_PARTS]
        if all(is_used(part, folder=True) for part in above) and is_used(name, folder=is_folder):
            yield Member("/".join([*above, name]), info, is_folder)


def unpack(
    archive: zipfile.ZipFile, chosen: Iterable[tuple[str, Member]], folder: Path, notices: Notices, limit: int = 0
) -> None:
    """Write members below a folder, each to the path given with it; what is refused gives a notice.

    Limits are those of reading, and a little more, so that whoever reads the folder says what was too much. A file that
    is larger than will be read is there as an empty one of its size.
    """
    budget = Budget(notices, MAX_ENTRIES + 1, MAX_TOTAL + MAX_NOTEBOOK)
    files = [(path, member) for path, member in chosen if not member.is_folder]
    environments = environments_among(path for path, _ in files)
    own = [(path, member) for path, member in files if not path.startswith(environments)]
    for path, member in sorted(own, key=lambda pair: not is_code_name(pair[0])):
        if not budget.take_entry():
            return
        try:
            check_zip_member(member.info)
            size = member.info.file_size
            _write(_chunks(archive, member.info), folder, path, size, budget, max(limit, _limit(path)))
        except Refused as error:
            notices.add(Topic.REFUSED, f"{path}: {error}")


def copy_files(source: Path, chosen: Iterable[tuple[str, str]], folder: Path, notices: Notices) -> None:
    """Copy files of a folder below another, each (new path, name) without following a link; limits as of `unpack`."""
    budget = Budget(notices, MAX_ENTRIES + 1, MAX_TOTAL + MAX_NOTEBOOK)
    for path, name in chosen:
        try:
            with opened_regular(source / name) as (stream, size):
                _write(_pieces(stream, size), folder, path, size, budget, _limit(path))
        except (Refused, ValueError) as error:
            notices.add(Topic.REFUSED, f"{path}: {error}")


def _limit(path: str) -> int:
    return MAX_NOTEBOOK if ".ipynb" in path.casefold() else MAX_FILE


def _write(data: Iterator[bytes], folder: Path, path: str, size: int, budget: Budget, limit: int) -> None:
    """Write a file; raise `Refused` where its data are damaged, or its place is taken. A full disk is an OSError."""
    parts = path.split("/")
    target = folder / path
    try:
        (folder / "/".join(parts[:-1][:MAX_DEPTH])).mkdir(parents=True, exist_ok=True)
        if len(parts) > MAX_DEPTH:
            return  # the folder alone says that it was too deep
        stream = target.open("wb")
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise Refused("is a file and a folder at once: not used") from None
    with stream:
        if size > limit:
            stream.truncate(min(size, MAX_STAND_IN))
        elif budget.take_bytes(size, limit):
            try:
                for chunk in data:
                    stream.write(chunk)
            except Refused:
                target.unlink()
                raise
        else:
            target.unlink()


def _chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a member's data, no more than its table of contents says, and never a large part at once."""
    try:
        with archive.open(info) as stream:
            yield from _pieces(stream, info.file_size)
    except BROKEN as error:
        raise Refused(f"is damaged: not used ({printable(error, 60)})") from None


def _pieces(stream: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0 and (piece := stream.read(min(size, MIB))):
        size -= len(piece)
        yield piece
