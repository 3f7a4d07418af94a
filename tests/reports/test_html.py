"""The HTML report: complete, bounded, for its audience, and inert whatever a submission wrote."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.exhibits import MAX_PIXELS, Bars, Curves, Exhibit, Images, Series
from autograder.release.packing import build_wheel, unzip_bytes
from autograder.reports.html import REPORT_LIMIT, render_html
from autograder.reports.plain_text import PROVISIONAL
from autograder.results import Failure, GradingResult, Lateness, Notice, Outcome, Times
from tests.reports.browser import dom
from tests.reports.samples import KL, SECRET, TRACEBACK, check, hidden_check, item, noted_check, sample
from tests.tiny import ONE, Tiny, command

VOID = {"meta", "link", "img", "br", "line", "polyline", "rect", "circle"}
MARKUP = '<script>document.title="x"</script><img src="http://127.0.0.1:{port}/"></pre><b onclick=x>\'"&amp;'
CURVES = Curves(series=(Series(name="held out", values=(3.0, float("nan"), 2.0, 1.0)),), x="step", threshold=1.5)
GRID = Images.of({name: np.full((4, 8, 8, 3), shade, np.uint8) for name, shade in (("data", 250), ("yours", 9))})
BARS = Bars(names=("with stop-gradient", "without"), values=(0.97, 0.02))


class Page(HTMLParser):
    """The elements and the text of a page; unbalanced tags raise."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.text += data

    @property
    def words(self) -> str:
        """The text with its line breaks undone."""
        return " ".join(self.text.split())

    @property
    def names(self) -> list[str]:
        """The elements in order."""
        return [tag for tag, _ in self.tags]

    def values(self, attribute: str) -> set[str]:
        """What an attribute is anywhere."""
        return {value or "" for _, attributes in self.tags for name, value in attributes.items() if name == attribute}


def pictured(*data: Curves | Images | Bars, public: bool = True, outcome: Outcome = Outcome.PASS) -> GradingResult:
    """Return a grading of one item whose check has these exhibits."""
    seen = check(outcome, public=public, exhibits=tuple(Exhibit(title="What was seen", data=each) for each in data))
    return sample(items=(item("vae.kl", outcome, 0, 2, checks=(seen,)),))


def hostile(text: str) -> GradingResult:
    """Return a grading with ``text`` wherever a submission can have some."""
    parts = dict.fromkeys(("summary", "call", "expected", "got", "worst"), text)
    failed = check(Outcome.FAIL, failure=Failure(inputs=(text, text), **parts), staff_note=text)
    return sample(
        items=(item("vae.kl", Outcome.FAIL, 0, 2, message=text, checks=(failed, hidden_check())),),
        notices=(Notice(text=text, file=text, line=3),),
    )


def test_student_reads_score_rubric_failures_and_what_to_mend_first() -> None:
    page = Page(render_html(sample()))
    for words in (
        "VAE and DDPM on SVHN",
        "3.4 / 7 points",
        "toy, version 1 · submission sha256:0123",
        "Start here: KL divergence to the standard normal",
        "vae.kl, 1.6 points to gain",
        "✗ failed",
        "? grader error, provisional",
        f"{KL} worth 0.4 points",
        "too large by a factor of about 2",
        "called DiagonalGaussianDistribution(mean, logvar).kl()",
        "expected tensor([0.5000, 6.5000]) got tensor([ 1., 13.]) worst entry [1]: expected 6.5, got 13.0",
        "Hint: Each coordinate contributes one HALF",
        "Hint: Which dimension do you sum over?",
        PROVISIONAL,
        "Graded by people",
        "- / 4",
        "vae_solution.py:12: a notebook command is ignored",
        "ddpm.bonus, extra credit",
    ):
        assert words in page.words
    assert "mean = tensor([[0., 1.],\n               [2., 3.]])" in page.text
    links = {link for link in page.values("href") if link.startswith("#")}
    assert links and links <= {f"#{anchor}" for anchor in page.values("id")}


def test_a_hidden_check_shows_a_student_its_title_and_hint_alone() -> None:
    html = render_html(sample())
    assert SECRET not in html and "Traceback" not in html and "kl-missing-half" not in html
    assert "Landlock" not in html and "3.2" not in html


def test_staff_read_notes_walls_and_times() -> None:
    words = Page(render_html(sample(), staff=True)).words
    for expected in (
        f"summary {SECRET}",
        TRACEBACK.split("\n")[0],
        "kl-missing-half",
        "Landlock: the kernel has it off",
    ):
        assert expected in words
    assert "For staff, not for students" in words and "3.2 s in all" in words


def test_a_students_page_does_not_depend_on_the_clock() -> None:
    assert render_html(sample()) == render_html(sample(times=Times(total=99.0)))


def test_own_try_says_that_hidden_checks_are_to_come() -> None:
    words = Page(render_html(sample(public_only=True))).words
    assert "Your own try" in words and "hidden checks run too" in words and PROVISIONAL not in words


def test_nothing_to_mend_starts_nowhere() -> None:
    words = Page(render_html(sample(items=(item("a", Outcome.PASS, 1, 1, checks=(check(),)),)))).words
    assert "Start here" not in words and "nothing is left to fix" in words and "did not pass" not in words


def test_an_unwritten_function_is_one_sentence() -> None:
    failure = Failure(summary="kl() is not implemented yet", got="vae_solution.py, line 9: raise X", unwritten=True)
    checks = tuple(check(Outcome.FAIL, number=n, failure=failure) for n in range(5))
    words = Page(render_html(sample(items=(item("vae.kl", Outcome.FAIL, 0, 2, checks=checks),)))).words
    assert words.count("kl() is not implemented yet (vae_solution.py, line 9)") == 2  # where to start, and the item
    assert "· not written yet" in words and "failed" not in words


def test_late_points_are_the_score() -> None:
    words = Page(render_html(sample(late=Lateness(coefficient=0.5, reason="two days")))).words
    assert "1.7 / 7 points" in words and "Late: two days" in words


@settings(max_examples=20, deadline=None)
@given(text=st.text(min_size=1) | st.text("<>&\"'`{}%#/=scriptonx", min_size=1))
def test_text_makes_no_element_and_no_control_character(text: str) -> None:
    html = render_html(hostile(text), staff=True)
    html.encode("utf-8")
    plain = Page(render_html(hostile("x"), staff=True))
    page = Page(html)
    assert sorted({*page.names}) == sorted({*plain.names} | ({"code"} & {*page.names}))
    assert not any((ord(c) < 32 and c not in "\n\t") or c in "\u202e\u2066\u200b\x7f\ufeff" for c in html)


def test_markup_codes_surrogates_and_bidi_are_text() -> None:
    page = Page(render_html(hostile(MARKUP + "\x1b[31mred\x1b[0m \ud800 \u202egnp.exe")))
    assert MARKUP in page.text and "red \\ud800 \\u202egnp.exe" in page.text
    assert "script" not in page.names and "img" not in page.names and not page.values("onclick")


def test_the_policy_forbids_everything_but_style_and_data() -> None:
    page = Page(render_html(pictured(CURVES, GRID, BARS)))
    policy = next(a["content"] for tag, a in page.tags if tag == "meta" and "content-security-policy" in str(a).lower())
    assert policy is not None and policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    assert all(value.startswith(("data:", "#")) for value in page.values("src") | page.values("href"))
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


@pytest.mark.parametrize("size", [200_000_000, 5_000])
def test_the_page_is_bounded(size: int) -> None:
    text = '"' * size
    failure = Failure(summary=text, call=text, inputs=(text,), expected=text, got=text, worst=text)
    count = 2 if size > 10_000_000 else 150
    failed = tuple(check(Outcome.FAIL, number=n, failure=failure, staff_note=text, hint=text) for n in range(count))
    html = render_html(
        sample(
            items=(item("vae.kl", Outcome.FAIL, 0, 2, message=text, checks=failed),), notices=(Notice(text=text),) * 99
        ),
        staff=True,
    )
    assert len(html.encode("utf-8")) < REPORT_LIMIT
    assert "characters left out" in html


def test_pictures_that_fill_the_page_are_told_in_words() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (MAX_PIXELS // 4096, 64, 64, 3), np.uint8)
    page = Page(render_html(pictured(*[Images.of({"noise": noise})] * 4)))
    assert page.names.count("img") == 1 and "the pictures before it fill the page" in page.words
    assert sum(map(len, page.values("src"))) < REPORT_LIMIT / 2


def test_pictures_are_drawn_and_told() -> None:
    page = Page(render_html(pictured(CURVES, GRID, BARS)))
    assert page.names.count("svg") == 2 and page.names.count("img") == 2 and page.names.count("rect") == 2
    assert page.names.count("circle") == 1 and page.names.count("polyline") == 1  # a gap where a value is not finite
    assert "asked for" in page.words and "What was seen: held out 3 → 1, least 1" in str(page.values("aria-label"))


def test_pictures_of_a_hidden_check_are_for_staff() -> None:
    hidden = pictured(CURVES, GRID, public=False, outcome=Outcome.FAIL)
    assert not {"svg", "img"} & {*Page(render_html(hidden)).names}
    assert {"svg", "img"} <= {*Page(render_html(hidden, staff=True)).names}


def test_template_and_style_are_in_the_wheel() -> None:
    _, wheel = build_wheel(Path(__file__).parents[2])
    assert {f"autograder/reports/{name}" for name in ("report.html.j2", "report.css", "style.css")} <= {
        *unzip_bytes(wheel)
    }


@pytest.fixture
def visits() -> Iterator[tuple[int, list[str]]]:
    """Give the port of a server on this machine, and the paths that were asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, asked
        server.shutdown()


@pytest.mark.thorough
def test_a_browser_runs_nothing_and_asks_for_nothing(tmp_path: Path, visits: tuple[int, list[str]]) -> None:
    port, asked = visits
    tiny, markup = Tiny(tmp_path), MARKUP.format(port=port)
    hand_in = tiny.hand_in(one=ONE.replace("return x * 2", f"raise ValueError({markup!r})"))
    run = tiny.grade(hand_in, "--html", str(tmp_path / "mine.html"))
    report = tmp_path / "out" / "report.html"
    assert run.status == 0 and str(report) in run.stdout
    html = report.read_text(encoding="utf-8")
    assert html == (tmp_path / "mine.html").read_text(encoding="utf-8")
    seen = dom(report)
    page = Page(seen)
    assert "<title>4 / 6 · A tiny assignment</title>" in seen
    assert "4 / 6 points" in page.words and markup in page.text and asked == []

    # the same markup as markup: the policy stops it, and without a policy the server would have heard of it
    report.write_text(html.replace("<header>", f"<header>{markup}", 1), encoding="utf-8")
    assert "<title>4 / 6 · A tiny assignment</title>" in dom(report) and asked == []
    report.write_text(f"<title>bare</title>{markup}", encoding="utf-8")
    assert "<title>x</title>" in dom(report) and asked


def test_a_report_of_an_earlier_grading_does_not_stay(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path)
    report = tiny.write("out/report.html", "an earlier one")
    run = tiny.grade(tiny.write("hand_in.zip", "no zip"))
    assert run.status == 2 and not report.exists()
    done = command("grade", "tiny", str(tiny.reference), "--root", str(tmp_path), "--html", str(tmp_path))
    assert done.returncode == 2 and "name a file, such as report.html" in done.stderr


@pytest.mark.thorough
def test_check_writes_a_students_own_report(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path)
    folder = tiny.hand_in(one=ONE.replace("x * 2", "x"), given="ONE = 1\n")
    for name in ("assignment.toml", "checks/public/test_public.py"):
        tiny.write(f"{folder.name}/{name}", (tiny.assignment / name).read_text(encoding="utf-8"))
    done = command("check", "--html", "report.html", cwd=folder)
    assert done.returncode == 0 and "written: report.html" in done.stdout
    words = Page((folder / "report.html").read_text(encoding="utf-8")).words
    assert "Your own try" in words and "Start here: Twice its input" in words and "does not hold" not in words


def test_a_note_about_right_code_is_shown_with_its_item() -> None:
    page = Page(render_html(sample(items=(item("vae.kl", Outcome.PASS, 2, 2, checks=(noted_check(),)),))))
    assert "kl copies its mean Costs no points." in page.words
