"""Statements in words: a notice where one is missing, and nothing more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autograder.assignment import Assignment, read_manifest
from autograder.errors import UserError
from autograder.submission import read_submission

RULE = '[[rules.statements]]\nwords = ["Collaborat", "worked alone"]\ntimes = 2\nnotice = "say with whom you worked"\n'
CODE = {"cell_type": "code", "source": "def f():\n    return 1"}


def make(tmp_path: Path, rule: str = RULE) -> Assignment:
    manifest = tmp_path / "assignment.toml"
    manifest.write_text(
        f'title = "Toy"\nversion = "1"\nsource = "none"\n[files]\nrequired = ["ps.ipynb"]\n{rule}'
        '[[items]]\nid = "f"\ntitle = "f"\npoints = 1\nkind = "auto"\nfile = "ps.ipynb"\nblanks = ["f"]\n'
    )
    return Assignment("toy", tmp_path, read_manifest(manifest))


def notices(tmp_path: Path, *cells: object) -> str:
    hand_in = tmp_path / "ps.ipynb"
    hand_in.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [*cells, CODE]}))
    submission = read_submission(hand_in, make(tmp_path))
    assert "return 1" in submission.files["ps.ipynb"].source
    return " ".join(notice.text for notice in submission.notices)


def said(text: str, kind: str = "markdown") -> dict[str, str]:
    return {"cell_type": kind, "source": text}


def test_a_statement_that_is_missing_is_asked_for(tmp_path: Path) -> None:
    assert "say with whom you worked" in notices(tmp_path)
    assert "say with whom you worked" in notices(tmp_path, said("## 1\nCollaborators: none"))


def test_one_for_each_problem_is_enough_in_whichever_cells_and_words(tmp_path: Path) -> None:
    assert notices(tmp_path, said("COLLABORATION with A."), said("# I worked alone on this", "code")) == ""


def test_the_templates_request_is_no_statement(tmp_path: Path) -> None:
    asked = said("**Collaborators on Problem 1:**\n\n*Your answer here (ungraded)*")
    assert "say with whom you worked" in notices(tmp_path, asked, asked)


def test_a_rule_without_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="words"):
        make(tmp_path, RULE.replace('["Collaborat", "worked alone"]', "[]"))
