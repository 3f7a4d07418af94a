"""Exhibits made fit for a page: curves and bars as geometry for SVG, images as PNG in data URIs, both as words."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass

from autograder.exhibits import Bars, Curves, Exhibit, Images, Note, Series
from autograder.reports.safe_text import one_line, plural

WIDTH, HEIGHT = 640.0, 270.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 626.0, 46.0, 218.0
TONES = 4
"""Colours that a page has for lines; from the fifth line on they come again, dashed."""
DRAWN = 300
"""Stretches into which a long series is cut: of each, the least and the greatest value are drawn, so peaks stay."""
ROW_WIDTH = 720
"""Pixels of a row of images on the page: small images are drawn larger, by a whole factor."""
GAP = 2
NAME_LIMIT = 40
NOTE_LIMIT = 600
CHARACTER = 7
"""Width of a letter in a drawing, about."""
_BLOCKS = "▁▂▃▄▅▆▇█"
SPARKS = 40

Point = tuple[float, float]


@dataclass(frozen=True)
class Tick:
    """A place on an axis, in the drawing's coordinates."""

    at: float
    text: str


@dataclass(frozen=True)
class Line:
    """One series: a new run starts after a value that is not finite."""

    name: str
    runs: tuple[tuple[Point, ...], ...]
    tone: int
    dashed: bool
    legend_x: float
    legend_y: float


@dataclass(frozen=True)
class Column:
    """One bar."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Drawing:
    """A chart in coordinates of an SVG of ``width`` x ``height``."""

    words: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_label: str
    y_label: str
    lines: tuple[Line, ...] = ()
    columns: tuple[Column, ...] = ()
    threshold: float | None = None
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = RIGHT
    bottom: float = BOTTOM


@dataclass(frozen=True)
class ImageRow:
    """One row of images side by side as one PNG; ``width`` and ``height`` are those on the page."""

    name: str
    words: str
    source: str
    width: int
    height: int


@dataclass(frozen=True)
class _Scale:
    """A linear map of [low, high] to [start, end]."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, count: int = 5) -> tuple[Tick, ...]:
        """Return round numbers within: multiples of 1, 2 or 5 times a power of ten."""
        step = _round_step((self.high - self.low) / count)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return tuple(Tick(self(k * step), f"{k * step:.4g}") for k in range(first, last + 1))


def draw(exhibit: Exhibit) -> Drawing | None:
    """Return curves or bars as a drawing; None for images and where no number is finite."""
    if isinstance(exhibit.data, Curves):
        return _curves(exhibit, exhibit.data)
    return _bars(exhibit, exhibit.data) if isinstance(exhibit.data, Bars) else None


def _curves(exhibit: Exhibit, data: Curves) -> Drawing | None:
    finite = [value for series in data.series for value in series.values if math.isfinite(value)]
    if not finite:
        return None
    y = _scale_of([*finite, *_asked(data.threshold)], BOTTOM, TOP)
    last = max(len(series.values) for series in data.series) - 1
    x = _Scale(data.start, data.start + max(last, 1) * data.step, LEFT, RIGHT)
    lines = []
    room = (RIGHT - LEFT) / min(len(data.series), TONES)
    for number, series in enumerate(data.series):
        runs = tuple(_runs(series, data, x, y))
        place = LEFT + (number % TONES) * room, 28.0 + 13 * (number // TONES)
        name = one_line(series.name, int((room - 40) / CHARACTER))
        lines.append(Line(name, runs, number % TONES + 1, number >= TONES, *place))
    return Drawing(
        words=words(exhibit),
        x_ticks=x.ticks(8),
        y_ticks=y.ticks(),
        x_label=one_line(data.x, NAME_LIMIT),
        y_label=one_line(data.y, NAME_LIMIT),
        lines=tuple(lines),
        threshold=next((y(value) for value in _asked(data.threshold)), None),
    )


def _runs(series: Series, data: Curves, x: _Scale, y: _Scale) -> Iterator[tuple[Point, ...]]:
    run: list[Point] = []
    for index, value in _thinned(series.values):
        if math.isfinite(value):
            run.append((x(data.start + index * data.step), y(value)))
        elif run:
            yield tuple(run)
            run = []
    if run:
        yield tuple(run)


def _thinned(values: tuple[float, ...]) -> Iterator[tuple[int, float]]:
    """Give the values with their places; of many, the extremes of each stretch in their order."""
    if len(values) <= 2 * DRAWN:
        yield from enumerate(values)
        return
    size = math.ceil(len(values) / DRAWN)
    for begin in range(0, len(values), size):
        stretch = [(begin + k, value) for k, value in enumerate(values[begin : begin + size])]
        finite = [pair for pair in stretch if math.isfinite(pair[1])] or stretch[:1]
        extremes = {min(finite, key=lambda pair: pair[1]), max(finite, key=lambda pair: pair[1])}
        yield from sorted(extremes)


def _bars(exhibit: Exhibit, data: Bars) -> Drawing | None:
    finite = [value for value in data.values if math.isfinite(value)]
    if not finite:
        return None
    y = _scale_of([0.0, *finite, *_asked(data.threshold)], BOTTOM, TOP)
    room = (RIGHT - LEFT) / len(data.values)
    columns, ticks = [], []
    for number, (name, value) in enumerate(zip(data.names, data.values, strict=True)):
        top, foot = sorted((y(value if math.isfinite(value) else 0.0), y(0.0)))
        columns.append(Column(round(LEFT + (number + 0.15) * room, 1), top, round(0.7 * room, 1), round(foot - top, 1)))
        ticks.append(Tick(round(LEFT + (number + 0.5) * room, 1), one_line(name, max(2, int(room / CHARACTER)))))
    return Drawing(
        words=words(exhibit),
        x_ticks=tuple(ticks),
        y_ticks=y.ticks(),
        x_label="",
        y_label=one_line(data.y, NAME_LIMIT),
        columns=tuple(columns),
        threshold=next((y(value) for value in _asked(data.threshold)), None),
    )


def _asked(threshold: float | None) -> list[float]:
    return [threshold] if threshold is not None and math.isfinite(threshold) else []


def _scale_of(values: list[float], start: float, end: float) -> _Scale:
    """Return a scale for all values, which lie far from where a difference or a quotient overflows."""
    bounded = [min(max(value, -1e100), 1e100) for value in values]
    low, high = min(bounded), max(bounded)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-100):
        margin = abs(low) * 0.1 or 1.0
        low, high = low - margin, high + margin
    return _Scale(low, high, start, end)


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next((m * power for m in (1.0, 2.0, 5.0) if m * power >= step * 0.999), 10.0 * power)


def image_rows(images: Images) -> tuple[ImageRow, ...]:
    """Return each row as one PNG in a data URI, made here from the numbers."""
    size = len(images.pixels) // len(images.rows)
    factor = max(1, min(4, ROW_WIDTH // (images.columns * (images.width + GAP))))
    rows = []
    for number, name in enumerate(images.rows):
        png, width = _png(images, images.pixels[number * size : (number + 1) * size])
        source = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
        shown = f"{one_line(name, NAME_LIMIT)}: {plural(images.columns, 'image')} of {images.height} x {images.width}"
        rows.append(ImageRow(one_line(name, NAME_LIMIT), shown, source, factor * width, factor * images.height))
    return tuple(rows)


def _png(images: Images, row: bytes) -> tuple[bytes, int]:
    """Return a row of images, with gaps between them, as a PNG, and its width."""
    from PIL import Image

    step = images.width + GAP
    sheet = Image.new("RGBA", (images.columns * step - GAP, images.height))
    size = 3 * images.height * images.width
    for column in range(images.columns):
        pixels = row[column * size : (column + 1) * size]
        sheet.paste(Image.frombytes("RGB", (images.width, images.height), pixels), (column * step, 0))
    stream = io.BytesIO()
    sheet.save(stream, format="PNG", optimize=True)
    return stream.getvalue(), sheet.width


def words(exhibit: Exhibit) -> str:
    """Return what an exhibit shows, for those who cannot see it."""
    data = exhibit.data
    title = one_line(exhibit.title, 120)
    if isinstance(data, Note):
        return f"{title}: {one_line(data.text, NOTE_LIMIT)}"
    if isinstance(data, Images):
        rows = ", ".join(one_line(name, NAME_LIMIT) for name in data.rows)
        return f"{title}: {plural(data.columns, 'image')} in each row; rows: {rows}"
    if isinstance(data, Bars):
        told = [f"{one_line(n, NAME_LIMIT)} {v:.4g}" for n, v in zip(data.names, data.values, strict=True)]
    else:
        told = [_series_words(series) for series in data.series]
    asked = [f"asked for {value:.4g}" for value in _asked(data.threshold)]
    return f"{title}: {'; '.join([*told, *asked])}"


def _series_words(series: Series) -> str:
    name = one_line(series.name, NAME_LIMIT)
    finite = [value for value in series.values if math.isfinite(value)]
    if not finite:
        return f"{name} has no finite value"
    ends = f"{name} {series.values[0]:.4g} → {series.values[-1]:.4g}, least {min(finite):.4g}"
    return f"{ends} {_sparks(series.values)}" if len(series.values) > 1 else f"{name} {finite[0]:.4g}"


def _sparks(values: tuple[float, ...]) -> str:
    """Return a line of blocks of growing height: means of up to `SPARKS` stretches; a gap where none is finite."""
    size = math.ceil(len(values) / SPARKS)
    means: list[float | None] = []
    for begin in range(0, len(values), size):
        finite = [value for value in values[begin : begin + size] if math.isfinite(value)]
        means.append(sum(value / len(finite) for value in finite) if finite else None)
    known = [mean for mean in means if mean is not None]
    scale = _scale_of(known, 0.0, len(_BLOCKS) - 1.0)
    return "".join(" " if mean is None else _BLOCKS[_block(scale, mean)] for mean in means)


def _block(scale: _Scale, mean: float) -> int:
    return min(max(round(scale(mean)), 0), len(_BLOCKS) - 1)
