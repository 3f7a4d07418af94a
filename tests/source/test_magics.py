"""Leftover notebook commands in Python files, and sources that must stay as they are."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from autograder.source.magics import read_cell, read_python
from tests.submission.toy import CODE, hand_in, said

STDLIB = sorted(
    path
    for path in Path(sysconfig.get_path("stdlib")).rglob("*.py")
    if not {"site-packages", "dist-packages", "lib2to3"} & set(path.parts) and path.stat().st_size < 150_000
)


@pytest.mark.parametrize(
    ("line", "filler"),
    [
        ("!pip install einops", "pass"),
        ("%pip install 'einops", "pass"),
        ("%matplotlib inline", "pass"),
        ("%load_ext autoreload", "pass"),
        ("%%time", "pass"),
        ("pip install torch", "pass"),
        ("?torch.randn", "pass"),
        ("torch.randn??", "pass"),
        ("!echo \"it's (", "pass"),
        ("files = !ls data", "files = None"),
        ("t = %timeit -o f()", "t = None"),
        ("%time y = f(2)", "y = f(2)"),
        ("get_ipython().run_line_magic('matplotlib', 'inline')", "None"),
        ("get_ipython().system('pip install einops')", "None"),
        ("out = get_ipython().getoutput('ls')  # é", "out = None  # é"),
    ],
)
def test_command_becomes_a_filler_on_its_line(tmp_path, line, filler):
    submission = hand_in(tmp_path, {"vae_solution.py": f"import torch\n{line}\n{CODE}"})
    assert submission.files["vae_solution.py"].source == f"import torch\n{filler}\n{CODE}"
    assert submission.files["vae_solution.py"].syntax_error == ""
    assert "vae_solution.py:2: notebook command ignored: `" in said(submission)


def test_indentation_and_line_numbers_stay(tmp_path):
    source = "if True:\n    !mkdir \\\n        results \\\n        logs\nx = 1\n"
    submission = hand_in(tmp_path, {"vae_solution.py": source})
    assert submission.files["vae_solution.py"].source == "if True:\n    pass\n\n\nx = 1\n"


def test_command_call_over_several_lines_keeps_the_lines(tmp_path):
    source = "é = 1; get_ipython().run_cell_magic(\n    'time', '',\n    'x'\n); y = 2\nz = 3\n"
    cleaned = hand_in(tmp_path, {"vae_solution.py": source}).files["vae_solution.py"].source
    assert [node.lineno for node in ast.parse(cleaned).body] == [1, 1, 4, 5]
    assert "get_ipython" not in cleaned


PLAIN = '''\
text = """
!pip install einops
%matplotlib inline
%%time
"""
values = (7
    % 4
    %3)
long = 7 \\
    % 4
other = \'\'\'it's "
! here\'\'\'
call("%s %d"
     % ("a", 2))
shell = get_ipython
if "colab" in str(get_ipython()):
    pass
s = "a\\
!b"
'''


def test_what_only_looks_like_a_command_stays(tmp_path):
    submission = hand_in(tmp_path, {"vae_solution.py": PLAIN})
    assert submission.files["vae_solution.py"].source == PLAIN and submission.notices == ()


def test_it_stays_beside_a_real_command_too(tmp_path):
    submission = hand_in(tmp_path, {"vae_solution.py": f"{PLAIN}!ls\n"})
    assert submission.files["vae_solution.py"].source == f"{PLAIN}pass\n"
    assert said(submission) == "vae_solution.py:20: notebook command ignored: `!ls`"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(path=st.sampled_from(STDLIB), data=st.data())
def test_plain_python_is_unchanged_also_after_a_command(path, data):
    """The whole of Python's own library: nothing in it is a command, wherever one is put before it."""
    source = path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n").replace("\x00", "")
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    assert read_python(source).text == source
    if any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body):
        return
    command = data.draw(st.sampled_from(["!pip install 'x", "%matplotlib inline", "torch?"]))
    parsed = read_python(f"{command}\n{source}\n{command}\n")
    assert parsed.text == f"pass\n{source}\npass\n"
    assert [remark.line for remark in parsed.remarks] == [1, source.count("\n") + 3]


class _Filled(ast.NodeTransformer):
    """Makes ``pass`` of statements that are ``None``."""

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        return ast.Pass() if isinstance(node.value, ast.Constant) and node.value.value is None else node


def statements(tree: ast.Module) -> list[str]:
    return [ast.dump(_Filled().visit(statement)) for statement in tree.body]


BLOCKS = (
    *("x = 1", "y = x % 2  # !not a command", "s = '%s' % x", "values = (7\n    % 4\n    %3)", "z = 7 \\\n    % 4"),
    *("t = '''it's\n%ls\n!ls\nx?\n'''", 'def f(a):\n    """%doc\n    !x\n    """\n    return a', "", "# ?", "x != y"),
    *("!pip install 'einops", "!ls \\\n  data", "%matplotlib inline", "%load_ext a", "?torch.randn", "x?", "a.b??"),
    *(
        "if x:\n    !mkdir a\n    y = 2\nelse:\n    %cd b",
        "for i in s:\n    z = !echo {i}",
        "%%timeit",
        "!!ls",
        "%%bash",
    ),
    *("files = !ls data", "u = %timeit -o f()", "a, b = %sx ls", "with f(x) as g:\n    %run g.py", "x.y = !ls"),
    *(
        "t = (1,\n\n  '!')",
        "class A:\n\n    %pylab\n    b: int = 3",
        "%ls (",
        "!echo \"it's",
        "await f(x)",
        "lambda: x",
    ),
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(blocks=st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=5))
def test_small_cells_become_what_ipython_makes_of_them(blocks):
    """IPython says what is a command; unlike it, this leaves every line in its place."""
    cell = "\n".join(["x = 0", *blocks])
    ours, theirs = read_cell(cell), read_python(TransformerManager().transform_cell(cell))
    assert ours.tree is not None and theirs.tree is not None
    assert statements(ours.tree) == statements(theirs.tree)
    assert ours.text.count("\n") == cell.count("\n")
    if "ls \\\n" not in cell:  # whose lines IPython joins
        assert [node.lineno for node in ours.tree.body] == [node.lineno for node in theirs.tree.body]


@pytest.mark.parametrize("first", ["%%bash", "%%html", "%%writefile notes.txt", "%%javascript --x", "\n\n%%latex"])
@given(rest=st.lists(st.sampled_from((*BLOCKS, "ls (", "</p>")), max_size=4))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_cells_for_other_programs_hold_no_python_for_ipython_either(first, rest):
    cell = "\n".join([first, *rest])
    ours, theirs = read_cell(cell), read_python(TransformerManager().transform_cell(cell))
    assert ours.text == "\n" * cell.count("\n")
    assert theirs.tree is not None and statements(theirs.tree) == ["Pass()"]


def test_many_commands_are_collapsed(tmp_path):
    submission = hand_in(tmp_path, {"vae_solution.py": "!ls\n" * 500})
    assert len(submission.notices) == 6 and "and 495 more like these" in said(submission)
