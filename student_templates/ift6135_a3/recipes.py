"""What training and the report need beside the models: one step, a stopwatch, plots. You hand in nothing of this file.

matplotlib is imported inside the functions and draws straight to a file, so no display is needed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of that name; ``auto`` means the GPU if there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def gradient_step(loss: Tensor, optimizer: torch.optim.Optimizer) -> float:
    """Take one optimiser step on a scalar loss and return its value."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


class WallClock:
    """Seconds of training: call `start` before an epoch and `stop` after it; what lies between counts, no more.

    So drawing samples between two epochs does not disturb the measurement. On a GPU the clock waits for queued work.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._started: float | None = None

    def start(self) -> None:
        """Start the clock of one epoch."""
        self._started = self._now()

    def stop(self) -> float:
        """Stop it and return the seconds of this epoch; raise RuntimeError if it was not started."""
        if self._started is None:
            raise RuntimeError("WallClock.stop() was called before start()")
        self.seconds.append(self._now() - self._started)
        self._started = None
        return self.seconds[-1]

    @staticmethod
    def _now() -> float:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()

    def plot(self, path: Path) -> None:
        """Draw the seconds since the beginning against the epoch."""
        total = torch.tensor(self.seconds, dtype=torch.float64).cumsum(0).tolist()
        plot_curves({"training": total}, path, ylabel="wall-clock time since the start (s)")


def to_pixels(images: Tensor) -> Tensor:
    """Turn images ``(..., 3, H, W)`` in [-1, 1] into values in [0, 1]; what lies outside is clipped."""
    return (images.detach().float().cpu() * 0.5 + 0.5).clamp(0.0, 1.0)


def save_grid(images: Tensor, path: Path, columns: int = 8, title: str = "") -> None:
    """Save ``(n, 3, H, W)`` in [-1, 1] as one picture, `columns` images to a row, the title above."""
    from matplotlib.figure import Figure

    pixels = to_pixels(images)
    count, channels, height, width = pixels.shape
    rows = -(-count // columns)
    canvas = torch.ones(rows * columns, channels, height, width)
    canvas[:count] = pixels
    canvas = canvas.reshape(rows, columns, channels, height, width).permute(0, 3, 1, 4, 2)  # (rows, H, columns, W, 3)
    figure = Figure(figsize=(columns, rows + 0.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(canvas.reshape(rows * height, columns * width, channels).numpy())
    axes.set_title(title)
    axes.set_axis_off()
    figure.savefig(path, dpi=120)


def plot_curves(curves: Mapping[str, Sequence[float]], path: Path, ylabel: str) -> None:
    """Plot one line per name, one point per epoch, the first epoch being number 1."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, values in curves.items():
        axes.plot(range(1, len(values) + 1), values, marker=".", label=name)
    axes.set_xlabel("epoch")
    axes.set_ylabel(ylabel)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


def plot_profiles(profiles: Tensor, path: Path) -> None:
    """Draw one bar plot per class from ``(classes, z_dim)``, all with the same scale, so that spikes compare."""
    from matplotlib.figure import Figure

    classes, z_dim = profiles.shape
    figure = Figure(figsize=(12, 1.6 * -(-classes // 2)), layout="constrained")
    all_axes = figure.subplots(-(-classes // 2), 2, sharex=True, sharey=True, squeeze=False).flatten()
    for label, axes in enumerate(all_axes[:classes]):
        axes.bar(range(z_dim), profiles[label].detach().cpu().tolist())
        axes.set_title(f"class {label}", fontsize=9)
        axes.axhline(0.0, color="black", linewidth=0.5)
    figure.supxlabel("latent variable")
    figure.supylabel("average over the class")
    figure.savefig(path, dpi=120)


def save_history(history: Mapping[str, Sequence[float]], path: Path) -> None:
    """Keep curves as JSON, so that several runs can be drawn into one plot afterwards."""
    path.write_text(json.dumps({name: list(values) for name, values in history.items()}, indent=1), encoding="utf-8")


def compare_histories(paths: Sequence[Path], key: str, picture: Path, ylabel: str) -> None:
    """Draw the curve `key` of several saved histories into one plot; each is named after its file."""
    curves = {path.stem: json.loads(path.read_text(encoding="utf-8"))[key] for path in paths}
    plot_curves(curves, picture, ylabel)
