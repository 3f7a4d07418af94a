"""What students get in place of a marked piece, and that everything else stays byte for byte."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.release.stubs import Stripped, strip_python
from autograder.source.lines import split_lines
from tests.release.course import PLACE, RUBRIC


def strip(text: str) -> Stripped:
    return strip_python(text, PLACE, RUBRIC)


def stripped(text: str) -> str:
    return strip(dedent(text)).text


def test_a_region_in_a_function_raises_with_item_points_and_title() -> None:
    result = stripped(
        '''
        class Normal:
            def kl(self):
                """Doc."""
                x = self.mean
                ### BEGIN SOLUTION
                ### PROMPT: One number for each entry.
                ### PROMPT:
                # secret
                if x:
                    y = 1

                else:
                    y = 2
                ### END SOLUTION

                return y
        '''
    )
    assert result == dedent(
        '''
        class Normal:
            def kl(self):
                """Doc."""
                x = self.mean
                # One number for each entry.
                #
                raise NotImplementedError("vae.kl (2 points): KL divergence")

                return y
        '''
    )


@pytest.mark.parametrize(
    ("statement", "stub"),
    [
        ("x = f(1)", "x = ...  # {}"),
        ("x = y = f(1)", "x = y = ...  # {}"),
        ("x: dict[str, int] = f(a=1)", "x: dict[str, int] = ...  # {}"),
        ("x += f(1)", "x = ...  # {}"),
        ("x = (1 +\n     2)", "x = ...  # {}"),
        ("x = 1 + \\\n    2", "x = ...  # {}"),
        ("x = (lambda a=1: a)", "x = ...  # {}"),
        ("x = lambda a=1: a", "x = ...  # {}"),
        ("x[f(a=1)] = 2", "x[f(a=1)] = ...  # {}"),
        ("x.y = z = 2", "x.y = z = ...  # {}"),
        ("a, b = f()", "a, b = ..., ...  # {}"),
        ("(a, (b, *c)), d = x = f()", "(a, (b, *c)), d = x = (..., (..., ...)), ...  # {}"),
        ("[a] = f()", "[a] = ...,  # {}"),
        ("(\n    a,\n    b,\n) = f(\n    1)", "(\n    a,\n    b,\n) = ..., ...  # {}"),
        ('x = """\n# SOLUTION\n"""', "x = ...  # {}"),
        ("é = 'é' + f('é')", "é = ...  # {}"),
        ("print(1)", "...  # {}"),
        ("import numpy as np", "...  # {}"),
        ("x = 1;", "x = ...  # {}"),
    ],
)
def test_a_marked_statement_keeps_its_left_side(statement: str, stub: str) -> None:
    text = f"a = b = 0\n{statement}  # SOLUTION vae.kl\nlast = 1  # kept\n"
    assert strip(text).text == f"a = b = 0\n{stub.format('vae.kl (2 points): your code')}\nlast = 1  # kept\n"


def test_blank_values_can_be_unpacked_as_the_left_side_asks() -> None:
    text = strip("(a, [b, *c]), d = x = f()  # SOLUTION vae.kl\n").text
    names: dict[str, object] = {}
    exec(compile(text, "stub", "exec"), names)
    assert names["a"] is names["b"] is names["d"] is ... and names["c"] == [...]


def test_a_marker_may_stand_on_any_line_of_its_statement_and_behind_a_note() -> None:
    assert strip("x = (  # SOLUTION vae.kl\n  1\n)  # note\ny = 1\n").text == (
        "x = ...  # vae.kl (2 points): your code\ny = 1\n"
    )
    assert strip("x = 1  # (T,)  # SOLUTION vae.kl\n").text == "x = ...  # vae.kl (2 points): your code\n"


def test_other_statements_in_functions_raise() -> None:
    result = strip("def draw(x): return x + 1  # SOLUTION\nasync def f():\n\tyield 1  # SOLUTION vae.kl\n").text
    assert result == (
        'def draw(x): raise NotImplementedError("vae.draw (1 point): A sample")\n'
        'async def f():\n\traise NotImplementedError("vae.kl (2 points): KL divergence")\n'
    )


def test_a_region_outside_functions_binds_what_it_assigned() -> None:
    result = stripped(
        """
        ### BEGIN SOLUTION
        from math import exp as e, pi
        betas, (x, *y) = f()
        if betas:
            z: int = 1
        for i in range(3):
            z += i
        with open("f") as file:
            pass
        def helper(): return 1
        def used(): return 2
        ### END SOLUTION
        print(used(), pi)
        """
    )
    heading = "# vae.betas (0.5 points): your code in place of ..."
    names = "\n".join(f"{name} = ..." for name in ("pi", "betas", "x", "y", "z", "used"))
    assert result == f"\n{heading}\n{names}\nprint(used(), pi)\n"


def test_a_region_of_definitions_in_a_class_binds_the_blank_and_drops_helpers() -> None:
    result = strip(
        "class Normal:\n    ### BEGIN SOLUTION\n    def _help(self): pass\n    @wraps\n"
        "    def kl(self): pass\n    ### END SOLUTION\n"
    ).text
    assert result == "class Normal:\n    # vae.kl (2 points): your code in place of ...\n    kl = ...\n"


def test_helpers_beside_other_methods_leave_a_comment_and_no_statement() -> None:
    helpers = "    ### BEGIN SOLUTION vae.kl\n    def _help(self): pass\n    ### END SOLUTION\n"
    other = "class Normal:\n    def kl(self):\n        return 1  # SOLUTION\n\n"
    result = strip(other + helpers).text
    assert result.endswith("\n\n    # vae.kl (2 points): your code, if you need more\n")
    assert strip(f"class Normal:\n{helpers}").text == "class Normal:\n    ...  # vae.kl (2 points): your code\n"


def test_a_region_that_binds_nothing_stays_a_statement() -> None:
    result = strip("if x:\n    ### BEGIN SOLUTION vae.more\n    print(1)\n    ### END SOLUTION\nelse:\n    pass\n").text
    assert result == "if x:\n    ...  # vae.more (1 point, extra credit): your code\nelse:\n    pass\n"


def test_several_regions_in_one_function_and_in_its_branches() -> None:
    result = stripped(
        """
        def draw(x):
            for i in x:
                # BEGIN SOLUTION
                a = 1
                # END SOLUTION
            try:
                b = 1  # SOLUTION
            except E:
                # BEGIN SOLUTION
                c = 1
                # END SOLUTION
            return a
        """
    )
    assert result.count("raise NotImplementedError") == 2
    assert "\n        b = ...  # vae.draw (1 point): your code\n" in result
    assert result.endswith("    return a\n")


def test_line_ends_tabs_and_a_missing_last_line_end_are_kept() -> None:
    text = "def draw():\r\n\tx = 1\r\n\t# BEGIN SOLUTION\r\n\treturn x\r\n\t# END SOLUTION"
    assert strip(text).text == ('def draw():\r\n\tx = 1\r\n\traise NotImplementedError("vae.draw (1 point): A sample")')
    mixed = "a = 1\r\nb = 1\rc = 1\n\x0cbetas = 1  # SOLUTION\r\nlast = '\x0b'"
    assert strip(mixed).text == (
        "a = 1\r\nb = 1\rc = 1\n\x0cbetas = ...  # vae.betas (0.5 points): your code\r\nlast = '\x0b'"
    )


def test_what_was_removed_is_known_with_its_place() -> None:
    (piece,) = strip("a = 1\nbetas = secret(1)  # SOLUTION\n").removed
    assert piece.origin == "solutions/tiny/vae.py, line 2"
    assert "secret(1)" in piece.text
    assert isinstance(piece.statements[0], ast.Assign)


def test_titles_with_quotes_make_valid_strings() -> None:
    item = RUBRIC.manifest.items[0].model_copy(update={"title": 'The "KL" \\ divergence\u2028'})
    manifest = RUBRIC.manifest.model_copy(update={"items": (item, *RUBRIC.manifest.items[1:])})
    rubric = type(RUBRIC)(manifest, "vae.py")
    tree = ast.parse(strip_python("def f():\n    return 1  # SOLUTION vae.kl\n", PLACE, rubric).text)
    assert 'The "KL" \\ divergence' in ast.unparse(tree).replace("\\\\", "\\")


# Property: lines beginning with KEEP are given, those beginning with GONE are solution; the tags are cut off.
KEEP, GONE, STUB = "K", "G", "S"
Lines = list[tuple[str, str]]
_HASHES = st.sampled_from(["# ", "### ", "#", "#\t", "########  "])
_TAIL = st.sampled_from(["", " ", "\t"])


@st.composite
def _region(draw: st.DrawFn, pad: str) -> Lines:
    body: list[str] = []
    for number in range(draw(st.integers(1, 3))):
        body += draw(
            st.sampled_from(
                [
                    [f"t{number} = secret_{number}(1)"],
                    [f"t{number}: int = [", "  secret_2,", "]"],
                    ["if secret_3:", "    secret_4()", "else:", "    t9 = secret_5"],
                    ["# secret_comment", "secret_6()", ""],
                    ["@secret_7", "def secret_8(): return secret_9"],
                    ['t8 = """', "secret_text # END SOLUTION", '"""'],
                ]
            )
        )
    begin, end = (f"{draw(_HASHES)}{word}{draw(_TAIL)}" for word in ("BEGIN  SOLUTION vae.kl", "END SOLUTION"))
    return [(GONE, line if line.startswith("secret_text") else pad + line) for line in (begin, *body, end)]


@st.composite
def _block(draw: st.DrawFn, pad: str, depth: int) -> Lines:
    kinds = ["plain", "region", "suffix", "prose", "string"] + (["def", "class", "if", "try"] if depth < 3 else [])
    lines: Lines = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(kinds))
        number = len(lines)
        inner = pad + draw(st.sampled_from(["    ", "\t", " "])) if not pad else pad * 2
        if kind == "plain":
            lines.append((KEEP, f"{pad}kept = f({number})  # the solution of the ODE"))
        elif kind == "prose":
            lines += [(KEEP, ""), (KEEP, f"{pad}# resolution {number}, a comment"), (KEEP, f"{pad}pass")]
        elif kind == "string":
            lines += [(KEEP, f"{pad}text = '''"), (KEEP, "### BEGIN SOLUTION"), (KEEP, "'''")]
        elif kind == "suffix":
            lines.append((GONE, f"{pad}name{number} = secret_value({number}){draw(_TAIL)}  # SOLUTION vae.kl"))
        elif kind == "region":
            lines += draw(_region(pad))
        else:
            heads = {"def": "def g():", "class": "class C:", "if": "if kept:", "try": "try:"}
            lines += [(KEEP, pad + heads[kind]), *draw(_block(inner, depth + 1))]
            if kind == "try":
                lines += [(KEEP, f"{pad}except E:"), *draw(_block(inner, depth + 1))]
    return lines


@settings(max_examples=150, deadline=None, database=None)
@given(lines=_block("", 0), ends=st.lists(st.sampled_from(["\n", "\r\n"]), min_size=1, max_size=5), last=st.booleans())
def test_stripping_keeps_the_unmarked_and_nothing_of_the_marked(lines: Lines, ends: list[str], last: bool) -> None:
    written = [(tag, line + ends[number % len(ends)]) for number, (tag, line) in enumerate(lines)]
    if last:
        written[-1] = (written[-1][0], lines[-1][1])
    text = "".join(line for _, line in written)
    result = strip(text)
    out = list(split_lines(result.text))
    rest = iter(out)
    assert all(line in rest for tag, line in written if tag == KEEP), "given lines stay, byte for byte and in order"
    extra = len(out) - sum(tag == KEEP for tag, _ in written)
    assert extra >= result.blanks, "every mark leaves a stub"
    assert "secret" not in result.text
    assert ("vae.kl (2 points)" in result.text) == any(tag == GONE for tag, _ in lines)
    ast.parse(result.text)
    assert strip(result.text) == Stripped(result.text), "stripping again changes nothing"
    assert strip(text).text == result.text
