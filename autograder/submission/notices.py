"""Notices about a hand-in: printable, short, and few, whatever the hand-in contains."""

from __future__ import annotations

from enum import IntEnum

from autograder.results import Notice

MAX_NOTICES = 20
MAX_PER_TOPIC_AND_FILE = 5
MAX_TEXT = 300
MAX_QUOTED = 80


class Topic(IntEnum):
    """What a notice is about, the most important first: the order in which students read them."""

    FILES = 0
    SYNTAX = 1
    RULES = 2
    PROVIDED = 3
    ENCODING = 4
    COMMANDS = 5
    REFUSED = 6


def printable(text: object, limit: int = MAX_QUOTED) -> str:
    """Return one line of at most ``limit`` printable characters; the middle of a longer text is left out."""
    shown = str(text)
    if len(shown) > limit:
        head = limit * 2 // 3
        shown = f"{shown[:head]}…{shown[len(shown) - (limit - head - 1) :]}"
    return "".join(
        char if char.isprintable() else " " if char.isspace() else "\N{REPLACEMENT CHARACTER}" for char in shown
    )


class Notices:
    """Collects notices while a hand-in is read."""

    def __init__(self) -> None:
        self._groups: dict[tuple[Topic, str], list[Notice]] = {}

    def add(self, topic: Topic, notice: Notice | str) -> None:
        """Add a notice once; what the hand-in controls in it is made printable and short here."""
        given = Notice(text=notice) if isinstance(notice, str) else notice
        clean = Notice(text=printable(given.text, MAX_TEXT), file=printable(given.file), line=given.line)
        group = self._groups.setdefault((topic, clean.file), [])
        if clean not in group[:MAX_PER_TOPIC_AND_FILE]:
            group.append(clean)

    def texts(self, topic: Topic) -> list[str]:
        """Return the first notices of a topic as lines."""
        return [
            str(n) for (of, _), group in self._groups.items() if of is topic for n in group[:MAX_PER_TOPIC_AND_FILE]
        ]

    def collapsed(self) -> tuple[Notice, ...]:
        """Return at most ``MAX_NOTICES`` notices, most important first; the last of a longer list counts the rest."""
        kept: list[Notice] = []
        for (_, file), group in sorted(self._groups.items(), key=lambda entry: entry[0][0]):
            kept += group[:MAX_PER_TOPIC_AND_FILE]
            if more := len(group) - MAX_PER_TOPIC_AND_FILE:
                kept += [Notice(text=f"and {more} more like these", file=file)] if more > 0 else []
        if len(kept) <= MAX_NOTICES:
            return tuple(kept)
        return (*kept[: MAX_NOTICES - 1], Notice(text=f"and {len(kept) - MAX_NOTICES + 1} more notices"))
