from __future__ import annotations

import pytest

from autograder.errors import UserError
from autograder.release.grammar import Directive, Role, read_comment, read_prose_line

ITEMS = ("vae.kl",)


@pytest.mark.parametrize(
    ("comment", "directive"),
    [
        ("### BEGIN SOLUTION", Directive(Role.BEGIN)),
        ("#BEGIN   SOLUTION", Directive(Role.BEGIN)),
        ("##########\tBEGIN SOLUTION  vae.kl  ", Directive(Role.BEGIN, "vae.kl")),
        ("### BEGIN SOLUTION ###", Directive(Role.BEGIN)),
        ("# END SOLUTION", Directive(Role.END)),
        ("### END SOLUTION vae.kl", Directive(Role.END, "vae.kl")),
        ("# SOLUTION", Directive(Role.SUFFIX)),
        ("#SOLUTION", Directive(Role.SUFFIX)),
        ("## SOLUTION vae.kl", Directive(Role.SUFFIX, "vae.kl")),
        ("# (batch, dim)  # SOLUTION", Directive(Role.SUFFIX)),
        ("### PROMPT: use logsumexp", Directive(Role.PROMPT, "use logsumexp")),
    ],
)
def test_markers_are_read(comment: str, directive: Directive) -> None:
    assert read_comment(comment, "here", ITEMS, alone=directive.role is not Role.SUFFIX) == directive


@pytest.mark.parametrize(
    "comment",
    [
        "# the solution of the ODE",
        "# Solution of the ODE by Euler's method",
        "# a solution",
        "# solution found by bisection",
        "# convolution",
        "# resolution",
        "# evolution",
        "# begin",
        "# end",
        "# END OF FILE",
        "# the end of the solution",
        "# End the solution with a softmax",
        "# begin the search for a solution",
        "# and solution",
        "# see [3], section 2",
        "#!/usr/bin/env python",
        "#",
    ],
)
@pytest.mark.parametrize("alone", [True, False])
def test_prose_is_left_alone(comment: str, alone: bool) -> None:
    assert read_comment(comment, "here", ITEMS, alone=alone) is None


@pytest.mark.parametrize(
    "comment",
    [
        "# begin solution",
        "# Begin Solution",
        "### begin solution vae.kl",
        "### end solution",
        "### BEGIN SOLUTON",
        "### BEGIN SOLTUION",
        "### BEGIN SOLUTIONS",
        "### BEGN SOLUTION",
        "### BEIGN SOLUTION vae.kl",
        "### EDN SOLUTION",
        "### START SOLUTION",
        "### STOP SOLUTION",
        "### SOLUTION BEGIN",
        "### solution end",
        "### BEGINSOLUTION",
        "### BeginSolution",
        "### BEGIN_SOLUTION",
        "### BEGIN-SOLUTION vae.kl",
        "### BEGIN: SOLUTION",
        "### <BEGIN SOLUTION>",
        "# ---- BEGIN SOLUTION ----",
        "### BEGIN\u00a0SOLUTION",
        "### BEGIN SOLUTION NO PROMPT",
        "### BEGIN SOLN",
        "# TODO ### BEGIN SOLUTION",
        "# solution",
        "# Solution:",
        "# SOLUTON",
        "# solution vae.kl",
        "# SOLUTION: vae.kl",
    ],
)
@pytest.mark.parametrize("alone", [True, False])
def test_near_misses_are_errors(comment: str, alone: bool) -> None:
    with pytest.raises(UserError, match=r"vae\.py, line 3: .* looks like a marker but is none; write \"### BEGIN"):
        read_comment(comment, "vae.py, line 3", ITEMS, alone=alone)


def test_capitals_behind_code_were_meant_as_a_marker_and_on_a_line_of_their_own_as_a_heading() -> None:
    banner = "# SOLUTION OF THE ODE BY EULER"
    assert read_comment(banner, "here", ITEMS, alone=True) is None
    with pytest.raises(UserError, match="looks like a marker"):
        read_comment(banner, "here", ITEMS, alone=False)
    with pytest.raises(UserError, match="looks like a marker"):
        read_comment("# (batch,)  # solution", "here", ITEMS, alone=False)


def test_headings_of_markdown_are_no_near_misses() -> None:
    assert read_prose_line("## Solution", "here") is None
    assert read_prose_line("The solution begins here.", "here") is None
    assert read_prose_line("### BEGIN SOLUTION vae.why", "here") == Directive(Role.BEGIN, "vae.why")
    for line in ("<!-- BEGIN SOLUTION -->", "**BEGIN SOLUTION**", "### begin solution", "# SOLUTION"):
        with pytest.raises(UserError, match="looks like a marker"):
            read_prose_line(line, "here")
