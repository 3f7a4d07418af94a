"""Figures of matplotlib, read off as plain numbers: the worker's half of `drawn`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

Box = tuple[float, float, float, float]
"""Where the first and the last column and the first and the last row of an image end, in the axes' own units."""

MAX_FIGURES = 20
MAX_PANELS = 400
MAX_PIXELS = 2**20
"""Of one rendered picture."""


def remember_closed(closed: list[Any]) -> None:
    """Add to ``closed`` every figure that is closed from now on; a function may save a figure and close it."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    close = getattr(pyplot, "close", None)
    if pyplot is None or close is None or getattr(close, "remembering", None) is closed:
        return
    if hasattr(close, "remembering"):  # for an earlier session in this process
        close = close.__wrapped__

    @functools.wraps(close)
    def remembering(figure: Any = None) -> None:
        before = _open_figures()
        close(figure)
        closed.extend(one for one in before if one not in _open_figures())

    remembering.remembering = closed  # type: ignore[attr-defined]
    pyplot.close = remembering  # type: ignore[attr-defined]


def close_all() -> None:
    """Forget the figures of earlier examples, where anything was drawn at all."""
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None and hasattr(pyplot, "close"):
        pyplot.close("all")


def describe(result: Any, closed: list[Any], *, picture: bool) -> list[dict[str, Any]]:
    """Return figures as plain values: those of an object; where it has none, those open; else those ``closed``."""
    figures = list(dict.fromkeys(_figures_of(result))) or _open_figures() or closed
    return [_figure(figure, picture) for figure in figures[:MAX_FIGURES]]


def _open_figures() -> list[Any]:
    """Return the figures that pyplot knows; which of them is the current one stays as it is."""
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    managers = {} if helpers is None else helpers.Gcf.figs
    return [managers[number].canvas.figure for number in sorted(managers)]


def _figures_of(value: Any) -> Iterator[Any]:
    """Yield the figures of a figure, of axes or other artists, and of sequences, arrays and dictionaries of them."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = value.ravel().tolist()
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _figures_of(part)
        return
    figure = value if type(value).__name__ == "Figure" else getattr(value, "figure", None)
    if hasattr(figure, "axes") and hasattr(figure, "canvas"):
        yield figure


def _figure(figure: Any, picture: bool) -> dict[str, Any]:
    panels = [_panel(axes) for axes in figure.axes[:MAX_PANELS]]
    title = getattr(getattr(figure, "_suptitle", None), "get_text", str)()
    return {"title": title, "panels": panels, "picture": _rendered(figure) if picture else None}


def _panel(axes: Any) -> dict[str, Any]:
    from matplotlib.collections import PathCollection

    scatters = [one for one in axes.collections if isinstance(one, PathCollection)]
    legend = axes.get_legend()
    return {
        "title": axes.get_title(),
        "x_label": axes.get_xlabel(),
        "y_label": axes.get_ylabel(),
        "images": _images(axes),
        "place": _place(axes),
        "points": [_tensor(scatter.get_offsets()) for scatter in scatters],
        "colors": [_colors(scatter) for scatter in scatters],
        "lines": [_tensor(np.stack(line.get_data(orig=False), axis=-1)) for line in axes.lines],
        "legend": [text.get_text() for text in legend.get_texts()] if legend is not None else [],
    }


def _place(axes: Any) -> list[float]:
    box = axes.get_position(original=True)
    return [float(box.x0), float(1.0 - box.y1)]


def _images(axes: Any) -> list[torch.Tensor]:
    """Return images as they are seen, those of one pair of axes from the top left corner to the bottom right one."""
    from matplotlib.collections import QuadMesh
    from matplotlib.image import AxesImage

    boxed = [(image.get_array(), _box(image)) for image in axes.images if isinstance(image, AxesImage)]
    boxed += [(_cells(mesh), _box_of_mesh(mesh)) for mesh in axes.collections if isinstance(mesh, QuadMesh)]
    seen = [_as_seen(axes, values, box) for values, box in boxed]
    return [values for _, values in sorted(seen, key=lambda pair: pair[0])]


def _box(image: Any) -> Box:
    left, right, bottom, top = image.get_extent()
    return (left, right, top, bottom) if image.origin == "upper" else (left, right, bottom, top)


def _box_of_mesh(mesh: Any) -> Box:
    corners = mesh.get_coordinates()
    return corners[0, 0, 0], corners[0, -1, 0], corners[0, 0, 1], corners[-1, 0, 1]


def _cells(mesh: Any) -> Any:
    rows, columns = (size - 1 for size in mesh.get_coordinates().shape[:2])
    values = mesh.get_array()
    return values.reshape(rows, columns, *values.shape[2:]) if values.ndim != 2 else values


def _as_seen(axes: Any, values: Any, box: Box) -> tuple[tuple[float, float], torch.Tensor]:
    """Return an image with its top row first and its left column first, and where its upper left corner is: (y, x)."""
    first_column, last_column, first_row, last_row = box
    (x0, y0), (x1, y1) = axes.transData.transform([(first_column, first_row), (last_column, last_row)])  # y goes up
    pixels = _tensor(values)
    pixels = pixels.flip(0) if y0 < y1 else pixels
    pixels = pixels.flip(1) if x0 > x1 else pixels
    return (round(-float(max(y0, y1)), 3), round(float(min(x0, x1)), 3)), pixels


def _colors(scatter: Any) -> torch.Tensor:
    """The numbers that colours stand for, one for each point, or else the colours themselves."""
    values = scatter.get_array()
    return _tensor(scatter.get_facecolors() if values is None else values)


def _tensor(values: Any) -> torch.Tensor:
    filled = np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan)
    return torch.from_numpy(np.ascontiguousarray(filled))


def _rendered(figure: Any) -> torch.Tensor:
    """(height, width, 3) in [0, 1]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    width, height = figure.get_size_inches()
    figure.set_dpi(min(figure.get_dpi(), 100, (MAX_PIXELS / max(width * height, 1e-3)) ** 0.5))
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return torch.from_numpy(np.asarray(canvas.buffer_rgba())[..., :3].copy()).double() / 255
