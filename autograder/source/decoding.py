"""Bytes to text as Python would read them, and more forgiving: nobody should lose an assignment to an encoding."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from autograder.source.lines import LINE_END, with_line_feeds

_COOKIE = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.ASCII)  # PEP 263
_BLANK = re.compile(r"^[ \t\f]*(?:#.*)?$")
_MARKS = (  # the longer marks first: UTF-32's little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Plain character tables only: other codecs of Python are slow on purpose-made input, or no text at all.
_TRUSTED = re.compile(
    r"ascii|cp\d+|koi8-[rut]|iso8859-\d+|mac-\w+|gbk|gb2312|gb18030|big5|shift_jis|euc_(jp|kr)|johab|tis-620"
)


class Remark(NamedTuple):
    """Something to tell the student about a source; ``line`` counts from 1, None is the whole file."""

    text: str
    line: int | None = None


def decode(data: bytes) -> tuple[str, list[Remark]]:
    r"""Return the text with ``\n`` line ends (same line numbers), and what had to be guessed or fixed.

    A declaration of another encoding is rewritten to UTF-8, for the text is stored as UTF-8 from here on.
    """
    text, remarks = _decode(data)
    return _declaring_utf8(clean_text(text, remarks)), remarks


def clean_text(text: str, remarks: list[Remark]) -> str:
    r"""Return the text with ``\n`` line ends and without what Python cannot parse at all: NUL and lone surrogates."""
    text = with_line_feeds(text)
    for bad, what in (("\0", "NUL bytes"), (r"[\ud800-\udfff]", "characters that are no text")):
        if found := re.search(bad, text):
            line = text.count("\n", 0, found.start()) + 1
            remarks.append(Remark(f"contains {what}, first here: ignored", line))
            text = re.sub(bad, "", text)
    return text


def _decode(data: bytes) -> tuple[str, list[Remark]]:
    if encoding := _marked_encoding(data):
        text = data.decode(encoding, "replace").removeprefix("\ufeff")
        return text, [Remark(f"is encoded as {encoding.upper()}, not as UTF-8: read as such")]
    declared, line = _declaration(data[:4000].decode("latin-1"))
    if declared in (None, "utf-8") or data.startswith(codecs.BOM_UTF8):
        return _decode_undeclared(data.removeprefix(codecs.BOM_UTF8))
    try:
        return _decode_as_declared(data, declared or ""), []
    except (LookupError, ValueError):
        text, remarks = _decode_undeclared(data)
        return text, [*remarks, Remark("declares an encoding that it is not in or that is not known: ignored", line)]


def _marked_encoding(data: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    sample = data[:4000]
    if len(sample) >= 4 and sample.count(0) * 3 >= len(sample):  # ASCII in UTF-16 without a mark: every other byte
        odd, even = sample[1::2].count(0), sample[::2].count(0)
        if even == 0 or odd == 0:
            return "utf-16-le" if odd else "utf-16-be"
    return None


def _declaration(text: str) -> tuple[str | None, int]:
    """Return the declared encoding in Python's spelling, and its line; it stands on one of the first two lines."""
    for number, line in enumerate(LINE_END.split(text, maxsplit=2)[:2], start=1):
        if found := _COOKIE.match(line):
            try:
                return codecs.lookup(found[1][:40]).name.removesuffix("-sig"), number
            except (LookupError, ValueError):
                return found[1], number
        if not _BLANK.match(line):
            break
    return None, 0


def _decode_as_declared(data: bytes, declared: str) -> str:
    if not _TRUSTED.fullmatch(declared):
        raise LookupError(declared)
    return data.decode(declared)


def _decode_undeclared(data: bytes) -> tuple[str, list[Remark]]:
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError as error:
        line = len(LINE_END.findall(data[: error.start].decode("latin-1"))) + 1
        return data.decode("latin-1"), [Remark("is not encoded as UTF-8, first here: read as Latin-1", line)]


def _declaring_utf8(text: str) -> str:
    declared, number = _declaration(text[:4000])
    if declared in (None, "utf-8"):
        return text
    lines = text.split("\n", maxsplit=2)
    lines[number - 1] = re.sub(r"(coding[:=][ \t]*)[-\w.]+", r"\1utf-8", lines[number - 1], count=1)
    return "\n".join(lines)
