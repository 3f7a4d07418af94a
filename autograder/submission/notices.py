"""Notices about a submission: printable, short, and few, whatever the submission contains."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from autograder.results import Notice
from autograder.source.lines import printable

MAX_NOTICES = 20
MAX_PER_FILE = 5
"""Of one topic."""
MAX_ABOUT_FILES = 12
MAX_TEXT = 300


class Topic(IntEnum):
    """What a notice is about, the most important first: the order in which students read them."""

    FILES = 0
    SYNTAX = 1
    NAMES = 2
    RULES = 3
    PROVIDED = 4
    ENCODING = 5
    COMMANDS = 6
    LEFT_OUT = 7
    REFUSED = 8

    @property
    def is_minor(self) -> bool:
        """Whether its notices only say what grading leaves alone."""
        return self in (Topic.COMMANDS, Topic.LEFT_OUT)


@dataclass
class _Group:
    kept: list[Notice] = field(default_factory=list)
    left_out: int = 0


class Notices:
    """Collects notices while a submission is read; those that will not be shown are only counted."""

    def __init__(self) -> None:
        self._groups: dict[tuple[Topic, str], _Group] = {}

    def add(self, topic: Topic, notice: Notice | str) -> None:
        """Add a notice once; what the submission controls in it is made printable and short here."""
        given = Notice(text=notice) if isinstance(notice, str) else notice
        clean = Notice(
            text=printable(given.text, MAX_TEXT), file=printable(given.file), line=given.line, minor=topic.is_minor
        )
        group = self._groups.setdefault((topic, clean.file), _Group())
        if clean in group.kept:
            return
        if len(group.kept) < (MAX_ABOUT_FILES if topic is Topic.FILES else MAX_PER_FILE):
            group.kept.append(clean)
        else:
            group.left_out += 1

    def leave_out(self, topic: Topic, file: str, count: int) -> None:
        """Count further notices about a file without adding them."""
        if count > 0:
            self._groups.setdefault((topic, printable(file)), _Group()).left_out += count

    def texts(self, topic: Topic) -> list[str]:
        """Return the first notices of a topic as lines."""
        return [str(notice) for (of, _), group in self._groups.items() if of is topic for notice in group.kept]

    def collapsed(self) -> tuple[Notice, ...]:
        """Return at most ``MAX_NOTICES`` notices, most important first; the last of a longer list counts the rest."""
        shown: list[Notice] = []
        for (topic, file), group in sorted(self._groups.items(), key=lambda entry: entry[0][0]):
            shown += group.kept
            if group.left_out:
                shown.append(Notice(text=f"and {group.left_out} more like these", file=file, minor=topic.is_minor))
        if len(shown) <= MAX_NOTICES:
            return tuple(shown)
        return (*shown[: MAX_NOTICES - 1], Notice(text=f"and {len(shown) - MAX_NOTICES + 1} more notices"))
