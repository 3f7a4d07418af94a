"""Pictures and notes for reports: a check shows what it measured, the runner keeps it with the verdict.

Students see what public checks show, staff see all: a picture of what a hidden check sends or gets back could tell a
submission's author what was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import torch

from autograder.exhibits import MAX_VALUES, Bars, Curves, Exhibit, Images, Note, Series
from autograder.sandbox.trusted.faults import SubmissionFault, WorkerLost

MAX_SHOWN = 8
"""Exhibits of one run of a check; further ones are left out."""

_SHOWN: ContextVar[list[Exhibit] | None] = ContextVar("shown", default=None)


@contextmanager
def collecting_exhibits(shown: list[Exhibit]) -> Iterator[None]:
    """Put what is shown inside the block into a list, which is emptied first."""
    shown.clear()
    token = _SHOWN.set(shown)
    try:
        yield
    finally:
        _SHOWN.reset(token)


@contextmanager
def only_for_show() -> Iterator[None]:
    """Let what a submission does wrong in the block cost a picture and no more.

    For calls that decide nothing in a check; the last ones that it makes, since the worker may be gone afterwards.
    """
    try:
        yield
    except (SubmissionFault, WorkerLost):
        return


def show_curves(
    title: str, curves: Mapping[str, Sequence[float]], *, x: str = "", y: str = "", threshold: float | None = None
) -> None:
    """Show lines, each under its name; of long ones every second number, every third, ..., until they fit."""
    step = max(1, -(-max(map(len, curves.values()), default=0) // MAX_VALUES))
    series = tuple(Series(name=name, values=tuple(map(float, values[::step]))) for name, values in curves.items())
    _show(Exhibit(title=title, data=Curves(series=series, x=x, y=y, step=step, threshold=threshold)))


def show_bars(title: str, bars: Mapping[str, float], *, y: str = "", threshold: float | None = None) -> None:
    """Show numbers side by side."""
    values = tuple(map(float, bars.values()))
    _show(Exhibit(title=title, data=Bars(names=tuple(bars), values=values, y=y, threshold=threshold)))


def show_images(title: str, rows: Mapping[str, torch.Tensor]) -> None:
    """Show rows of images ``(n, channels, height, width)`` in [-1, 1], grey or RGB; what is outside is clipped."""
    _show(Exhibit(title=title, data=Images.of({name: _pixels(images).numpy() for name, images in rows.items()})))


def show_note(title: str, text: str) -> None:
    """Show a sentence about something that costs no points; nothing that a submission controls may be in it."""
    _show(Exhibit(title=title, data=Note(text=text)))


def _pixels(images: torch.Tensor) -> torch.Tensor:
    """(n, height, width, 3) in uint8."""
    colour = images.detach().float().nan_to_num().expand(-1, 3, -1, -1)
    return ((colour.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _show(exhibit: Exhibit) -> None:
    shown = _SHOWN.get()
    if shown is not None and len(shown) < MAX_SHOWN:
        shown.append(exhibit)
