"""Notebooks read past what was computed: outputs, attachments and foreign metadata never come into memory.

The filter works on bytes as they stream in and knows strings, brackets and keys, no more: whatever it passes on is
parsed, and checked, by the one parser of notebooks. A parser that hands out events would hold each picture whole, and
refuse the ``NaN`` that Jupyter writes.
"""

from __future__ import annotations

import json
import re
from typing import IO

CHUNK = 2**16
MAX_OUTLINE = 20 * 2**20
"""Bytes of a notebook without its outputs. A JSON text can take 24 times its size in memory: this bounds both."""
MAX_NESTING = 200
_MAX_KEY = 200

# Loops are unrolled, so that each pattern takes time in proportion to what it looks at.
_IN_STRING = rb'[^"\\]*(?:\\.[^"\\]*)*'
_PLAIN = rb'[^"{}\[\]]*'
_FLAT = _PLAIN + rb'(?:"' + _IN_STRING + rb'"' + _PLAIN + rb")*"
_STRING = re.compile(_IN_STRING, re.DOTALL)
_WITHIN = re.compile(_FLAT + rb"(?:(?:\[" + _FLAT + rb"\]|\{" + _FLAT + rb"\})" + _FLAT + rb")*", re.DOTALL)
"""As much of a value that is left out as can be passed in one step: all but what is nested deeper than one level."""
_SIGN = re.compile(rb'["{}\[\],:]')
_TOP_KEYS = frozenset({"cells", "worksheets", "nbformat", "metadata", "content"})
_CELL_KEYS = frozenset({"cell_type", "source", "input", "execution_count", "prompt_number", "outputs"})
_OUTPUT_KEYS = frozenset({"output_type", "ename"})

Path = tuple[str | None, ...]
"""The key of each open map, None for each open list."""


def without_outputs(stream: IO[bytes]) -> bytes:
    """Return the JSON text of a notebook with ``null`` in place of every value that grading does not read.

    Takes memory in proportion to what it returns. Raises ValueError where that is more than ``MAX_OUTLINE`` bytes, or
    where something is nested more than ``MAX_NESTING`` deep; other damage is for whoever parses what is returned.
    """
    outline = bytearray()
    reader = _Filter(outline)
    while chunk := stream.read(CHUNK):
        reader.feed(chunk)
        if len(outline) > MAX_OUTLINE:
            raise ValueError(f"it holds more than {MAX_OUTLINE // 2**20} MB without its outputs")
    return bytes(outline)


def _is_read(path: Path) -> bool:
    """Say whether the value at a path matters to anybody."""
    if path[0] == "content" and len(path) > 1:  # what Jupyter's server sends wraps the notebook
        path = path[1:]
    if path[0] == "worksheets" and len(path) > 2:  # format 3
        path = path[2:]
    match path:
        case (key,):
            return key in _TOP_KEYS
        case ("metadata", key, *_):
            return key in ("kernelspec", "language_info")
        case ("cells", None, key):
            return key in _CELL_KEYS
        case ("cells", None, "outputs", None, key):
            return key in _OUTPUT_KEYS
    return False


class _Filter:
    """Where a stream of JSON stands: its open containers, and whether what comes next is passed on to ``out``."""

    def __init__(self, out: bytearray) -> None:
        self._out = out
        self._path: list[str | None] = []
        """As in `Path`; the key of a map is "" where the next one is due."""
        self._skipped = -1
        """How many containers are open within the value that is left out; -1 where none is left out."""
        self._in_string = False
        self._key = bytearray()
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        data, self._rest, at = self._rest + chunk, b"", 0
        while at < len(data):
            at = self._string(data, at) if self._in_string else self._signs(data, at)

    def _string(self, data: bytes, at: int) -> int:
        """Go past the end of a string, or as far as the data go."""
        found = _STRING.match(data, at)
        end = found.end() if found else at
        if end < len(data):
            self._in_string = data[end : end + 1] != b'"'
            if self._in_string:  # a backslash, whose sign comes with the next chunk
                self._rest = data[end:]
            else:
                end += 1
        self._pass(data[at:end])
        if self._skipped < 0 and self._is_key_due() and len(self._key) < _MAX_KEY:
            self._key += data[at:end]
        return len(data) if self._rest else end

    def _signs(self, data: bytes, at: int) -> int:
        """Go past the next sign outside of a string."""
        if self._skipped > 0 and (passed := _WITHIN.match(data, at)):
            at = passed.end()
        found = _SIGN.search(data, at)
        end = found.start() if found else len(data)
        self._pass(data[at:end])
        if found:
            self._sign(found[0])
        return end + 1

    def _sign(self, sign: bytes) -> None:
        if self._skipped >= 0:
            if not (self._skipped == 0 and sign in b",}]"):
                self._skip(sign)
                return
            self._skipped = -1  # the value that is left out ends before this sign
        self._out += sign
        if sign == b'"':
            self._in_string = True
            self._key.clear()
        elif sign in b"{[":
            self._path.append("" if sign == b"{" else None)
            self._check_nesting(len(self._path))
        elif sign in b"}]":
            del self._path[-1:]
        elif sign == b"," and self._path and self._path[-1] is not None:
            self._path[-1] = ""
        elif sign == b":" and self._is_key_due():
            self._path[-1] = self._key_text()
            if not _is_read(tuple(self._path)):
                self._out += b" null"
                self._skipped = 0

    def _skip(self, sign: bytes) -> None:
        if sign == b'"':
            self._in_string = True
        elif sign in b"{[":
            self._skipped += 1
            self._check_nesting(self._skipped)
        elif sign in b"}]":
            self._skipped -= 1

    def _pass(self, data: bytes) -> None:
        if self._skipped < 0:
            self._out += data

    def _is_key_due(self) -> bool:
        return bool(self._path) and self._path[-1] == ""

    def _key_text(self) -> str:
        try:
            return str(json.loads(b'"' + bytes(self._key), strict=False)) or "?"
        except ValueError:
            return "?"

    @staticmethod
    def _check_nesting(depth: int) -> None:
        if depth > MAX_NESTING:
            raise ValueError("it is nested too deeply")
