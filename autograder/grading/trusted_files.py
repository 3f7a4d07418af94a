"""The files that only the grader has: grading seed, reference, stand-ins. Read after the zygote is forked."""

from __future__ import annotations

import importlib.util
import itertools
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from autograder.assignment import NOTEBOOK, Assignment
from autograder.errors import UserError, did_you_mean
from autograder.grading.grader_error import blaming
from autograder.references import as_text, notebook_of_text
from autograder.sandbox.in_process import InProcessChannel
from autograder.sandbox.trusted.session import Context, OpenAnother, Session
from autograder.sandbox.trusted.signatures import Signatures
from autograder.sandbox.trusted.stand_ins import StandIns
from autograder.source.cells import code_cells, parse_notebook, saved_cells
from autograder.submission.executed import as_if_run, read_executed
from autograder.submission.model import Executed
from autograder.texts import read_text, read_toml

PUBLIC_SEED = "public"
"""The seed of a student's own check: everybody sees the same examples."""

BESIDE = "trusted_"
"""How the name of a stand-in begins that is next to what the submission defines, and takes no blank's place."""


def read_grading_seed(reference: Path) -> str:
    """Return the secret seed of ``grading.toml``; to be called only after the zygote is forked."""
    path = reference / "grading.toml"
    try:
        seed = read_toml(path)["grading_seed"]
    except FileNotFoundError:
        raise UserError(f'{path}: missing; write one line: grading_seed = "<32 random characters>"') from None
    except KeyError as error:
        raise UserError(f'{path}: needs a line grading_seed = "..." ({error})') from None
    if not isinstance(seed, str) or not seed:
        raise UserError(f"{path}: grading_seed must be a text that is not empty")
    return seed


def read_secret(descriptor: int) -> str:
    """Return what `launch.clean_start` handed over, once; to be called only after workers can be forked."""
    with os.fdopen(descriptor, encoding="utf-8", errors="surrogateescape") as stream:
        return stream.read()


def open_reference(assignment: Assignment, open_another: OpenAnother | None = None) -> Session:
    """Return an in-process session with the reference."""
    assert assignment.reference is not None
    return open_trusted(assignment, assignment.reference, None, open_another)


def open_trusted(
    assignment: Assignment,
    folder: Path,
    stand_ins: StandIns | None,
    open_another: OpenAnother | None = None,
    *,
    arithmetic: AbstractContextManager[object] | None = None,
) -> Session:
    """Return an in-process session with a folder of trusted solution files; provided files are found next to them.

    ``arithmetic`` is active while one of them runs.
    """
    provided = [assignment.provided / name for name in assignment.manifest.files.provided]
    extra = [str(path) for path in itertools.chain(provided, assignment.probes)]
    notebooks = [Path(name) for name in assignment.manifest.files.required if name.endswith(NOTEBOOK)]
    wanted = {path.stem: sorted(assignment.manifest.names_wanted(path.name)) for path in notebooks}
    loader = {"folder": str(folder), "extra": extra, "notebooks": wanted}
    context = Context(
        lambda module: _executed(folder, module) if module in wanted else None,
        open_another=open_another,
        signatures=Signatures(partial(_sources, assignment, folder)),
    )
    return Session(InProcessChannel(arithmetic), loader=loader, stand_ins=stand_ins, context=context)


def _sources(assignment: Assignment, folder: Path) -> Mapping[str, str]:
    """The code of a folder of trusted files, notebooks kept as text among them, by the names of their modules."""
    found = {Path(name).stem: folder / as_text(name) for name in assignment.manifest.files.required}
    return {name: read_text(path) for name, path in found.items() if path.is_file()}


def _executed(folder: Path, module: str) -> Executed | None:
    """How a trusted notebook had been run; one kept as text counts as run from top to bottom."""
    notebook, text = (folder / f"{module}{suffix}" for suffix in (NOTEBOOK, ".py"))
    if notebook.is_file():
        return read_executed(code_cells(saved_cells(parse_notebook(read_text(notebook)))))
    if not text.is_file():
        return None
    cells = notebook_of_text(read_text(text), str(text))["cells"]
    return as_if_run(cells)


def read_stand_ins(assignment: Assignment) -> Mapping[str, StandIns]:
    """Return the stand-ins of every item: the ``STAND_INS`` of all ``checks/hidden/*stand_ins.py``.

    A key is an item, ``"vae.kl"``, or one check of it, ``"vae.kl::test_kl_of_a_point"``. Only the latter may replace
    blanks of its own item: those that this check does not examine. A name that begins with ``trusted_`` is put next to
    what the submission defines, for a check to choose. Also lets the hidden checks import the oracles, and
    contracts their hidden properties.
    Raises `UserError` for one that is not in its place.
    """
    for root in map(str, filter(None, (assignment.folder.parent, assignment.proofs))):
        if root not in sys.path:
            sys.path.insert(0, root)
    stand_ins: dict[str, StandIns] = {}
    for path in sorted(assignment.hidden_checks.glob("*stand_ins.py")):
        spec = importlib.util.spec_from_file_location(f"autograder_{path.stem}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        with blaming(path):
            spec.loader.exec_module(module)
            for key, mapping in module.STAND_INS.items():
                _check_stand_ins(assignment, key, mapping, path)
                stand_ins[key] = mapping
    return stand_ins


def _check_stand_ins(assignment: Assignment, key: str, stand_ins: StandIns, path: Path) -> None:
    item_id, _, check = key.partition("::")
    blanks = {
        f"{Path(item.file or '').stem}.{blank}": item.id for item in assignment.manifest.items for blank in item.blanks
    }
    assignment.manifest.item(item_id)
    beside = tuple(f"{module}.{BESIDE}" for module in assignment.modules)
    for place in stand_ins:
        if place.startswith(beside):
            continue
        if place not in blanks:
            raise UserError(f"{path}: {place!r} is no blank of this assignment{did_you_mean(place, blanks)}")
        if blanks[place] == item_id and not check:
            raise UserError(f"{path}: {place!r} is what {item_id!r} grades; it cannot have a stand-in there")
