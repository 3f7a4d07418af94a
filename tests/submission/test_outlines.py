"""Notebooks of any size: read past their outputs, in memory that follows what is left, with the true reason if not."""

from __future__ import annotations

import io
import json
import tracemalloc

import pytest

from autograder.submission import outlines, read_submission
from autograder.submission.outlines import MAX_OUTLINE, without_outputs
from tests.submission.toy import CODE, fill, hand_in, make_assignment, said

CELL = {
    "cell_type": "code",
    "metadata": {"a": [1]},
    "execution_count": 3,
    "source": 'x = {"a": "b\\\\"}\n',
    "outputs": [],
}
OUTPUTS = [
    {"output_type": "display_data", "data": {"image/png": 'i"V\\B{[' * 50, "x": [[0.5, "}", {"y": [1, [2]]}], []]}},
    {"output_type": "error", "ename": "ValueError", "traceback": ["]"]},
]


def large(megabytes: int) -> str:
    """A notebook with a picture of so many megabytes among its outputs, and one attached to a text."""
    picture = "iVBOR" * (megabytes * 10**6 // 10)
    cells = [
        {"cell_type": "markdown", "source": "# text", "attachments": {"a.png": {"image/png": picture}}},
        {"cell_type": "code", "source": CODE, "outputs": [{"output_type": "display_data", "data": {"p": picture}}]},
        {**CELL, "source": "text = '''" + "word " * 100_000 + "'''", "outputs": OUTPUTS},
    ]
    return json.dumps({"nbformat": 4, "metadata": {"widgets": {"state": picture[:1000]}}, "cells": cells})


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 2**16])
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_is_read_is_kept_wherever_the_stream_is_cut(monkeypatch, chunk, wrapped):
    monkeypatch.setattr(outlines, "CHUNK", chunk)
    notebook = {"cells": [{**CELL, "outputs": OUTPUTS}], "metadata": {"kernelspec": {"name": "ir"}, "x": 1}}
    whole = {"name": "ps", "content": notebook} if wrapped else notebook
    read = json.loads(without_outputs(io.BytesIO(json.dumps(whole).encode())))
    read = read["content"] if wrapped else read
    (cell,) = read["cells"]
    assert read["metadata"] == {"kernelspec": {"name": "ir"}, "x": None}
    assert (cell["source"], cell["execution_count"], cell["metadata"]) == (CELL["source"], 3, None)
    assert [(o["output_type"], o.get("ename")) for o in cell["outputs"]] == [
        ("display_data", None),
        ("error", "ValueError"),
    ]


def test_format_three_and_numbers_that_json_does_not_have():
    text = '{"nbformat": 3, "worksheets": [{"cells": [{"input": ["x"], "outputs": [NaN, -Infinity, {"z": NaN}]}]}]}'
    (sheet,) = json.loads(without_outputs(io.BytesIO(text.encode())))["worksheets"]
    assert sheet["cells"][0]["input"] == ["x"]


@pytest.mark.parametrize("megabytes", [25, 90])
def test_memory_follows_the_text_without_outputs(tmp_path, megabytes):
    folder = fill(tmp_path / "hand_in", {"vae_solution.ipynb": large(megabytes)})
    assignment = make_assignment(tmp_path)
    read_submission(fill(tmp_path / "warm", {"vae_solution.ipynb": large(1)}), assignment)
    with (folder / "vae_solution.ipynb").open("rb") as stream:
        left = len(without_outputs(stream))
        stream.seek(0)
        tracemalloc.start()
        without_outputs(stream)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert left > 500_000 and peak < 3 * left
    submission = read_submission(folder, assignment)
    assert "def kl" in submission.files["vae_solution.py"].source and not submission.files["vae_solution.py"].refused


def test_too_much_besides_outputs_and_too_deep_are_said(tmp_path):
    cells = [{"cell_type": "markdown", "source": "word " * (MAX_OUTLINE // 5)}, {"cell_type": "code", "source": CODE}]
    submission = hand_in(tmp_path, {"vae_solution.ipynb": json.dumps({"nbformat": 4, "cells": cells})})
    assert "more than 20 MB without its outputs" in submission.files["vae_solution.py"].syntax_error
    assert "more than 20 MB without its outputs" in said(submission)
    for deep in ('{"x": ' + "[" * 10_000, "[" * 10_000, '{"cells": ' + '{"a": ' * 10_000):
        with pytest.raises(ValueError, match="nested too deeply"):
            without_outputs(io.BytesIO(deep.encode()))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"cells": [{"cell_type": "code", "source": "x =', "breaks off in the middle"),
        ('{"nbformat": 4,\n<<<<<<< HEAD\n "cells": []}', "marks of a merge that was not finished (line 2"),
        ('{"nbformat": 4, "cells": [}', "is damaged (no JSON"),
        ('{"nbformat": 4}', "it holds no cells"),
        ("<!DOCTYPE html><html></html>", "is an HTML page"),
        ('{"a": 1}', "it holds no cells"),
    ],
)
def test_a_refusal_says_why(tmp_path, content, reason):
    submission = hand_in(tmp_path, {"vae_solution.ipynb": content})
    file = submission.files["vae_solution.py"]
    assert file.refused and reason in file.syntax_error and reason in said(submission)


def test_a_notebook_of_another_language_is_named(tmp_path):
    cells = [{"cell_type": "code", "source": "triple <- function(x) 3 * x"}]
    metadata = {"kernelspec": {"name": "ir", "language": "R"}}
    submission = hand_in(
        tmp_path, {"vae_solution.ipynb": json.dumps({"nbformat": 4, "metadata": metadata, "cells": cells})}
    )
    assert submission.files["vae_solution.py"].syntax_error == "is written in R: only Python is graded"


def test_what_jupyters_server_wraps_is_read(tmp_path):
    inner = {"nbformat": 4, "cells": [{"cell_type": "code", "source": CODE}]}
    text = json.dumps({"name": "vae_solution.ipynb", "content": inner})
    assert hand_in(tmp_path, {"vae_solution.ipynb": text}).files["vae_solution.py"].source == CODE


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_encodings_of_notebooks(tmp_path, encoding):
    text = json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": CODE}]})
    submission = hand_in(tmp_path, {"vae_solution.ipynb": text.encode(encoding)})
    assert submission.files["vae_solution.py"].source == CODE


def test_what_was_there_instead_is_said(tmp_path):
    submission = hand_in(tmp_path, {"homework.7z": b"7z\xbc\xaf\x27\x1c", "vae_solution.md": "```python\nx\n```"})
    archive, text = submission.instead["vae_solution.py"]
    assert archive == "homework.7z: 7z archives cannot be read; hand in a zip"
    assert text.startswith("vae_solution.md is a notebook as text")
