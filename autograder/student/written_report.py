"""The command `report`: the written part of an assignment as one PDF, or as a page that can be printed."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from autograder.assignment import NOTEBOOK, Assignment
from autograder.documents.browser import NotPrinted, print_page
from autograder.documents.markdown import Article, article, files_of, joined
from autograder.documents.notebook_text import notebook_article
from autograder.documents.self_contained import page
from autograder.errors import UserError, first_few
from autograder.reports.safe_text import one_line, plural
from autograder.source.decoding import decode
from autograder.student.own_folder import unpacked
from autograder.student.submission_files import document_names
from autograder.submission.statements import UNANSWERED

MARKDOWN = (".md", ".markdown", ".txt")
PDF_END, PAGE_END = b"\n% made by autograder report\n", b"\n<!-- made by autograder report -->\n"
"""Ends of what this command may write anew. Whoever reads such a file ignores them."""
SHOWN = 3


def report(folder: Path, sources: Sequence[Path], out: Path | None, *, html: bool) -> int:
    """Write the report, say what to look at, and return the exit status.

    Raises `UserError` where it is not clear what the report is, or a file cannot be read or written.
    """
    assignment = unpacked(folder)
    texts = list(sources) or _sources(assignment)
    pdf = out or _place(assignment, texts)
    as_page = pdf.with_suffix(".html")
    _refuse_to_replace(as_page if html else pdf)
    made = joined([_article(path) for path in texts])
    whole = page(assignment.manifest.title, made.html).encode() + PAGE_END
    written = _write(as_page, whole) if html else _print(whole, pdf, as_page)
    print(f"{written}: from {', '.join(path.name for path in texts)}")
    for line in _to_look_at(made):
        print(f"  - {one_line(line)}")
    return 0


def _sources(assignment: Assignment) -> list[Path]:
    """Return the Markdown file of the report's name, else the notebooks that are handed in."""
    documents = [PurePosixPath(name) for name in document_names(assignment) if name.endswith(".pdf")]
    written = [assignment.folder / name.with_suffix(MARKDOWN[0]) for name in documents]
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


def _refuse_to_replace(path: Path) -> None:
    if path.is_dir():
        raise UserError(f"{path}: this is a folder; name a file, such as report.pdf")
    try:
        if path.exists() and not path.read_bytes().endswith((PDF_END, PAGE_END)):
            raise UserError(f"{path}: `autograder report` did not make this; move it, or name another with --out")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def _article(path: Path) -> Article:
    try:
        if path.suffix == NOTEBOOK:
            return notebook_article(path)
        if path.suffix not in MARKDOWN:
            raise UserError(f"{path}: neither Markdown ({', '.join(MARKDOWN)}) nor a notebook")
        return article(decode(path.read_bytes())[0], files_of(path.parent))
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def _print(whole: bytes, pdf: Path, as_page: Path) -> Path:
    """Print the page, or keep it where that cannot be done; return what was written."""
    try:
        with tempfile.TemporaryDirectory(prefix="report-", dir=pdf.parent, ignore_cleanup_errors=True) as folder:
            unprinted, printed = Path(folder) / "report.html", Path(folder) / "report.pdf"
            unprinted.write_bytes(whole)
            print_page(unprinted, printed)
            return _write(pdf, printed.read_bytes() + PDF_END)
    except NotPrinted as why:
        _refuse_to_replace(as_page)
        _write(as_page, whole)
        how = f'open {as_page} in a browser and print it, "Save as PDF"'
        print(f"autograder: {pdf.name} was not made: {why}; {how}", file=sys.stderr)
        return as_page
    except OSError as error:
        raise _unwritable(pdf, error) from None


def _write(path: Path, content: bytes) -> Path:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise _unwritable(path, error) from None
    return path


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path}: cannot be written: {error.strerror}; name another place with --out")


def _to_look_at(made: Article) -> Iterator[str]:
    """Yield a line for each thing that people who grade would miss."""
    if unanswered := list(_unanswered(made)):
        yield f"{plural(len(unanswered), 'question')} without an answer: {first_few(unanswered, SHOWN, '; ')}"
    if made.missing:
        yield f"pictures that are no files here: {first_few(made.missing, SHOWN, '; ')}"
    if made.unknown:
        yield f"shown as LaTeX, which was not understood: {first_few(made.unknown, SHOWN, '; ')}"


def _unanswered(made: Article) -> Iterator[str]:
    """Yield the headings under which nothing was written yet."""
    last = "the beginning"
    for heading, paragraph in made.paragraphs:
        last = heading.replace("`", "") or last  # in a notebook it may stand in an earlier cell
        if UNANSWERED in paragraph:
            yield last
