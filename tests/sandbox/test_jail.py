"""The jail as a whole: what it opens of the Python installation, whom it lets in, and what it reports."""

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

import pytest

from autograder.sandbox.trusted import jail
from autograder.sandbox.trusted.jail import WallReport, missing_walls
from tests.tiny import ONE, Tiny

WALLS = [
    "resource limits",
    "mount namespace",
    "private user",
    "no capabilities",
    "no new privileges",
    "landlock",
    "seccomp",
]


@pytest.mark.parametrize(
    ("held", "missing"),
    [
        (WALLS, []),
        ([wall for wall in WALLS if wall != "private user"], []),
        ([wall for wall in WALLS if wall != "landlock"], []),
        (["seccomp", "resource limits"], ["a private user or landlock"]),
        (["private user"], ["resource limits", "seccomp"]),
        ([], ["resource limits", "seccomp", "a private user or landlock"]),
    ],
)
def test_what_strict_grading_needs(held, missing):
    assert missing_walls([WallReport(name, name in held) for name in WALLS]) == missing


def test_a_wall_that_raises_is_reported_and_the_others_are_tried(monkeypatch):
    for name in (
        "_limit_resources",
        "_enter_tree",
        "_become_private_user",
        "_drop_capabilities",
        "_no_new_privileges",
        "_give_up_calls",
    ):
        monkeypatch.setattr(jail, name, lambda settings: "")
    monkeypatch.setattr(jail, "_die_with_parent", lambda: None)

    def fail(settings):
        raise OSError(95, "not here")

    monkeypatch.setattr(jail, "_give_up_paths", fail)
    reports = jail.enter(jail.JailSettings(None, "/", (), 0, 0))
    assert [report.name for report in reports] == WALLS
    assert [report.name for report in reports if not report.held] == ["landlock"]
    assert "not here" in reports[5].note


@pytest.mark.parametrize("where", [".venv", "."], ids=["a folder of the checkout", "the checkout itself"])
def test_an_environment_in_a_checkout_opens_itself_and_no_more(monkeypatch, tmp_path, where):
    prefix = (tmp_path / where).resolve()
    packages = prefix / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (tmp_path / "solutions").mkdir()
    for name in ("prefix", "exec_prefix"):
        monkeypatch.setattr(sys, name, str(prefix))
    monkeypatch.setattr(sys, "path", [str(packages), str(tmp_path)])
    paths = jail.python_paths()
    assert any(packages.is_relative_to(path) for path in paths)
    assert not any((tmp_path / "solutions").is_relative_to(path) for path in paths)
    assert not any(tmp_path.is_relative_to(path) for path in paths)


@pytest.mark.parametrize("prefix", ["/", "/usr"])
def test_an_installation_in_the_system_does_not_open_everything(monkeypatch, prefix):
    for name in ("prefix", "exec_prefix", "base_prefix", "base_exec_prefix"):
        monkeypatch.setattr(sys, name, prefix)
    for private in ("/root", "/home", "/etc/shadow", "/autograder"):
        assert not any(Path(private).is_relative_to(path) for path in jail.python_paths())


def test_an_installation_in_a_private_folder_is_not_readable_by_others(monkeypatch, tmp_path):
    (tmp_path / "lib").mkdir()
    tmp_path.chmod(0o700)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert not jail.interpreter_is_readable_by_others()


SPY = ONE.replace(
    "return x * 2",
    """import os
    def works(action, *arguments):
        try:
            action(*arguments)
            return True
        except OSError:
            return False
    places = [PLACES, "/root", "/etc/shadow", "/tmp", f"/proc/{os.getppid()}/environ"]
    got = [place for place in places if works(os.listdir, place) or works(open, place)]
    got += [name for name in ("fork",) if works(getattr(os, name))]
    got += ["kill"] if works(os.kill, os.getppid(), 0) else []
    got += ["capabilities"] if int(open("/proc/self/status").read().split("CapEff:")[1].split()[0], 16) else []
    if got or os.getuid() != 0:
        raise ValueError(str(got))
    return x * 2""",
)


@pytest.mark.thorough
@pytest.mark.skipif(os.getuid() != 0, reason="only root has a user to change")
def test_where_nobody_else_can_read_python_the_worker_keeps_its_user_behind_the_other_walls(tmp_path):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    venv.create(private / "venv", with_pip=False, symlinks=True)
    python = private / "venv" / "bin" / "python"
    packages = next((private / "venv" / "lib").glob("python*/site-packages"))
    line = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (packages / "all.pth").write_text(line, encoding="utf-8")
    tiny = Tiny(tmp_path)
    places = f'"{tiny.reference}", "{tiny.assignment}/checks/hidden", "{tmp_path}"'
    hand_in = tiny.hand_in(one=SPY.replace("PLACES", places))
    command = ["grade", "tiny", str(hand_in), "--root", str(tmp_path), "--json", "--sandbox", "strict"]
    done = subprocess.run(
        [str(python), "-P", "-m", "autograder", *command], capture_output=True, text=True, timeout=120, check=False
    )
    if "this machine lacks" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert results["score"] == 6.0, json.dumps(results["tests"], indent=1)
    assert "private user" in done.stdout and "cannot be read by another user" in done.stdout


@pytest.mark.skipif(os.getuid() != 0, reason="needs a private user for workers")
def test_without_file_walls_secrets_that_everybody_can_read_stop_strict_grading():
    """With a user of its own, a worker is kept from folders by their modes, if they have any."""
    if not jail.interpreter_is_readable_by_others():
        pytest.skip("needs a private user for workers")
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        tiny = Tiny(Path(name))
        done = grade_without_file_walls(tiny)
        assert done.returncode == 1
        assert "every user can read" in done.stderr and str(tiny.reference) in done.stderr
        for secret in (tiny.reference, tiny.assignment / "checks" / "hidden"):
            secret.chmod(0o700)
        assert grade_without_file_walls(tiny).returncode == 0


def grade_without_file_walls(tiny):
    driver = (
        "from autograder.sandbox.trusted import jail\n"
        "jail._give_up_paths = jail._enter_tree = lambda settings: 'removed'\n"
        "from autograder.cli import main\n"
        "main()\n"
    )
    command = ["grade", "tiny", str(tiny.reference), "--root", str(tiny.root), "--sandbox", "strict"]
    return subprocess.run(
        [sys.executable, "-P", "-c", driver, *command],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "AUTOGRADER_CLEAN": "1", "OMP_NUM_THREADS": "1"},
        check=False,
    )
