"""The grammar of one comment: a marker, ordinary prose, or something that looks like a marker and is not one.

The grammar is that of nbgrader and otter-grader, in capitals, with any number of ``#`` and any spacing::

    ### BEGIN SOLUTION [item]       a region begins
    ### PROMPT: text                inside a region: kept as a comment of the stub
    ### END SOLUTION [item]         it ends
    x = answer  # SOLUTION [item]   one statement
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from autograder.errors import UserError
from autograder.release.words import distance, is_edge

HOW_TO_MARK = 'write "### BEGIN SOLUTION [item]", "### END SOLUTION" or, behind a statement, "# SOLUTION"'

_EDGE = re.compile(r"#+[ \t]*(BEGIN|END)[ \t]+SOLUTION(?:[ \t]+([^\s#]+))?[ \t]*#*[ \t]*")
_SUFFIX = re.compile(r"(?:#.*?[ \t])??#+[ \t]*SOLUTION(?:[ \t]+([^\s#:]+))?[ \t]*#*[ \t]*")
_PROMPT = re.compile(r"#+[ \t]*PROMPT:[ \t]*(.*?)[ \t]*")
_CAPITALS = re.compile(r"\b(BEGIN|END)[\W_]*SOLUTION")
_SHORT_FORMS = frozenset({"SOL", "SOLN"})


class Role(StrEnum):
    """What a marker does."""

    BEGIN = "BEGIN SOLUTION"
    END = "END SOLUTION"
    SUFFIX = "SOLUTION"
    PROMPT = "PROMPT"


@dataclass(frozen=True)
class Directive:
    """A marker as written: its role and the item id (or the prompt's text) behind it."""

    role: Role
    argument: str | None = None


def read_comment(comment: str, where: str, items: Collection[str], *, alone: bool) -> Directive | None:
    """Return the marker in a comment of code, or None for prose; a near-miss raises `UserError`.

    ``alone`` says that no code stands before the comment on its line.
    """
    comment = comment.rstrip()
    if found := _exact(comment):
        return found
    if _resembles_an_edge(comment):
        raise _near_miss(comment, where)
    if match := _SUFFIX.fullmatch(comment):
        return Directive(Role.SUFFIX, match[1])
    if _resembles_a_suffix(comment, items, alone=alone):
        raise _near_miss(comment, where)
    return None


def read_prose_line(line: str, where: str) -> Directive | None:
    """Return the marker that a line of Markdown is, or None; a near-miss raises `UserError`."""
    line = line.strip()
    if found := _exact(line):
        return found
    if _resembles_an_edge(line) or re.fullmatch(r"#+[ \t]*SOLUTION", line):
        raise _near_miss(line, where)
    return None


def resembles_a_prompt(comment: str) -> bool:
    """Whether a comment inside a region was probably meant as ``### PROMPT: text``."""
    match = re.match(r"#+\s*([A-Za-z]+)\s*(:?)", comment)
    if match is None or distance(match[1].upper(), "PROMPT") > 1:
        return False
    return bool(match[2]) or match[1].isupper()


def _exact(text: str) -> Directive | None:
    if match := _EDGE.fullmatch(text):
        return Directive(Role(f"{match[1]} SOLUTION"), match[2])
    if match := _PROMPT.fullmatch(text):
        return Directive(Role.PROMPT, match[1])
    return None


def _near_miss(text: str, where: str) -> UserError:
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return UserError(f"{where}: {shown!r} looks like a marker but is none; {HOW_TO_MARK} (prose: reword it)")


def _resembles_an_edge(text: str) -> bool:
    plain = unicodedata.normalize("NFKC", text)
    if _CAPITALS.search(plain):
        return True
    words = re.findall(r"[A-Za-z]+", plain)
    chunks = _chunks(plain)
    if words and len(chunks) <= 2 and min(distance(words[0].upper(), w) for w in ("BEGINSOLUTION", "ENDSOLUTION")) < 2:
        return True
    if len(words) < 2 or not plain.lstrip(" \t#<!-=*/_")[:1].isalpha():
        return False
    first, second = words[:2]
    paired = (is_edge(first) and _is_solution(second)) or (_is_solution(first) and is_edge(second))
    return paired and (len(chunks) <= 3 or (first + second).isupper())


def _resembles_a_suffix(comment: str, items: Collection[str], *, alone: bool) -> bool:
    plain = unicodedata.normalize("NFKC", comment)
    chunks = _chunks(plain if alone else plain.rpartition("#")[2])  # a note may stand before the marker
    words = re.findall(r"[A-Za-z]+", chunks[0]) if chunks else []
    if len(words) != 1 or not _is_solution(words[0]) or words[0].upper() in _SHORT_FORMS:
        return False
    if len(chunks) == 1 or (len(chunks) == 2 and chunks[1] in items):
        return True
    # Behind code even a longer comment in capitals was meant to mark it; on its own line it may be a heading.
    return words[0] == "SOLUTION" and (not alone or len(chunks) == 2 or ":" in chunks[0])


def _chunks(text: str) -> list[str]:
    return [chunk.strip("#") for chunk in text.split() if re.search(r"[^\W\d_]", chunk)]


def _is_solution(word: str) -> bool:
    upper = word.upper()
    # Two slips only with the right initial: "evolution" and "resolution" are words of their own.
    allowed = 2 if upper.startswith("S") else 1
    return upper in _SHORT_FORMS or distance(upper, "SOLUTION") <= allowed
