"""Gradescope's list of submissions: Ruby's YAML, with texts of students in it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from autograder.batch import export_metadata
from autograder.batch.export_metadata import ExportedSubmission, read_export_metadata
from autograder.batch.listing import Submitter
from autograder.errors import UserError
from tests.batch.classes import metadata
from tests.pace import MOST, growth


@pytest.fixture(params=["libyaml", "Python"], autouse=True)
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both parsers say the same: libyaml's is not everywhere."""
    if request.param == "Python":
        monkeypatch.delattr(yaml, "CSafeLoader")
    yield


def said(text: str) -> dict[str, ExportedSubmission]:
    return read_export_metadata(io.BytesIO(text.encode()), "m.yml")


def test_values_stay_as_they_are_written() -> None:
    text = "s:\n  :submitters:\n  - {name: Yes, sid: 00123, email: 1e3}\n  :score: '7.5'\n"
    assert said(text)["s"] == ExportedSubmission((Submitter("Yes", "00123", "1e3"),), None, 7.5)


@pytest.mark.parametrize("prefix", ["", ":"])
def test_keys_are_symbols_or_words(prefix: str) -> None:
    text = f"s:\n  {prefix}submitters:\n  - {prefix}name: Ada\n  !ruby/symbol score: .nan\n"
    assert said(text)["s"] == ExportedSubmission((Submitter("Ada"),))


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("2023-12-02 02:52:07.938335000 Z", datetime(2023, 12, 2, 2, 52, 7, 938335, UTC)),
        ("2023-12-02 02:52:07.000000000 -05:00", datetime(2023, 12, 2, 7, 52, 7, 0, UTC)),
        ("'2023-12-02T02:52:07Z'", datetime(2023, 12, 2, 2, 52, 7, 0, UTC)),
        ("2023-12-02 02:52:07", datetime(2023, 12, 2, 2, 52, 7, 0, UTC)),
        ("0001-01-01 00:00:00 +14:00", None),
        ("soon", None),
        ("", None),
        ("[2023]", None),
    ],
)
def test_times_are_in_utc(written: str, time: datetime | None) -> None:
    assert said(f"s:\n  :created_at: {written}\n")["s"].created_at == time


def test_aliases_are_followed_also_into_what_is_skipped() -> None:
    text = "a:\n  :results: {x: &n Ada}\n  :submitters: &p\n  - :name: *n\nb:\n  :submitters: *p\n"
    text += "c: &c {score: 1}\nd: *c\n"
    found = said(text)
    assert found["a"].submitters == found["b"].submitters == (Submitter("Ada"),)
    assert found["d"].score == 1


def test_a_billion_laughs_are_one() -> None:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 40)]
    assert len(said("\n".join([*lines, "s: {submitters: *l39}"]))) == 41
    assert said("s: &s {submitters: [&x [*x], *s]}")["s"] == ExportedSubmission()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [", "is not valid YAML (line "),
        ("a: *b\nc: 'x", "is not valid YAML (line "),
        ("a\x07: 1", "is not valid YAML"),
        ("- a", "does not say what was handed in"),
        ("a", "does not say what was handed in"),
        ("s: {results: " + "[" * 300 + "]" * 300 + "}", "is nested more than 200 deep"),
        ("s: {submitters: " + "[" * 300 + "]" * 300 + "}", "is nested more than 200 deep"),
        ("".join(f"{' ' * n}a:\n" for n in range(300)), "is nested more than 200 deep"),
        ("s: {submitters: [" + "{name: x}, " * 101 + "]}", "s has more than 100 submitters"),
        ("".join(f"{n}:\n" for n in range(20_001)), "names more than 20000 submissions"),
        (metadata("submission_1", "2.PDF"), "handed in PDFs (2.PDF)"),
    ],
)
def test_what_is_wrong_is_one_line(text: str, why: str) -> None:
    with pytest.raises(UserError) as error:
        said(text)
    assert str(error.value).startswith("m.yml: ") and why in str(error.value) and "\n" not in str(error.value)
    assert "export " in str(error.value)


def test_a_file_that_never_ends_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_metadata, "MAX_METADATA", 100_000)
    with pytest.raises(UserError, match="is larger than 0 MB"):
        said("s:\n  :results: '" + "x" * 200_000 + "'\n")


def test_an_empty_file_says_nothing() -> None:
    assert said("") == said("---\n") == said("# nothing\n") == {}


def test_names_are_printable_and_short() -> None:
    name = said('s: {submitters: [{name: "A\\n\\e[31mda' + "a" * 10_000 + '"}]}')["s"].submitters[0].name
    assert name.isprintable() and len(name) <= 200


@given(st.text(max_size=200))
def test_any_text_is_read_or_one_line(text: str) -> None:
    try:
        said(text)
    except UserError as error:
        assert "\n" not in str(error)


@given(st.recursive(st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner)))
def test_any_yaml_is_read(value: object) -> None:
    text = yaml.safe_dump({"s": {":submitters": value, ":created_at": value, "score": value, "results": value}})
    assert list(said(text)) == ["s"]


def test_eight_times_the_results_take_about_eight_times_as_long() -> None:
    entry = metadata("submission_1").removeprefix("---\n").replace(":results:", ":results: [a, {b: c}, 'd']")
    texts = {size: "".join(f"{n}{entry}" for n in range(size)) for size in (100, 800)}
    assert growth(lambda size: said(texts[size]), 100) < MOST
