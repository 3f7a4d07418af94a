"""The ways of ``setup.sh`` to a Python and to torch: the real script, pip and environments; downloads are stand-ins."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from autograder.platforms.gradescope.settings import script_text
from tests.end_to_end.harness import Command, Gradescope, Verdict, why_not
from tests.end_to_end.image import INTERPRETER, VERSION, Image, index, wheel

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "never")
PATHS = (f"python{VERSION}", INTERPRETER)


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """An image with Python's usual commands and no Python, whose archives have a candidate only, and no network."""
    image = Image(tmp_path)
    image.command("apt-get", 'echo "asked: apt-get $*"')
    image.command("apt-cache", f'echo "  Candidate: {VERSION}.0~rc1-1~22.04"')
    image.command("curl", "exit 6")
    return image


def ways(setup: Command) -> list[str]:
    """Return the script's own lines about ways."""
    return [line for line in setup.stdout.splitlines() if line.startswith("setup.sh: Python ")]


def versions(machine: Gradescope) -> dict[str, str]:
    """Return what is installed, by name."""
    folders = (machine.root / "venv").glob("lib/python*/site-packages/*.dist-info")
    return dict(folder.name.removesuffix(".dist-info").rsplit("-", 1) for folder in folders)


@pytest.mark.thorough
def test_the_images_own_python_and_the_cpu_builds_are_taken_first(image: Image) -> None:
    image.python()
    machine, setup = image.build()
    assert setup.status == 0, setup.stdout
    assert ways(setup) == [f"setup.sh: Python {VERSION} from image: {image.bin / f'python{VERSION}'}"]
    found = versions(machine)
    assert (found["torch"], found["torchvision"], found["scipy"]) == ("2.1+cpu", "0.1+cpu", "1.1")
    assert setup.stdout.endswith("asked: doctor --sandbox strict\n")
    assert not (machine.root / "tools").exists()


def plain_versions_only(image: Image, machine: Gradescope, setup: Command) -> bool:
    """Whether torch and torchvision both come from pip's index, and the script says so."""
    told = f"torch and torchvision could not be had from {image.env['AUTOGRADER_TORCH_INDEX']}; pip's own index "
    found = versions(machine)
    return told in setup.stdout and (found["torch"], found["torchvision"]) == ("2.1", "0.1")


@pytest.mark.thorough
def test_a_candidate_on_the_image_and_in_its_archives_is_refused_and_uv_asked(image: Image) -> None:
    image.python(candidate=True)
    image.python("python3")
    provide_uv(image)
    image.settings = "python_mirror = file:///mirror\n"
    _, setup = image.build()
    assert setup.status == 0, setup.stdout
    assert f"{VERSION}.0rc1 is not a final release" in ways(setup)[0]
    assert f"{VERSION}.0~rc1-1~22.04, which is no final release" in ways(setup)[1]
    assert ways(setup)[2] == f"setup.sh: Python {VERSION} from uv: /autograder/python/standalone/bin/python{VERSION}"
    assert f"loaded: {VERSION} from file:///mirror" in setup.stdout
    assert f"install --yes --no-install-recommends python{VERSION}" not in setup.stdout


@pytest.mark.thorough
def test_ubuntus_archive_of_all_versions_is_asked_next(image: Image, tmp_path: Path) -> None:
    image.indexes(cpu=("torch",))
    release = tmp_path / "os-release"
    release.write_text("NAME=Ubuntu\nID=ubuntu\n")
    image.files["/etc/os-release"] = release
    added = tmp_path / "added"
    image.command("add-apt-repository", f'echo "$@" >{added}')
    final = f"if [[ -e {added} ]]; then echo '  Candidate: {VERSION}.9-1+jammy1'; fi"
    image.command("apt-cache", final)
    ready = image.python("ready")
    image.command("apt-get", f'if [[ "$*" == *" python{VERSION} "* ]]; then cp {ready} {image.bin}/python{VERSION}; fi')
    machine, setup = image.build()
    assert setup.status == 0, setup.stdout
    assert [line.split(" from ")[1].partition(":")[0] for line in ways(setup)] == ["image", "apt", "uv", "ppa"]
    assert ways(setup)[1].endswith(f"the archives have no python{VERSION}")
    assert added.read_text() == "--yes ppa:deadsnakes/ppa\n"
    assert plain_versions_only(image, machine, setup)  # never torch from one index and torchvision from another


@pytest.mark.thorough
def test_micromamba_is_the_last_way(image: Image, tmp_path: Path) -> None:
    image.env["AUTOGRADER_TORCH_INDEX"] = "http://127.0.0.1:9/cpu"
    python = image.python("ready")
    create = f'echo "asked: $*"; mkdir -p "$6/bin"; cp {python} "$6/bin/python"'
    script = f"#!/bin/bash\n{create}\n".encode()
    with tarfile.open(tmp_path / "latest", "w:bz2") as archive:
        member = tarfile.TarInfo("bin/micromamba")
        member.size, member.mode = len(script), 0o755
        archive.addfile(member, io.BytesIO(script))
    image.command("curl", f"[[ $* == *https://micro.mamba.pm/api/micromamba/* ]] && cat {tmp_path / 'latest'}")
    machine, setup = image.build()
    assert setup.status == 0, setup.stdout
    assert ways(setup)[-1].startswith(
        f"setup.sh: Python {VERSION} from micromamba: /autograder/python/conda-{VERSION}/"
    )
    assert f"--channel conda-forge python={VERSION} pip" in setup.stdout
    assert plain_versions_only(image, machine, setup)  # for an index that cannot be reached


def test_nothing_works_says_why_line_by_line_and_the_staff_are_named(image: Image) -> None:
    machine, setup = image.build()
    assert setup.status == 1
    assert [line.split(" from ")[1] for line in ways(setup)] == [
        f"image: there is no python{VERSION}",
        f"apt: the archives' python{VERSION} is {VERSION}.0~rc1-1~22.04, which is no final release",
        "uv: pip could not install uv",
        "ppa: this image is not Ubuntu",
        "micromamba: micromamba could not be loaded",
    ]
    assert setup.stdout.splitlines()[-1].startswith("setup.sh: there is no way to a Python that runs the grader")
    run = machine.submit({"toy.py": b""})
    assert run.verdict is Verdict.ACCEPTED and run.results is not None
    assert "Handing in again does not help: the course staff have to" in run.results["output"]
    assert "this image has no environment: setup.sh failed" in run.command.stdout


@pytest.mark.thorough
def test_a_torchvision_that_cannot_be_imported_sends_to_the_next_way(image: Image) -> None:
    image.python()
    image.python("python3")
    image.env["AUTOGRADER_TORCH_INDEX"] = ""
    image.settings = "python_sources = image apt uv\n"
    image.indexes(vision="raise AttributeError('no polyfill')")
    image.env["AUTOGRADER_TORCH_INDEX"] = ""
    image.command("apt-cache", f'echo "  Candidate: {VERSION}.9-1"')
    machine, setup = image.build()
    assert setup.status == 1
    assert ways(setup)[0].endswith("from image: torch, torchvision or the grader cannot be imported")
    assert ways(setup)[1:] == [f"setup.sh: Python {VERSION} from uv: pip could not install uv"]  # apt: the same again
    assert not (machine.root / "venv").exists()


@pytest.mark.thorough
def test_another_minor_version_only_with_requirements_of_its_own(image: Image) -> None:
    image.python()
    own = image.requirements.pop(VERSION)
    image.requirements["3.99"] = image.needed("3.99")
    image.settings = "python_sources = image\n"
    _, setup = image.build()
    refused = "setup.sh: Python 3.99 from image: there is no python3.99"
    assert setup.status == 1 and ways(setup) == [refused]
    image.folder = image.folder / "again"
    image.requirements[VERSION] = own
    _, setup = image.build()
    assert setup.status == 0, setup.stdout
    assert ways(setup) == [refused, f"setup.sh: Python {VERSION} from image: {image.bin / f'python{VERSION}'}"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("torch_indx = x", 'there is no setting "torch_indx"; the settings are torch_index '),
        ("python_sources = image snap", 'python_sources names "snap"; the ways are image, apt, '),
    ],
)
def test_a_wrong_setting_is_one_line(image: Image, line: str, told: str) -> None:
    image.settings = f"{line}\n"
    _, setup = image.build()
    assert setup.status == 1 and setup.stdout.count("\n") == 1 and told in setup.stdout


def test_settings_survive_an_editor_of_windows(image: Image) -> None:
    image.settings = "\r\n# mine\r\npython_sources = image\r\n  timeout_seconds=300  \r\n"
    _, setup = image.build()
    assert [line.split(" from ")[1].partition(":")[0] for line in ways(setup)] == ["image"]


def check(python: Path, tmp_path: Path, requirements: str, wanted: str, **env: str) -> str:
    """Return what the real check says about an interpreter."""
    (tmp_path / "check_python.py").write_text(script_text("check_python.py"))
    (tmp_path / "requirements.txt").write_text(requirements)
    arguments = [python, tmp_path / "check_python.py", tmp_path / "requirements.txt", wanted]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=env)
    assert done.stdout == "" and (done.returncode == 0) == (done.stderr == "")
    return done.stderr


def test_check_accepts_and_names_what_is_wrong(tmp_path: Path) -> None:
    image, good = Image(tmp_path / "image"), Image.needed()
    assert check(INTERPRETER, tmp_path, good, "optional") == ""
    assert "python_version is " in check(INTERPRETER, tmp_path, Image.needed("3.99"), "optional")
    other = good.replace(os.uname().machine, "sparc")
    assert "the requirements are for sparc" in check(INTERPRETER, tmp_path, other, "optional")
    assert "is not a final release" in check(image.python(candidate=True), tmp_path, good, "optional")
    missing = tmp_path / "missing"
    missing.mkdir()
    (missing / "lzma.py").write_text("raise ImportError('not built')")
    told = check(INTERPRETER, tmp_path, good, "optional", PYTHONPATH=str(missing))
    assert told.endswith("lzma cannot be imported (not built)\n")


def test_check_refuses_an_interpreter_that_private_users_cannot_read(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    copy = closed / "python"
    copy.write_bytes(INTERPRETER.read_bytes())
    copy.chmod(0o755)
    told = check(copy, tmp_path, Image.needed(), "required", PYTHONHOME=sys.base_prefix)
    assert f"{closed} is closed to them" in told
    assert check(copy, tmp_path, Image.needed(), "optional", PYTHONHOME=sys.base_prefix) == ""


def provide_uv(image: Image) -> None:
    """Put a stand-in for uv into pip's index: it "loads" this machine's Python."""
    place = f"/autograder/python/standalone/bin/python{VERSION}"
    loading = f"mkdir -p {Path(place).parent}; cp {image.python('ready')} {place}"
    told = 'echo "loaded: $3 from $UV_PYTHON_INSTALL_MIRROR"'
    script = f"#!/bin/bash\nif [[ $2 == find ]]; then echo {place}; else {loading}; {told}; fi\n"
    index(image.folder / "indexes" / "plain", wheel("uv", "9.0", {}, scripts={"uv": script}))
