"""What is in a class's folder or zip, by name: neither is unpacked, and no link is followed."""

from __future__ import annotations

import os
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import IO, Protocol

from autograder.errors import UserError
from autograder.source.junk import is_environment, is_left_behind
from autograder.source.lines import printable
from autograder.submission.archives import is_archive, is_link
from autograder.submission.folders import MAX_LISTED, opened_regular
from autograder.submission.unpacking import Member, opened_zip, safe_members

_ZIP = b"PK"


@dataclass(frozen=True)
class Level:
    """The names in one folder, sorted; not of what systems leave behind."""

    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


class Contents(Protocol):
    """What a class is read from. Paths in it are relative, with slashes; "" is all of it."""

    def level(self, at: str) -> Level:
        """Return the names in a folder; none where there is no such folder, or it cannot be listed."""

    def opened(self, file: str) -> AbstractContextManager[tuple[IO[bytes], int]]:
        """Open a file, with its size, to be read once; ValueError or OSError for anything but a regular file."""

    def place(self, path: str) -> tuple[Path, str]:
        """Return where a submission is: what to read, and which part of it ("": all)."""


@dataclass(frozen=True)
class InFolder:
    """A folder on disk."""

    root: Path

    def level(self, at: str) -> Level:
        """See `Contents`; what is listed is bounded."""
        try:
            with os.scandir(self.root / at) as items:
                listed = sorted(islice(items, MAX_LISTED), key=lambda item: item.name)
        except OSError:
            return Level()
        used = [item for item in listed if not is_left_behind(item.name)]
        links = tuple(item.name for item in used if item.is_symlink())
        folders = tuple(item.name for item in used if item.is_dir(follow_symlinks=False))
        files = tuple(item.name for item in used if item.is_file(follow_symlinks=False))
        return Level(tuple(name for name in folders if not is_environment(name)), files, links)

    def opened(self, file: str) -> AbstractContextManager[tuple[IO[bytes], int]]:
        """See `Contents`."""
        return opened_regular(self.root / file)

    def place(self, path: str) -> tuple[Path, str]:
        """See `Contents`: the folder or file itself."""
        return self.root / path, ""


@dataclass(frozen=True)
class InZip:
    """A zip of any size, open while it is looked at."""

    path: Path
    archive: zipfile.ZipFile

    @cached_property
    def _members(self) -> dict[str, Member]:
        return {member.path: member for member in safe_members(self.archive)}

    @cached_property
    def _levels(self) -> dict[str, Level]:
        folders: defaultdict[str, set[str]] = defaultdict(set)
        files: defaultdict[str, set[str]] = defaultdict(set)
        links: defaultdict[str, set[str]] = defaultdict(set)
        for member in self._members.values():
            above, _, name = member.path.rpartition("/")
            kind = folders if member.is_folder else links if is_link(member.info) else files
            kind[above].add(name)
            while above:  # a zip need not name its folders
                above, _, name = above.rpartition("/")
                if name in folders[above]:
                    break
                folders[above].add(name)
        return {
            at: Level(
                tuple(sorted(folders[at])),
                tuple(sorted(files[at] - folders[at])),
                tuple(sorted(links[at] - folders[at] - files[at])),
            )
            for at in {*folders, *files, *links}
        }

    def level(self, at: str) -> Level:
        """See `Contents`."""
        return self._levels.get(at, Level())

    @contextmanager
    def opened(self, file: str) -> Iterator[tuple[IO[bytes], int]]:
        """See `Contents`."""
        info = self._members[file].info
        with self.archive.open(info) as stream:
            yield stream, info.file_size

    def place(self, path: str) -> tuple[Path, str]:
        """See `Contents`: the zip, and the path in it."""
        return self.path, path


@contextmanager
def contents_of(path: Path) -> Iterator[Contents | None]:
    """Give what is in a folder or a zip; None for anything else. `UserError` where it cannot be read."""
    if path.is_dir():
        yield InFolder(path)
    elif _is_zip(path):
        with opened_zip(path) as archive:
            yield InZip(path, archive)
    else:
        yield None


def _is_zip(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except OSError as error:
        raise UserError(f"{printable(path)}: cannot be read: {error.strerror}") from None
    return head.startswith(_ZIP) and is_archive(head)
