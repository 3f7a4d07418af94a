"""Written answers as a PDF, by the real command and a real browser."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.assignment import MANIFEST
from autograder.documents.browser import NAMES, find_browser
from tests.documents.test_documents import PIXEL
from tests.programs import missing
from tests.tiny import Tiny, command

ANSWERS = """# Report

## `q.a`: first (2 points)

Because $x^2 \\ge 0$. ![p](p.png)

## Second

*Your answer here (1 point)*
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = Tiny(tmp_path).student_folder()
    manifest = folder / MANIFEST
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("[files]\n", '[files]\noptional = ["report.pdf"]\n', 1), encoding="utf-8")
    (folder / "report.md").write_text(ANSWERS, encoding="utf-8")
    (folder / "p.png").write_bytes(PIXEL)
    return folder


def report(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return command("report", *options, cwd=folder, environment=environment)


def needs_a_browser() -> None:
    if reason := missing(*NAMES):
        pytest.skip(reason)


def test_answers_are_printed_and_what_is_missing_is_said(folder: Path) -> None:
    needs_a_browser()
    (folder / "p.png").rename(folder / "q.png")
    done = report(folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
    assert "1 question without an answer: Second\n" in done.stdout
    assert "pictures that are no files here: p.png\n" in done.stdout
    answered = ANSWERS.replace("*Your answer here (1 point)*", "So it is.").replace("p.png", "q.png")
    (folder / "report.md").write_text(answered, encoding="utf-8")
    done = report(folder)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1  # its own PDF is made anew


@pytest.mark.parametrize(
    ("name", "options", "path"),
    [("report.pdf", (), None), ("report.html", ("--html",), None), ("report.html", (), "")],
)
def test_a_file_that_somebody_made_is_left_alone(
    folder: Path, name: str, options: tuple[str, ...], path: str | None
) -> None:
    (folder / name).write_bytes(b"%PDF-1.4 mine")
    done = report(folder, *options, **({} if path is None else {"PATH": path}))
    assert done.returncode == 2 and "did not make this" in done.stderr and len(done.stderr.splitlines()) == 1
    assert (folder / name).read_bytes() == b"%PDF-1.4 mine"
    assert sorted(found.name for found in folder.iterdir() if found.name.startswith("report")) == sorted(
        {"report.md", name}
    )


def test_a_page_is_made_anew(folder: Path) -> None:
    for _ in range(2):
        assert report(folder, "--html").returncode == 0


def test_without_a_browser_there_is_a_page_to_print(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    done = report(folder, PATH=str(tmp_path / "bin"))
    assert done.returncode == 0
    assert "no Chromium, Chrome or Edge" in done.stderr and "Save as PDF" in done.stderr
    shown = (folder / "report.html").read_text(encoding="utf-8")
    assert "<msup>" in shown and base64.b64encode(PIXEL).decode() in shown
    assert not (folder / "report.pdf").exists()


def test_a_browser_that_does_nothing_is_no_pdf(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/chromium").write_text("#!/bin/sh\necho it is broken >&2\n", encoding="utf-8")
    (tmp_path / "bin/chromium").chmod(0o755)
    done = report(folder, PATH=f"{tmp_path / 'bin'}:/bin:/usr/bin")
    assert "chromium wrote none: it is broken" in done.stderr and (folder / "report.html").is_file()


def test_a_notebook_is_shown_with_its_outputs_and_not_run(folder: Path) -> None:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "# Mine\n\n$\\alpha$ ![a](attachment:a.png)", "id": "a",
         "attachments": {"a.png": {"image/png": base64.b64encode(PIXEL).decode()}}},
        {"cell_type": "code", "metadata": {}, "source": "open('ran', 'w')\nprint(3)", "execution_count": 7, "id": "b",
         "outputs": [{"output_type": "stream", "name": "stdout", "text": "3 <b>\n"}]},
        {"cell_type": "code", "metadata": {}, "source": "", "execution_count": None, "id": "c", "outputs": []},
        {"cell_type": "markdown", "metadata": {}, "source": "*Your answer here (2 points)*", "id": "d"},
    ]  # fmt: skip
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    (folder / "mine.ipynb").write_text(text, encoding="utf-8")
    done = report(folder, "mine.ipynb", "--html", "--out", "mine.pdf")
    assert done.returncode == 0, done.stderr
    assert "1 question without an answer: Mine\n" in done.stdout
    shown = (folder / "mine.html").read_text(encoding="utf-8")
    assert "<math" in shown and base64.b64encode(PIXEL).decode() in shown and "3 &lt;b&gt;" in shown
    assert shown.count('<section class="cell"') == 1 and not (folder / "ran").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("gone.md",), "gone.md: there is no such file"),
        (("gone.ipynb",), "gone.ipynb: there is no such file"),
        (("one.ipynb",), "one.ipynb: this cannot be read as a notebook"),
        (("p.png",), "p.png: neither Markdown"),
        (("--html", "--out", "no/report.pdf"), "cannot be written"),
        (("--out", "no/report.pdf"), "cannot be written"),
        (("--out", "checks"), "this is a folder"),
    ],
)
def test_misuse_is_one_line(folder: Path, options: tuple[str, ...], said: str) -> None:
    (folder / "one.ipynb").write_text("{", encoding="utf-8")
    done = report(folder, *options)
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1


def test_where_no_report_is_asked_for_one_is_named(tmp_path: Path) -> None:
    done = report(Tiny(tmp_path).student_folder())
    assert done.returncode == 2 and "autograder report FILE" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="other places are usual there")
def test_a_browser_is_looked_for_where_programs_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_browser() is None
    shutil.copy("/bin/sh", tmp_path / "msedge")
    assert find_browser() == tmp_path / "msedge"
