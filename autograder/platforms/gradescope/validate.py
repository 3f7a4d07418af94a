"""Would Gradescope take this ``results.json``, and show what its author meant? One line for each doubt."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from autograder.errors import did_you_mean
from autograder.reports.safe_text import one_line

MISSING = "the platform reports that the autograder failed to execute; write it before anything else, the real one last"
WARNING = "warning: "
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``results.json`` that the package ships."""
    text = files("autograder.platforms.gradescope").joinpath("results.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def is_warning(problem: str) -> bool:
    """Whether the platform takes the file in spite of this problem."""
    return problem.startswith(WARNING)


def validate_results(path: Path) -> list[str]:
    """Return the problems of a results file, each on one line: where (a JSON pointer), what, and how to fix it.

    An empty list means that the platform takes the file as it is. What begins with ``warning: `` is accepted by the
    platform, but seldom meant. Nothing is raised for what a file may hold.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return [f"{path}: there is no such file; {MISSING}"]
    except OSError as error:
        return [f"{path}: cannot be read: {error.strerror}"]
    except UnicodeDecodeError as error:
        return [f"byte {error.start}: not valid UTF-8; write the file with encoding='utf-8' or json's ensure_ascii"]
    return validate_text(text)


def validate_text(text: str) -> list[str]:
    """Return the problems of the decoded text of a results file; see `validate_results`."""
    repeated: list[str] = []
    try:
        data = json.loads(text, object_pairs_hook=lambda pairs: _object(pairs, repeated))
    except json.JSONDecodeError as error:
        return [f"line {error.lineno}, column {error.colno}: not JSON ({error.msg}); the platform gives a score of 0"]
    except (ValueError, RecursionError) as error:
        return [f"not JSON that can be read ({one_line(str(error))}); the platform gives a score of 0"]
    problems = [f"key {one_line(repr(key))} is written twice in one object; keep one" for key in repeated]
    problems += _values_that_break(data, "")
    problems += _schema_problems(data)
    if isinstance(data, dict):
        problems += _beyond_the_schema(data)
    return problems


def _object(pairs: list[tuple[str, Any]], repeated: list[str]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated += sorted({key for key in keys if keys.count(key) > 1})
    return found


def _values_that_break(value: Any, where: str) -> Iterator[str]:
    """Yield, in any depth, what JSON lets through but databases and browsers do not.

    Python reads ``NaN``, and turns ``1e999`` into infinity.
    """
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _values_that_break(each, _pointer(where, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _values_that_break(each, _pointer(where, index))
    elif isinstance(value, int | float) and not _is_finite(value):
        yield f"{where or '/'}: {one_line(str(value), 20)} makes the upload fail; write a finite number or nothing"
    elif isinstance(value, str) and _NOT_STORABLE.search(value):
        yield f"{WARNING}{where or '/'}: has a NUL or a lone surrogate, which cannot be stored everywhere; leave it out"


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the range of a float
        return False


def _pointer(where: str, key: str | int) -> str:
    return f"{where}/{one_line(str(key).replace('~', '~0').replace('/', '~1'), 60)}"


def _schema_problems(data: Any) -> Iterator[str]:
    from jsonschema import Draft202012Validator

    errors = Draft202012Validator(schema()).iter_errors(data)
    for error in sorted(errors, key=lambda error: ([str(part).zfill(6) for part in error.path], str(error.validator))):
        where = ""
        for part in error.path:
            where = _pointer(where, part)
        yield from _explain(where or "/", str(error.validator), error.validator_value, error.instance, error.schema)


def _explain(where: str, rule: str, wanted: Any, found: Any, within: Any) -> Iterator[str]:
    """Say in words what one broken rule of the schema means."""
    match rule:
        case "additionalProperties":
            for key in sorted(set(found) - set(within["properties"])):
                near = did_you_mean(key, within["properties"])
                yield f"{where}: unknown key {one_line(repr(key), 60)}, the platform ignores it{near}"
        case "required":
            for key in [key for key in wanted if key not in found]:
                yield f'{where}: key "{key}" is missing; add it'
        case "type" if found is None:
            yield f"{where}: null where {_names(wanted)} is due; leave the key out instead"
        case "type":
            yield f"{where}: {_kind(found)} where {_names(wanted)} is due{_type_advice(wanted, found)}"
        case "enum":
            near = did_you_mean(found, wanted) if isinstance(found, str) else f"; known: {', '.join(wanted)}"
            yield f"{where}: {one_line(json.dumps(found), 60)} is not one of the known values{near}"
        case "maxLength":
            yield f"{where}: {len(found):,} characters, the platform cuts out the middle beyond {wanted:,}; shorten it"
        case "minimum":
            yield f"{where}: {found} is below {wanted}, what becomes of it is not specified; clamp it"
        case _:
            yield f"{where}: breaks the rule {rule} {one_line(json.dumps(wanted), 60)} of the schema"


def _kind(value: Any) -> str:
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    return names[type(value)]


def _names(wanted: str | list[str]) -> str:
    names = [wanted] if isinstance(wanted, str) else wanted
    return " or ".join(f"an {name}" if name[0] in "ao" else f"a {name}" for name in names)


def _type_advice(wanted: str | list[str], found: Any) -> str:
    if wanted == "string" and isinstance(found, int | float) and not isinstance(found, bool):
        return f'; write it in quotes: "{found}"'
    if wanted == "number" and isinstance(found, str):
        return "; write it without quotes"
    return ""


def _beyond_the_schema(data: dict[str, Any]) -> Iterator[str]:
    """Yield what relates one part of the file to another."""
    tests = data.get("tests")
    tests = [test if isinstance(test, dict) else {} for test in tests] if isinstance(tests, list) else []
    if "score" not in data and not any("score" in test for test in tests):
        yield '/: there is no score; give a top-level "score", or a "score" for the tests'
    for index, test in enumerate(tests):
        yield from _score_problems(f"/tests/{index}", test)
    hidden = sum(test.get("visibility") == "hidden" for test in tests)
    if hidden:
        yield (
            f'{WARNING}/tests: {hidden} of {len(tests)} are "hidden", so students do not see their total;'
            " choose another visibility where they should"
        )


def _score_problems(where: str, test: dict[str, Any]) -> Iterator[str]:
    score, most = test.get("score"), test.get("max_score")
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in (score, most)):
        return
    assert score is not None and most is not None
    extra = isinstance(test.get("extra_data"), dict) and test["extra_data"].get("extra_credit") is True
    if score > most and not extra:
        yield f"{where}/score: {score} is above max_score {most}; clamp it"
