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
from autograder.source.parsing import parse_or_none
from autograder.submission import Submission
from autograder.submission.entries import MAX_FILE, MIB
from autograder.submission.provided import provided_files

OF_THE_KIT = (MANIFEST, "checks", "README.txt", "handout.md", "requirements.txt")
WEIGHTS = frozenset({".bin", ".ckpt", ".h5", ".npy", ".npz", ".onnx", ".pickle", ".pkl", ".pt", ".pth", ".safetensors"})
MAX_LITERAL = 200
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

    That is what the manifest asks for, where intake found it, but not within an archive; modules beside it that it may
    import; and files that any of these names by a literal path, unless they come with the assignment or are larger than
    grading reads.
    """
    folder = assignment.folder
    chosen = {file.found: name for name, file in submission.files.items() if (folder / file.found).is_file()}
    for name in document_names(assignment):
        if document := _document(folder, name):
            chosen[document] = name
    roots = sorted({str(PurePosixPath(path).parent) for path in chosen})
    for helper in submission.helpers:
        places = (str(PurePosixPath(root) / helper) for root in ("", *roots))
        if found := next((place for place in places if (folder / place).is_file()), None):
            chosen.setdefault(found, "")
    ours = {*OF_THE_KIT, *provided_files(assignment)}
    too_large = set()
    for path in sorted(named_files(submission, folder)):
        if path in chosen or path.split("/")[0] in ours or path in ours:
            continue
        if (folder / path).stat().st_size > MAX_FILE:
            too_large.add(path)
        else:
            chosen[path] = ""
    left_out = _Omissions(folder, chosen, ours, document_names(assignment), too_large).below("")
    return SubmissionFiles(folder, chosen, tuple(left_out))


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
            if literal.isprintable():
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
        for entry in sorted(os.scandir(self.folder / prefix), key=lambda entry: entry.name):
            path = prefix + entry.name
            if entry.is_dir(follow_symlinks=False) and any(one.startswith(f"{path}/") for one in self.chosen):
                yield from self.below(f"{path}/")
            elif path not in self.chosen:
                yield self._left_out(entry, path)

    def _left_out(self, entry: os.DirEntry[str], path: str) -> LeftOut:
        is_folder = entry.is_dir(follow_symlinks=False)
        if path in self.ours or entry.name.endswith(".whl"):
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
            return f"named by submitted code, and larger than the {MAX_FILE // MIB} MB that grading reads"
        if of_it := [name for name in self.documents if PurePosixPath(name).stem == PurePosixPath(path).stem]:
            return f"it is handed in as {of_it[0]}"
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
