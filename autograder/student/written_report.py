"""The command `report`: the written part of an assignment as one PDF, or as a page that can be printed."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from autograder.assignment import NOTEBOOK, Assignment
from autograder.documents.browser import NotPrinted, print_page
from autograder.documents.markdown import Article, article, joined
from autograder.documents.notebook_text import notebook_article
from autograder.documents.self_contained import page
from autograder.errors import UserError
from autograder.reports.safe_text import one_line, plural
from autograder.source.decoding import decode
from autograder.student.own_folder import unpacked
from autograder.student.submission_files import document_names
from autograder.submission.statements import UNANSWERED

MARKDOWN = ".md"
MADE_HERE = b"\n% made by autograder report\n"
"""The end of a PDF that this command may write anew. Readers of PDF ignore what follows its last line."""
SHOWN = 3
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$")


def report(folder: Path, sources: Sequence[Path], out: Path | None, *, html: bool) -> int:
    """Write the report, say what to look at, and return the exit status.

    Raises `UserError` where it is not clear what the report is, or a file cannot be read or written.
    """
    assignment = unpacked(folder)
    texts = list(sources) or _sources(assignment)
    pdf = out or _place(assignment, texts)
    if not html:
        _refuse_to_replace(pdf)
    made = joined([_article(path) for path in texts])
    whole = page(assignment.manifest.title, made.html)
    written = _write(pdf.with_suffix(".html"), whole) if html else _print(whole, pdf)
    print(f"{written}: from {', '.join(path.name for path in texts)}")
    for line in _to_look_at(made):
        print(f"  - {one_line(line)}")
    return 0


def _sources(assignment: Assignment) -> list[Path]:
    """Return the Markdown file of the report's name, else the notebooks that are handed in."""
    documents = [PurePosixPath(name) for name in document_names(assignment) if name.endswith(".pdf")]
    written = [assignment.folder / name.with_suffix(MARKDOWN) for name in documents]
    notebooks = [assignment.folder / name for name in assignment.manifest.files.required if name.endswith(NOTEBOOK)]
    found = [path for path in written if path.is_file()] or [path for path in notebooks if path.is_file()]
    if not found:
        wanted = [path.name for path in (*written, *notebooks)]
        missing = f"none of {', '.join(wanted)} is in {assignment.folder}" if wanted else "nothing written is asked for"
        raise UserError(f"{missing}; name the Markdown file or notebook: autograder report FILE")
    return found


def _place(assignment: Assignment, texts: Sequence[Path]) -> Path:
    """Return the path of the PDF that is asked for, or one named after the text where students name it themselves."""
    names = [name for name in document_names(assignment) if name.endswith(".pdf") and "<" not in name]
    same = [name for name in names if PurePosixPath(name).stem == texts[0].stem]
    name = (same or names or [f"{texts[0].stem}.pdf"])[0]
    return assignment.folder / name


def _refuse_to_replace(pdf: Path) -> None:
    if pdf.is_dir():
        raise UserError(f"{pdf}: this is a folder; name a file, such as report.pdf")
    try:
        if pdf.exists() and not pdf.read_bytes().endswith(MADE_HERE):
            raise UserError(f"{pdf}: `autograder report` did not make this; move it, or name another with --out")
    except OSError as error:
        raise UserError(f"{pdf}: cannot be read: {error.strerror}") from None


def _article(path: Path) -> Article:
    try:
        if path.suffix == NOTEBOOK:
            return notebook_article(path)
        return article(decode(path.read_bytes())[0], path.parent)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def _print(whole: str, pdf: Path) -> Path:
    """Print the page, or keep it where that cannot be done; return what was written."""
    with tempfile.TemporaryDirectory() as folder:
        unprinted, printed = Path(folder) / "report.html", Path(folder) / "report.pdf"
        unprinted.write_text(whole, encoding="utf-8")
        try:
            print_page(unprinted, printed)
        except NotPrinted as why:
            kept = _write(pdf.with_suffix(".html"), whole)
            how = f'open {kept} in a browser and print it, "Save as PDF"'
            print(f"autograder: {pdf.name} was not made: {why}; {how}", file=sys.stderr)
            return kept
        return _write(pdf, printed.read_bytes() + MADE_HERE)


def _write(path: Path, content: str | bytes) -> Path:
    try:
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}; name another place with --out") from None
    return path


def _to_look_at(made: Article) -> Iterator[str]:
    """Yield a line for each thing that people who grade would miss."""
    if unanswered := list(_unanswered(made.words)):
        yield f"{plural(len(unanswered), 'question')} without an answer: {_some(unanswered)}"
    if made.missing:
        yield f"pictures that are no files here: {_some(made.missing)}"
    if made.unknown:
        yield f"shown as LaTeX, which was not understood: {_some(made.unknown)}"


def _unanswered(words: str) -> Iterator[str]:
    """Yield the headings under which nothing was written yet."""
    heading = "the beginning"
    for line in words.splitlines():
        if match := _HEADING.match(line):
            heading = match[1].replace("`", "")
        elif UNANSWERED in line:
            yield heading


def _some(names: Sequence[str]) -> str:
    more = f"; and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "; ".join(names[:SHOWN]) + more
