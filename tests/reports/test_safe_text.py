"""Text of a submission is made harmless and bounded, and says what was left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.reports.safe_text import clean, fit, indent, one_line, plural, points, shorten, worth
from tests.pace import MOST, growth


@pytest.mark.parametrize(
    ("dirty", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("bell\x07 null\x00", "bell\\x07 null\\x00"),
        ("lone \ud800 surrogate", "lone \\ud800 surrogate"),
        ("\u202egnirts", "\\u202egnirts"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("tab\tand é and 😀", "tab\tand é and 😀"),
    ],
)
def test_control_characters_are_spelled_out_and_terminal_codes_dropped(dirty: str, shown: str) -> None:
    assert clean(dirty) == shown


@given(st.text(st.characters(exclude_categories=()) | st.sampled_from("\x1b[]m;\x07\x9b\u202e\ud800")))
def test_clean_text_has_no_control_character_and_stays_clean(text: str) -> None:
    shown = clean(text)
    assert clean(shown) == shown
    assert not [c for c in shown if (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0]
    shown.encode("utf-8")


@given(st.text("abc", max_size=300), st.integers(0, 200))
def test_shortened_text_fits(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    assert len(text) > limit or short == text


def test_shortened_text_keeps_head_and_tail_and_counts_the_rest() -> None:
    text = "H" * 600 + "middle" * 1_000 + "T" * 300
    short = shorten(text, 500)
    head, gap, tail = short.splitlines()
    assert set(head) == {"H"} and set(tail) == {"T"} and len(head) > len(tail) > 100
    assert gap == f"… {len(text) - len(head) - len(tail):,} characters left out …"


@given(st.text("a\x1b[3m\x00", max_size=400), st.integers(0, 120))
def test_fitted_text_fits_and_is_clean(text: str, limit: int) -> None:
    short = fit(text, limit)
    assert len(short) <= limit and clean(short) == short
    assert len(text) > limit or short == shorten(clean(text), limit)


@pytest.mark.thorough
def test_huge_text_is_fitted_without_reading_all_of_it() -> None:
    def text(size: int) -> str:
        return "H" * 1_000 + "\x00" * size + "T" * 1_000

    huge = text(30_000_000)
    head, gap, tail = fit(huge, 300).splitlines()
    texts = {len(one): one for one in (text(98_000), text(9_998_000))}
    assert growth(lambda size: fit(texts[size], 300), 100_000, factor=100) < MOST
    assert (
        set(head) == {"H"}
        and set(tail) == {"T"}
        and gap == f"… {len(huge) - len(head) - len(tail):,} characters left out …"
    )


def test_one_line_has_one_line() -> None:
    assert one_line(" a\n\tb\x1b[1m  c ") == "a b c"
    assert one_line("x" * 300, 10) == "x" * 9 + "…"
    assert one_line("a" + " " * 300, 10) == "a…"


def test_words_for_numbers() -> None:
    assert [points(2.0), points(1.5), points(2 / 3), points(0), points(100)] == ["2", "1.5", "0.67", "0", "100"]
    assert [worth(1), worth(0.5)] == ["1 point", "0.5 points"]
    assert [plural(1, "check"), plural(0, "check")] == ["1 check", "0 checks"]
    assert indent("a\n\nb", 2) == "  a\n\n  b"
