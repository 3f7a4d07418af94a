"""Text from a submission made fit to show: no control codes, no lone surrogates, a bounded length."""

from __future__ import annotations

import re
import textwrap

_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # control sequences: colours, cursor moves
    r"|\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)?"  # operating-system commands: titles, links
    r"|\x1b[ -/]*[0-~]?"
)
# C0 without newline and tab, DEL, C1, lone surrogates, non-characters, and the marks that reorder or hide text
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufffe\uffff\ud800-\udfff]"
)


def clean(text: str) -> str:
    """Return ``text`` without terminal codes and with every other control character spelled out.

    A spelled-out character (``\\x00``) can be looked for in the code that printed it; one that is dropped cannot.
    The result can be encoded as UTF-8, shows in the order in which it is stored, and has no line end but ``\\n``.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNSHOWABLE.sub(_spell_out, _ANSI.sub("", text))


def _spell_out(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def shorten(text: str, limit: int) -> str:
    """Return ``text`` in at most ``limit`` characters: the head and the tail, and how much is missing between."""
    return text if len(text) <= limit else _join(text, text, len(text), limit)


def fit(text: str, limit: int) -> str:
    """Return ``text`` cleaned and shortened to ``limit`` characters, in a time that does not depend on its length.

    Of a text that is much too long only both ends are cleaned; the number of characters left out counts raw ones.
    """
    if len(text) <= 4 * limit:
        return shorten(clean(text), limit)
    return _join(clean(text[:limit]), clean(text[-limit:]), len(text), limit)


def _join(start: str, end: str, length: int, limit: int) -> str:
    """Return the head of ``start`` and the tail of ``end``, the two ends of a text of that length."""
    room = limit - len(_gap(length))
    if room <= 0:
        return start[:limit]
    tail = min(room // 3, len(end))  # a report says first what is wrong, so the head gets two thirds
    head = min(room - tail, len(start))
    return start[:head] + _gap(length - head - tail) + end[len(end) - tail :]


def _gap(count: int) -> str:
    return f"\n… {count:,} characters left out …\n"


def one_line(text: str, limit: int = 200) -> str:
    """Return ``text`` cleaned, on one line, in at most ``limit`` characters."""
    enough = text[: 10 * limit]
    flat = " ".join(clean(enough).split())
    whole = len(flat) <= limit and len(enough) == len(text)
    return flat if whole else flat[: limit - 1] + "…"


def indent(text: str, by: int) -> str:
    """Return ``text`` with every non-empty line moved right by ``by`` columns."""
    return textwrap.indent(text, " " * by)


def plural(count: int, noun: str) -> str:
    """Return ``1 check`` or ``3 checks``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def points(value: float) -> str:
    """Return a number of points as people write it: ``2``, ``1.5``, ``0.67``."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def worth(value: float) -> str:
    """Return ``1 point`` or ``1.5 points``."""
    return "1 point" if value == 1 else f"{points(value)} points"
