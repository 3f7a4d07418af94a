"""The page: everything that the report says is on it, escaped, in one file, and readable without colours."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from autograder.verify.matrix import (
    Baseline,
    Cell,
    CheckColumn,
    Claim,
    Exemption,
    ItemColumn,
    Margin,
    Problem,
    ProblemKind,
    Report,
    Role,
    Row,
    Sees,
)
from autograder.verify.reporting.pages import page
from autograder.verify.reporting.tables import show_item, show_summary

ITEMS = (
    ItemColumn(id="vae.kl", title="KL", points=2, file="vae.py", training=False),
    ItemColumn(id="vae.nll", title="NLL", points=1.5, file="vae.py", training=False),
    ItemColumn(id="ddpm.loss", title="Loss", points=3, file="ddpm.py", training=False),
)
CHECKS = (
    CheckColumn(id="public/t.py::test_a", label="p1", item="vae.kl", title="What <must> hold", weight=1, kills=1),
    CheckColumn(id="hidden/t.py::test_b", label="h1", item="vae.kl", title="More", weight=0.5),
)
ROWS = (
    Row(role=Role.REFERENCE, name="reference", cells=(Cell(item="vae.kl", lost=0, passed=("p1", "h1")),)),
    Row(
        role=Role.MUTANT,
        name="kl-half",
        own="vae.kl",
        misconception="The <b>half</b> & more",
        cells=(
            Cell(item="vae.kl", lost=2, killed_by=("p1",), raised_by=("h1",), note='it is "half"'),
            Cell(item="vae.nll", lost=0.75, killed_by=("p1",)),
        ),
        shown="kl-other",
        sees=Sees.WRONG,
        twins=("kl-twin",),
    ),
    Row(
        role=Role.MUTANT,
        name="sly",
        own="vae.kl",
        cells=(Cell(item="vae.kl", lost=0, passed=("p1", "h1")),),
        untouched=("vae.nll",),
        sees=Sees.NONE,
    ),
)
REPORT = Report(
    slug="tiny",
    title="<script>alert(1)</script>",
    assignment_version="1",
    grader_version="0",
    items=ITEMS,
    checks=CHECKS,
    rows=ROWS,
    claims=(Claim(mutant="same", item="vae.kl", reason="because x = x", inputs=10_000),),
    margins=(
        Margin(
            check="hidden/t.py::test_train",
            criterion="error",
            runs=20,
            least=0.21,
            mean=0.3,
            spread=0.05,
            value=0.7,
            threshold=1.0,
        ),
    ),
    baselines=(Baseline(item="vae.train", name="the mean", earned=0.25),),
    concepts={"gaussian_kl": 2, "reverse_step": 1},
    exemptions=(Exemption(check="public/t.py::test_a[sums]", item="vae.kl", reason="means here", holds=True),),
    problems=(
        Problem(kind=ProblemKind.SURVIVOR, where="mutant 'sly'", what="passes all checks of vae.kl", fix="add one"),
    ),
)


class Reader(HTMLParser):
    """Collects cells and text, and insists that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[tuple[str, str]]] = []
        self.text = ""
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        if tag not in ("meta", "link", "wbr"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append((dict(attrs).get("class", ""), ""))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if "style" not in self.open and any(tag in self.open for tag in ("td", "th")):
            kind, text = self.rows[-1][-1]
            self.rows[-1][-1] = (kind, f"{text} {data.strip()}".strip())


@pytest.fixture(scope="module")
def reader():
    return Reader(page(REPORT))


def row(reader, name):
    return next(cells for cells in reader.rows if cells and cells[0][1].startswith(name))


def test_prices_checks_and_hints_of_every_variant(reader):
    name, own, other, hint = row(reader, "kl-half")
    assert "The <b>half</b> & more" in name[1]
    assert own == ("cell own", "\N{MINUS SIGN}2 p1 raised: h1")
    assert other == ("cell bad", "\N{MINUS SIGN}0.75 p1")
    assert hint == ("bad", "wrong: kl-other, same as kl-twin")
    _, survives, untouched, none = row(reader, "sly")
    assert survives == ("cell bad", "survives") and untouched == ("cell good", "") and none == ("", "none")
    assert row(reader, "reference")[1:3] == [("cell good", ""), ("cell outside", "")]


def test_concepts_and_what_is_not_asked_for_of_them(reader):
    assert "grader 0; concepts: gaussian_kl 2, reverse_step 1" in reader.text
    exempted = row(reader, "public/t.py::test_a[sums]")
    assert exempted[1:] == [("", "vae.kl"), ("bad", "✗ holds all the same"), ("", "means here")]


def test_a_section_has_the_items_of_its_file(reader):
    heads = [[text for _, text in cells] for cells in reader.rows if cells[0][1] == "variant"]
    heads = [[text.replace(". ", ".") for text in head] for head in heads]
    assert heads[0] == ["variant", "vae.kl 2 points", "vae.nll 1.5 points", "hint"]
    assert heads[1] == ["variant", "ddpm.loss 3 points", "hint"]


def test_problems_claims_baselines_and_checks(reader):
    assert "✗ 1 problem" in reader.text and "passes all checks of vae.kl" in reader.text
    assert ("number", "10,000") in row(reader, "same") and ("", "✓ stands") in row(reader, "same")
    assert row(reader, "vae.train")[-1] == ("number bad", "0.25")
    margin = [text for _, text in row(reader, "hidden/t.py::test_train")]
    assert margin[1:] == ["error", "20", "0.7", "1", "+21.0 %", "+30.0 %", "6.0"]
    assert any(cells[-1][1] == "What <must> hold" for cells in reader.rows)


def test_one_file_escaped_and_the_same_again(reader):
    text = page(REPORT)
    assert "<script" not in text and "&lt;script&gt;alert" in text and text == page(REPORT)
    assert not [name for name, _ in reader.attributes if name in ("src", "href", "onclick")]
    assert not re.search(r"url\(|@import|https?:", text)


def test_nothing_depends_on_colours_alone(reader):
    assert 'content: "! "' in reader.text and 'content: "·"' in reader.text
    assert "@media print" in reader.text and 'name="viewport"' in page(REPORT)


def test_a_report_without_problems_says_so():
    passed = REPORT.model_copy(update={"problems": ()})
    assert passed.passed and "✓ the rubric is proved" in page(passed)


def test_the_terminal(capsys):
    from rich.console import Console

    show_summary([REPORT], Console(highlight=False, width=80))
    show_item(REPORT.model_copy(update={"scope": "vae.kl"}), Console(highlight=False, width=80))
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert ["tiny", "3", "2", "1/2", "1/1", "1/1", "0/1/1", "1"] in lines
    assert ["kl-half", "2", "X", "!", "wrong", "vae.nll", "-0.75"] in lines
    assert ["p1", "kills", "1:", "public/t.py::test_a"] in lines
