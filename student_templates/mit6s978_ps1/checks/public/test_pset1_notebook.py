"""The notebook as it is handed in."""

from __future__ import annotations

from autograder.checks import assert_all_cells_run, item, notebook_of


@item("p0.notebook", weight=1)
def test_all_cells_were_run_in_order_without_an_error(pset1):
    """Every code cell was run, each after those above it, and none ended with an error."""
    assert_all_cells_run(notebook_of(pset1))
