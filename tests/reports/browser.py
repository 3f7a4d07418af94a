"""A real browser that loads a page and says what became of it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from autograder.documents.browser import NAMES
from tests.programs import missing


def dom(page: Path) -> str:
    """Return the page's elements after it was loaded and its scripts had their time; skips without a browser."""
    if reason := missing(*NAMES):
        pytest.skip(reason)
    browser = next(filter(None, map(shutil.which, NAMES)))
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [browser, *options, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0 or not done.stdout:
        pytest.skip(f"the browser does not start here: {done.stderr[-300:]}")
    return done.stdout
