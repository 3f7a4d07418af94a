"""Reading archives into memory, member by member and under limits; nothing is ever unpacked to disk."""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO

from autograder.errors import UnreadableSubmission
from autograder.source.lines import printable
from autograder.submission.entries import (
    MAX_DEPTH,
    MAX_TOTAL,
    MIB,
    Budget,
    Entry,
    is_code_name,
    is_used,
    read_entry,
    readable_path,
)
from autograder.submission.notices import Notices, Topic

MAX_LISTED = 20_000
"""Members of one archive: its table of contents is in memory before the budget applies."""
MAX_ENVIRONMENTS = 20
MAX_PATH = 1_000
MAX_NAME = 255
"""Bytes, as file systems count them: longer names fit in no folder, and would make patterns over names slow."""

_CENTRAL_RECORD = b"PK\x01\x02"
_FOREIGN = {b"Rar!": "rar", b"7z\xbc\xaf": "7z", b"\xfd7zX": "xz", b"\x28\xb5\x2f\xfd": "zst"}
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2")
FOREIGN_SUFFIXES = tuple(f".{kind}" for kind in _FOREIGN.values())
"""Of archives that cannot be read here."""
_UNIX_SYSTEMS = (3, 19)
BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError),
    *(ValueError, OverflowError, MemoryError, RuntimeError),
)
"""What Python's readers raise on damaged input, found by fuzzing (RecursionError is a RuntimeError)."""


class Refused(Exception):
    """A member that is not used; the text says why."""


@dataclass(frozen=True)
class _Place:
    """Where members go: into the entries of a submission, below ``prefix``."""

    prefix: str
    budget: Budget
    notices: Notices

    def refuse(self, name: str, why: object) -> None:
        self.notices.add(Topic.REFUSED, f"{printable(self.prefix + name)}: {why}")


def is_archive(data: bytes) -> bool:
    """Say whether the bytes begin like an archive that can be read here."""
    return data[:4] in (b"PK\x03\x04", b"PK\x05\x06") or _is_tar(data)


def foreign_archive(entry: Entry) -> str:
    """Return the kind of an archive that cannot be read here, by how it begins or, unread, by its name; else ""."""
    if entry.data is not None:
        return next((kind for begins, kind in _FOREIGN.items() if entry.data.startswith(begins)), "")
    suffix = entry.name.casefold().rpartition(".")[2]
    return suffix if suffix in _FOREIGN.values() else ""


def read_archive(data: bytes, name: str, budget: Budget, notices: Notices, *, nested: bool = False) -> list[Entry]:
    """Return the members as entries (of a nested archive: below its name); raise `UserError` where none can be read."""
    place = _Place(f"{name}/" if nested else "", budget, notices)
    members = _tar_members(data, place) if _is_tar(data) else _zip_members(data, place)
    entries: dict[str, Entry] = {}
    try:
        for entry in members:
            if entry.path in entries:
                place.refuse(entry.path.removeprefix(place.prefix), "is in the archive twice: used the last one")
            entries[entry.path] = entry
    except BROKEN as error:
        if not entries:
            raise UnreadableSubmission(
                f"{printable(name)}: this archive is damaged ({printable(error)}); pack it again"
            ) from None
        notices.add(Topic.REFUSED, f"{printable(name)}: the rest of this archive cannot be read ({printable(error)})")
    return list(entries.values())


def _zip_members(data: bytes, place: _Place) -> Iterator[Entry]:
    if data.count(_CENTRAL_RECORD) > MAX_LISTED:
        raise UnreadableSubmission(f"the zip has more than {MAX_LISTED} entries; hand in only your own files")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = [info for info in archive.infolist() if not info.filename.endswith(("/", "\\"))]
        environments = environments_among(info.filename for info in infos)
        for info in sorted(infos, key=lambda info: not is_code_name(info.filename)):
            if info.filename.startswith(environments):
                continue
            if (path := _usable_path(info.filename, place)) is None:
                continue
            if not place.budget.take_entry():
                return
            try:
                yield _read_zip_member(archive, info, path, place.budget)
            except Refused as error:
                place.refuse(path, error)
            except BROKEN as error:
                place.refuse(path, f"is damaged: not used ({printable(error, 60)})")


def environments_among(paths: Iterable[str]) -> tuple[str, ...]:
    """Return how the paths of files in virtual environments begin: they are nobody's own work."""
    markers = islice((path for path in paths if path.endswith("/pyvenv.cfg")), MAX_ENVIRONMENTS)
    return tuple(marker.removesuffix("pyvenv.cfg") for marker in markers)


def _read_zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str, budget: Budget) -> Entry:
    check_zip_member(info)
    return read_entry(lambda: archive.open(info), path, info.file_size, budget)


def check_zip_member(info: zipfile.ZipInfo) -> None:
    """Raise `Refused` for anything but a regular file that is packed as usual."""
    if is_link(info):
        raise Refused("is a link: not followed")
    if _kind(info) not in (0, stat.S_IFREG):
        raise Refused("is not a regular file: not used")
    if info.flag_bits & 0x1:
        raise Refused("is encrypted: hand in a zip without a password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused("is compressed in an unusual way: hand in an ordinary zip")


def is_link(info: zipfile.ZipInfo) -> bool:
    """Say whether a member of a zip is a symbolic link."""
    return _kind(info) == stat.S_IFLNK


def _kind(info: zipfile.ZipInfo) -> int:
    return stat.S_IFMT(info.external_attr >> 16) if info.create_system in _UNIX_SYSTEMS else 0


def _tar_members(data: bytes, place: _Place) -> Iterator[Entry]:
    with tarfile.open(fileobj=_Bounded(_decompressed(data)), mode="r|") as archive:
        for count, member in enumerate(archive):
            if count >= MAX_LISTED:
                place.refuse("", f"more than {MAX_LISTED} entries: the rest was not looked at")
                return
            if member.isdir() or (path := _usable_path(member.name, place)) is None:
                continue
            if not place.budget.take_entry():
                return
            if member.issym() or member.islnk():
                place.refuse(path, "is a link: not followed")
            elif not member.isreg() or member.issparse():
                place.refuse(path, "is not a regular file: not used")
            else:
                yield read_entry(functools.partial(_opened, archive, member), path, member.size, place.budget)


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = archive.extractfile(member)
    assert stream is not None  # it is a regular file
    return stream


def safe_parts(name: str) -> list[str]:
    """Return the parts of a member's path below the folder that it is unpacked in, of readable Unicode.

    Raises `Refused` where it would leave the folder, or fits in no file system.
    """
    shown = readable_path(name.replace("\\", "/"))  # some Windows programs write backslashes
    parts = [part for part in shown.split("/") if part not in ("", ".")]
    if shown.startswith("/") or shown[1:2] == ":" or ".." in parts or not parts:
        raise Refused("leaves the archive's folder: not used")
    if len(os.fsencode("/".join(parts))) > MAX_PATH or any(len(os.fsencode(part)) > MAX_NAME for part in parts):
        raise Refused("its name is too long: not used")
    return parts


def _usable_path(name: str, place: _Place) -> str | None:
    """Return the member's path among the entries, or None where it is refused or never used."""
    try:
        parts = safe_parts(name)
    except Refused as error:
        place.refuse(readable_path(name.replace("\\", "/")), error)
        return None
    path = "/".join(parts)
    for folder in parts[:-1]:
        if not is_used(folder, folder=True, notices=place.notices, path=path):
            return None
    if not is_used(parts[-1], folder=False, notices=place.notices, path=place.prefix + path):
        return None
    if len(parts) > MAX_DEPTH:
        place.refuse(path, f"more than {MAX_DEPTH} folders deep: not looked at")
        return None
    return place.prefix + path


def _is_tar(data: bytes) -> bool:
    return data[:2] == b"\x1f\x8b" or data[:3] == b"BZh" or data[257:262] == b"ustar"


def _decompressed(data: bytes) -> io.BufferedIOBase:
    raw = io.BytesIO(data)
    if data[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=raw)
    return bz2.BZ2File(raw) if data[:3] == b"BZh" else raw


class _Bounded(io.RawIOBase):
    """A stream that ends with an error after ``MAX_TOTAL`` bytes, so that no bomb is decompressed to its end."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self._left = MAX_TOTAL

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise OSError(f"it unpacks to more than {MAX_TOTAL // MIB} MB")
        return data
