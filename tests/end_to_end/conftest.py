"""What the end-to-end tests share: a real release, and an environment with its wheel as the platform would have it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from autograder.platforms.gradescope.bundle import bundle_files
from autograder.release.building import build

ROOT = Path(__file__).resolve().parents[2]
SLUG = "ift6135_a3"


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the template and both zips of the first assignment, built by the real code."""
    folder = tmp_path_factory.mktemp("release")
    build(ROOT, [SLUG], out=folder, platform_files=bundle_files, templates=folder / "templates")
    return folder


@pytest.fixture(scope="session")
def wheel_environment(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment whose engine is the released wheel; the other packages are those of this environment."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, with_pip=False)
    with zipfile.ZipFile(release / f"{SLUG}_gradescope.zip") as bundle:
        name = next(name for name in bundle.namelist() if name.endswith(".whl"))
        wheel = Path(bundle.extract(name, folder.parent))
    python = folder / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)],
        check=True,
    )
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder
