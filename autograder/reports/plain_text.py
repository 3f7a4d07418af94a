"""Reports as plain text: the words that the console and the platforms have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autograder.reports.pictures import words
from autograder.reports.safe_text import fit, indent, one_line, plural, points, worth
from autograder.results import CheckResult, Exhibit, ExhibitKind, GradingResult, ItemResult, Kind, Outcome

PROVISIONAL = "Provisional: this could not be graded this time; it shows 0 until it is graded again."
NOTICES = "Seen in the submission (points are lost only where an item says so):"
UNWRITTEN = "not written yet"
"""How an item fails that nobody has begun: still a failure, but not one to look at in red."""
UNWRITTEN_MARK = "·"
PART_LIMIT = 4_000
"""Characters of one part of a failure: about two screens, more than anybody reads of a tensor."""
STAFF_NOTE_LIMIT = 20_000

_MARKS = {Outcome.PASS: "✓", Outcome.FAIL: "✗", Outcome.ERROR: "?", Outcome.BLOCKED: "?"}


@dataclass(frozen=True)
class Part:
    """One labelled piece of an explanation; without a label it is a sentence."""

    label: str
    text: str


def mark(outcome: Outcome) -> str:
    """Return the one character that stands for an outcome."""
    return _MARKS[outcome]


def check_title(item: ItemResult, check: CheckResult) -> str:
    """Return the check's title on one line, and what hangs on it where it did not pass."""
    remarks = check_remarks(item, check)
    return check_name(check) + (f" ({', '.join(remarks)})" if remarks else "")


def check_name(check: CheckResult) -> str:
    """Return the check's title on one line."""
    return one_line(check.title or check.id)


def check_remarks(item: ItemResult, check: CheckResult) -> list[str]:
    """Return whether the check is hidden and, where it did not pass, what hangs on it."""
    remarks = [] if check.public else ["hidden check"]
    if check.outcome is not Outcome.PASS:
        remarks.append(f"worth {worth(check_cost(item, check))}")
    if check.outcome.is_provisional:
        remarks.append("could not be graded")
    return remarks


def check_parts(check: CheckResult) -> tuple[Part, ...]:
    """Return what a student may read about a check that did not pass.

    Of a hidden check that is the instructor's hint alone: nothing that the submission controls gets through.
    Of a check that the grader itself broke it is nothing more: what it says is about the reference.
    """
    parts = [*_failure_parts(check)] if check.public and check.outcome is not Outcome.ERROR else []
    parts.append(Part("hint", check.hint))
    return tuple(Part(part.label, fit(part.text.strip("\n"), PART_LIMIT)) for part in parts if part.text)


def _failure_parts(check: CheckResult) -> Iterator[Part]:
    if (failure := check.failure) is None:
        return
    yield Part("", failure.summary)
    yield Part("call", failure.call)
    yield Part("inputs", "\n".join(failure.inputs))
    yield Part("expected", failure.expected)
    yield Part("got", failure.got)
    yield Part("worst", failure.worst)


def staff_parts(check: CheckResult) -> Iterator[Part]:
    """Give what `check_parts` keeps from students."""
    if check.failure is not None and not (check.public and check.outcome is not Outcome.ERROR):
        open_check = check.model_copy(update={"public": True, "outcome": Outcome.FAIL, "hint": ""})
        yield from check_parts(open_check)
    if check.misconception:
        yield Part("mutant", one_line(check.misconception))
    if check.staff_note:
        yield Part("staff", fit(check.staff_note.strip("\n"), STAFF_NOTE_LIMIT))


def check_cost(item: ItemResult, check: CheckResult) -> float:
    """Return the points of the item that hang on this check."""
    total = sum(each.weight for each in item.checks)
    return item.max_points * check.weight / total if total > 0 else 0.0


def item_text(item: ItemResult) -> str:
    """Return everything that a student may read about one item."""
    if item.kind is not Kind.AUTO:
        return not_automatic(item)
    blocks = [_headline(item)]
    if item.message:
        blocks.append(fit(item.message, PART_LIMIT))
    if is_provisional(item):
        blocks.append(PROVISIONAL)
    if blank := unwritten(item):
        return "\n\n".join([*blocks, blank, *_pictures(item)])
    blocks += [_check_text(item, check) for check in item.checks if check.outcome is not Outcome.PASS]
    if passed := [f"{mark(c.outcome)} {check_title(item, c)}" for c in item.checks if c.outcome is Outcome.PASS]:
        blocks.append("\n".join(passed))
    return "\n\n".join([*blocks, *_pictures(item)])


def public_exhibits(item: ItemResult) -> list[Exhibit]:
    """Return what students may look at: what a hidden check saw is not for them."""
    return [exhibit for check in item.checks if check.public for exhibit in check.exhibits]


def notes(item: ItemResult) -> list[str]:
    """Return what public checks say about code that costs no points."""
    return [words(exhibit) for exhibit in public_exhibits(item) if exhibit.kind is ExhibitKind.NOTE]


def _pictures(item: ItemResult) -> Iterator[str]:
    exhibits = public_exhibits(item)
    if measured := [words(exhibit) for exhibit in exhibits if exhibit.kind is not ExhibitKind.NOTE]:
        yield "\n".join(["Measured:", *(f"- {each}" for each in measured)])
    yield from (f"Note: {note}" for note in notes(item))


def unwritten(item: ItemResult) -> str:
    """Return the sentences about an item whose checks all met what the template has in place of an answer.

    "" for any other. What a submission says has no part in it.
    """
    failures = [check.failure for check in item.checks if check.public and check.failure is not None]
    if not failures or any(check.outcome is not Outcome.FAIL for check in item.checks):
        return ""
    if not all(failure.unwritten for failure in failures):
        return ""
    places = ((failure.summary, failure.got.partition(": ")[0] if ": " in failure.got else "") for failure in failures)
    said = dict.fromkeys(f"{summary} ({where})" if where else summary for summary, where in places)
    return "; ".join(map(one_line, said))


def first_to_do(items: Sequence[ItemResult]) -> ItemResult | None:
    """Return the first item that is written and wrong, else the first that is not written yet."""
    failed = [item for item in items if item.outcome is Outcome.FAIL]
    return next((item for item in failed if not unwritten(item)), next(iter(failed), None))


def is_provisional(item: ItemResult) -> bool:
    """Whether the item, or one of its checks, must be graded again."""
    return item.needs_regrade or any(check.outcome.is_provisional for check in item.checks)


def not_automatic(item: ItemResult) -> str:
    """Return the sentence for an item that the grader gives no points for."""
    if item.kind is Kind.UNGRADED:
        return "Not graded: this part is for you."
    extra = " of extra credit" if item.extra_credit else ""
    return f"People grade this part, worth {worth(item.max_points)}{extra}; the grader gives nothing for it."


def _headline(item: ItemResult) -> str:
    extra = " of extra credit" if item.extra_credit else ""
    return f"{points(item.points)} of {worth(item.max_points)}{extra}{count_passed(item)}"


def count_passed(item: ItemResult) -> str:
    """Return ``, 3 of 4 checks passed``; nothing for an item without checks."""
    if not item.checks:
        return ""
    passed = sum(check.outcome is Outcome.PASS for check in item.checks)
    open_ = sum(check.outcome.is_provisional for check in item.checks)
    more = f", {open_} could not be graded" if open_ else ""
    return f", {passed} of {plural(len(item.checks), 'check')} passed{more}"


def _check_text(item: ItemResult, check: CheckResult) -> str:
    title = f"{mark(check.outcome)} {check_title(item, check)}"
    return "\n".join([title, *(indent(part_text(part), 2) for part in check_parts(check))])


def part_text(part: Part) -> str:
    """Return a part as text: on one line with its label, or below the label where it has several lines."""
    if not part.label:
        return part.text
    if "\n" in part.text:
        return f"{part.label}:\n{indent(part.text, 2)}"
    return f"{part.label + ':':<10}{part.text}"


def total_line(result: GradingResult) -> str:
    """Return how many points the grader gave and how many people give."""
    extra = sum(i.points for i in result.items if i.kind is Kind.AUTO and i.extra_credit)
    manual = sum(i.max_points for i in result.items if i.kind is Kind.MANUAL and not i.extra_credit)
    if result.public_only:
        return _own_total(result, manual)
    given = f"{points(result.points)} of {worth(result.max_points)} given by the grader"
    given += f", {points(extra)} of them extra credit" if extra else ""
    return f"{given}; people grade another {points(manual)}." if manual else f"{given}."


def _own_total(result: GradingResult, manual: float) -> str:
    """Return the same for a student's own try: what passes the public checks is no grade yet."""
    if not result.max_points:
        return f"People grade this part, worth {worth(manual)}." if manual else "Nothing here is graded."
    given = f"{points(result.points)} of {worth(result.max_points)} in the public checks"
    more = f" and people grade another {points(manual)}" if manual else ""
    return f"{given}; when you hand in, hidden checks run too{more}."


def late_line(result: GradingResult) -> str:
    """Return what handing in late did to the score, with both numbers; "" where it did nothing."""
    late = result.late
    if late is None or (late.coefficient == 1.0 and not late.reason):
        return ""
    if late.coefficient == 1.0:
        return f"Late policy: nothing taken off, {late.reason}."
    product = f"{points(result.points)} points x {late.coefficient:.4g} = {worth(result.final_points)}"
    return f"Late: {late.reason}. {product}."


def next_steps(result: GradingResult) -> str:
    """Return what the student should do next, in one or two sentences; text from the submission is not in it."""
    missing = [item for item in result.items if item.outcome is Outcome.FAIL]
    steps = []
    if first := first_to_do(missing):
        blank = sum(bool(unwritten(item)) for item in missing)
        counts = [f"{plural(len(missing) - blank, 'item')} failed"] if len(missing) > blank else []
        counts += [f"{plural(blank, 'item')} {'is' if blank == 1 else 'are'} {UNWRITTEN}"] if blank else []
        to_gain = worth(sum(item.max_points - item.points for item in missing))
        steps.append(
            f"Next: start with {first.id}. {' and '.join(counts)}, {to_gain} to gain; each item is graded on its own."
        )
    if result.public_only:
        return " ".join([*steps, *_not_tried(result)]) or "Next: nothing; every public check that was run passes."
    if result.needs_regrade:
        again = ", ".join(item.id for item in result.items if item.needs_regrade)
        steps.append(f"To be graded again, nothing for you to do: {again}.")
    return " ".join(steps) or "Next: nothing is left to fix in what the grader looks at."


def _not_tried(result: GradingResult) -> Iterator[str]:
    """Say which items a student's own try did not reach."""
    if left := [item.id for item in result.items if item.needs_regrade]:
        yield f"Not tried here: {', '.join(left)}."
