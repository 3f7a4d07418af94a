"""Which files of a student's folder are handed in, and why each other one is not."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from autograder.assignment import MANIFEST, SUBMITTABLE, Assignment
from autograder.source.junk import is_environment, is_left_behind
from autograder.source.lines import printable
from autograder.source.parsing import parse_or_none
from autograder.student.dependencies import module_of
from autograder.submission import Submission
from autograder.submission.entries import MAX_FILE, MIB, readable_path
from autograder.submission.provided import provided_files

OF_THE_KIT = (MANIFEST, "checks", "README.txt", "handout.html", "handout.md", "requirements.txt")
WEIGHTS = frozenset({".bin", ".ckpt", ".h5", ".npy", ".npz", ".onnx", ".pickle", ".pkl", ".pt", ".pth", ".safetensors"})
MAX_LITERAL = 200
ZIP = "{}_submission.zip"
"""The name of the zip, by that of the folder."""
_PLACEHOLDER = re.compile(r"<[^<>/]+>")
"""A part of a file's name that each student has for themselves, as in ``<kerberos>.pdf``."""


@dataclass(frozen=True)
class LeftOut:
    """A file or folder that is not handed in; folders end with a slash."""

    path: str
    reason: str
    size: int
    ours: bool = False
    """Whether it came with the assignment, or some tool has made it: nobody misses it."""


@dataclass(frozen=True)
class SubmissionFiles:
    """What is handed in: each path, relative to the folder, with the file of the manifest that it stands for.

    What stands for none is a module of the student's, or a file that submitted code names.
    """

    folder: Path
    chosen: dict[str, str]
    left_out: tuple[LeftOut, ...]


def document_names(assignment: Assignment) -> list[str]:
    """Return the files of the manifest that no code is read from, such as a report."""
    files = assignment.manifest.files
    return [name for name in (*files.required, *files.optional) if PurePosixPath(name).suffix not in SUBMITTABLE]


def choose_files(assignment: Assignment, submission: Submission) -> SubmissionFiles:
    """Return what of the student's folder is handed in.

    That is what the manifest asks for, where intake found it; modules that this imports, or these do; and files that
    any of them names by a literal path, unless they come with the assignment or are larger than `MAX_FILE`.
    """
    folder = assignment.folder
    paths = {readable_path(path): path for path in _code_in(folder)}
    shown = {printable(path): actual for path, actual in paths.items()}
    chosen = {shown[file.found]: name for name, file in submission.files.items() if file.found in shown}
    for name in document_names(assignment):
        if document := _document(folder, name):
            chosen[document] = name
    roots = sorted({str(PurePosixPath(path).parent) for path in chosen})
    for helper in _imported(submission):
        places = (str(PurePosixPath(root) / helper) for root in ("", *roots))
        if found := next((paths[place] for place in places if place in paths), None):
            chosen.setdefault(found, "")
    ours = {*OF_THE_KIT, *provided_files(assignment)}
    too_large = set()
    for path in sorted(named_files(submission, folder) - {ZIP.format(assignment.slug)}):
        if path in chosen or path.split("/")[0] in ours or path in ours:
            continue
        if (folder / path).stat().st_size > MAX_FILE:
            too_large.add(path)
        else:
            chosen[path] = ""
    left_out = _Omissions(folder, chosen, ours, document_names(assignment), too_large).below("")
    return SubmissionFiles(folder, chosen, tuple(left_out))


def _code_in(folder: Path) -> Iterator[str]:
    """The code of a folder by its real paths; intake knows files by names that can be shown."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_left_behind(name) and not _is_environment(Path(place, name))]
        for name in names:
            if name.endswith(SUBMITTABLE):
                yield Path(place, name).relative_to(folder).as_posix()


def _imported(submission: Submission) -> list[str]:
    """Return the paths of those helpers that submitted files import, or others of these do, in any way."""
    waiting, imported = [file.source for file in submission.files.values()], set[str]()
    found: list[str] = []
    while waiting:
        imported |= {name for text in waiting for name in _names_of_modules(text)}
        more = [path for path in submission.helpers if path not in found and module_of(path) in imported]
        found += more
        waiting = [submission.helpers[path] for path in more]
    return found


def _names_of_modules(text: str) -> Iterator[str]:
    """The parts of all names that code imports, and its strings: a module may be imported by one."""
    tree = parse_or_none(text)
    for node in ast.walk(tree) if tree is not None else ():
        match node:
            case ast.Import(names=aliases):
                yield from (part for alias in aliases for part in alias.name.split("."))
            case ast.ImportFrom(module=module, names=aliases):
                yield from (*(module or "").split("."), *(alias.name for alias in aliases))
            case ast.Constant(value=str(literal)):
                yield from literal.split(".")


def _document(folder: Path, name: str) -> str:
    """Return the path of a document, whatever its case and with anything in place of a placeholder; "" for none."""
    parts = _PLACEHOLDER.split(name)
    pattern = re.compile("[^/]+".join(map(re.escape, parts)), re.IGNORECASE)
    found = sorted(entry.name for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False))
    return next((entry for entry in found if pattern.fullmatch(entry)), "")


def named_files(submission: Submission, folder: Path) -> set[str]:
    """Return the files in the folder that a string of submitted code names, from there or from the file it is in."""
    texts = [(str(PurePosixPath(file.found).parent), file.source) for file in submission.files.values()]
    texts += [(str(PurePosixPath(path).parent), text) for path, text in submission.helpers.items()]
    found = set()
    for parent, text in texts:
        for literal in _literals(text):
            for start in dict.fromkeys((".", parent)):
                path = PurePosixPath(start) / literal
                if not path.is_absolute() and ".." not in path.parts and _is_own_file(folder, path):
                    found.add(str(path))
    return found


def _literals(text: str) -> Iterator[str]:
    tree = parse_or_none(text)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) <= MAX_LITERAL:
            literal = node.value.replace("\\", "/")
            if literal.isprintable() and ":" not in literal:  # a drive is no place in this folder
                yield literal


def _is_own_file(folder: Path, path: PurePosixPath) -> bool:
    """Whether it is a regular file, and neither it nor a folder on the way to it is a link."""
    whole = folder / path
    if not whole.is_file() or any(map(is_left_behind, path.parts)):
        return False
    return not any((folder / parent).is_symlink() for parent in (path, *path.parents))


@dataclass(frozen=True)
class _Omissions:
    """Names what is left out, a folder of which nothing is chosen as one."""

    folder: Path
    chosen: Collection[str]
    ours: Collection[str]
    documents: Collection[str]
    too_large: Collection[str]

    def below(self, prefix: str) -> Iterator[LeftOut]:
        try:
            entries = sorted(os.scandir(self.folder / prefix), key=lambda entry: entry.name)
        except OSError:
            return
        for entry in entries:
            path = prefix + entry.name
            if entry.is_dir(follow_symlinks=False) and any(one.startswith(f"{path}/") for one in self.chosen):
                yield from self.below(f"{path}/")
            elif path not in self.chosen:
                yield self._left_out(entry, path)

    def _left_out(self, entry: os.DirEntry[str], path: str) -> LeftOut:
        is_folder = entry.is_dir(follow_symlinks=False)
        if path in self.ours or entry.name.endswith(".whl") or path == ZIP.format(self.folder.name):
            return LeftOut(path, "comes with the assignment", 0, ours=True)
        if is_left_behind(entry.name) or (is_folder and _is_environment(self.folder / path)):
            return LeftOut(path, "left behind by a tool", 0, ours=True)
        if entry.is_symlink():
            return LeftOut(path, "a link", 0)
        if is_folder:
            return LeftOut(f"{path}/", "no submitted file imports or names anything in it", _size(self.folder / path))
        return LeftOut(path, self._reason(path), entry.stat().st_size)

    def _reason(self, path: str) -> str:
        if path in self.too_large:
            return f"named by submitted code, and larger than {MAX_FILE // MIB} MB"
        if of_it := [name for name in self.documents if PurePosixPath(name).stem == PurePosixPath(path).stem]:
            return f"it is handed in as {of_it[0]}"
        if path.endswith(SUBMITTABLE):
            return "no submitted file imports it"
        if PurePosixPath(path).suffix.casefold() in WEIGHTS:
            return "weights or data, which no submitted file names"
        return "not asked for, and no submitted file names it"


def _is_environment(folder: Path) -> bool:
    return is_environment(folder.name) or os.path.lexists(folder / "pyvenv.cfg")


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            total += path.lstat().st_size
    return total
