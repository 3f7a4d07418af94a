"""The hidden halves of the concepts: where a course has them, and where they must not be.

They are a distribution of their own, ``autograder-proofs``. A course has them in ``proofs/``, beside ``assignments/``:
a checkout, or its wheel unpacked there. Nothing here imports them, or any library.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from autograder.errors import UserError

PROOFS, PROOFS_PACKAGE = "proofs", "autograder_proofs"
"""The folder beside ``assignments/`` with the hidden halves of the concepts, and the package in it."""
HIDDEN_HALVES = f"{PROOFS}/{PROOFS_PACKAGE}"
"""The package, from a course's folder on: beside it lie what builds its wheel, or what pip has noted of that."""
DISTRIBUTION = "autograder-proofs"


def how_to_unpack(folder: str) -> str:
    """Return the command that puts the wheel where a course has it."""
    return f"pip install --no-deps --target {folder} {PROOFS_PACKAGE}-*.whl"


def refuse_missing(folder: Path) -> None:
    """Raise `UserError` where a course that applies concepts has no hidden halves in its folder of them."""
    if not (folder / PROOFS_PACKAGE).is_dir():
        raise UserError(
            f"{folder}: the hidden halves of the concepts are missing; unpack them with `{how_to_unpack(str(folder))}`,"
            f" or copy {PROOFS}/ of a checkout"
        )


def exposed() -> str:
    """Say that this Python can import the hidden halves, and what to do about it; "" where it cannot.

    Submissions may import and read whatever is installed, so the hidden halves must be nowhere on Python's own path.
    """
    spec = find_spec(PROOFS_PACKAGE)
    if spec is None:
        return ""
    places = [str(place) for place in spec.submodule_search_locations or ()] or [str(spec.origin)]
    return (
        f"the hidden halves of the concepts are installed in {places[0]}, where submissions can read them; "
        f"`pip uninstall {DISTRIBUTION}`, and unpack them beside assignments/: `{how_to_unpack(PROOFS)}`"
    )


def refuse_exposed() -> None:
    """Raise `UserError` where submissions could read the hidden halves."""
    if problem := exposed():
        raise UserError(problem)
