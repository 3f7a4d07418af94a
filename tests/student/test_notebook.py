"""Checks in a notebook: a real kernel, its own definitions, and the kernel as it was afterwards."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from autograder.assignment import load_assignment
from autograder.references import reference_code
from tests.templates import write_template

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[2]
SLUG = "mit6s978_ps1"
Run = Callable[..., list[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run cells in one kernel in a student's folder; the text of what each shows, HTML left out."""
    folder = write_template(SLUG, tmp_path / SLUG)

    def run(*cells: str, html: bool = False) -> list[str]:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        resources = {"metadata": {"path": str(folder)}}
        client = nbclient.NotebookClient(notebook, timeout=300, resources=resources, allow_errors=True)
        client.execute()
        return ["\n".join(_text(one, html) for one in cell.outputs) for cell in notebook.cells]

    return run


def _text(output: Any, html: bool) -> str:
    if output.output_type == "stream":
        return str(output.text)
    if output.output_type == "error":
        return f"{output.ename}: {output.evalue}"
    return str(output.data["text/html" if html and "text/html" in output.data else "text/plain"])


def definition(name: str) -> str:
    """The reference's own code of a function or class."""
    source = reference_code(load_assignment(ROOT, SLUG), "pset1.ipynb")
    node = next(n for n in ast.parse(source).body if getattr(n, "name", "") == name)
    return ast.get_source_segment(source, node) or ""


IMPORTS = """
import math, numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from autograder.notebook import check
log2pi = math.log(2 * math.pi)
"""
COMPARED = """
before = after = None
before = state()
check("p2.reparameterize")
after = state()
print([pair for pair in zip(before, after) if pair[0] != pair[1]])
"""


def test_what_is_defined_in_the_kernel_is_checked(run: Run) -> None:
    right = definition("log_normal_pdf")
    _, missing, passed, stub, wrong, broken, words = run(
        IMPORTS,
        'check("p2.log_normal_pdf")',
        f'{right}\ncheck("p2.log_normal_pdf")',
        'def log_normal_pdf(*_): raise NotImplementedError("p2.log_normal_pdf (6 points)")\ncheck("p2.log_normal_pdf")',
        'def log_normal_pdf(sample, mean, logvar, raxis=1):\n    return sample.sum(raxis)\ncheck("p2.log*")',
        'def log_normal_pdf(sample, *_, raxis=1):\n    # here\n    return 1 / 0\ncheck("p2.log_normal_pdf")',
        'check("p2.nothing"); check("p4.report")',
    )
    assert "there is no `log_normal_pdf`" in missing and "✗ FAIL" in missing
    assert "✓ PASS" in passed and "6 / 6" in passed and "every public check that was run passes" in passed
    assert "· not written yet" in stub and "log_normal_pdf() is not implemented yet (Cell In[4], line 1)" in stub
    assert "✗ FAIL" in wrong and "sample = " in wrong
    assert "ZeroDivisionError: division by zero" in broken and "Cell In[6], line 3: return 1 / 0" in broken
    assert len(words.splitlines()) == 2 and all(line.startswith("autograder: ") for line in words.splitlines())


SCALED = """
def loss_function(*arguments, **named):
    return _loss(*arguments, **named) * SCALE
"""
STATE = """
import os, random, warnings, numpy, matplotlib.pyplot as plt
def state():
    dtype = str(torch.get_default_dtype()), torch.is_grad_enabled(), str(torch.get_default_device())
    generators = torch.get_rng_state().sum().item(), numpy.random.get_state()[1].sum().item(), hash(random.getstate())
    others = plt.get_fignums(), os.getcwd(), numpy.geterr(), len(warnings.filters), plt.show, plt.close
    return dtype, generators, others, sorted(name for name in globals() if not name.startswith("_"))
torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
numpy.seterr(all="ignore")
plt.ioff()
plt.figure()
torch.rand(3)
"""
NOISY = """
class VAE(nn.Module):
    def reparameterize(self, mean, logvar, n=1):
        print("LOUD"); plt.figure(); plt.show(); torch.set_default_dtype(torch.float32); numpy.random.rand()
        return mean + torch.randn_like(mean) * torch.exp(logvar / 2)
"""


def test_the_kernel_is_as_it_was(run: Run) -> None:
    _, _, same, shown, alone = run(
        IMPORTS,
        STATE + NOISY,
        COMPARED,
        "%load_ext autograder\n%check p2.reparameterize",
        "check()",
    )
    assert same.endswith("[]\n") and "LOUD" not in same and "✓ PASS" in same
    assert "✓ PASS" in shown and "LOUD" not in shown
    assert "p2.reparameterize" in alone and "p1.autoencoder" not in alone.partition("Not checked")[0]


def test_an_interrupted_check_says_so_and_leaves_the_kernel_as_it_was(run: Run) -> None:
    loops = (
        f"import _thread, threading\n{NOISY.replace('print', 'threading.Timer(1, _thread.interrupt_main).start() #')}"
    )
    loops = loops.replace("        return mean", "        while True: pass\n        return mean")
    _, _, told, after = run(IMPORTS, STATE, f'{loops}\ncheck("p2.reparameterize")', "print(torch.get_default_dtype())")
    assert told.strip() == "autograder: interrupted; the kernel is as it was" and after == "torch.float64\n"


def test_a_constructor_has_its_own_name_and_not_that_of_a_probe(run: Run) -> None:
    stub = 'class VAE(nn.Module):\n    def __init__(self, *_):\n        raise NotImplementedError("p2.networks")\n'
    _, told = run(IMPORTS, f'{stub}check("p2.networks")')
    assert "VAE.__init__() is not implemented yet (Cell In[2], line 3)" in told


def top_level(rules: str) -> list[str]:
    """The rules that lie in no other, from their selectors on."""
    found, depth, start = [], 0, 0
    for place, sign in enumerate(rules):
        depth += (sign == "{") - (sign == "}")
        if sign == "}" and depth == 0:
            found.append(rules[start : place + 1].strip())
            start = place + 1
    return found


def test_one_output_in_the_words_of_the_report_that_styles_itself_alone(run: Run) -> None:
    _, html = run(IMPORTS, f'{definition("log_normal_pdf")}\ncheck("p2.log_normal_pdf")', html=True)
    assert html.lstrip().startswith('<div class="autograder">') and "<script" not in html
    style = html.partition("<style>")[2].partition("</style>")[0].strip()
    rules = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL).strip()
    assert rules.endswith("}") and rules.count("{") == rules.count("}")
    assert all(rule.startswith(".autograder") for rule in top_level(rules))
    assert ":root {" not in style.replace("&:root {", "") and "\nbody" not in style
    assert "✓ passed" in html and "p2.log_normal_pdf" in html


def test_outside_of_a_kernel_it_says_what_to_use(capsys: pytest.CaptureFixture[str]) -> None:
    from autograder.notebook import check

    check("p2.networks")
    assert "use `autograder check`" in capsys.readouterr().out


def test_modules_of_the_kernel_stay_its_own_and_files_are_read_anew(tmp_path: Path) -> None:
    folder = write_template("nyu2271_a3", tmp_path / "nyu2271_a3")
    reference = load_assignment(ROOT, "nyu2271_a3").reference
    assert reference is not None
    right = (reference / "vae.py").read_text(encoding="utf-8")
    scaled = f"{right}\nfrom scale import SCALE\n_loss = loss_function\n{SCALED}"
    (folder / "vae.py").write_text(scaled, encoding="utf-8")
    (folder / "scale.py").write_text("SCALE = 1\n", encoding="utf-8")
    cells = [
        "import sys, vae, scale\nfrom autograder.notebook import check\nbefore = vae\ncheck('vae.loss')",
        "from pathlib import Path\nPath('scale.py').write_text('SCALE = 3\\n')\ncheck('vae.loss')",
        "print(sys.modules['vae'] is before, scale.SCALE, 'checks' in sys.modules)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    first, second, told = ("".join(_text(one, False) for one in cell.outputs) for cell in notebook.cells)
    assert "✓ PASS" in first and "✗ FAIL" in second and told == "True 1 False\n"


def test_an_item_of_a_file_beside_the_notebook_is_read_from_there(tmp_path: Path) -> None:
    folder = write_template("nyu2271_a3", tmp_path / "nyu2271_a3")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell('from autograder.notebook import check\ncheck("vae.reparametrize")')]
    )
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    (output,) = notebook.cells[0].outputs
    assert "reparametrize() is not implemented yet (vae.py, line" in output.data["text/plain"], json.dumps(output)
