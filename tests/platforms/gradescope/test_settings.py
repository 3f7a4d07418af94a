"""settings.conf: every setting has a line with a comment, and only values that can be are written."""

from __future__ import annotations

import re

import pytest

from autograder.errors import UserError
from autograder.platforms.gradescope.bundle import bundle_files
from autograder.platforms.gradescope.settings import VALUES, read_choices, settings_file
from tests.platforms.gradescope.toy import toy_assignment


def lines(data: bytes) -> dict[str, str]:
    """Return the values by name."""
    return dict(re.findall(r"(?m)^(\w+) =(.*)$", data.decode()))


def test_defaults_are_valid_commented_and_pytorchs_cpu_index() -> None:
    default = settings_file({})
    assert list(lines(default)) == list(VALUES)
    for name, value in lines(default).items():
        assert re.fullmatch(VALUES[name][0], value.strip()), name
    assert lines(default)["torch_index"] == " https://download.pytorch.org/whl/cpu"
    for paragraph in default.decode().split("\n\n"):
        assert paragraph.startswith("# ")


def test_chosen_values_stand_in_the_zip() -> None:
    chosen = read_choices(["python_sources = uv image", "python="])
    chosen |= read_choices(["torch_index=https://wheels.example/cpu"])
    found = lines(bundle_files(toy_assignment(), "a-1-py3-none-any.whl", settings=chosen)["settings.conf"])
    assert found["torch_index"] == " https://wheels.example/cpu"
    assert (found["python_sources"], found["python"]) == (" uv image", "")
    assert found["timeout_seconds"] == " 600"


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("torch_index", "write NAME=VALUE; the names are torch_index, "),
        ("torch_indx=https://x", "there is no setting 'torch_indx'.*did you mean \"torch_index\""),
        ("torch_index=$(reboot)", "the address of a package index"),
        ("torch_index=https://x y", "the address of a package index"),
        ("torch_index=https://x\npython = y", "the address of a package index"),
        ("python_sources=", "some of image, apt, uv, ppa, micromamba"),
        ("python_sources=image snap", "some of image, apt, uv, ppa, micromamba"),
        ("private_user=no", "required or optional"),
        ("timeout_seconds=0", "whole seconds"),
        ("environment=venv", "an absolute path"),
    ],
)
def test_what_cannot_be_is_refused(argument: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        settings_file(read_choices([argument]))
