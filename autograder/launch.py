"""A clean start of the commands that grade: a known environment, fixed before anything heavy is imported."""

from __future__ import annotations

import os
import subprocess
import sys

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
    "CUDA_VISIBLE_DEVICES",
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
    if os.environ.get(MARK) == "1":
        os.environ.update(FIXED)
        return
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | FIXED
    sys.stdout.flush()
    sys.stderr.flush()
    # -P: a file named torch.py in the current folder must not be imported
    command = [sys.executable, "-P", "-m", "autograder", *sys.argv[1:]]
    if not hasattr(os, "fork"):  # Windows: its exec does not wait, and its Python needs more of the environment
        raise SystemExit(subprocess.run(command, env={**os.environ, **FIXED}, check=False).returncode)
    os.execve(sys.executable, command, environment)
