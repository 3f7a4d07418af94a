"""The public texts of a release, taken apart for the leak check: files, cells, strings of metadata, nested archives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from autograder.release.answers import fenced_blocks
from autograder.release.files import Tree
from autograder.release.fingerprints import Haystack, Shape, shapes
from autograder.release.packing import unzip_bytes
from autograder.source.cells import as_python, cell_source, notebook_cells, parse_notebook
from autograder.source.lines import Place
from autograder.source.parsing import parse_or_none

_ARCHIVES = (".whl", ".zip")


@dataclass(frozen=True)
class Page:
    """One text that students can read. ``trusted`` pages hold checks or the engine: they may resemble hidden checks."""

    place: Place
    text: Haystack
    shapes: list[Shape] = field(default_factory=list)
    digest: str = ""
    computed: bool = False
    trusted: bool = False


def read_pages(tree: Tree, *, inside: str = "") -> list[Page]:
    """Return the pages of a folder or archive, those of archives in it included; ``inside`` goes before the names."""
    pages: list[Page] = []
    for name, data in tree.items():
        label = inside + name
        if name.endswith(_ARCHIVES):
            pages += read_pages(unzip_bytes(data), inside=f"{label}: ")
            continue
        trusted = ".whl: " in label or PurePosixPath(name).parts[0] == "checks"
        digest = hashlib.sha256(data).hexdigest()
        pages += (Page(p.place, p.text, p.shapes, digest, p.computed, trusted) for p in _of_file(label, data))
    return pages


def _of_file(label: str, data: bytes) -> Iterator[Page]:
    text = data.decode("utf-8-sig", errors="replace")
    place = Place(label)
    if label.endswith(".ipynb"):
        yield from _of_notebook(label, text)
    elif label.endswith(".py"):
        yield Page(place, Haystack(text), _shapes(text))
    elif label.endswith(".md"):
        yield Page(place, Haystack(text), _fenced_shapes(text))
    else:
        yield Page(place, Haystack("" if b"\0" in data else text))


def _of_notebook(label: str, text: str) -> Iterator[Page]:
    try:
        notebook = parse_notebook(text)
    except ValueError:
        yield Page(Place(label), Haystack(text))
        return
    for number, cell in enumerate(notebook_cells(notebook), 1):
        place = Place(label, number)
        source = cell_source(cell)
        found = _shapes(as_python(source)) if cell.get("cell_type") == "code" else _fenced_shapes(source)
        computed = bool(cell.get("outputs")) or cell.get("execution_count") is not None
        yield Page(place, Haystack(source), found, computed=computed)
        yield Page(place, Haystack("\n".join(_strings({**cell, "source": ""}))))
    yield Page(Place(label), Haystack("\n".join(_strings({**notebook, "cells": []}))))


def _shapes(code: str) -> list[Shape]:
    tree = parse_or_none(code)
    return [] if tree is None else shapes([tree])


def _fenced_shapes(markdown: str) -> list[Shape]:
    found: list[Shape] = []
    for start, block in fenced_blocks(markdown):
        found += _shapes("\n" * (start - 1) + block)
    return found


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield str(key)
            yield from _strings(part)
    elif isinstance(value, list):
        yield "".join(part for part in value if isinstance(part, str))
        for part in value:
            yield from _strings(part)
    elif isinstance(value, str):
        yield value
