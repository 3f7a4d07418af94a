"""The files of Gradescope's zip: scripts that name no machine but the platform's, exact pins, a valid fallback."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from autograder.errors import UserError
from autograder.platforms.gradescope.bundle import EXECUTABLE, bundle_files, pins
from autograder.platforms.gradescope.validate import validate_text
from autograder.sandbox.trusted import jail
from tests.platforms.gradescope.toy import toy_assignment
from tests.release.course import make_course

REQUIREMENTS = f"requirements-{sys.version_info[0]}.{sys.version_info[1]}.txt"
WHEEL = "autograder-0.1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """The bundle of the toy assignment."""
    return bundle_files(toy_assignment(), WHEEL)


def test_files_and_line_ends(files: dict[str, bytes]) -> None:
    beside = {"check_python.py", "settings.conf", "Dockerfile", REQUIREMENTS, "unfinished_results.json"}
    assert set(files) == {"setup.sh", "run_autograder", *beside}
    assert set(files) > EXECUTABLE
    for name, content in files.items():
        assert b"\r" not in content and content.endswith(b"\n"), name
        assert not re.search(rb"@[A-Z_]+@", content), f"{name} has a placeholder that was not filled in"


@pytest.mark.parametrize("name", sorted(EXECUTABLE))
def test_scripts_parse(files: dict[str, bytes], name: str) -> None:
    subprocess.run(["bash", "-n"], input=files[name], check=True)
    assert files[name].startswith(b"#!/usr/bin/env bash\n")


def test_setup_stops_at_errors_and_ends_with_a_smoke_test(files: dict[str, bytes]) -> None:
    script = files["setup.sh"].decode()
    assert script.index("set -euo pipefail") < script.index("apt-get")
    assert script.rstrip().splitlines()[-1] == '"$venv/bin/autograder" doctor "${walls[@]}"'
    assert f"$source/wheels/{WHEEL}" in script


def test_scripts_name_no_other_machine_but_those_that_install(files: dict[str, bytes]) -> None:
    hosts = {name: set(re.findall(rb"(?:https?|file)://([\w.-]+)", content)) for name, content in files.items()}
    known = {"setup.sh": {b"micro.mamba.pm"}, "settings.conf": {b"download.pytorch.org", b"wheels.example.edu"}}
    del hosts["unfinished_results.json"]
    assert hosts == {name: known.get(name, set()) for name in hosts}
    for name in hosts:
        paths = set(re.findall(rb"(?<![\w$}\"])/(?:autograder|home|root|srv|work|opt|mnt)\b", files[name]))
        assert paths <= {b"/autograder"}, name


def test_requirements_say_what_they_were_resolved_for(files: dict[str, bytes]) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    first = f"# python_version={version} implementation_name=cpython sys_platform=linux platform_machine=x86_64"
    assert files[REQUIREMENTS].decode().splitlines()[0] == first
    assert f'"$source/{REQUIREMENTS}"'.encode() in files["setup.sh"]


@pytest.mark.parametrize("name", ["wheels/a.whl", "a.tar.gz", "a b.whl", '";reboot;".whl'])
def test_odd_wheel_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="not the name of a wheel"):
        bundle_files(toy_assignment(), name)


def test_pins_are_exact_complete_and_for_the_cpu(files: dict[str, bytes]) -> None:
    lines = files[REQUIREMENTS].decode().splitlines()[1:]
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", line) for line in lines)
    pinned = [line.partition("==")[0] for line in lines]
    assert pinned == sorted(set(pinned))
    for line in metadata.requires("autograder") or []:
        requirement = Requirement(line)
        assert requirement.marker is not None or requirement.name in pinned
    assert {"torch", "torchvision", "pydantic-core", "sortedcontainers"} <= set(pinned)  # direct ones and theirs
    assert not [name for name in pinned if name.startswith(("nvidia", "cuda", "triton"))]
    assert not {"mypy", "ruff", "autograder"} & set(pinned)


def test_preloaded_modules_are_pinned_too() -> None:
    assert "pillow" in pins(toy_assignment(preload=("PIL.Image",)))
    with pytest.raises(
        UserError,
        match=r"toy: preload in assignment\.toml needs the module 'no_such_module', which no installed package has",
    ):
        pins(toy_assignment(preload=("no_such_module",)))


def test_fallback_is_valid_and_gives_nothing(files: dict[str, bytes]) -> None:
    text = files["unfinished_results.json"].decode()
    assert validate_text(text) == []
    assert json.loads(text)["score"] == 0


def test_same_input_same_bytes_without_torch(files: dict[str, bytes]) -> None:
    code = "\n".join(
        [
            "import hashlib, sys",
            "from autograder.platforms.gradescope.bundle import bundle_files",
            "from tests.platforms.gradescope.toy import toy_assignment",
            f"files = bundle_files(toy_assignment(), {WHEEL!r})",
            "assert not {'torch', 'numpy', 'jsonschema', 'rich', 'pytest'} & set(sys.modules)",
            "print(hashlib.sha256(b''.join(files.values())).hexdigest(), end='')",
        ]
    )
    root = Path(__file__).parents[3]
    environment = {"PYTHONPATH": str(root), "PYTHONHASHSEED": "7", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == hashlib.sha256(b"".join(files.values())).hexdigest()


def test_sweep_knows_the_workers_user_ids(files: dict[str, bytes]) -> None:
    assert f"uid >= {jail.FIRST_UID} && uid < {jail.LAST_UID}".encode() in files["run_autograder"]


def test_what_the_reference_provided_files_and_checks_import_is_pinned_too(tmp_path: Path) -> None:
    course = make_course(tmp_path)
    assert "pyyaml" in pins(course.assignment), "jupytext needs it"
    assert "ipython" not in pins(course.assignment)
    course.edit("assignments/tiny/checks/hidden/test_hidden.py", '"""Hidden."""', '"""Hidden."""\nimport IPython')
    assert "ipython" in pins(course.assignment)
    course.edit("assignments/tiny/checks/hidden/test_hidden.py", "import IPython", "import no_such_module")
    with pytest.raises(UserError, match=r"tiny: .*test_hidden\.py needs the module 'no_such_module'"):
        pins(course.assignment)
