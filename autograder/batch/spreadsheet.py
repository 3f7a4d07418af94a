"""Tables as CSV that a spreadsheet may open: numbers stay numbers, and no text runs as a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import UserError

Value = str | float | None
"""What a cell holds; None is an empty one."""

DECIMALS = 4
FULL_WIDTH = "\uff1d\uff0b\uff0d\uff20"
"""=, +, - and @ of East Asian keyboards, which some spreadsheets take for the others."""

_BEGINS = rf"[=+\-@{FULL_WIDTH}]"
_UNSEEN = r"\u200b-\u200f\u2060-\u206f"
_FORMULA = re.compile(rf"'*[{_UNSEEN}]*{_BEGINS}")
_AFTER_DIVIDER = re.compile(rf"([;|][ \"'{_UNSEEN}]*)({_BEGINS})")
_MADE_SAFE = re.compile(rf"([;|][ \"'{_UNSEEN}]*)'({_BEGINS})")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_HIDDEN = re.compile("[\x00-\x20\x7f-\xa0\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Value]]) -> str:
    """Return a table as CSV: text is quoted, numbers are not, line ends are those of RFC 4180."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([_cell(name) for name in header])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: Value) -> str | float:
    if value is None:
        return ""
    return safe_text(value) if isinstance(value, str) else _number(value)


def _number(value: float) -> float | int:
    rounded = round(float(value), DECIMALS)
    return int(rounded) if rounded.is_integer() else rounded


def safe_text(text: str) -> str:
    """Return a text as a cell that no spreadsheet runs: one that begins like a formula gets an apostrophe before it.

    So does what is behind a semicolon, which divides cells in some countries' spreadsheets, whatever is quoted. Control
    characters and what surrounds the text go; plain numbers such as -5 stay as they are.
    """
    shown = _AFTER_DIVIDER.sub(r"\1'\2", normal_text(text))
    return f"'{shown}" if _FORMULA.match(shown) and not _NUMBER.fullmatch(shown) else shown


def normal_text(text: str) -> str:
    """Return a text as it is in a table: on one line, without control characters and what surrounds it."""
    return _HIDDEN.sub(" ", text).strip()


def plain_text(cell: str) -> str:
    """Return the text, as `normal_text` has it, of which `safe_text` made the cell."""
    shown = normal_text(cell)
    shown = shown[1:] if shown.startswith("'") and _FORMULA.match(shown) else shown
    return _MADE_SAFE.sub(r"\1\2", shown)


@dataclass(frozen=True)
class Row:
    """A row that was read; ``number`` is the line of the file in which it ends."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """A CSV file that people made: the names of its columns as they are there, and the rows that are not empty."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    decimal_comma: bool = False

    def number(self, text: str) -> float | None:
        """Return a finite number that people wrote, None where it is none."""
        plain = text.replace(",", ".") if self.decimal_comma else text
        if not re.fullmatch(r"[+-]?([0-9]{1,12}(\.[0-9]*)?|\.[0-9]+)", plain):
            return None
        return float(plain)


def read_table(path: Path) -> Table:
    """Return a CSV file with a line of column names; commas, semicolons or tabs divide, as the first line has them.

    Raises `UserError` where it cannot be read, or a row has more cells than there are columns.
    """
    text = _text(path)
    first = text.lstrip("\n").partition("\n")[0]
    divider = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=divider, strict=True)
    columns: list[str] | None = None
    rows = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _columns(path, cells)
                continue
            rows.append(_row(path, reader.line_num, columns, cells))
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: not CSV ({error}); save it as CSV again") from None
    if columns is None:
        raise UserError(f"{path}: empty; its first line names the columns, such as email,report")
    return Table(path, tuple(columns), tuple(rows), decimal_comma=divider != ",")


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start}); save it as CSV in UTF-8") from None


def _columns(path: Path, cells: Sequence[str]) -> list[str]:
    columns = [plain_text(cell) for cell in cells]
    folded = [column.casefold() for column in columns if column]
    if twice := next((column for column in columns if folded.count(column.casefold()) > 1), ""):
        raise UserError(f"{path}: two columns are called {twice!r}; remove one")
    return columns


def _row(path: Path, number: int, columns: Sequence[str], cells: Sequence[str]) -> Row:
    if any(cell.strip() for cell in cells[len(columns) :]):
        raise UserError(
            f"{path}, line {number}: {len(cells)} cells for {len(columns)} columns; quote what holds the divider"
        )
    return Row(number, {name: plain_text(cell) for name, cell in zip(columns, cells, strict=False) if name})
