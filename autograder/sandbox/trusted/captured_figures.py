"""Figures of a submission as values on the trusted side: the grader's half of `drawn`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from autograder.sandbox.trusted.faults import SubmissionFault
from autograder.sandbox.trusted.remote import Remote, is_remote, state

MAX_TEXT = 200


@dataclass(frozen=True)
class Panel:
    """One pair of axes. Numbers are float64, and nothing says that they are finite."""

    title: str
    x_label: str
    y_label: str
    images: tuple[torch.Tensor, ...]
    """As they are seen, whatever the axes' directions: (height, width) or (height, width, channels), top row first.

    What ``imshow`` and ``pcolormesh`` have drawn, from the top left corner of the panel to the bottom right one.
    """
    points: tuple[torch.Tensor, ...]
    """(n, 2) for each scatter."""
    colors: tuple[torch.Tensor, ...]
    """For each scatter the numbers that its colours stand for, (n,), or the colours, (n or 1, 4)."""
    lines: tuple[torch.Tensor, ...]
    """(n, 2) for each line, those without a stroke (plotted points) included."""
    legend: tuple[str, ...]
    place: tuple[float, float]
    """Left and upper edge as parts of the figure's width and height, from its upper left corner."""


@dataclass(frozen=True)
class Figure:
    """A figure with its axes in the order in which they were made; ``picture`` is (height, width, 3) in [0, 1]."""

    title: str
    panels: tuple[Panel, ...]
    picture: torch.Tensor | None


def drawn(module: Remote, result: Any = None, *, picture: bool = False) -> tuple[Figure, ...]:
    """Return what was drawn with matplotlib in the worker of ``module``.

    Those figures that ``result`` belongs to, if it is a remote of a figure, of axes or of a collection of axes; else
    all figures that are open since the example began. Rendering the ``picture`` takes a second where there are many
    axes. Raises `SubmissionFault` where nothing was drawn or where it cannot be read.
    """
    session = state(module)[0]
    described = session.drawn(result if is_remote(result) else None, picture)
    if not isinstance(described, list) or not described:
        raise SubmissionFault("nothing was drawn: no matplotlib figure is open when the function returns")
    try:
        return tuple(_figure(figure) for figure in described)
    except (KeyError, TypeError) as error:
        raise SubmissionFault("what was drawn cannot be read") from error


def _figure(plain: Mapping[str, Any]) -> Figure:
    picture = plain["picture"]
    if picture is not None and not (_is_numbers(picture) and picture.ndim == 3 and picture.shape[2] == 3):
        raise TypeError("a picture is (height, width, 3)")
    return Figure(_text(plain["title"]), tuple(_panel(panel) for panel in plain["panels"]), picture)


def _panel(plain: Mapping[str, Any]) -> Panel:
    return Panel(
        title=_text(plain["title"]),
        x_label=_text(plain["x_label"]),
        y_label=_text(plain["y_label"]),
        images=_tensors(plain["images"], (2, 3)),
        points=_tensors(plain["points"], (2,)),
        colors=_tensors(plain["colors"], (1, 2)),
        lines=_tensors(plain["lines"], (2,)),
        legend=tuple(_text(text) for text in plain["legend"]),
        place=_pair(plain["place"]),
    )


def _pair(values: Any) -> tuple[float, float]:
    if not isinstance(values, list) or [type(value) for value in values] != [float, float]:
        raise TypeError("not a pair of numbers")
    return values[0], values[1]


def _tensors(values: Sequence[Any], dimensions: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
    if not isinstance(values, list) or not all(_is_numbers(v) and v.ndim in dimensions for v in values):
        raise TypeError("not a list of tensors")
    return tuple(value.detach() for value in values)


def _is_numbers(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype == torch.float64


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value[:MAX_TEXT]
