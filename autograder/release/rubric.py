"""Which item a marked piece of one file belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from autograder.assignment import Item, Kind, Manifest
from autograder.errors import UserError


@dataclass(frozen=True)
class Rubric:
    """The manifest as seen from one file that students hand in."""

    manifest: Manifest
    file: str

    @property
    def ids(self) -> tuple[str, ...]:
        """All item ids."""
        return tuple(item.id for item in self.manifest.items)

    @property
    def blanks(self) -> dict[str, Item]:
        """Qualified names of this file's blanks and their items."""
        return {blank: item for item in self.manifest.items if item.file == self.file for blank in item.blanks}

    def named(self, item_id: str, where: str) -> Item:
        """Return the item that a marker names; raise `UserError` where it is unknown or of another file."""
        try:
            item = self.manifest.item(item_id)
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
        if item.file not in (None, self.file):
            raise UserError(f"{where}: item {item_id!r} belongs to {item.file}, not to {PurePosixPath(self.file).name}")
        return item

    def confirmed(self, item: Item, names: Sequence[str], where: str) -> Item:
        """Return the item that a marker names; raise `UserError` where these names are blanks of others alone."""
        blanks = self.blanks
        held = {name: blanks[name].id for name in names if name in blanks}
        if held and item.id not in held.values():
            name, owner = next(iter(held.items()))
            raise UserError(
                f"{where}: the marker says {item.id!r}, but {name!r} is a blank of {owner!r}; "
                "leave the item out of the marker, or change blanks in the manifest"
            )
        return item

    def owner(self, bound: Sequence[str], around: Sequence[str], where: str) -> Item:
        """Return the item whose blanks hold the bound names, else the innermost of the names around.

        Raises `UserError` where there is none, or where the bound names are blanks of several items.
        """
        blanks = self.blanks
        owners = {blanks[name].id: blanks[name] for name in bound if name in blanks}
        if len(owners) > 1:
            raise UserError(f"{where}: holds blanks of several items ({', '.join(owners)}); mark each by itself")
        if owners:
            return next(iter(owners.values()))
        for name in reversed(around):
            if name in blanks:
                return blanks[name]
        what = (*reversed(around), *bound)
        raise UserError(
            f"{where}: which item is this? {' / '.join(what) or 'This place'} is no blank of {self.file}; "
            f'name the item ("### BEGIN SOLUTION <item>") or list the name under its blanks'
        )


def worth(item: Item) -> str:
    """Return what an item is worth in words: ``2 points``, ``1 point, extra credit``, ``ungraded``."""
    if item.kind is Kind.UNGRADED:
        return "ungraded"
    points = f"{item.points:g} point{'' if item.points == 1 else 's'}"
    return f"{points}, extra credit" if item.extra_credit else points
