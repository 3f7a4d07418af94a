"""The error of the grader itself, which the command line shows in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autograder.errors import UserError


class GraderError(Exception):
    """The grader or its checks are broken; the run failed and must be repeated once that is fixed."""


@contextmanager
def blaming(path: Path) -> Iterator[None]:
    """Turn any exception of the code of a trusted file into one line that names the file and where it was raised."""
    try:
        yield
    except (UserError, GraderError):
        raise
    except Exception as error:
        trace, line = error.__traceback__, None
        while trace is not None:
            line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == str(path) else line
            trace = trace.tb_next
        where = f"{path}:{line}" if line is not None else str(path)
        text = " ".join(str(error).split())
        raise GraderError(f"{where}: {type(error).__name__}: {text}") from error
