"""Every student zip as its own README.txt says: what it asks for exists and suffices, and its commands work."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from autograder.assignment import Manifest, read_manifest, slugs
from autograder.platforms.gradescope.bundle import bundle_files
from autograder.release.building import build
from autograder.source.cells import as_python, joined
from tests.end_to_end.commands import commands_of
from tests.end_to_end.conftest import ROOT
from tests.environments import environment_with
from tests.test_extras import imports

pytestmark = pytest.mark.thorough

SLUGS = slugs(ROOT)
NOT_RUN = {"pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu": "PyTorch's own index"}
"""Commands of README.txt that are not tried, and what they need."""
SYSTEM = Path("/usr") if Path("/usr/bin/python3").exists() else Path(sys.base_prefix)
"""Where ``python3`` is taken from, the same in every command: an environment must not change its Python."""


@dataclass(frozen=True)
class Unpacked:
    """A student zip that was unpacked."""

    folder: Path

    @property
    def commands(self) -> list[str]:
        """The commands of README.txt: its lines that are indented by seven spaces."""
        return re.findall(r"^ {7}(\S.*)$", (self.folder / "README.txt").read_text(encoding="utf-8"), re.MULTILINE)

    @property
    def requirements(self) -> list[str]:
        return (self.folder / "requirements.txt").read_text(encoding="utf-8").split()

    @property
    def wheel(self) -> Path:
        return next(self.folder.glob("*.whl"))

    @property
    def manifest(self) -> Manifest:
        return read_manifest(self.folder / "assignment.toml")

    def modules(self) -> set[str]:
        """First names of all that the student's files import and that is preloaded."""
        code = [path.read_text(encoding="utf-8") for path in self.folder.rglob("*.py")]
        for path in self.folder.glob("*.ipynb"):
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            code += [as_python(joined(cell["source"])) for cell in cells if cell["cell_type"] == "code"]
        names = {name for text in code for name in imports(text)} | set(self.manifest.files.preload)
        return {name.partition(".")[0] for name in names} - {path.stem for path in self.folder.rglob("*.py")}

    def environment(self, folder: Path) -> Path:
        """Make an environment of what requirements.txt asks for; the engine is the wheel of the zip."""
        first, *others = self.requirements
        extras = first.partition("[")[2].rstrip("]")
        return environment_with(folder, [f"autograder[{extras}]", *others], wheel=self.wheel)


@pytest.fixture(scope="module")
def zips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Unpacked]:
    """All student zips, built and unpacked side by side."""
    folder = tmp_path_factory.mktemp("zips")
    build(ROOT, out=folder / "dist", platform_files=bundle_files, templates=folder / "templates")
    for slug in SLUGS:
        with zipfile.ZipFile(folder / "dist" / f"{slug}_student.zip") as archive:
            archive.extractall(folder / "unpacked")
    return {slug: Unpacked(folder / "unpacked" / slug) for slug in SLUGS}


def surroundings(environment: Path, **more: str) -> dict[str, str]:
    """Return the variables for a command: the programs of an environment come first, this test's Python is unknown."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return {**kept, "PATH": f"{environment / 'bin'}:{os.environ['PATH']}", "COLUMNS": "100", **more}


def program(environment: Path, command: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one line of a shell, with the programs of an environment first."""
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        env=surroundings(environment, **more),
        timeout=3600,
        check=False,
    )


def index_answers() -> bool:
    """Whether a package index can be reached."""
    command = [sys.executable, "-m", "pip", "index", "versions", "tqdm"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_every_name_that_a_zip_asks_for_is_known_to_the_index(zips: dict[str, Unpacked], tmp_path: Path) -> None:
    if not index_answers():
        pytest.skip("no package index can be reached")
    asked = {line for unpacked in zips.values() for line in unpacked.requirements[1:]}
    handouts = [(unpacked.folder / "handout.md").read_text(encoding="utf-8") for unpacked in zips.values()]
    commands = [shlex.split(command) for text in handouts for command in commands_of(text)]
    asked |= {words[2] for words in commands if words[:2] == ["pip", "install"] and words[2] != "-r"}
    wheel = next(iter(zips.values())).wheel
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet"]
    done = subprocess.run([*command, *sorted(asked), str(wheel)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    refused = subprocess.run([*command, "mpl_toolkits"], capture_output=True, text=True, check=False)
    assert refused.returncode != 0 and "No matching distribution" in refused.stderr


@pytest.mark.parametrize("slug", SLUGS)
def test_what_a_zip_asks_for_has_every_module_of_its_files(
    zips: dict[str, Unpacked], slug: str, tmp_path: Path
) -> None:
    unpacked = zips[slug]
    environment = unpacked.environment(tmp_path / "venv")
    code = "import sys; from importlib.util import find_spec; print([m for m in sys.argv[1:] if not find_spec(m)])"
    command = [str(environment / "bin" / "python"), "-P", "-c", code, *unpacked.modules()]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
    scripts = {path.name for path in (environment / "bin").iterdir()}
    wanted = {line.split()[0] for line in unpacked.commands} - {"python3", ".", "pip"}
    assert wanted <= scripts and {"autograder"} <= wanted
    if list(unpacked.folder.glob("*.ipynb")):
        assert {"jupyter-lab", "jupyter-nbconvert"} <= scripts


@pytest.mark.parametrize("slug", ["ift6135_a3", "mit6s978_ps1"])
def test_the_checks_run_with_exactly_what_a_zip_asks_for(zips: dict[str, Unpacked], slug: str, tmp_path: Path) -> None:
    unpacked = zips[slug]
    environment = unpacked.environment(tmp_path / "venv")
    item = next(item for item in unpacked.manifest.items if item.is_auto and not item.training and item.blanks)
    done = program(environment, f"autograder check {item.id}", unpacked.folder)
    assert done.returncode == 0, done.stderr
    assert "is not implemented yet" in done.stdout and item.id in done.stdout
    where = "import autograder; print(autograder.__file__)"
    shown = program(environment, f"python -P -c '{where}'", tmp_path)
    assert shown.stdout.startswith(str(environment)), "the engine is not the wheel of the zip"


def test_every_file_to_hand_in_is_in_the_readme(zips: dict[str, Unpacked]) -> None:
    for unpacked in zips.values():
        text, files = (unpacked.folder / "README.txt").read_text(encoding="utf-8"), unpacked.manifest.files
        for name in (*files.required, *files.optional):
            assert f"\n   - {name}\n" in text
        handout = (unpacked.folder / "handout.md").read_text(encoding="utf-8")
        table = re.findall(r"^\| `([^`|]+)` \|.*\| (?:yes|\*\*yes)", handout, re.MULTILINE)
        assert {name for row in table for name in row.split("`, `")} <= {*files.required, *files.optional}


def test_a_student_who_starts_pytest_is_told_what_to_start(zips: dict[str, Unpacked], tmp_path: Path) -> None:
    unpacked = zips["mit6s978_ps1"]
    done = program(
        Path(sys.prefix), "pytest checks/public -k kl", unpacked.folder, PYTEST_ADDOPTS="-p no:cacheprovider"
    )
    assert done.returncode == 2 and "fixture" not in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if "autograder check" in line]
    assert "pytest alone cannot run" in line


def test_a_conftest_of_the_student_does_not_reach_the_checks(zips: dict[str, Unpacked], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(zips["ift6135_a3"].folder, folder)
    (folder / "conftest.py").write_text("raise RuntimeError('mine')\n")
    done = program(Path(sys.prefix), "autograder check vae.kl", folder)
    assert done.returncode == 0 and "kl() is not implemented yet" in done.stdout, done.stdout + done.stderr


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for all zips in turn, so that only the first has to install some 6 GB; they go at the end."""
    folder = tmp_path_factory.mktemp("shared")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_the_commands_of_the_readme_work(zips: dict[str, Unpacked], slug: str, shared: Path, tmp_path: Path) -> None:
    """From an empty environment; further zips find in theirs what the first one needed."""
    folder = shared / "folder"
    if (folder / ".venv").exists():
        (folder / ".venv").rename(shared / ".venv")
        shutil.rmtree(folder)
    shutil.copytree(zips[slug].folder, folder)
    if (shared / ".venv").exists():
        (shared / ".venv").rename(folder / ".venv")
    (config := tmp_path / "jupyter").mkdir()
    server = {"ServerApp": {"allow_root": True, "open_browser": False}}  # these tests may run as root
    (config / "jupyter_server_config.json").write_text(json.dumps(server))
    commands = [line for line in Unpacked(folder).commands if line not in NOT_RUN]
    assert commands[:2] == ["python3 -m venv .venv", ". .venv/bin/activate"]
    setup = " && ".join(commands[:2])
    for line in commands[2:]:
        if line == "jupyter lab":
            _server_starts(f"{setup} && exec {line}", folder, config)
            continue
        done = program(SYSTEM, f"{setup} && {line}", folder, JUPYTER_CONFIG_DIR=str(config))
        assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        if line == "autograder check":
            assert "is not implemented yet" in done.stdout and "Traceback" not in done.stdout
    installed = program(SYSTEM, f"{setup} && pip show --files autograder", folder).stdout
    assert "file:" not in installed and "Editable" not in installed
    assert all((folder / Path(line.split()[-1]).with_suffix(".html")).is_file() for line in commands if "html" in line)


def _server_starts(command: str, folder: Path, config: Path) -> None:
    log = folder / "jupyter.log"
    with log.open("wb") as stream:
        server = subprocess.Popen(
            ["timeout", "1200", "bash", "-c", command],
            cwd=folder,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=surroundings(SYSTEM, JUPYTER_CONFIG_DIR=str(config), PYTHONUNBUFFERED="1"),
        )
        try:
            while server.poll() is None and b"/lab?token=" not in log.read_bytes():
                time.sleep(0.5)
        finally:
            server.terminate()
            server.wait(300)
    assert b"/lab?token=" in log.read_bytes(), log.read_text()


def test_the_environment_of_this_test_leaves_out_what_nobody_asked_for(tmp_path: Path) -> None:
    environment = environment_with(tmp_path / "venv", ["einops>=0.7"])
    names = {path.name for path in next(environment.glob("lib/python*/site-packages")).iterdir()}
    assert "einops" in names and not names & {"torch", "numpy", "pytest"}
