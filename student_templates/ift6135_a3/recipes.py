"""What training and the report need beside the models: options, one step, a stopwatch, plots. Nothing to hand in.

matplotlib is imported inside the functions and draws straight to a file, so no display is needed.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Batch = TypeVar("Batch")
Curves = Mapping[str, Sequence[float]]

# ----------------------------------------------------------------------------------------------------------- running


def options_parser(
    description: str | None, full: Mapping[str, Any], small: Mapping[str, Any]
) -> argparse.ArgumentParser:
    """Return the options that all recipes share, and one more for each setting in `full`, of the type of its value.

    `small` replaces some of the settings when `--small` is given.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="train on scikit-learn's digits for a minute or two")
    for name, value in full.items():
        several = isinstance(value, Sequence)
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(value[0] if several else value),
            nargs="+" if several else None,
            default=value,
            metavar="N",
            help=f"default: {value}" + (f"; with --small: {small[name]}" if name in small else ""),
        )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint of an earlier call, if any")
    parser.add_argument("--batches", type=int, metavar="N", help="only so many batches of each epoch, to try things")
    parser.add_argument("--out", type=Path, default=Path("results"), metavar="DIR", help="default: ./results")
    parser.add_argument("--data", default="data", metavar="DIR", help="where the data set is, or is downloaded to")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    return parser


def read_options(
    parser: argparse.ArgumentParser, small: Mapping[str, Any], arguments: Sequence[str] | None = None
) -> argparse.Namespace:
    """Read the command line, or `arguments`; what is given there wins over `small`, and that over the defaults."""
    if parser.parse_args(arguments).small:
        parser.set_defaults(**small)
    return parser.parse_args(arguments)


def read_timesteps(default: int, arguments: Sequence[str] | None = None) -> int:
    """Return what the command line says after ``--timesteps``, `default` if nothing; the other options are not read."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--timesteps", type=int, default=default, metavar="N")
    timesteps: int = parser.parse_known_args(arguments)[0].timesteps
    if timesteps < 2:
        parser.error(f"--timesteps {timesteps}: a chain has two steps or more")
    return timesteps


def prepare(options: argparse.Namespace, name: str) -> tuple[torch.device, Path]:
    """Seed the random numbers; return the device and the folder for results, which is made if need be.

    Small runs have a folder of their own, so that their curves never end up in one plot with those of real ones.
    """
    device = pick_device(options.device)
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(options.seed)
    folder = options.out / ("small" if options.small else "") / name
    folder.mkdir(parents=True, exist_ok=True)
    return device, folder


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of that name; ``auto`` means the GPU if there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise SystemExit(f"--device {name}: torch finds no GPU here; take --device cpu, or auto")
    return torch.device(name)


def hardware(device: torch.device) -> str:
    """Return what the wall clock depends on: the GPU's name, or the CPU with its number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, threads: {torch.get_num_threads()}"


def progress(loader: Iterable[Batch], limit: int | None = None, description: str = "") -> Iterable[Batch]:
    """Go through the batches of a loader, at most `limit` of them, with a progress bar on a terminal."""
    from tqdm.auto import tqdm

    total = len(loader) if hasattr(loader, "__len__") else None
    if limit is not None:
        total = limit if total is None else min(limit, total)
    return tqdm(islice(loader, limit), total=total, desc=description, leave=False, disable=None)


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

    def plot(self, path: Path, title: str = "") -> None:
        """Draw the seconds since the beginning, and those of each epoch, against the epoch."""
        total = torch.tensor(self.seconds, dtype=torch.float64).cumsum(0).tolist()
        panels = {"time since the start (s)": {"training": total}, "time of the epoch (s)": {"training": self.seconds}}
        plot_panels(panels, path, title=title, from_zero=True)


# ---------------------------------------------------------------------------------------------------------- pictures


def to_pixels(images: Tensor) -> Tensor:
    """Turn images ``(..., 3, H, W)`` in [-1, 1] into values in [0, 1]; what lies outside is clipped."""
    return (images.detach().float().cpu() * 0.5 + 0.5).clamp(0.0, 1.0)


def save_grid(images: Tensor, path: Path, columns: int = 8, title: str = "", rows: Sequence[str] = ()) -> None:
    """Save ``(n, 3, H, W)`` in [-1, 1] as one picture, `columns` images to a row; `rows` are the labels at the left."""
    from matplotlib.figure import Figure

    pixels = F.pad(to_pixels(images), [1, 1, 1, 1], value=1.0)  # a white line between neighbours
    count, channels, height, width = pixels.shape
    lines = -(-count // columns)
    canvas = torch.ones(lines * columns, channels, height, width)
    canvas[:count] = pixels
    canvas = canvas.reshape(lines, columns, channels, height, width).permute(0, 3, 1, 4, 2)  # (lines, H, columns, W, 3)
    figure = Figure(figsize=(0.8 * columns + (1.2 if rows else 0.0), 0.8 * lines + 0.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(canvas.reshape(lines * height, columns * width, channels).numpy(), interpolation="nearest")
    axes.set_title(title, fontsize=11)
    axes.set_xticks([])
    axes.set_yticks([(line + 0.5) * height for line in range(len(rows))], labels=rows)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.savefig(path, dpi=150, bbox_inches="tight")


def plot_curves(curves: Curves, path: Path, ylabel: str) -> None:
    """Plot one line per name, one point per epoch, the first epoch being number 1."""
    plot_panels({ylabel: curves}, path)


def plot_panels(
    panels: Mapping[str, Curves],
    path: Path,
    title: str = "",
    xlabel: str = "epoch",
    x: Sequence[float] | None = None,
    from_zero: bool = False,
) -> None:
    """Draw one panel for each label of a y axis, two to a row, with one line per name; x counts from 1 if not given."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    columns, lines = min(len(panels), 2), -(-len(panels) // 2)
    figure = Figure(figsize=(5.0 * columns + 0.5, 3.4 * lines + 0.3), layout="constrained")
    all_axes = figure.subplots(lines, columns, squeeze=False).flatten()
    for axes, (ylabel, curves) in zip(all_axes, panels.items(), strict=False):
        for name, values in curves.items():
            axes.plot(range(1, len(values) + 1) if x is None else x, values, marker=".", label=name)
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes.grid(alpha=0.3)
        if from_zero:
            axes.set_ylim(0.0, 1.1 * max((max(values, default=0.0) for values in curves.values()), default=0.0) or 1.0)
        if len(curves) > 1:
            axes.legend()
    for unused in all_axes[len(panels) :]:
        unused.set_axis_off()
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=150)


def plot_profiles(profiles: Tensor, path: Path) -> None:
    """Draw one bar plot per class from ``(classes, z_dim)``, all with the same scale, so that spikes compare."""
    from matplotlib.figure import Figure

    classes, z_dim = profiles.shape
    figure = Figure(figsize=(10, 1.5 * -(-classes // 2)), layout="constrained")
    all_axes = figure.subplots(-(-classes // 2), 2, sharex=True, sharey=True, squeeze=False).flatten()
    for label, axes in enumerate(all_axes[:classes]):
        axes.bar(range(z_dim), profiles[label].detach().cpu().tolist())
        axes.set_title(f"class {label}", fontsize=10)
        axes.axhline(0.0, color="black", linewidth=0.5)
        axes.grid(axis="y", alpha=0.3)
    figure.supxlabel("latent variable (index)")
    figure.supylabel("average over the class")
    figure.savefig(path, dpi=150)


def save_history(history: Curves, path: Path) -> None:
    """Keep curves as JSON, so that several runs can be drawn into one plot afterwards."""
    path.write_text(json.dumps({name: list(values) for name, values in history.items()}, indent=1), encoding="utf-8")


def compare_histories(runs: Mapping[str, Path], ylabels: Mapping[str, str], picture: Path, title: str = "") -> None:
    """Draw saved histories into one picture: a line for each name in `runs`, a panel for each curve in `ylabels`."""
    saved = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in runs.items()}
    panels = {ylabel: {name: history[key] for name, history in saved.items()} for key, ylabel in ylabels.items()}
    plot_panels(panels, picture, title=title)
