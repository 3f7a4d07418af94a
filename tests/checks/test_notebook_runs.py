"""All cells run: what counts as run, and which cells a student is told about."""

from __future__ import annotations

import pytest

from autograder.checks import CheckFailed, assert_all_cells_run
from autograder.submission.model import Executed, NotebookCell


def executed(*cells):
    """Cells as (count, errors)."""
    found = (NotebookCell(n, f"\nx_{n} = 1\ny = 2", count, errors) for n, (count, errors) in enumerate(cells, 1))
    return Executed(tuple(found))


@pytest.mark.parametrize("counts", [(1, 2, 3), (4, 7, 9)])
def test_cells_that_were_run_in_order_pass(counts):
    assert_all_cells_run(executed(*((count, ()) for count in counts)))


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([(1, ()), (None, ()), (None, ())], "cell 2 (`x_2 = 1`), cell 3 (`x_3 = 1`) were never run"),
        ([(1, ()), (3, ()), (2, ())], "cell 3 (`x_3 = 1`) was run before what stands above"),
        ([(1, ()), (1, ())], "cell 2 (`x_2 = 1`) was run before"),
        ([(1, ("ValueError",)), (2, ())], "cell 1 (`x_1 = 1`) ended with an error (ValueError)"),
        ([(None, ())] * 7, "and 2 more were never run"),
        ([], "no code cells"),
    ],
)
def test_other_notebooks_fail_and_the_message_names_the_cells(cells, said):
    with pytest.raises(CheckFailed) as failed:
        assert_all_cells_run(executed(*cells))
    assert said in str(failed.value)
