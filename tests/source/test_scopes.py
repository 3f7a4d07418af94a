"""Names by scope, with Python's own tables of symbols as the truth."""

from __future__ import annotations

import ast
import symtable
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.source.scopes import Scope, bound_names, global_names, loaded_names, stored_names
from tests.submission.toy import lines_run

STDLIB = sorted(
    path
    for path in Path(sysconfig.get_path("stdlib")).rglob("*.py")
    if not {"site-packages", "dist-packages", "lib2to3"} & set(path.parts) and path.stat().st_size < 150_000
)


def read_by_functions(code: str) -> set[str]:
    """What Python's compiler says of the global names that the scopes in a statement read."""

    def of(table: symtable.SymbolTable) -> Iterator[str]:
        yield from (one.get_name() for one in table.get_symbols() if one.is_global() and one.is_referenced())
        for child in table.get_children():
            yield from of(child)

    children = symtable.symtable(code, "statement", "exec").get_children()
    return {name for child in children for name in of(child) if not name.startswith(".")}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(path=st.sampled_from(STDLIB))
def test_global_names_are_those_of_the_compiler(path):
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError:
        return
    for statement in tree.body:
        code = ast.unparse(statement)
        if "__" not in code:  # names of private attributes are mangled
            assert global_names(statement) == read_by_functions(code), code


@pytest.mark.parametrize(
    "code",
    [
        "def f(a=b, *c: d, **e) -> g:\n    return a + c + e + h",
        "def f():\n    global x\n    x = y\n    return lambda z: x + z + w",
        "def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = y\n    return x",
        "def f():\n    def g():\n        def h():\n            nonlocal x\n            return x\n    x = 1",
        "class A(B, metaclass=C):\n    x = y\n    def f(self):\n        return x",
        "class A:\n    x = 1\n    z = [x for x in y if w]",
        "z = [a + b for a in c for b in d(a) if (e := a)]",
        "def f():\n    [e := a for a in c]\n    return e, a",
        "def f():\n    try:\n        pass\n    except A as b:\n        return b",
        "def f(x):\n match x:\n  case {'a': y, **rest}: return y, z\n  case [A(b=c), *e]: return c, e\n  case d: d",
        "async def f():\n    async for a in b:\n        yield a\n    async with c as d:\n        await d",
        "def f():\n    import os.path, json as j\n    from a import b as c\n    return os, j, c, json, b",
        "@decorated(lambda x: x + y)\ndef f(): pass",
        "def f():\n    x: int = 1\n    del z\n    return x, z",
        "f = lambda a, /, b=c, *, d=e: a + b + d + g",
    ],
)
def test_each_kind_of_scope_is_that_of_the_compiler(code):
    assert global_names(ast.parse(code).body[0]) == read_by_functions(code)


def test_annotations_that_are_postponed_are_not_read():
    (statement,) = ast.parse("def f(a: b) -> c:\n    d: e = g\n").body
    assert loaded_names(statement) == {"b", "c"} and loaded_names(statement, annotations=False) == set()
    assert global_names(statement, annotations=False) == {"g"}


def test_what_a_name_stands_for_is_found_where_it_is_declared_to_be():
    module = Scope()
    outer = Scope(module)
    inner = Scope(outer)
    outer.bind("a")
    inner.declare(ast.Nonlocal(["a"]))
    inner.declare(ast.Global(["b"]))
    inner.bind("a", ["torch"])
    inner.bind("b", ["numpy"])
    assert (module.names, outer.names, inner.names) == ({"b": {"numpy"}}, {"a": {"torch"}}, {})
    assert (inner.find("a"), inner.find("b"), outer.find("b"), inner.find("c")) == (outer, module, module, None)


def test_names_that_a_statement_binds():
    (statement,) = ast.parse(
        "if a:\n    import b.c as d, e.f\n    for g, h[i] in j:\n        class K:\n            m = 1\n"
    ).body
    assert bound_names([statement]) == ("d", "e", "g", "K")
    assert stored_names(statement) == {"d", "e", "g", "K", "m"}


def test_names_that_are_read_far_inside_take_no_longer():
    def steps(size: int) -> int:
        names = ", ".join(f"a{number}" for number in range(size))
        (statement,) = ast.parse(f"x = {'lambda: ' * size}[{names}]").body
        return lines_run(lambda: global_names(statement))

    assert steps(400) < 7 * steps(100)
