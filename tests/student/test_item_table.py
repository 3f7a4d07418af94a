"""The table of items: as text, on any console."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from autograder.assignment import Kind
from autograder.results import ItemResult, Outcome
from autograder.student.item_table import print_items
from autograder.student.own_folder import unpacked
from tests.tiny import Tiny


def shown(tiny: Tiny, encoding: str, results: dict[str, ItemResult] | None = None) -> str:
    console = Console(file=io.TextIOWrapper(io.BytesIO(), encoding=encoding), width=120)
    print_items(unpacked(tiny.student_folder()), [], console, results)
    console.file.flush()
    return console.file.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_a_title_is_text_whatever_the_console_can_show(tmp_path: Path, encoding: str) -> None:
    tiny = Tiny(tmp_path)
    manifest = tiny.assignment / "assignment.toml"
    titled = manifest.read_text(encoding="utf-8").replace("Twice its input", "Twice [bold]x[/bold] ≤ 2")
    manifest.write_text(titled, encoding="utf-8")
    assert "Twice [bold]x[/bold] " in shown(tiny, encoding)


def test_what_became_of_an_item_is_its_state(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path)
    results = {
        name: ItemResult(id=name, title="t", kind=Kind.AUTO, outcome=outcome, points=0, max_points=1)
        for name, outcome in (("one.double", Outcome.PASS), ("one.quadruple", Outcome.FAIL))
    }
    rows = {line.split()[0]: line for line in shown(tiny, "utf-8", results).splitlines() if "." in line}
    assert rows["one.double"].split()[-1] == "passes" and "does not pass" in rows["one.quadruple"]
    assert rows["two.shift"].split()[-1] == "written"
