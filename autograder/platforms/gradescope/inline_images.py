"""Images in a test's output: PNG in data URIs, made here from numbers, only where they fit; the text stays."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autograder.exhibits import Exhibit, Images
from autograder.reports.pictures import image_rows

HTML_LIMIT = 90_000
"""Longest output of the format html: a longer one loses its middle on the platform, and with it its closing tags."""


@dataclass
class Room:
    """Characters that are left for the pictures of one grading."""

    left: int


def with_images(text: str, exhibits: Sequence[Exhibit], room: Room) -> str:
    """Return ``text``, escaped, and below it the images as HTML; "" where there are none or they do not fit.

    Each grid is there as a whole or not at all; the text names all of them.
    """
    page = f'<pre style="white-space: pre-wrap">{html.escape(text)}</pre>'
    shown = False
    for exhibit in exhibits:
        figure = "".join(_figure(exhibit))
        if figure and _length(page + figure) < HTML_LIMIT and len(figure) <= room.left:
            page += figure
            room.left -= len(figure)
            shown = True
    return page if shown else ""


def _figure(exhibit: Exhibit) -> Iterator[str]:
    if not isinstance(exhibit.data, Images):
        return
    for row in image_rows(exhibit.data):
        size = f'width="{row.width}" height="{row.height}"'
        yield f'<p>{html.escape(row.name)}</p><img src="{row.source}" alt="{html.escape(row.words)}" {size}>'


def _length(text: str) -> int:
    """Return the length in units of UTF-16, the larger way to count that a platform may have."""
    return len(text.encode("utf-16-le")) // 2
