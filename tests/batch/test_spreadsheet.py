"""CSV that a spreadsheet may open: whatever is in a name, no cell is a formula, and numbers stay numbers."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autograder.batch.spreadsheet import FULL_WIDTH, csv_text, normal_text, plain_text, read_table, safe_text
from autograder.errors import UserError

TEXTS = st.text(alphabet=st.one_of(st.sampled_from("=+-@'\t\r\n;,\" 1.a"), st.characters()), max_size=12)


def parsed(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


BEFORE_QUOTED = re.compile(r'[+-]?[0-9]+(\.[0-9]+)?,"')
"""A number such as a student's +1555, before the rest of its row, which is quoted: no formula goes on like that."""


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would run a cell; one that is a plain number is no more than that."""
    try:
        float(cell)
        return False
    except ValueError:
        return cell.lstrip().startswith(tuple("=+-@\t\r" + FULL_WIDTH))


@given(TEXTS, TEXTS)
@example('=HYPERLINK("http://x","y")', "a;=1+1")
@example("-1+1", "\t=1")
@example("\n=1", "\ufeff=1")
@example("1e5", "+1e5")
@example("-0", "")
def test_no_text_is_a_formula_wherever_cells_are_divided(one: str, other: str) -> None:
    text = csv_text(["name", "=header"], [[one, other]])
    rows = parsed(text)
    assert [len(row) for row in rows] == [2, 2]
    assert not any(is_formula(cell) for row in rows for cell in row)
    for delimiter in ";\t|":
        assert not any(
            is_formula(cell) for row in parsed(text, delimiter) for cell in row if not BEFORE_QUOTED.match(cell)
        )


@given(TEXTS)
@example("'=1")
@example("''=1")
@example("-5")
def test_a_text_comes_back(text: str) -> None:
    assert plain_text(safe_text(text)) == normal_text(text)


@given(st.floats(-1e6, 1e6, allow_nan=False))
@example(-0.5)
@example(2.0)
def test_numbers_stay_numbers(number: float) -> None:
    header, row = parsed(csv_text(["points"], [[number]]))
    assert header == ["points"] and float(row[0]) == pytest.approx(number, abs=1e-4)
    assert f'"{row[0]}"' not in csv_text(["points"], [[number]])


def test_numbers_are_written_as_people_write_them() -> None:
    assert csv_text(["a", "b", "c", "d"], [[2.0, 0.1 + 0.2, None, "007"]]) == '"a","b","c","d"\r\n2,0.3,"","007"\r\n'


@given(st.lists(st.tuples(TEXTS, st.floats(0, 100, allow_nan=False)), min_size=1, max_size=4))
def test_a_table_that_was_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    path = tmp_path_factory.mktemp("table") / "points.csv"
    path.write_bytes(csv_text(["name", "points"], rows).encode())
    table = read_table(path)
    read = [(row.cells["name"], table.number(row.cells["points"])) for row in table.rows]
    assert read == [(normal_text(name), pytest.approx(points, abs=1e-4)) for name, points in rows]


def test_files_of_spreadsheets_elsewhere_are_read(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_bytes("\ufeffemail;report\r\n\r\na@x;1,5\r\nb@x;2\r\n;\r\n".encode())
    table = read_table(path)
    assert table.columns == ("email", "report")
    assert [(row.number, table.number(row.cells["report"])) for row in table.rows] == [(3, 1.5), (4, 2.0)]
    path.write_text("email,report\na@x,1.5\n")
    table = read_table(path)
    assert table.number("1.5") == 1.5
    for text in ("1,5", "nan", "inf", "1e3", "", "two", "0x1", "1_0"):
        assert table.number(text) is None


def test_what_is_no_table_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    refused = {
        b"": "empty; its first line names the columns",
        b"\xff\xfe": "not UTF-8 text (byte 0); save it as CSV in UTF-8",
        b"email,Email\n": "two columns are called 'email'; remove one",
        b"email,report\na@x,1,5\n": "line 2: 3 cells for 2 columns; quote what holds the divider",
        b'email,report\n"a@x" x,1\n': "line 2: not CSV",
    }
    for data, message in refused.items():
        path.write_bytes(data)
        with pytest.raises(UserError) as raised:
            read_table(path)
        assert message in str(raised.value) and str(raised.value).startswith(str(path))
    with pytest.raises(UserError, match="cannot be read"):
        read_table(tmp_path)
