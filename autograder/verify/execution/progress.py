"""How far a long piece of work is: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

Progress = Callable[[int, int], None]
"""Gets the numbers of tasks that are done, and of all."""


@contextmanager
def progress_bar(slug: str) -> Iterator[Progress | None]:
    """Give what shows how far a long piece of work is; None where nobody looks on at a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task(f"{slug}: loading", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, description=slug, completed=done, total=total)

        yield show
