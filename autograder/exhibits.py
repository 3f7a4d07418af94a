"""Plot data that a check shows next to its verdict: curves, bars, image grids, as plain numbers, and notes.

The trusted side makes them from numbers that it has measured or checked; no picture file comes out of a worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Bars", "Curves", "Exhibit", "ExhibitKind", "Images", "Note", "Series"]

MAX_SERIES = 8
MAX_VALUES = 5_000
MAX_BARS = 40
MAX_ROWS = 16
MAX_PIXELS = 600_000
"""Pixels of one grid: 8 rows of 16 images of 64 x 64 and some."""


class ExhibitKind(StrEnum):
    """How an exhibit is drawn."""

    CURVE = "curve"
    IMAGES = "images"
    BARS = "bars"
    NOTE = "note"


class _Record(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="strings"
    )


class Series(_Record):
    """Numbers in order under a name; those that are not finite leave a gap in the line."""

    name: str
    values: Annotated[tuple[float, ...], Field(max_length=MAX_VALUES)]


class Curves(_Record):
    """Lines over a common axis: ``start``, ``start + step``, ...; ``x`` and ``y`` say what the axes are."""

    series: Annotated[tuple[Series, ...], Field(min_length=1, max_length=MAX_SERIES)]
    x: str = ""
    y: str = ""
    start: float = 0.0
    step: Annotated[float, Field(gt=0)] = 1.0
    threshold: float | None = None
    """What the check asks for: drawn as a line across."""


class Bars(_Record):
    """Numbers side by side, each under its name."""

    names: Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_BARS)]
    values: tuple[float, ...]
    y: str = ""
    threshold: float | None = None

    @model_validator(mode="after")
    def _one_name_each(self) -> Self:
        if len(self.names) != len(self.values):
            raise ValueError(f"{len(self.names)} names for {len(self.values)} bars")
        return self


class _Uint8Images(Protocol):
    """What is needed of a NumPy array ``(images, height, width, 3)`` of uint8."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> object: ...
    def tobytes(self) -> bytes: ...


class Images(_Record):
    """Named rows of small colour images: ``pixels`` is (rows, columns, height, width, 3) in uint8, row by row."""

    rows: Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_ROWS)]
    columns: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]
    pixels: bytes

    @classmethod
    def of(cls, rows: Mapping[str, _Uint8Images]) -> Images:
        """Return a grid of rows, each an array ``(columns, height, width, 3)`` of uint8; raises `ValueError`."""
        shapes = {(tuple(images.shape), str(images.dtype)) for images in rows.values()}
        if len(shapes) != 1:
            raise ValueError(f"rows of one shape are needed, not {sorted(shapes)}")
        shape, dtype = shapes.pop()
        if len(shape) != 4 or shape[3] != 3 or dtype != "uint8":
            raise ValueError(f"rows are (columns, height, width, 3) in uint8, not {shape} in {dtype}")
        pixels = b"".join(images.tobytes() for images in rows.values())
        return cls(rows=tuple(rows), columns=shape[0], height=shape[1], width=shape[2], pixels=pixels)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        count = len(self.rows) * self.columns * self.height * self.width
        if count > MAX_PIXELS:
            raise ValueError(f"{count:,} pixels, at most {MAX_PIXELS:,} can be shown; show fewer images")
        if len(self.pixels) != 3 * count:
            raise ValueError(f"{len(self.pixels):,} bytes for {count:,} pixels of 3")
        return self


class Note(_Record):
    """A sentence about code that costs no points: what it does, and what follows."""

    text: str


class Exhibit(_Record):
    """One picture or note of a check: students see those of public checks, whatever the outcome; staff see all."""

    title: str
    data: Curves | Images | Bars | Note

    @property
    def kind(self) -> ExhibitKind:
        """How it is drawn."""
        kinds = {Curves: ExhibitKind.CURVE, Images: ExhibitKind.IMAGES, Bars: ExhibitKind.BARS, Note: ExhibitKind.NOTE}
        return kinds[type(self.data)]
