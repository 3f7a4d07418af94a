"""The strings in a result, each replaced by what a function makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograder.exhibits import Bars, Curves, Exhibit, Images, Note
from autograder.results import CheckResult, Failure, GradingResult, ItemResult

Change = Callable[[str], str]

PICTURES_LEFT_OUT = "pictures that a submission made are left out"


def with_texts(result: GradingResult, change: Change) -> GradingResult:
    """Return the result with every string in it changed."""
    return GradingResult.model_validate(_changed(result.model_dump(), change))


def with_texts_of_submission(result: GradingResult, change: Change) -> GradingResult:
    """Return the result with every string changed that comes from the submission or from the machine.

    What the instructor wrote stays: titles, hints, names of items, checks and misconceptions. Pictures, in which
    anything may be written, become notes.
    """
    items = tuple(_item(item, change) for item in result.items)
    notices = tuple(
        each.model_copy(update={"text": change(each.text), "file": change(each.file)}) for each in result.notices
    )
    walls = tuple(wall.model_copy(update={"note": change(wall.note)}) for wall in result.walls)
    return result.model_copy(update={"items": items, "notices": notices, "walls": walls})


def without_exhibits(result: GradingResult) -> GradingResult:
    """Return the result without plots and pictures, which are most of its size."""
    items = tuple(
        item.model_copy(
            update={"checks": tuple(check.model_copy(update={"exhibits": ()}) for check in item.checks)},
        )
        for item in result.items
    )
    return result.model_copy(update={"items": items})


def _changed(value: Any, change: Change) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _changed(part, change) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_changed(part, change) for part in value]
    return value


def _item(item: ItemResult, change: Change) -> ItemResult:
    checks = tuple(_check(check, change) for check in item.checks)
    return item.model_copy(update={"message": change(item.message), "checks": checks})


def _check(check: CheckResult, change: Change) -> CheckResult:
    update = {
        "failure": None if check.failure is None else _failure(check.failure, change),
        "staff_note": change(check.staff_note),
        "exhibits": tuple(_exhibit(exhibit, change) for exhibit in check.exhibits),
    }
    return check.model_copy(update=update)


def _failure(failure: Failure, change: Change) -> Failure:
    return Failure(
        summary=change(failure.summary),
        call=change(failure.call),
        inputs=tuple(map(change, failure.inputs)),
        expected=change(failure.expected),
        got=change(failure.got),
        worst=change(failure.worst),
    )


def _exhibit(exhibit: Exhibit, change: Change) -> Exhibit:
    data = exhibit.data
    changed: Curves | Bars | Note
    if isinstance(data, Images):
        changed = Note(text=PICTURES_LEFT_OUT)
    elif isinstance(data, Note):
        changed = Note(text=change(data.text))
    elif isinstance(data, Curves):
        series = tuple(one.model_copy(update={"name": change(one.name)}) for one in data.series)
        changed = data.model_copy(update={"series": series, "x": change(data.x), "y": change(data.y)})
    else:
        changed = data.model_copy(update={"names": tuple(map(change, data.names)), "y": change(data.y)})
    return Exhibit(title=change(exhibit.title), data=changed)
