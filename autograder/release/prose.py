"""Leaks of Markdown outside of its marked regions: comments that only readers of the source see, and answers."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from autograder.errors import UserError
from autograder.release.foreign import CELL, REGION
from autograder.source.lines import Place

_COMMENT = re.compile(r"<!--(.*?)(?:-->|\Z)", re.DOTALL)
_FOR_STAFF = re.compile(
    r"\b(?:solutions?|answers?|instructors?|staff|teachers?|graders?|grading|rubric|hidden|secret|private|"
    r"confidential|(?-i:TAs?))\b",
    re.IGNORECASE,
)
_FOR_STUDENTS = re.compile(r"\b(?:your|write|fill|put|type|here|insert)\b", re.IGNORECASE)

_NUMBER = r"(?:(?:exercise|question|problem|part|task|q)\s*[\w.()]+(?:\s*\(\w\))?\s*[:.\s-]*)?"
_SOLUTION = rf"{_NUMBER}(?:(?:model|sample|example|reference|official|suggested)\s+)?solution"
_ANSWER = rf"(?:{_SOLUTION}|{_NUMBER}(?:(?:model|sample|example|reference|official|suggested)\s+)?answer(?:\s+key)?)"
_SHAPES = (
    r"^[\s>]*(?P<mark>\*\*|__|\*|_)(?:WORDS)\s*[:.]?(?P=mark)[:.]?(?P<rest>.*)$",
    r"^[\s>]*(?:WORDS)\s*:(?P<rest>.*)$",
    r"^[\s>]*#+\s*(?:WORDS)\s*[:.]?\s*#*(?P<rest>)$",
)
_LEADS = [re.compile(shape.replace("WORDS", _ANSWER), re.IGNORECASE) for shape in _SHAPES]
_SOLUTION_LEADS = [re.compile(shape.replace("WORDS", _SOLUTION), re.IGNORECASE) for shape in _SHAPES[:2]]
_PLACEHOLDER = re.compile(r"\b(?:your|write|fill|here|todo|type|insert|up to you)\b|^[\W_]*$", re.IGNORECASE)
_HEADING = re.compile(r"^\s*#{1,6}\s")


def refuse_hidden_comments(lines: Sequence[str], kept: Collection[int], place: Place) -> None:
    """Raise `UserError` for an HTML comment that speaks to staff; ``kept`` are the numbers of the lines that stay."""
    for found in _COMMENT.finditer("".join(lines)):
        number = "".join(lines).count("\n", 0, found.start()) + 1
        if number in kept and _FOR_STAFF.search(found[1]) and not _FOR_STUDENTS.search(found[1]):
            shown = " ".join(found[0].split())[:60]
            raise UserError(f"{place.line(number)}: {shown!r} is seen by students, in the source; {CELL}")


def refuse_answers(lines: Sequence[str], kept: Collection[int], place: Place, *, solved: bool) -> None:
    """Raise `UserError` where prose leads in to an answer that stays.

    ``solved`` says that the text is the reference's, in which also a heading leads in, and a line in to what follows.
    Elsewhere it takes the words "Solution: ..." in one line.
    """
    for number in sorted(kept):
        leads = _LEADS if solved else _SOLUTION_LEADS
        lead = next((found for pattern in leads if (found := pattern.match(lines[number - 1].rstrip()))), None)
        if lead is None:
            continue
        following = _following(lines, number, kept) if solved and not lead["rest"].strip() else [lead["rest"]]
        if any(not _PLACEHOLDER.search(line) for line in following):
            shown = lead[0].strip()[:60]
            raise UserError(f"{place.line(number)}: {shown!r} leads in to an answer that is not marked; {REGION}")


def leads_on(text: str) -> str:
    """Return the last line of Markdown if it leads in to an answer in the next cell, else ``""``."""
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
    return last if any((lead := pattern.match(last)) and not lead["rest"].strip() for pattern in _LEADS) else ""


def is_written(text: str) -> bool:
    """Whether a cell holds something, and not only a place to write into."""
    return (
        bool(text.strip())
        and not re.search(r"NotImplementedError|\.\.\.|\bpass\b", text)
        and not any(_PLACEHOLDER.search(line) for line in text.splitlines() if line.strip())
    )


def _following(lines: Sequence[str], number: int, kept: Collection[int]) -> list[str]:
    """Return the lines after one, up to the next heading or marked region."""
    found: list[str] = []
    for after in range(number + 1, len(lines) + 1):
        if after not in kept or _HEADING.match(lines[after - 1]):
            break
        found.append(lines[after - 1])
    return found
