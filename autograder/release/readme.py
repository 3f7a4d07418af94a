"""``README.txt`` of a student zip: how to install, check and hand in; its indented lines are commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from autograder.assignment import NOTEBOOK, Assignment
from autograder.release.files import Tree
from autograder.release.template import HANDOUT

README = "README.txt"
PAGE = "handout.html"
"""The handout as a page, formulas drawn."""

_INSTALL = """{title}

{handout} says what is asked. All commands below are for a terminal in this folder.

1. Install what is needed. It takes Python 3.11 or later, and goes into a folder of its own:

       python3 -m venv .venv
       . .venv/bin/activate
       pip install -r requirements.txt

   On Windows the first two lines are: py -m venv .venv, and: .venv\\Scripts\\activate
   Activate the environment again in every new terminal.

   On Linux this brings PyTorch with all that an NVIDIA GPU needs: about 3 GB to download, 6 GB on the disk.
   Without such a GPU, take PyTorch's much smaller build for the CPU. Put this before the last of the three lines:

       pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu

2. Fill in the blanks in {blanks}.

3. See how far you are, as often as you like:

       autograder check

   Every blank names its item, and `autograder check ITEM` looks at that one alone; a group of items, a pattern or
   a file does as well. `autograder check --list` shows all items, their points, and which are written. The files in
   checks/ ask for things that only autograder gives them: pytest alone cannot run them.
"""
_NOTEBOOK = """
   To open {names}:

       jupyter lab

   In a cell of it, this checks an item as it is in the running kernel, without leaving the notebook:

      from autograder.notebook import check
      check("ITEM")
"""
_HAND_IN = """
{number}. Make the zip to hand in:

       autograder pack

   It says what is in it and what to look at before. Hand in, as handout.md says:

{files}
"""
_WRITTEN = """
   {pdf} is yours to make: answer the questions of {source} in any editor. This prints it, formulas and pictures
   included, and says which questions have no answer yet. It takes a Chromium, Chrome or Edge on this machine; where
   there is none, it writes a page that any browser prints:

       autograder report

"""
_PRINTED = """
   {pdf} can be made from {source}, once all its cells are run and it is saved; look whether every figure and
   formula is there. It takes a Chromium, Chrome or Edge on this machine; where there is none, this writes a page that
   any browser prints:

       autograder report {names} --out {out}
"""


def readme(assignment: Assignment, template: Tree) -> str:
    """Return the text. Lines that are indented by seven spaces are commands; they are tried out by a test."""
    return "".join(_parts(assignment, template))


def _parts(assignment: Assignment, template: Tree) -> Iterator[str]:
    files = assignment.manifest.files
    blanks = dict.fromkeys(item.file for item in assignment.manifest.items if item.blanks and item.file)
    notebooks = [name for name in template if name.endswith(NOTEBOOK)]
    handout = PAGE if PAGE not in template else HANDOUT
    yield _INSTALL.format(
        title=assignment.manifest.title, handout=handout, blanks=_listed(list(blanks or files.required))
    )
    if notebooks:
        yield _NOTEBOOK.format(names=_listed(notebooks))
    yield _HAND_IN.format(number=4, files="\n".join(f"   - {name}" for name in (*files.required, *files.optional)))
    for pdf in (name for name in files.optional if name.endswith(".pdf")):
        if (source := str(PurePosixPath(pdf).with_suffix(".md"))) in template:
            yield _WRITTEN.format(pdf=pdf, source=source)
        elif notebooks:
            stem = PurePosixPath(pdf).stem
            own = re.sub("[<>]", "", stem).upper() if "<" in stem else stem  # a name that students fill in
            yield _PRINTED.format(pdf=pdf, source=_listed(notebooks), names=" ".join(notebooks), out=f"{own}.pdf")


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
