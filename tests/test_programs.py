from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import INSTALLED, missing

ROOT = Path(__file__).parents[1]
TESTS = """
import pytest
from tests.programs import missing

def test_without():
    if reason := missing("no-such-program"):
        pytest.skip(reason)

@pytest.mark.skipif(bool(missing("no-such-program", "nor-this")), reason=missing("no-such-program", "nor-this"))
def test_marked():
    pass

def test_skipped_for_another_reason():
    pytest.skip("no kernel for it")
"""


def test_one_of_several_programs_is_enough() -> None:
    assert missing("no-such-program", "sh") == ""
    assert missing("no-such-program", "nor-this") == "needs the program no-such-program or nor-this"


@pytest.mark.parametrize(("installed", "counts"), [("", "3 skipped"), ("1", "1 failed, 1 skipped, 1 error")])
def test_a_skip_for_want_of_a_program_fails_where_all_are_installed(
    tmp_path: Path, installed: str, counts: str
) -> None:
    (tmp_path / "test_some.py").write_text(TESTS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.programs", "-c", os.devnull, "--rootdir", ".", "test_some.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), INSTALLED: installed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert counts in done.stdout, done.stdout + done.stderr
    assert ("was skipped: " in done.stdout) == bool(installed)
