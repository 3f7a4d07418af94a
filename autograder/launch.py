"""A clean start of the commands that grade: a known environment, fixed before anything heavy is imported."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

from autograder.errors import UserError

MARK = "AUTOGRADER_CLEAN"
SECRET = "AUTOGRADER_SECRET_DESCRIPTOR"
SECRET_OPTION = "--grading-seed"
KERNEL = "JPY_PARENT_PID"
"""What tells that a command was started from a cell of a notebook."""
MAX_SECRET = 4096
"""Bytes that a pipe takes without a reader, on every system."""
PASSED_ON = (
    "HOME",
    "PATH",
    "LANG",
    "LC_ALL",
    "TERM",
    "COLUMNS",
    "TMPDIR",
    "NO_COLOR",
    "TIMEOUT_SECONDS",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    KERNEL,
)
FIXED = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    "MPLBACKEND": "Agg",
    MARK: "1",
}


def clean_start(*, secret: str | None = None) -> int | None:
    """Start this process anew without the variables of whoever called it; returns at once in the new process.

    What is left out cannot be read by a submission, and a fixed hash seed makes two gradings agree to the byte.
    ``secret`` is the value of `SECRET_OPTION`. The new process does not get it as an argument, which every fork of it
    would keep, but through a descriptor, which is returned there: `grading.secrets` reads it, after the fork. None is
    returned where there is no secret.
    """
    if os.environ.get(MARK) == "1":
        os.environ.update(FIXED)
        number = os.environ.pop(SECRET, "")
        return int(number) if number else None if secret is None else _pipe_with(secret)
    return _start_anew(secret)


def may_draw_bars() -> bool:
    """Whether standard error is a terminal that a person looks at: a notebook has one too, and shows every state."""
    return sys.stderr.isatty() and KERNEL not in os.environ


def clean_environment() -> dict[str, str]:
    """Return the environment of a process that grades: what is passed on of this one's, and what is fixed."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ} | FIXED


def _start_anew(secret: str | None) -> NoReturn:
    environment = clean_environment()
    if secret is not None:
        descriptor = _pipe_with(secret)
        os.set_inheritable(descriptor, True)
        environment[SECRET] = str(descriptor)
    sys.stdout.flush()
    sys.stderr.flush()
    # -P: a file named torch.py in the current folder must not be imported
    command = [sys.executable, "-P", "-m", "autograder", *_without_secret(sys.argv[1:])]
    if not hasattr(os, "fork"):  # Windows: its exec does not wait, and its Python needs more of the environment
        run = subprocess.run(command, env={**os.environ, **environment}, close_fds=False, check=False)
        raise SystemExit(run.returncode)
    os.execve(sys.executable, command, environment)


def started() -> float:
    """Return the moment at which this process was started, on the `time.monotonic` clock: `clean_start` keeps it.

    Where the system does not tell (no Linux), it is now.
    """
    try:
        ticks = int(Path("/proc/self/stat").read_text("ascii", errors="replace").rpartition(")")[2].split()[19])
        return time.monotonic() - (time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError, AttributeError):
        return time.monotonic()


def _pipe_with(secret: str) -> int:
    """Return the end to read of a pipe that holds a text."""
    data = secret.encode("utf-8", "surrogateescape")
    if len(data) > MAX_SECRET:
        raise UserError(f"{SECRET_OPTION}: at most {MAX_SECRET} bytes")
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    return reader


def _without_secret(arguments: list[str]) -> list[str]:
    """Return the arguments without the option that is secret, and without its value."""
    kept: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            return [*kept, argument, *rest]
        if argument == SECRET_OPTION:
            next(rest, None)
        elif not argument.startswith(f"{SECRET_OPTION}="):
            kept.append(argument)
    return kept
