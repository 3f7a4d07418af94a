"""Commands that documents name: in fenced blocks without a language, and between backquotes."""

from __future__ import annotations

import re

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PYTHON = re.compile(r"^(?:from|import) ", re.MULTILINE)
_SPAN = re.compile(r"`((?:python3?|autograder|jupyter|pip|pytest|uv|\.ci/\w+|[A-Z_]+=\S+ \w+)\b[^`\n]*)`")


def commands_of(text: str) -> list[str]:
    """Return each command once, in order, without what is said of it behind ``#``."""
    blocks = [body for language, body in _BLOCK.findall(text) if not language and not _PYTHON.search(body)]
    found = [line.partition(" #")[0].strip() for body in blocks for line in body.splitlines()]
    found += [span for span in _SPAN.findall(_BLOCK.sub("", text)) if " " in span or span.startswith(".ci")]
    return [command for command in dict.fromkeys(found) if command]
