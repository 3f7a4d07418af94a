"""Classes and submissions told apart by the names in them, and the submissions of a class found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from autograder.assignment import SUBMITTABLE, Assignment
from autograder.batch.contents import Contents, Level, contents_of
from autograder.batch.file_owners import Owned, by_expected_name, by_platform, grouped
from autograder.errors import UserError
from autograder.submission.archives import ARCHIVE_SUFFIXES, BROKEN, FOREIGN_SUFFIXES, read_archive
from autograder.submission.entries import MAX_ARCHIVE, Budget, Entry
from autograder.submission.file_matching import code_suffix, match_files
from autograder.submission.notices import Notices

MANY = 3
"""This many parts with expected files are the submissions of many students; two may be versions of one."""
MAX_WRAPPERS = 3
"""Folders around a class that are looked through, each the only thing in the one above."""
MAX_PEEKED = 6
"""Archives that are looked into before it is decided that there is no class."""
MAX_LOOKED = 1_000
"""Folders, and files, that are."""
CSV = ".csv"
EXPORTED = "submission_metadata.yml"
"""What Gradescope puts next to the folders of all submissions."""
EXPORTED_ONLINE = "submission_metadata.csv"
"""What it puts there where students typed their answers in."""


@dataclass(frozen=True)
class Part:
    """One submission of a class: a folder or file of this ``name``, or the ``files`` of an owner of this name."""

    name: str
    is_folder: bool = False
    files: tuple[Owned, ...] = ()
    is_link: bool = False

    @property
    def names(self) -> tuple[str, str]:
        """What it may be called: without the ending of a file, and with it."""
        return (self.name if self.is_folder or self.files else without_ending(self.name)), self.name


def is_class(path: Path, assignment: Assignment) -> bool:
    """Say whether a path is the submissions of many students, and not one submission.

    A class is a CSV; what has Gradescope's list of submissions in it; and a folder or zip of which three parts or more
    have expected files, where none is at its top: one student's folder may hold versions in folders, too. Raises
    nothing, reads no more of a path than of a submission, and never waits.
    """
    try:
        if path.suffix.casefold() == CSV:
            return path.is_file()
        with contents_of(path) as contents:
            return contents is not None and _is_class(contents, assignment)
    except (OSError, UserError):  # whoever reads the submission says what cannot be read
        return False


def _is_class(contents: Contents, assignment: Assignment) -> bool:
    base = base_of(contents, assignment)
    level = contents.level(base)
    if has_expected(contents, base, assignment):
        return False
    if is_export(level) and level.folders:
        return True
    return len(_whole_parts(contents, base, assignment)) >= MANY


def base_of(contents: Contents, assignment: Assignment) -> str:
    """Return the folder in which the submissions of a class are: "", or one that is alone on the way to it."""
    at = ""
    for _ in range(MAX_WRAPPERS):
        level = contents.level(at)
        if is_export(level) or len(level.folders) != 1 or any(map(_is_submittable, level.files)):
            break
        at = joined(at, level.folders[0])
    if is_export(contents.level(at)):
        return at
    is_above = not has_expected(contents, at, assignment) and len(_whole_parts(contents, at, assignment)) > 1
    return at if at and is_above else ""


def is_export(level: Level) -> bool:
    """Say whether Gradescope's list of submissions is among the names."""
    return EXPORTED in level.files or EXPORTED_ONLINE in level.files


def has_expected(contents: Contents, at: str, assignment: Assignment) -> bool:
    """Say whether an expected file is in a folder, at the very place where it is expected."""
    for name in assignment.manifest.files.required:
        above, _, last = joined(at, name).rpartition("/")
        if last in contents.level(above).files:
            return True
    return False


def parts_of(level: Level, assignment: Assignment) -> list[Part]:
    """Return the submissions in a folder of a class, sorted by name: folders, archives, files of code, and links.

    Files that have one owner, by their names, are one submission; other files (lists, notes) are none.
    """
    loose = [name for name in level.files if by_platform(name) or not is_archive_name(name)]
    groups = {
        who: files
        for who, files in grouped(loose, _expected_code(assignment)).items()
        if len(files) > 1 or not is_archive_name(files[0].found)  # an archive alone is the submission itself
    }
    owned_files = {owned.found for files in groups.values() for owned in files}
    parts = [
        *(Part(name, is_folder=True) for name in level.folders),
        *(Part(name) for name in level.files if name not in owned_files and _is_submittable(name)),
        *(Part(who, files=files) for who, files in groups.items()),
        *(Part(name, is_link=True) for name in level.links),
    ]
    return sorted(parts, key=lambda part: (part.name, not part.is_folder, not part.files, part.is_link))


def joined(at: str, name: str) -> str:
    """Return a path below ``at``."""
    return f"{at}/{name}" if at else name


def is_archive_name(name: str) -> bool:
    """Say whether a file's name is that of an archive, also of one that cannot be read."""
    return name.casefold().endswith((*ARCHIVE_SUFFIXES, *FOREIGN_SUFFIXES))


def without_ending(name: str) -> str:
    """Return a file's name without what says that it is an archive or code."""
    for ending in sorted((*ARCHIVE_SUFFIXES, *FOREIGN_SUFFIXES, *SUBMITTABLE), key=len, reverse=True):
        if name.casefold().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return name


def _is_submittable(name: str) -> bool:
    return bool(code_suffix(name)) or is_archive_name(name)


def _expected_code(assignment: Assignment) -> list[str]:
    return [name for name in assignment.manifest.files.required if PurePosixPath(name).suffix in SUBMITTABLE]


def _whole_parts(contents: Contents, at: str, assignment: Assignment) -> set[str]:
    """Return the names of parts of a folder that are submissions beyond doubt; folders and archives up to ``MANY``."""
    level = contents.level(at)
    names = {PurePosixPath(name).name for name in assignment.manifest.files.required}
    found = _owners(level.files, assignment)
    for folder in level.folders[:MAX_LOOKED]:
        if len(found) < MANY and _holds(contents, joined(at, folder), names, assignment):
            found.add(folder)
    archives = [name for name in level.files if is_archive_name(name)]
    for archive in archives[:MAX_PEEKED]:
        if len(found) < MANY and names & _names_in(contents, joined(at, archive)):
            found.add(archive)
    return found


def _holds(contents: Contents, folder: str, names: set[str], assignment: Assignment) -> bool:
    """Say whether a folder has expected files, or one of its own folders has."""
    level = contents.level(folder)
    inner = [contents.level(joined(folder, name)) for name in level.folders[:MAX_PEEKED]]
    return has_expected(contents, folder, assignment) or any(names & set(each.files) for each in (level, *inner))


def _owners(files: Sequence[str], assignment: Assignment) -> set[str]:
    """Return whose the files in a folder are, by their names; nobody's where one is what its student calls it."""
    expected = _expected_code(assignment)
    code = [name for name in files if code_suffix(name)][:MAX_LOOKED]
    owners = {name: by_platform(name) or by_expected_name(name, expected) for name in code}
    matches = match_files([Entry(name, 1, b"") for name in code], expected)
    if any(owners[match.entry.path] is None for match in matches.values()):
        return set()
    if len(expected) == 1:
        code = [name for name in code if code_suffix(name) == PurePosixPath(expected[0]).suffix]
        return {owned.who if (owned := owners[name]) else name for name in code}
    return {owned.who for owned in owners.values() if owned is not None}


def _names_in(contents: Contents, archive: str) -> set[str]:
    """Return the names of the files in an archive; none where it cannot be read, or is larger than a submission."""
    try:
        with contents.opened(archive) as (stream, size):
            data = stream.read(size) if size <= MAX_ARCHIVE else b""
        notices = Notices()
        return {entry.name for entry in read_archive(data, archive, Budget(notices), notices)}
    except (*BROKEN, UserError):
        return set()
