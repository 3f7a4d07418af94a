"""Text files of the instructor: UTF-8, with or without the byte order mark that some editors put before it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from autograder.errors import UserError
from autograder.source.lines import with_line_feeds


def decode(data: bytes, file: str) -> str:
    """Return UTF-8 text without its byte order mark, line ends as they are; anything else raises `UserError`."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None


def read_text(path: Path) -> str:
    r"""Return the text of a file with ``\n`` line ends; raise `UserError` where it is not UTF-8."""
    return with_line_feeds(decode(path.read_bytes(), str(path)))


def read_toml(path: Path) -> dict[str, Any]:
    """Return the values of a TOML file; raise `UserError` naming file and line where it is none."""
    return parse_toml(read_text(path), str(path))


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """Return the values of TOML text; raise `UserError` naming file and line where it is none."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{file}: not valid TOML: {error}") from None
