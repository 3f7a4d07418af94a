"""Checks in a notebook: ``from autograder.notebook import check``, or ``%load_ext autograder`` and ``%check``.

Both check what is defined in the running kernel, without a copy of the notebook on the disk, and leave generators,
defaults, figures and names as they were; what the student's own code changes in its objects stays.
"""

from __future__ import annotations

import os
import random
import shlex
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.student.kernel_checks import KernelChecks

_known: dict[tuple[int, str], KernelChecks] = {}
"""By kernel and folder, so that checks are collected once."""


def check(*words: str) -> None:
    """Check items of the assignment whose folder this notebook is in, and display what came of it.

    A word is an item (``"p2.networks"``), a group, a pattern or a file; without any, all that is written in this kernel
    is checked, but what trains. What goes wrong is told in one line.
    """
    from IPython import get_ipython

    from autograder.errors import UserError
    from autograder.grading.grader_error import GraderError

    kernel: Any = get_ipython()
    if kernel is None:
        print("check() looks at the functions of a notebook's kernel; in a terminal, use `autograder check`")
        return
    drawn = random.getstate()  # Rich draws from it, too
    try:
        with warnings.catch_warnings():  # what is imported for the first time adds filters of its own
            result = _checks_of(kernel).check([word for given in words for word in given.split()])
        _display(result)
    except UserError as error:
        print(f"autograder: {error}")
    except GraderError as error:
        print(f"autograder: the grader is broken, not your work: {error}")
    except KeyboardInterrupt:
        print("autograder: interrupted; the kernel is as it was")
    finally:
        random.setstate(drawn)


def register(kernel: Any) -> None:
    """Add the magic ``%check`` to a kernel."""
    kernel.register_magic_function(lambda line: check(*shlex.split(line)), "line", "check")


def _checks_of(kernel: Any) -> KernelChecks:
    from autograder.student.kernel_checks import KernelChecks, folder_of
    from autograder.student.own_folder import unpacked

    folder = folder_of(kernel, Path.cwd())
    assignment = unpacked(folder)
    key = (os.getpid(), str(assignment.folder))
    if key not in _known or _known[key].assignment.manifest != assignment.manifest:
        _known[key] = KernelChecks(assignment, kernel)
    return _known[key]


def _display(result: Any) -> None:
    import io

    from IPython.display import display
    from rich.console import Console

    from autograder.reports.console import render
    from autograder.reports.html import render_cell

    console = Console(file=io.StringIO(), width=100, force_jupyter=False, force_terminal=False)
    render(result, console)
    assert isinstance(console.file, io.StringIO)
    display({"text/html": render_cell(result), "text/plain": console.file.getvalue()}, raw=True)  # type: ignore[no-untyped-call]
