"""Encodings, syntax errors, and sources made to hurt a parser."""

from __future__ import annotations

import ast
import codecs
import resource
from functools import partial

import pytest

from autograder.submission import read_submission
from tests.pace import MOST, growth, times_as_long
from tests.submission.toy import CODE, fill, hand_in, make_assignment, said

ACCENTS = "# café\nname = 'é'\n"


@pytest.mark.parametrize(
    ("data", "source", "notice"),
    [
        (codecs.BOM_UTF8 + ACCENTS.encode(), ACCENTS, ""),
        (ACCENTS.encode("utf-16"), ACCENTS, "is encoded as UTF-16"),
        (codecs.BOM_UTF16_BE + ACCENTS.encode("utf-16-be"), ACCENTS, "is encoded as UTF-16"),
        (ACCENTS.encode("utf-32"), ACCENTS, "is encoded as UTF-32"),
        (CODE.encode("utf-16-le"), CODE, "is encoded as UTF-16-LE"),
        (CODE.encode("utf-16-be"), CODE, "is encoded as UTF-16-BE"),
        (ACCENTS.encode("latin-1"), ACCENTS, "vae_solution.py:1: is not encoded as UTF-8"),
        (f"x = 1\n{ACCENTS}".encode("latin-1"), f"x = 1\n{ACCENTS}", "vae_solution.py:2: is not encoded as UTF-8"),
        (f"# coding: latin-1\n{ACCENTS}".encode("latin-1"), f"# coding: utf-8\n{ACCENTS}", ""),
        (f"#!x\r# -*- coding: cp1252 -*-\r{ACCENTS}".encode("cp1252"), f"#!x\n# -*- coding: utf-8 -*-\n{ACCENTS}", ""),
        (f"# coding: utf-8\n{ACCENTS}".encode(), f"# coding: utf-8\n{ACCENTS}", ""),
        (f"# coding: nonsense\n{ACCENTS}".encode(), f"# coding: utf-8\n{ACCENTS}", ":1: declares an encoding"),
        (f"# coding: ascii\n{ACCENTS}".encode(), f"# coding: utf-8\n{ACCENTS}", ":1: declares an encoding"),
        (f"# coding: punycode\n{ACCENTS}".encode(), f"# coding: utf-8\n{ACCENTS}", ":1: declares an encoding"),
        (f"# coding: zlib\n{ACCENTS}".encode(), f"# coding: utf-8\n{ACCENTS}", ":1: declares an encoding"),
        (b"x = 1\n# coding: ascii\ny = '\xc3\xa9'\n", "x = 1\n# coding: ascii\ny = 'é'\n", ""),
        (b"x = 1\ny = \x002\n\x00\x00", "x = 1\ny = 2\n", "vae_solution.py:2: contains NUL bytes"),
        (b"x = 1\r\ny = 2\r\n", "x = 1\ny = 2\n", ""),
        (b"x = 1\ry = 2\r", "x = 1\ny = 2\n", ""),
        (b"x = 1\n\x0c\ny = '\x0b\x1c'\n\x0cz = 3\n", "x = 1\n\f\ny = '\x0b\x1c'\n\fz = 3\n", ""),
        ("x = '\u2028'\ny = 2\n".encode(), "x = '\u2028'\ny = 2\n", ""),
    ],
)
def test_encodings(tmp_path, data, source, notice):
    submission = hand_in(tmp_path, {"vae_solution.py": data})
    file = submission.files["vae_solution.py"]
    assert (file.source, file.syntax_error) == (source, "")
    assert (notice in said(submission)) if notice else submission.notices == ()


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("x = 1\ny = = 2\n", "line 2: invalid syntax: `y = = 2`"),
        ("a = '\x0c\u2028'\n\x0c\nx = (1\n", "line 3: '(' was never closed: `x = (1`"),
        ("if a:\n\tx = 1\n        y = 2\n", "line 3: inconsistent use of tabs and spaces in indentation: `y = 2`"),
        ("def f():\nreturn 1\n", "line 2: expected an indented block"),
        ("x = 'abc\n", "line 1: unterminated string literal"),
        ("x = $\x1b[31m\n", "line 1: invalid non-printable character U+001B: `x = $\N{REPLACEMENT CHARACTER}[31m`"),
        ("x = 1 y = 2  # " + "z" * 500, "line 1: invalid syntax: `x = 1 y = 2  # zzz"),
        ("x = '''\n\n", "line 1: unterminated triple-quoted string literal"),
    ],
)
def test_syntax_error_shows_the_line_and_spares_the_other_files(tmp_path, source, error):
    assignment = make_assignment(tmp_path, required=("vae_solution.py", "q3_solution.py"))
    submission = hand_in(tmp_path, {"vae_solution.py": source, "q3_solution.py": CODE}, assignment)
    assert submission.files["vae_solution.py"].syntax_error.startswith(error)
    assert len(submission.files["vae_solution.py"].syntax_error) < 250
    assert submission.files["q3_solution.py"].syntax_error == ""
    number, _, text = error.removeprefix("line ").partition(": ")
    assert f"vae_solution.py:{number}: {text}" in said(submission)


@pytest.mark.parametrize("data", [b"", b"\n\n", codecs.BOM_UTF8])
def test_empty_file_is_there_and_said_to_be_empty(tmp_path, data):
    submission = hand_in(tmp_path, {"vae_solution.py": data})
    assert submission.missing == () and submission.files["vae_solution.py"].source.strip() == ""
    assert said(submission) == "vae_solution.py: is empty"


@pytest.mark.thorough
@pytest.mark.parametrize(
    "source",
    [
        "x = " + "-" * 300_000 + "1",
        "x = a" + ".b" * 100_000,
        "x = 1" + "+1" * 100_000,
        "x = f" + "()" * 100_000,
        "(" * 5000,
        "if a: pass\n" + "elif a: pass\n" * 20_000,
        "x " * 100_000,
        "x = " + "lambda: " * 50_000 + "1",
        "x = " + "9" * 100_000,
    ],
)
def test_deep_or_long_source_is_a_syntax_error(tmp_path, source):
    """It takes no longer than ordinary code of the same length does."""
    assignment = make_assignment(tmp_path)

    def read(text):
        return hand_in(tmp_path, {"vae_solution.py": text, "utils.py": text}, assignment).files["vae_solution.py"]

    ordinary = "y = x + 1\n" * (len(source) // 10)
    assert read(source).syntax_error and not read(ordinary).syntax_error
    assert times_as_long(lambda: read(source), lambda: read(ordinary), rounds=1) < 6


def test_nesting_that_parses_does_not_break_the_rules(tmp_path):
    deep = "torch" + ".distributions" * 900
    submission = hand_in(tmp_path, {"vae_solution.py": f"import torch\ndef kl():\n    return {deep}\n"})
    assert "vae.kl" in submission.violations


def test_source_over_the_limit_is_not_parsed(tmp_path):
    submission = hand_in(tmp_path, {"vae_solution.py": "x = 1\n" * 500_000})
    assert submission.files["vae_solution.py"].syntax_error == "is longer than 2 MB: not read"
    assert "vae_solution.py: is longer than 2 MB" in said(submission)


def test_source_of_too_many_tokens_is_not_parsed_but_long_data_are(tmp_path):
    assignment = make_assignment(tmp_path, required=("vae_solution.py", "q3_solution.py"))
    files = {"vae_solution.py": "a\n" * 300_000, "q3_solution.py": f"data = '{'x' * 1_500_000}'\n"}
    submission = hand_in(tmp_path, files, assignment)
    assert submission.files["vae_solution.py"].syntax_error == "has more than 200000 words and signs: not read"
    assert submission.files["q3_solution.py"].syntax_error == ""


def test_sparse_giant_is_not_read_into_memory(tmp_path):
    folder = fill(tmp_path / "hand_in", {"q3_solution.py": CODE})
    with (folder / "vae_solution.py").open("wb") as stream:
        stream.truncate(20_000_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assignment = make_assignment(tmp_path, required=("vae_solution.py", "q3_solution.py"))
    submission = read_submission(folder, assignment)
    assert "is too large to be read (20000 MB)" in submission.files["vae_solution.py"].syntax_error
    assert submission.files["q3_solution.py"].source == CODE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_an_ordinary_hand_in_takes_milliseconds(tmp_path):
    body = "".join(f"def f{n}(x, y):\n    z = torch.randn(3) * x + y.sum(1)\n    return z\n\n" for n in range(100))
    files = dict.fromkeys(("vae_solution.py", "ddpm_solution.py", "q3_solution.py"), f"import torch\n{body}")
    assignment = make_assignment(tmp_path, required=tuple(files))
    folder = fill(tmp_path / "hand_in", files)
    reading = partial(read_submission, folder, assignment)
    assert times_as_long(reading, lambda: [ast.parse(source) for source in files.values()], rounds=5) < 10


@pytest.mark.thorough
@pytest.mark.parametrize(
    "source",
    [
        lambda n: "!\n" * 10 * n + "(",
        lambda n: " " * 22 * n + "x y",
        lambda n: "x" * 22 * n + " y",
        lambda n: "a = b\n" * n + "distributions\n",
    ],
)
def test_no_pattern_is_slow_on_purpose_made_source(tmp_path, source):
    assignment = make_assignment(tmp_path)

    def read(size):
        assert len(hand_in(tmp_path, {"vae_solution.py": source(size)}, assignment).notices) <= 20

    assert growth(read, 5_000, rounds=2) < MOST


def test_what_grading_leaves_alone_is_minor_and_what_a_student_must_know_is_not(tmp_path):
    files = {"vae_solution.py": f"%matplotlib inline\n{CODE}".encode("utf-16")}
    minor = {str(notice): notice.minor for notice in hand_in(tmp_path, files).notices}
    assert [is_minor for text, is_minor in minor.items() if "ignored" in text] == [True]
    assert [is_minor for text, is_minor in minor.items() if "UTF-16" in text] == [False]
