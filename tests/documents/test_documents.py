"""Markdown and formulas as pages: what is drawn, what is left as it was written, and what is said of it."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.assignment import slugs
from autograder.documents.formulas import formula
from autograder.documents.markdown import article, files_of
from autograder.documents.self_contained import page
from tests.reports.browser import dom

ROOT = Path(__file__).resolve().parents[2]
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=="
)
LOADS = re.compile(r"""(?i)(?:src|href)\s*=\s*["']?(?!data:|#)|url\((?!data:)|@import""")
MATHML = "{http://www.w3.org/1998/Math/MathML}"


def text_of(latex: str) -> str:
    return "".join(ElementTree.fromstring(formula(latex).html).itertext())


@pytest.mark.parametrize(
    ("latex", "letters"),
    [
        (r"\mathbb E", "\N{MATHEMATICAL DOUBLE-STRUCK CAPITAL E}"),
        (r"\mathbb{R}", "\N{DOUBLE-STRUCK CAPITAL R}"),
        (r"\mathbb R", "\N{DOUBLE-STRUCK CAPITAL R}"),
        (r"\mathfrak C", "\N{BLACK-LETTER CAPITAL C}"),
        (r"\mathcal N", "\N{MATHEMATICAL SCRIPT CAPITAL N}"),
        (r"\mathcal{L}", "\N{SCRIPT CAPITAL L}"),
        (r"\mathbf x", "\N{MATHEMATICAL BOLD SMALL X}"),
        (r"\mathbf{ab}", "\N{MATHEMATICAL BOLD SMALL A}\N{MATHEMATICAL BOLD SMALL B}"),
        (r"\boldsymbol\mu", "\N{MATHEMATICAL BOLD ITALIC SMALL MU}"),
        (r"\boldsymbol{\epsilon}", "\N{MATHEMATICAL BOLD ITALIC EPSILON SYMBOL}"),
        (r"\mathrm{KL}", "KL"),
        (r"\arg\max", "argmax"),
        (r"a \nonumber \label{eq:a}", "a"),
    ],
)
def test_letters_of_a_style_are_those_that_browsers_know(latex: str, letters: str) -> None:
    found = formula(latex)
    assert not found.unknown
    assert text_of(latex) == letters
    assert not re.search(r'mathvariant="(?!normal)', found.html)


def test_a_number_stands_beside_its_formula() -> None:
    html = formula(r"a = b \tag{3}", block=True).html
    assert '<span class="tag">(3)</span>' in html and "tag" not in html.partition("<math")[2].partition("</math>")[0]


@pytest.mark.parametrize("latex", [r"\unheardof{x}", r"\begin{oops} a", r"\frac{", "a^"])
def test_what_is_not_understood_is_shown_as_it_was_written(latex: str) -> None:
    found = formula(f"<i>{latex}")
    assert found.unknown
    assert found.html == f'<code class="latex">&lt;i&gt;{latex}</code>'
    made = article(f"so ${latex}$ holds", files_of(ROOT))
    assert len(made.unknown) == 1 and latex in made.unknown[0]


@given(st.text(alphabet="\\{}^_&ab1<>\"' $%#~|()[]=", max_size=30))
def test_any_formula_gives_text_that_is_well_formed(latex: str) -> None:
    for block in (False, True):
        shown = ElementTree.fromstring(f"<p>{formula(latex, block=block).html}</p>")
        assert len(shown) == 1 and shown[0].tag in ({"div"} if block else {f"{MATHML}math", "code"})


def test_environments_and_long_names_are_drawn() -> None:
    made = article("\\begin{align}\na &= b \\\\ c &= d\n\\end{align}\n\n`a.b_c` and `a - b`\n", files_of(ROOT))
    assert made.html.count("<mtr>") == 2 and "\\begin" not in made.html
    assert "<code>a.<wbr>b_<wbr>c</code> and <code>a - b</code>" in made.html


def test_pictures_are_in_the_page_and_missing_ones_are_named(tmp_path: Path) -> None:
    (tmp_path / "a picture.png").write_bytes(PIXEL)
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    data, long = base64.b64encode(PIXEL).decode(), f"{'a' * 5000}.png"
    made = article(
        '![a](a%20picture.png) <img alt="b" src="a picture.png"> ![c](attachment:c.png)\n\n'
        f"![d](gone.png) ![e](https://example.org/e.png) ![f](secret.txt) ![g]({long}) ![h](%00.png)",
        files_of(tmp_path),
        {"c.png": {"image/png": data}},
    )
    assert made.html.count(f"data:image/png;base64,{data}") == 3
    assert made.missing == ["gone.png", "https://example.org/e.png", "secret.txt", long, "%00.png"]
    assert base64.b64encode(b"secret").decode() not in made.html


@pytest.mark.parametrize("slug", slugs(ROOT))
def test_every_handout_is_drawn_whole_and_loads_nothing(slug: str) -> None:
    text = (ROOT / "assignments" / slug / "handout.md").read_text(encoding="utf-8")
    made = article(text, files_of(ROOT / "assignments" / slug))
    assert not made.unknown and not made.missing
    assert made.html.count("<math") >= len(re.findall(r"(?<!\$)\$(?!\$)[^$\n]+\$", text)) > 0
    assert "$" not in re.sub(r"<(pre|code)\b.*?</\1>", "", made.html, flags=re.DOTALL)
    assert not LOADS.search(re.sub(r'<a href="https?:[^"]*">', "", made.html))


def test_a_browser_draws_the_page_and_runs_no_script_of_it(tmp_path: Path) -> None:
    text = "# Title\n\n$\\frac{1}{2}$\n\n<script>document.title = 'run'</script>\n\n| a |\n|---|\n| $x$ |\n"
    (tmp_path / "page.html").write_text(page("A & B", article(text, files_of(tmp_path)).html), encoding="utf-8")
    shown = dom(tmp_path / "page.html")
    assert "<title>A &amp; B</title>" in shown and "<mfrac>" in shown and '<h1 id="title">' in shown


def test_paragraphs_go_with_the_headings_above_them() -> None:
    made = article("one\n\n# First `a`\n\n```\n# no heading\n```\n\ntwo\n\nSecond\n------\n\n- three\n", files_of(ROOT))
    assert made.paragraphs == [("", "one"), ("First `a`", "two"), ("Second", "three")]
