"""A clean start of the commands that grade: a known environment, fixed before anything heavy is imported."""

from __future__ import annotations

import os
import sys

from autograder.errors import UserError

MARK = "AUTOGRADER_CLEAN"
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


def clean_start() -> None:
    """Start this process anew without the variables of whoever called it; returns at once in the new process.

    What is left out cannot be read by a submission, and a fixed hash seed makes two gradings agree to the byte.
    """
    if not hasattr(os, "fork"):
        raise UserError("grading needs Linux (or macOS, with fewer walls); on Windows, use WSL")
    if os.environ.get(MARK) == "1":
        os.environ.update(FIXED)
        return
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | FIXED
    sys.stdout.flush()
    sys.stderr.flush()
    # -P: a file named torch.py in the current folder must not be imported
    os.execve(sys.executable, [sys.executable, "-P", "-m", "autograder", *sys.argv[1:]], environment)
