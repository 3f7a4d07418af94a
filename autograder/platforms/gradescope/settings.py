"""The bundle's ``settings.conf``: what instructors may choose, in one commented file of the zip."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

from autograder.errors import UserError, did_you_mean

_ADDRESS = r"((https?|file)://[\w.:/~%+-]+)?"
_PATH = r"(/[\w./+-]+)?"
_WAY = r"(image|apt|uv|ppa|micromamba)"
VALUES = {
    "torch_index": (_ADDRESS, "the address of a package index, or nothing"),
    "python_sources": (rf"{_WAY}( {_WAY})*", "some of image, apt, uv, ppa, micromamba"),
    "python": (_PATH, "an absolute path on the image, or nothing"),
    "python_mirror": (_ADDRESS, "an address, or nothing"),
    "environment": (_PATH, "an absolute path on the image, or nothing"),
    "private_user": (r"required|optional", "required or optional"),
    "timeout_seconds": (r"[1-9]\d{0,5}", "whole seconds"),
}
"""By name of a setting: a regular expression that its value fulfils, and the same in words."""
NAMES = tuple(VALUES)


def script_text(name: str) -> str:
    """Return a file of the bundle as it is in this package, with LF line ends wherever that was installed."""
    text = files("autograder.platforms.gradescope").joinpath("scripts", name).read_text(encoding="utf-8")
    return text.replace("\r\n", "\n")


def settings_file(chosen: Mapping[str, str]) -> bytes:
    """Return the file, with the chosen values in place of its defaults; raise `UserError` for one that cannot be."""
    text = script_text("settings.conf")
    for name, value in chosen.items():
        if name not in VALUES:
            raise UserError(f"there is no setting {name!r} of the Gradescope zip{did_you_mean(name, NAMES)}")
        pattern, words = VALUES[name]
        if not re.fullmatch(pattern, value):
            raise UserError(f"the setting {name} is {value!r}; give {words}")
        text, count = re.subn(rf"(?m)^{name} =.*$", f"{name} = {value}".rstrip(), text)
        assert count == 1, f"settings.conf has {count} lines for {name}"
    return text.encode()


def read_choices(arguments: list[str]) -> dict[str, str]:
    """Return settings by name from arguments ``NAME=VALUE``; raise `UserError` for one without a name or a sign."""
    chosen = {}
    for argument in arguments:
        name, sign, value = argument.partition("=")
        if not sign:
            raise UserError(f"--setting {argument!r}: write NAME=VALUE; the names are {', '.join(NAMES)}")
        chosen[name.strip()] = value.strip()
    return chosen
