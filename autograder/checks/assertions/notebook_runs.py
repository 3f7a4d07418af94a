"""Checks of the notebook itself: whether it was run before it was handed in."""

from __future__ import annotations

from autograder.checks.authoring.failure import CheckFailed
from autograder.errors import first_few
from autograder.sandbox.trusted.faults import SubmissionFault
from autograder.sandbox.trusted.remote import Remote, state
from autograder.submission.model import Executed, NotebookCell

MAX_NAMED = 5


def notebook_of(module: Remote) -> Executed:
    """Return how the notebook that a module was read from had been run; `SubmissionFault` where it was no notebook."""
    session, base, _, _ = state(module)
    executed = session.executed(str(base))
    if executed is None:
        raise SubmissionFault("no notebook was handed in, so nobody can tell which of its cells were run")
    return executed


def assert_all_cells_run(notebook: Executed) -> None:
    """Fail unless every cell with code was run, in order, and none ended with an error; the message names the cells."""
    if not notebook.cells:
        raise CheckFailed("the notebook has no code cells")
    again = "Restart the kernel, run all cells, save, and hand in that file."
    if idle := [cell for cell in notebook.cells if cell.count is None]:
        raise CheckFailed(f"{_named(idle)} {_were(idle)} never run. {again}")
    if broken := [cell for cell in notebook.cells if cell.errors]:
        kinds = ", ".join(dict.fromkeys(name for cell in broken for name in cell.errors))
        raise CheckFailed(f"{_named(broken)} ended with an error ({kinds}). Fix that first. {again}")
    pairs = zip(notebook.cells, notebook.cells[1:], strict=False)
    if late := [after for before, after in pairs if (after.count or 0) <= (before.count or 0)]:
        raise CheckFailed(f"{_named(late)} {_were(late)} run before what stands above. {again}")


def _were(cells: list[NotebookCell]) -> str:
    return "was" if len(cells) == 1 else "were"


def _named(cells: list[NotebookCell]) -> str:
    return first_few([f"cell {cell.number} (`{_first_line(cell.source)}`)" for cell in cells], MAX_NAMED)


def _first_line(source: str) -> str:
    line = next((line.strip() for line in source.split("\n") if line.strip()), "")
    return line[:40].replace("`", "'")
