"""The bundle's two scripts on the emulated platform, with graders that behave and graders that break.

The environment here is a folder with a stand-in for the command ``autograder``, to break in each way.
"""

from __future__ import annotations

import io
import json
import math
import shlex
import sys
import zipfile
from pathlib import Path

import pytest

from autograder.platforms.gradescope.bundle import EXECUTABLE, bundle_files
from tests.end_to_end.harness import Gradescope, Run, Verdict, why_not
from tests.platforms.gradescope.toy import toy_assignment

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "never")

WELL = """echo '{"score": 3}' >/autograder/results/new; mv /autograder/results/new /autograder/results/results.json"""


def environment(folder: Path, autograder: str) -> Path:
    """Return an environment with Python and that script as the command ``autograder``."""
    binaries = folder / "environment" / "bin"
    binaries.mkdir(parents=True)
    for name, script in (("autograder", autograder), ("python", f'exec {shlex.quote(sys.executable)} "$@"')):
        (binaries / name).write_text(f"#!/bin/bash\n{script}\n")
        (binaries / name).chmod(0o755)
    return binaries.parent


def bundle() -> bytes:
    """Return the toy's zip."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in bundle_files(toy_assignment(), "autograder-0.1.0-py3-none-any.whl").items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o755 if name in EXECUTABLE else 0o644) << 16
            archive.writestr(entry, content)
    return target.getvalue()


def platform(folder: Path, autograder: str) -> Gradescope:
    """Return the platform with the toy's zip and a ready environment."""
    return Gradescope(folder, bundle(), venv=environment(folder, autograder))


def grade(folder: Path, autograder: str, *, timeout: float = 60, env: dict[str, str] | None = None) -> Run:
    """Grade one hand-in."""
    return platform(folder, autograder).submit({"toy.py": b"x = 1\n"}, timeout=timeout, env=env)


def is_unfinished(run: Run) -> bool:
    """Whether the platform got the fallback: every automatic item 0 and provisional."""
    assert run.verdict is Verdict.ACCEPTED and run.results is not None
    return run.scores == {"toy.double": 0, "toy.half": 0} and "did not finish" in run.results["output"]


def left(deadline: int, run: Run) -> set[str]:
    """Return what the script may say: the whole seconds since it began count as well, of those that the run took."""
    return {str(max(deadline - passed, 1)) for passed in range(math.ceil(run.command.seconds) + 1)}


def test_grader_is_called_with_what_it_needs(tmp_path: Path) -> None:
    run = grade(tmp_path, f'printf "%s\\n" "$@"; {WELL}', timeout=600)
    words = run.command.stdout.splitlines()
    assert words.pop(8) in left(510, run)
    assert words == [
        *("grade", "toy", "/autograder/submission"),
        *("--root", "/autograder/source"),
        *("--out", "/autograder/results"),
        "--deadline",
        *("--metadata", "/autograder/submission_metadata.json"),
        *("--sandbox", "strict"),
    ]
    assert run.command.status == 0 and run.results == {"score": 3}


@pytest.mark.parametrize(
    ("limit", "deadline"),
    [
        ("2400", 2130),
        ("600.0", 510),
        ("60", 30),
        ("10", 5),
        ("", 510),
        ("soon", 510),
        ("-5", 510),
        ("010", 5),
        ("1", 1),
    ],
)
def test_deadline_follows_the_platforms(tmp_path: Path, limit: str, deadline: int) -> None:
    run = grade(tmp_path, f'echo "$9"; {WELL}', env={"TIMEOUT_SECONDS": limit})
    assert run.command.stdout.strip() in left(deadline, run)


def test_deadline_follows_the_settings_where_the_platform_has_none(tmp_path: Path) -> None:
    gradescope = platform(tmp_path, f'echo "$9"; {WELL}')
    settings = gradescope.root / "source" / "settings.conf"
    default = settings.read_bytes()
    for value, deadline in ((b"1200\r", 1050), (b"soon", 510)):
        settings.write_bytes(default.replace(b"timeout_seconds = 600", b"timeout_seconds = " + value))
        run = gradescope.submit({}, env={"TIMEOUT_SECONDS": ""})
        assert run.command.stdout.strip() in left(deadline, run)


def test_environment_is_clean(tmp_path: Path) -> None:
    secrets = {"AWS_SECRET": "x", "LD_PRELOAD_": "y", "PYTHONPATH": "/tmp", "BASH_ENV": "/dev/null"}
    run = grade(tmp_path, "env", env=secrets)
    names = {line.partition("=")[0] for line in run.command.stdout.splitlines()}
    assert names - {"PWD", "SHLVL", "_"} == {
        *("PATH", "HOME", "LANG", "TIMEOUT_SECONDS"),
        *("PYTHONUTF8", "PYTHONHASHSEED", "PYTHONNOUSERSITE", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"),
    }
    assert "HOME=/autograder/home\n" in run.command.stdout
    assert "PATH=/autograder/venv/bin:" in run.command.stdout


def test_private_folders_are_closed_in_every_run(tmp_path: Path) -> None:
    gradescope = platform(tmp_path, f"stat -c %a /autograder/submission_metadata.json; {WELL}")
    for _ in range(2):
        run = gradescope.submit({"toy.py": b""})
        assert {run.modes[name] for name in ("source", "submission", "results")} == {0o700}
        assert run.command.stdout == "600\n"


@pytest.mark.parametrize("crash", ["exit 70", "kill -SEGV $$", "exit 2", "exit 0"])
def test_crashed_grader_leaves_the_fallback(tmp_path: Path, crash: str) -> None:
    run = grade(tmp_path, crash)
    assert is_unfinished(run) and run.command.status == 0
    assert ("the grader ended with status" in run.command.stdout) == (crash != "exit 0")


def test_missing_environment_leaves_the_fallback(tmp_path: Path) -> None:
    run = Gradescope(tmp_path, bundle()).submit({})
    assert is_unfinished(run) and run.command.status == 0
    assert "this image has no environment: setup.sh failed" in run.command.stdout


def test_grader_that_hangs_is_stopped_before_the_platform_does(tmp_path: Path) -> None:
    hang = "trap '' TERM\nsleep 80 &\nwhile :; do sleep 1; done"
    run = grade(tmp_path, hang, timeout=30, env={"TIMEOUT_SECONDS": "4"})
    assert is_unfinished(run) and 2 < run.command.seconds < 15


def test_provisional_results_are_kept(tmp_path: Path) -> None:
    run = grade(tmp_path, f"{WELL}; exit 1")
    assert run.command.status == 0 and run.results == {"score": 3}
    assert "ended with status" not in run.command.stdout


def test_worker_that_outlives_the_grader_is_ended(tmp_path: Path) -> None:
    worker = "import os, time; os.setsid(); os.setresuid(*[2_345_678] * 3); print('up', flush=True); time.sleep(90)"
    script = f"{shlex.quote(sys.executable)} -I -c {shlex.quote(worker)} &\nsleep 0.5; {WELL}; kill -KILL $$"
    run = grade(tmp_path, script)
    assert run.command.stdout.startswith("up\n")
    assert run.command.left_running == () and run.results == {"score": 3}


def test_results_that_vanish_are_written_by_the_script(tmp_path: Path) -> None:
    run = grade(tmp_path, "rm -f /autograder/results/results.json")
    assert run.verdict is Verdict.ACCEPTED and run.command.status == 0
    assert run.results is not None and run.results["score"] == 0 and "did not finish" in run.results["output"]


def test_metadata_reach_the_grader(tmp_path: Path) -> None:
    run = grade(tmp_path, f'cat "${{11}}"; {WELL}')
    assert json.loads(run.command.stdout)["submission_method"] == "upload"


@pytest.mark.thorough
def test_setup_links_a_ready_environment_and_proves_it(tmp_path: Path) -> None:
    gradescope = Gradescope(tmp_path, bundle())
    ready = environment(tmp_path, f'echo "asked: $*"; [[ $1 == doctor ]] || {{ {WELL}; }}')
    setup = gradescope.setup({"AUTOGRADER_ENVIRONMENT": str(ready)})
    assert setup.status == 0, setup.stdout
    assert "asked: doctor --sandbox strict --private-user\n" in setup.stdout
    assert list((gradescope.root / "home").rglob("fontlist*.json")), "no font cache: every run would build it anew"
    assert gradescope.submit({}).results == {"score": 3}


def test_the_dockerfile_makes_the_same_image(tmp_path: Path) -> None:
    gradescope = Gradescope(tmp_path, bundle())
    (gradescope.root / "run_autograder").unlink()
    ready = environment(tmp_path, f"[[ $1 == doctor ]] || {{ {WELL}; }}")
    (ready / "bin" / "python").write_text("#!/bin/bash\nexit 0\n")
    text = (gradescope.root / "source" / "Dockerfile").read_text()
    steps = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    names = [step for step, _ in steps]
    assert names[:3] == ["ARG", "FROM", "COPY"] and set(names[3:]) == {"RUN"}
    assert steps[2][1] == ". /autograder/source/"  # where the harness puts the zip
    for _, line in steps[3:]:
        done = gradescope.execute(line, {"AUTOGRADER_ENVIRONMENT": str(ready)})
        assert done.status == 0, done.stdout
    assert gradescope.submit({}).results == {"score": 3}


def test_setup_fails_where_the_environment_does_not_work(tmp_path: Path) -> None:
    ready = environment(tmp_path, "exit 9")
    (ready / "bin" / "python").write_text("#!/bin/bash\nexit 0\n")
    assert Gradescope(tmp_path / "a", bundle()).setup({"AUTOGRADER_ENVIRONMENT": str(ready)}).status == 9
    (ready / "bin" / "python").write_text("#!/bin/bash\nexit 8\n")
    assert Gradescope(tmp_path / "b", bundle()).setup({"AUTOGRADER_ENVIRONMENT": str(ready)}).status == 8
