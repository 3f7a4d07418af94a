"""The items in whose blanks a bug is whose own item has none: these it may cost points.

A training item, or one that looks at a figure, is about code that students write for other items. Its mutants are
put into that code, and show that this item sees them; what they cost where they lie is those items' business.
"""

from __future__ import annotations

from autograder.assignment import Assignment
from autograder.mutants import CATALOGUE, Mutant, apply
from autograder.references import reference_code
from autograder.verify.mutation.variants import without_item


def enclosing_items_of(assignment: Assignment, mutant: Mutant) -> tuple[str, ...]:
    """Return the items in whose blanks a bug lies, in the order of the rubric; none where its own item has blanks.

    None either where a part of the bug is outside of all blanks: then it may cost nothing but its own item.
    """
    own = assignment.manifest.item(mutant.item)
    if own.blanks or own.file is None:
        return ()
    found, text = set(), reference_code(assignment, own.file)
    for replacement in mutant.replacements:
        changed = apply([replacement], text, where=f"{CATALOGUE}: mutant {mutant.id!r}")
        home = _home(assignment, own.file, text, changed)
        if not home:
            return ()
        found.add(home)
        text = changed
    return tuple(item.id for item in assignment.manifest.items if item.id in found)


def _home(assignment: Assignment, file: str, text: str, changed: str) -> str:
    """Return the item without whose pieces two texts are the same, "" where there is none."""
    for item in assignment.manifest.items:
        if item.file == file and item.blanks:
            left = without_item(assignment, item, text.encode())
            if left is not None and left == without_item(assignment, item, changed.encode()):
                return item.id
    return ""
