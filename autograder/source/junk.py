"""Files and folders that systems, Python and editors leave behind, by name: they are nobody's work."""

from __future__ import annotations

import fnmatch

LEFT_BEHIND = (".*", "__pycache__", "*.py[co]", "__MACOSX", "Thumbs.db", "desktop.ini")
"""What is never looked at, wherever it comes from."""
JUNK = (*LEFT_BEHIND, "*.egg-info", "*~", "#*#", "*.swp", "*.swo", "*.bak", "*.orig", "*.rej", "*.tmp")
"""What is never part of a release: a student's only copy of a file may well be called ``vae.bak``."""
ENVIRONMENTS = ("node_modules", "site-packages", "venv", "virtualenv")
"""Folders of what was installed."""


def is_junk(name: str) -> bool:
    """Whether a file or folder of this name is never part of a release."""
    return _is_one_of(name, JUNK)


def is_left_behind(name: str) -> bool:
    """Whether nobody has made a file or folder of this name."""
    return _is_one_of(name, LEFT_BEHIND)


def is_environment(name: str) -> bool:
    """Whether a folder of this name holds what was installed."""
    return name.casefold() in ENVIRONMENTS


def _is_one_of(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns)
