"""The loader: a broken line costs what depends on it and no more; real modules are never shadowed."""

import sys
from pathlib import Path

import pytest

from autograder.sandbox.jailed.loading import Loader
from autograder.sandbox.jailed.scripts import definitions_of


@pytest.fixture
def load(tmp_path):
    loaders = []

    def load(source, others=(), **options):
        for name, text in {"s.py": source, **dict(others)}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        loader = Loader(tmp_path, **options)
        sys.meta_path.append(loader)
        loaders.append(loader)
        return loader.load("s"), loader.report

    yield load
    for loader in loaders:
        sys.meta_path.remove(loader)
        for name in [*loader.modules, *loader.inert]:
            sys.modules.pop(name, None)


def lines(report):
    return [(entry.file, entry.line, entry.error) for entry in report.skipped]


def test_a_statement_that_raises_is_skipped_and_named(load):
    module, report = load("a = 1\nb = 1 / 0\nc = a + 1\nd = b + 1\nraise SystemExit\ne = 5\n")
    assert (module.a, module.c, module.e) == (1, 2, 5) and not hasattr(module, "b")
    assert lines(report) == [("s.py", 2, "ZeroDivisionError"), ("s.py", 4, "NameError"), ("s.py", 5, "SystemExit")]
    assert report.skipped[0].message == "division by zero"


def test_a_statement_counts_as_a_whole_however_many_lines_it_has(load):
    module, report = load("x = 0\nfor i in range(3):\n    x += 1\n    if i == 1:\n        raise KeyError(i)\ny = x\n")
    assert module.y == 2 and lines(report) == [("s.py", 2, "KeyError")]


def test_a_file_that_does_not_parse_is_reported_with_its_line(load):
    module, report = load("a = 1\ndef f(:\n    pass\n")
    assert not hasattr(module, "a") and lines(report) == [("s.py", 2, "SyntaxError")]


def test_commands_of_a_notebook_as_text_are_no_code():
    text = "\n".join(
        ("# %%", "!pip install \\", "    torch", "def double(x):", "    return 2 * x", "%timeit double(1)")
    )
    left = definitions_of(text, frozenset({"double"}))
    assert left.count("\n") == text.count("\n") and "def double(x):\n    return 2 * x" in left and "pip" not in left


def test_the_main_block_does_not_run(load):
    module, _ = load("ran = False\nif __name__ == '__main__':\n    ran = True\n")
    assert module.ran is False


def test_future_imports_reach_the_later_statements(load):
    module, report = load('"""Doc."""\nfrom __future__ import annotations\ndef f(x: Nowhere) -> Nothing: return x\n')
    assert module.f.__annotations__ == {"x": "Nowhere", "return": "Nothing"}
    assert module.__doc__ == "Doc." and not report.skipped
    module, report = load("def f(x: Nowhere): return x\n")
    assert lines(report) == [("s.py", 1, "NameError")]  # and ours reach nobody


def test_dataclasses_and_enums_and_named_tuples_work(load):
    source = """
from __future__ import annotations
import dataclasses, enum, typing
@dataclasses.dataclass
class Point:
    x: int
    kind: typing.ClassVar[str] = "point"
class Colour(enum.Enum):
    RED = 1
class Pair(typing.NamedTuple):
    a: int
    b: int = 2
"""
    module, report = load(source)
    assert not report.skipped
    assert module.Point(3) == module.Point(3) and module.Colour.RED.value == 1 and module.Pair(1).b == 2


def test_comprehensions_closures_and_globals_see_the_module(load):
    module, _ = load("n = 3\nsquares = [i * n for i in range(n)]\ndef f():\n    global n\n    n += 1\n    return n\n")
    assert module.squares == [0, 3, 6] and module.f() == 4 and module.n == 4


@pytest.mark.parametrize(
    ("line", "use"),
    [
        ("import lacking_one", "lacking_one.init(project='x').log({})"),
        ("import lacking_one.b.c", "lacking_one.b.c.f(1)"),
        ("import lacking_one.b as short", "short.f(1)"),
        ("from lacking_one import y as z", "z(1)"),
        ("from lacking_one.b import y, w", "y(w)"),
        ("from lacking_one.b.c import *", "1"),
        ("import json, lacking_one", "json.dumps(1) and lacking_one.f()"),
    ],
)
def test_a_package_that_is_lacking_gets_an_inert_stand_in(load, line, use):
    module, report = load(f"{line}\nused = {use}\nafter = 1\n")
    assert module.after == 1 and not report.skipped
    assert ("s.py", 1, "lacking_one") in report.inert
    assert "lacking_one" not in sys.modules or "lacking_one" in str(sys.modules["lacking_one"])


def test_decorators_and_bases_from_a_lacking_package_lose_nothing(load):
    source = """
import lacking_two
from lacking_two import Base, decorate, parameters
@decorate
def f(x): return x + 1
@lacking_two.cls
class A(Base):
    def g(self): return 2
class B(lacking_two.nn.Module, A): pass
with lacking_two.context() as c: pass
for _ in lacking_two.rows(): pass
if lacking_two.flag: raise ValueError
"""
    module, report = load(source)
    assert not report.skipped
    assert module.f(1) == 2 and module.A().g() == 2 and module.B().g() == 2


def test_a_name_that_a_real_package_lacks_is_an_error_and_no_stand_in(load):
    _, report = load("from json import nothing_of_this_name\nimport json\n")
    assert lines(report) == [("s.py", 1, "ImportError")] and not report.inert


def test_a_missing_package_in_a_try_stays_missing(load):
    source = "try:\n    import lacking_three\n    found = True\nexcept ImportError:\n    found = False\n"
    inner = "def f():\n    try:\n        import lacking_four\n    except ImportError:\n        return 1\n"
    module, report = load(source + inner)
    assert module.found is False and module.f() == 1 and not report.inert


def test_a_package_that_a_function_imports_gets_an_inert_stand_in_too(load):
    source = "class A:\n    def f(self):\n        import lacking_five as five\n        five.plot()\n        return 1\n"
    source += "def g():\n    from lacking_six.parts import two\n    import json\n    two()\n    return json.dumps(2)\n"
    module, report = load(source)
    assert module.A().f() == 1 and module.g() == "2"
    assert report.inert == [("s.py", 3, "lacking_five"), ("s.py", 7, "lacking_six.parts")]


def test_a_lacking_part_of_a_namespace_gets_an_inert_stand_in(load, tmp_path_factory, monkeypatch):
    """`google` is there with any package of Google's, `google.colab` on Colab alone."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "shared_space/there").mkdir(parents=True)
    (folder / "shared_space/there/__init__.py").write_text("two = 2\n")
    monkeypatch.syspath_prepend(str(folder))
    source = "def f():\n    from shared_space.colab import drive\n    drive.mount('/')\n    return 1\n"
    source += "def g():\n    from shared_space.there import two\n    return two\n"
    source += "def h():\n    import __main__\n    from shared_space.there.gone import three\n"
    module, report = load(source)
    assert module.f() == 1 and module.g() == 2
    assert report.inert == [("s.py", 2, "shared_space.colab")]
    with pytest.raises(ModuleNotFoundError):
        module.h()


def test_a_function_may_make_its_import_possible(load, tmp_path_factory):
    """Only what is lacking when the function runs has a stand-in."""
    folder = tmp_path_factory.mktemp("later")
    (folder / "lacking_eight.py").write_text("found = 8\n")
    source = f"import sys\ndef f():\n    sys.path.append({str(folder)!r})\n    import lacking_eight\n"
    module, _ = load(source + "    return lacking_eight.found\n")
    assert module.f() == 8


def test_annotations_from_a_lacking_package_lose_nothing(load):
    source = "from lacking_seven import Float\n"
    source += 'def f(x: Float[int, "b p"], y: Float | None = None, z: None | Float = None): return x\n'
    module, report = load(source)
    assert not report.skipped and module.f(3) == 3


def test_a_notebook_has_what_notebooks_have(load):
    module, report = load("display(1)\nget_ipython().run_line_magic('a', 'b')\nx = 1\n", unordered=["s"])
    assert not report.skipped and module.x == 1
    _, report = load("display(1)\n")
    assert lines(report) == [("s.py", 1, "NameError")]


def test_helper_modules_go_through_the_same_loader(load):
    helpers = {
        "helper.py": "a = 1\nb = 1 / 0\nc = 3\n",
        "pkg/__init__.py": "from .inner import g\n",
        "pkg/inner.py": "g = 7\n",
    }
    module, report = load("import helper\nfrom helper import c\nfrom pkg import g\nimport pkg.inner as i\n", helpers)
    assert (module.helper.a, module.c, module.g, module.i.g) == (1, 3, 7, 7)
    assert lines(report) == [("helper.py", 2, "ZeroDivisionError")]


def test_helpers_may_import_one_another_in_a_circle(load):
    helpers = {
        "left_half.py": "import right_half\na = 1\ndef f(): return right_half.b\n",
        "right_half.py": "import left_half\nb = 2\n",
    }
    module, report = load("from left_half import f\n", helpers)
    assert module.f() == 2 and not report.skipped


def test_files_named_like_real_modules_shadow_nothing(load):
    import json

    module, report = load("import json, torch\n", {"json.py": "dumps = None\n", "torch.py": "raise ValueError\n"})
    assert module.json is json and module.torch.ones(1).item() == 1 and not report.skipped


def test_a_slow_statement_is_stopped_and_can_be_skipped_the_next_time(load):
    source = "a = 1\nwhile True:\n    try:\n        pass\n    except Exception:\n        pass\nb = 2\n"
    module, report = load(source, statement_seconds=0.1)
    assert module.b == 2 and [(entry.line, entry.slow) for entry in report.skipped] == [(2, True)]
    module, report = load(source, skip=[("s.py", 2)])
    assert module.b == 2 and [(entry.line, entry.slow) for entry in report.skipped] == [(2, True)]


def test_the_time_of_a_statement_goes_on_after_an_import_in_it(load):
    source = "if True:\n    import quick_helper\n    while True: pass\nb = 2\n"
    module, report = load(source, {"quick_helper.py": "a = 1\n"}, statement_seconds=0.2)
    assert module.b == 2 and [(entry.file, entry.line, entry.slow) for entry in report.skipped] == [("s.py", 1, True)]


def test_what_binds_is_called_before_the_first_and_after_every_statement(load):
    seen = []
    load("a = 1\nb = 2\n", bind=lambda module: seen.append(sorted(n for n in vars(module) if len(n) == 1)))
    assert seen == [[], ["a"], ["a", "b"]]


def test_a_traceback_shows_the_line_of_the_file(load):
    import traceback

    module, _ = load("def f():\n    return 1 / 0  # here\n")
    with pytest.raises(ZeroDivisionError) as caught:
        module.f()
    assert "return 1 / 0  # here" in "".join(traceback.format_exception(caught.value))


def test_an_extra_file_is_found_beside_the_folder(load, tmp_path_factory):
    extra = tmp_path_factory.mktemp("extra") / "beside.py"
    extra.write_text("a = 4\n", encoding="utf-8")
    module, _ = load("from beside import a\n", extra=[extra])
    assert module.a == 4


def test_a_file_that_is_not_there(load):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.py"):
        Loader(Path("/nonexistent")).load("nowhere")


def test_an_exception_whose_text_cannot_be_made_is_survived(load):
    source = (
        "class E(Exception):\n    def __str__(self): raise ValueError\nraise E\nraise ValueError('x' * 5000)\na = 1\n"
    )
    module, report = load(source)
    assert module.a == 1
    assert report.skipped[0].message == "(its text cannot be shown)" and len(report.skipped[1].message) < 400


UNORDERED = (
    "b = Base()\nclass Child(Base):\n    pass\nx = later + 1\nx = 5\nclass Base:\n    pass\nlater = 1\nn = nowhere\n"
)


def test_cells_that_changed_places_are_tried_again_and_the_order_counts_elsewhere(load):
    module, report = load(UNORDERED, unordered=["s"])
    assert issubclass(module.Child, module.Base) and isinstance(module.b, module.Base)
    assert module.x == 5, "what is bound by now is not bound again"
    assert lines(report) == [("s.py", 4, "NameError"), ("s.py", 9, "NameError")]


def test_a_file_runs_in_its_order(load):
    assert [line for _, line, _ in lines(load(UNORDERED)[1])] == [1, 2, 4, 9]
