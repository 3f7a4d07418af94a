"""Written answers: marked regions of Markdown become a line that asks for the answer.

Markers stand on lines of their own, outside of code fences; one inside a fence is refused, because nobody can tell an
answer from an example of the grammar there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from autograder.errors import UserError
from autograder.release.foreign import refuse_foreign
from autograder.release.grammar import Role, read_prose_line
from autograder.release.pairing import Line, Paired, pair_markers
from autograder.release.prose import refuse_answers, refuse_hidden_comments
from autograder.release.rubric import Rubric, worth
from autograder.release.stubs import Removed, Stripped
from autograder.source.lines import Place, line_end, split_lines

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


def strip_markdown(text: str, place: Place, rubric: Rubric, *, is_key: bool = False) -> Stripped:
    """Replace the marked answers of Markdown text; a bad marker raises `UserError`, and so does an answer that stays.

    ``is_key`` says that a text without marks does not leave, so that it may hold answers.
    """
    lines = split_lines(text)
    pieces: list[str] = []
    removed: list[Removed] = []
    done = 0
    pairs = pair_markers(_lines(lines, place), place)
    if pairs or not is_key:
        refuse_prose(lines, pairs, place, solved=True)
    for pair in pairs:
        assert pair.end is not None
        pieces += [*lines[done : pair.begin - 1], _request(lines, pair, place, rubric)]
        removed.append(Removed(place, pair.begin, "".join(lines[pair.begin : pair.end - 1])))
        done = pair.end
    return Stripped("".join((*pieces, *lines[done:])), tuple(removed), len(removed))


def refuse_prose(lines: tuple[str, ...], pairs: Sequence[Paired], place: Place, *, solved: bool = False) -> None:
    """Raise `UserError` for marks of other tools, words to staff and answers outside of the marked regions."""
    marked = {number for pair in pairs for number in range(pair.begin, (pair.end or pair.begin) + 1)}
    kept = frozenset(range(1, len(lines) + 1)) - marked
    for number in sorted(kept):
        refuse_foreign(lines[number - 1], place.line(number), prose=True)
    refuse_hidden_comments(lines, kept, place)
    refuse_answers(lines, kept - fenced_lines(lines), place, solved=solved)


def fenced_lines(lines: tuple[str, ...]) -> frozenset[int]:
    """Return the numbers, from 1, of the lines inside code fences."""
    inside: set[int] = set()
    fence = ""
    for number, line in enumerate(lines, 1):
        match = _FENCE.match(line)
        if fence:
            inside.add(number)
            if match and match[1].startswith(fence) and not match[2].strip():
                fence = ""
        elif match and not ("`" in match[1] and "`" in match[2]):
            fence = match[1]
    return frozenset(inside)


def fenced_blocks(text: str) -> Iterator[tuple[int, str]]:
    """Yield the first line's number and the text of every code fence, closing line left out."""
    lines = split_lines(text)
    fenced = fenced_lines(lines)
    for number in sorted(fenced):
        if number - 1 not in fenced:
            end = number
            while end in fenced and not _FENCE.match(lines[end - 1]):
                end += 1
            yield number, "".join(lines[number - 1 : end - 1])


def _lines(lines: tuple[str, ...], place: Place) -> Iterator[Line]:
    fenced = fenced_lines(lines)
    for number, line in enumerate(lines, 1):
        where = place.line(number)
        directive = read_prose_line(line, where)
        if directive and number in fenced:
            raise UserError(f"{where}: a marker inside a code fence; put it before and behind the fence")
        if directive and directive.role is Role.BEGIN and directive.argument is None:
            raise UserError(f'{where}: which item is this? In Markdown write "### BEGIN SOLUTION <item>"')
        yield Line(number, line.strip(), directive)


def _request(lines: tuple[str, ...], pair: Paired, place: Place, rubric: Rubric) -> str:
    assert pair.end is not None
    item = rubric.named(pair.item_id or "", place.line(pair.begin))
    request = line_end(lines[pair.begin - 1]).join((*pair.prompts, f"*Your answer here ({worth(item)})*"))
    return request + line_end(lines[pair.end - 1])
