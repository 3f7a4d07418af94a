"""How far a batch is, while it runs: a bar on a terminal, and elsewhere a line now and then."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from autograder.batch.listing import Graded, GradingStatus
from autograder.launch import may_draw_bars
from autograder.reports.safe_text import one_line

LINE_SECONDS = 60.0


class BatchProgress:
    """Counts what is done of ``total`` submissions; throughput and time left come from what this run has graded."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._skipped = self._graded = self._again = 0
        self._begun = self._told = time.monotonic()
        self._bar: Progress | None = None
        if may_draw_bars():
            columns = (TextColumn("grading"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"))
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("grading", total=total, speed="")

    def __enter__(self) -> BatchProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._skipped:
            print(f"{self._skipped} of {self._total} were graded before, or hold nothing to grade", file=sys.stderr)

    def skip(self, count: int) -> None:
        """Note submissions that are not graded by this run."""
        self._skipped += count

    def finish(self, graded: Graded) -> None:
        """Note that one was graded; one that is to be graded again is named at once."""
        self._graded += 1
        if graded.status is not GradingStatus.GRADED:
            self._again += 1
            line = f"{one_line(graded.key)}: {graded.status.value}: {one_line(graded.why, 300)}"
            print(line, file=sys.stderr) if self._bar is None else self._bar.console.print(line, markup=False)

    def tick(self) -> None:
        """Show how far it is."""
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._task, completed=self._skipped + self._graded, speed=self._speed(now))
        elif now - self._told >= LINE_SECONDS:
            self._told = now
            print(f"{self._skipped + self._graded} of {self._total} done{self._speed(now)}", file=sys.stderr)

    def _speed(self, now: float) -> str:
        if not self._graded:
            return ""
        each = (now - self._begun) / self._graded
        left = (self._total - self._skipped - self._graded) * each
        return f", {3600 / each:.0f} an hour, {left / 60:.0f} min left"
