"""Labels of cells that other tools read as "not for students": tags, titles and metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

INSTRUCTOR_ONLY = "instructor-only"
ANSWER = "answer"
EDITABLE = "editable"

_ROLES = frozenset(
    {"instructor", "instructors", "staff", "teacher", "teachers", "lecturer", "professor"}
    | {"grader", "graders", "tutor", "tutors", "ta", "tas"}
)
_SOLVED = frozenset({"solution", "solutions", "soln", "sol", "answer", "answers", "answerkey", "markscheme", "rubric"})
_KEPT_BACK = frozenset(
    {"hidden", "hide", "private", "secret", "confidential", "internal", "remove", "removed", "exclude", "excluded"}
    | {"ignore", "ignored", "omit", "delete", "deleted", "strip", "stripped", "drop"}
)
# Nothing that was computed leaves anyway.
_COMPUTED = frozenset({"output", "outputs", "stdout", "stderr", "warning", "warnings"})
# What clients write into metadata by themselves says nothing about the cell.
_CLIENTS = frozenset(
    {"executioninfo", "outputid", "vscode", "execution", "pycharm", "papermill", "jupyter", "colab", "collapsed"}
)
_NAMES = frozenset({"grade_id", "id", "name", "checksum"})

_FOR = r"(?:to|for|of) (?:exercise|question|problem|part|task|q)\b.*"
_TITLE = re.compile(
    r"(?:(?:exercise|question|problem|part|task|q) ?[\w.]* )?"
    r"(?:(?:model|sample|example|reference|official|suggested|full|our) )?"
    rf"(?:solutions?|soln|answers?|answer key|hidden tests?|mark(?:ing)? scheme|rubric)(?: \d[\w.]*| {_FOR})?"
    r"|to remove.*|hidden|private|secret|remove|exclude|ignore|do not release"
    r"|(?:for )?(?:the )?(?:instructors?|staff|tas?)"
    rf"|(?:for )?(?:the )?(?:{'|'.join(sorted(_ROLES))})(?: s)?(?: (?:only|version|copy|notes?|solutions?|answers?|"
    r"key|code|cells?|use|use only))+"
    rf"|.*\b(?:{'|'.join(sorted(_ROLES))}) only|.*\bnot for (?:the )?students"
)


def is_for_staff(title: str) -> bool:
    """Whether the title of a cell says that the cell is a solution or for staff, and does not only speak of them."""
    return _TITLE.fullmatch(" ".join(_words(title))) is not None


def is_staff_tag(tag: str) -> bool:
    """Whether a tag other than ours means, to some tool or reader, that students must not get the cell."""
    words = set(_words(tag))
    if tag in (INSTRUCTOR_ONLY, ANSWER, EDITABLE) or words & _COMPUTED:
        return False
    joined = "".join(_words(tag))
    return (
        bool(words & (_ROLES | _SOLVED | _KEPT_BACK))
        or joined in {"instructoronly", "key", *_SOLVED}
        or "solution" in joined
    )


def staff_tags(text: str) -> list[str]:
    """Return the tags for staff, ours included, that stand behind ``tags`` in the head of a cell."""
    _, named, rest = text.casefold().partition("tag")
    return [tag for tag in re.findall(r"[\w-]+", rest) if is_staff_tag(tag) or tag == INSTRUCTOR_ONLY] if named else []


def staff_metadata(metadata: Mapping[str, object]) -> Iterator[str]:
    """Yield what of a cell's metadata says that the cell is a solution or for staff, as it may be shown."""
    for path, value in _leaves(metadata):
        words = {re.sub(r"\d+$", "", word) for word in _words(path[-1])}
        key = ".".join(path)
        if path[0] in ("tags", "title") or path[0].lower() in _CLIENTS or path[-1] in _NAMES or not value:
            continue
        named = words & {*_ROLES, "solution", "solutions"}
        called = (
            isinstance(value, str) and len(_words(value)) <= 2 and (is_staff_tag(value) or value == INSTRUCTOR_ONLY)
        )
        if named or called or (path == ("slideshow", "slide_type") and value == "notes"):
            yield f"{key} = {value!r}"


def _leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _leaves(part, (*path, str(key)))
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part, path)
    elif path:
        yield path, value


def _words(text: str) -> list[str]:
    """Return the words of a label in small letters: ``instructorOnly`` and ``instructor_only`` have the same two."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return re.findall(r"[a-z0-9]+", apart.casefold())
