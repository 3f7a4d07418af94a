"""A notebook as a text: its words, its code, and its outputs as they were saved. Nothing of it is run."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from autograder.documents.markdown import Article, article, files_of, joined
from autograder.errors import UserError

NEEDED = 'pip install "nbconvert>=7" nbformat'


def notebook_article(path: Path) -> Article:
    """Return a notebook as HTML; raises `UserError` where it is none, or nbconvert is not installed."""
    data = path.read_bytes()
    try:
        import nbformat

        notebook = nbformat.reads(data.decode("utf-8"), as_version=4)  # type: ignore[no-untyped-call]
        from nbconvert import HTMLExporter
    except ImportError as error:
        raise UserError(f"{path}: {error.name} is needed to print a notebook; {NEEDED}") from None
    except Exception:  # nbformat says in many ways that this is no notebook
        raise UserError(f"{path}: this cannot be read as a notebook; open it in Jupyter and save it again") from None
    exporter = HTMLExporter(template_name="basic")  # type: ignore[no-untyped-call]
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(article(cell.source, files_of(path.parent), cell.get("attachments")))
        elif cell.cell_type == "code" and (cell.source.strip() or cell.outputs):
            parts.append(Article(_code(exporter, cell)))
    return joined(parts)


def _code(exporter: Any, cell: Any) -> str:
    """Return a cell's code in colours and its outputs, as nbconvert writes them."""
    from nbformat.v4 import new_notebook

    body, _ = exporter.from_notebook_node(new_notebook(cells=[cell]))  # type: ignore[no-untyped-call]
    count = cell.get("execution_count")
    label = f"code, run as number {count}" if count is not None else "code, not run"
    return f'<section class="cell" aria-label="{escape(label)}">{body}</section>'
