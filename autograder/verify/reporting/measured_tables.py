"""Automatic mutants, calibration, power and margins for people: tables for the terminal, and one plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.verify.matrix import Margin
from autograder.verify.measurement.calibration import ALPHA, CalibrationReport, Series
from autograder.verify.measurement.power import CONFIDENCE, Detection, PowerReport
from autograder.verify.mutation.automatic import AutomaticReport, Fate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 4
"""Panels side by side in the plot."""


def show_automatic(report: AutomaticReport, console: Console) -> None:
    """Print the kill rate of every item, and the diff of every survivor; ``strict`` leaves out what only raised."""
    names = ("mutants", "killed", "raised", "equal", "survived", "rate", "strict")
    table = _table(report.slug, *names)
    for item in (*report.items, None):
        counts = {fate: len(report.of(fate, item)) for fate in Fate}
        killed = counts[Fate.KILLED] + counts[Fate.REFUTED]
        numbers = (sum(counts.values()), killed, counts[Fate.RAISED], counts[Fate.EQUIVALENT], counts[Fate.SURVIVED])
        rates = (f"{report.kill_rate(item):.1%}", f"{report.kill_rate(item, strict=True):.1%}")
        table.add_row(item or "all", *map(str, numbers), *rates)
    console.print(table)
    for graded in report.of(Fate.SURVIVED):
        console.print(Text(f"survived: {graded.mutant.id}\n{graded.mutant.diff}"), soft_wrap=True)


def show_calibration(report: CalibrationReport, console: Console) -> None:
    """Print one line for each statistical check: its worst series, and whether that is too bad."""
    console.print(
        f"{report.slug}: {report.runs} checks run on correct solutions, {len(report.false_alarms)} failed;"
        f" statistical checks over {report.seeds} seeds, everything over {report.others}:"
        f" {', '.join(report.solutions)}"
    )
    table = _table("check", "p-values", "exact", "bounds", "worst fit", "calibrated")
    for check in report.checks:
        series = [one for one in report.series if one.check == check]
        exact = sum(one.exact for one in series)
        worst = min(one.fit for one in series)
        verdict = "yes" if worst > report.level else "NO"
        count = str(sum(len(one.p_values) for one in series))
        table.add_row(Text(_name(check)), count, str(exact), str(len(series) - exact), f"{worst:.1e}", verdict)
    console.print(table)
    console.print(f"a fit of {report.level:.1e} or less is too bad: {ALPHA:g}, split over {len(report.series)} series")


def show_power(report: PowerReport, console: Console) -> None:
    """Print how often each statistical mutant was caught, and by what margin at least."""
    table = _table("mutant", "item", "caught", f"shown ({CONFIDENCE:.0%})", "least evidence", "always caught by")
    table.columns[1].justify = table.columns[-1].justify = "left"
    for one in report.detections:
        killers = ", ".join(map(_name, one.killers)) or "no one check"
        counts = (f"{one.caught}/{one.seeds}", f"{one.shown:.4f}", _evidence(one))
        table.add_row(Text(one.mutant), one.item, *counts, Text(killers))
    console.print(table)
    console.print(
        f"by design a check sees the effect that it states with probability {report.designed:.6f} at least; evidence is"
        " in orders of magnitude beyond the level of the test (-: caught by something else than a p-value)"
    )


def show_margins(slug: str, margins: Sequence[Margin], console: Console) -> None:
    """Print how far right networks are off every threshold: at least, on average, in standard deviations."""
    table = _table(slug, "network", "runs", "mean", "threshold", "least", "lead", "deviations")
    for one in margins:
        numbers = (f"{one.value:.4g}", f"{one.threshold:.4g}", f"{one.least:+.1%}", f"{one.mean:+.1%}")
        name = Text(f"{one.criterion}: {_name(one.check)}")
        table.add_row(name, one.network, str(one.runs), *numbers, f"{one.deviations:.1f}")
    console.print(table)
    console.print(
        "lead: how far the mean is on the good side of its threshold, in parts of it; least: the lead of the worst"
        " training; deviations: the lead in standard deviations of all leads"
    )


def plot_calibration(report: CalibrationReport, path: Path) -> None:
    """Save one panel for each statistical check: the distribution of its p-values against the diagonal.

    Exact p-values must follow the diagonal, bounds may be below it. The grey band holds all points of one exact series
    with probability 1 - level (Massart 1990).
    """
    from matplotlib.figure import Figure

    rows = max(1, -(-len(report.checks) // COLUMNS))
    figure = Figure(figsize=(3.2 * COLUMNS, 3.2 * rows), layout="constrained")
    axes = figure.subplots(rows, COLUMNS, squeeze=False, sharex=True, sharey=True).flatten()
    for ax in axes[len(report.checks) :]:
        ax.set_axis_off()
    for ax, check in zip(axes, report.checks, strict=False):
        _panel(ax, check, [one for one in report.series if one.check == check], report.level)
    figure.supxlabel("p")
    figure.supylabel("part of the p-values that are at most p")
    figure.suptitle(f"{report.slug}: p-values of the reference over {report.seeds} seeds")
    figure.savefig(path, dpi=100, metadata={"Software": None})


def _panel(ax: Axes, check: str, series: list[Series], level: float) -> None:
    count = max(len(one.p_values) for one in series)
    margin = math.sqrt(math.log(2 / level) / (2 * count))
    ax.fill_between([0, 1], [-margin, 1 - margin], [margin, 1 + margin], color="0.9")
    ax.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=0.8)
    for exact, colour, label in ((True, "tab:blue", "exact"), (False, "tab:orange", "bound")):
        for number, one in enumerate(each for each in series if each.exact is exact):
            ax.ecdf(one.p_values, color=colour, alpha=0.6, linewidth=0.8, label="" if number else label)
    ax.set_title(f"{check.partition('::')[0]}\n{_name(check)}", fontsize=6)
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ax.legend(fontsize=6, loc="lower right")


def _name(check: str) -> str:
    return check.partition("::")[2].removeprefix("test_").replace("_", " ")


def _evidence(one: Detection) -> str:
    return "-" if one.min_evidence is None else f"{one.min_evidence:.1f}"


def _table(first: str, *others: str) -> Table:
    table = Table(first, *others, box=SIMPLE, collapse_padding=True)
    table.columns[0].overflow = "fold"  # names are never cut
    for column in table.columns[1:]:
        column.justify = "right"
    return table
