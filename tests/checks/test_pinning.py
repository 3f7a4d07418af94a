"""The inputs of a check depend on its seed alone: not on other modules, not on the environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase

from autograder.checks.authoring.pinning import pin_hypothesis, settings_for

ROOT = Path(__file__).resolve().parents[2]
# Draws in the range that Hypothesis offers constants for, and says which module was collected from.
PROGRAM = """
import sys
sys.path.insert(0, {folder!r})
from hypothesis import given, seed, strategies as st
from autograder.checks.authoring.pinning import pin_hypothesis, settings_for
from autograder.checks import diagonal_gaussians
if {pin}:
    pin_hypothesis()
if {load} == 1:
    import full_of_constants
drawn = []
@seed(7)
@settings_for(150)
@given(st.integers(0, 10**9), st.integers(0, 65535), diagonal_gaussians())
def check(n, m, q):
    if {load} == 2 and len(drawn) == 40:
        import full_of_constants
    drawn.append((n, m, repr(q)))
check()
print(drawn)
"""


def inputs(folder: Path, *, pin: bool, load: int, **environment: str) -> str:
    """What a fresh process draws, with the module imported never (0), before (1) or in the middle of the run (2)."""
    folder.mkdir(exist_ok=True)
    numbers = ", ".join(str(1000 + 61 * k) for k in range(300))
    (folder / "full_of_constants.py").write_text(f"NUMBERS = [{numbers}]\n", encoding="utf-8")
    program = PROGRAM.format(folder=str(folder), pin=pin, load=load)
    clean = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return inputs(tmp_path_factory.mktemp("plain") / "code", pin=True, load=0)


@pytest.mark.thorough
@pytest.mark.parametrize("load", [1, 2])
def test_inputs_do_not_depend_on_what_else_is_imported(tmp_path, expected, load):
    assert inputs(tmp_path / "code", pin=True, load=load) == expected


def test_inputs_do_not_depend_on_the_environment(tmp_path, expected):
    assert inputs(tmp_path / "code", pin=True, load=0, CI="true", PYTHONHASHSEED="5", LC_ALL="C") == expected


@pytest.mark.thorough
def test_without_the_pin_they_would(tmp_path):
    first, second = (inputs(tmp_path / "code", pin=False, load=load) for load in (0, 1))
    assert first != second


def test_pinning_twice_is_pinning_once():
    from hypothesis.internal.conjecture import providers

    pin_hypothesis()
    once = providers._get_local_constants
    pin_hypothesis()
    assert providers._get_local_constants is once


def test_an_unknown_way_of_collecting_is_refused(monkeypatch):
    from hypothesis.internal.conjecture import providers

    monkeypatch.delattr(providers, "_get_local_constants")
    with pytest.raises(RuntimeError, match="unknown way"):
        pin_hypothesis()


def test_settings_leave_nothing_to_chance():
    settings = settings_for()
    assert settings.max_examples == 25 and settings_for(7).max_examples == 7
    assert settings.database is None and settings.deadline is None and not settings.derandomize
    assert tuple(settings.phases) == (Phase.explicit, Phase.generate, Phase.shrink)
    assert not settings.print_blob and not settings.report_multiple_bugs
    assert HealthCheck.filter_too_much not in settings.suppress_health_check
    for wrong in (0, -1, True, 2.5):
        with pytest.raises(ValueError, match="max_examples"):
            settings_for(wrong)
