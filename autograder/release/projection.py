"""The students' projection of ``assignment.toml``: an allow-list of keys, written as TOML, always the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from autograder.assignment import Manifest

# A key that is not listed stays with the instructor, so a new one is private until somebody decides otherwise. The
# concepts are the whole table: the public checks apply them, and are told there in which version.
PUBLIC_KEYS: Mapping[str, tuple[str, ...]] = {
    "": ("title", "version", "source"),
    "files": ("required", "optional", "provided", "preload"),
    "rules": ("banned_imports",),
    "limits": ("call_seconds", "check_seconds", "load_seconds", "training_seconds", "memory_mb"),
    "late": ("policy", "zone", "cutoff", "days", "lowest", "grace_minutes"),
    "feedback": ("hidden", "attempts"),
    "items": ("id", "title", "points", "kind", "file", "blanks", "extra_credit", "training"),
}


def project(manifest: Manifest) -> str:
    """Return the students' manifest as TOML: the allow-listed keys that the instructor wrote, in a fixed order."""
    data = manifest.model_dump(mode="json", exclude_unset=True)
    lines = [*_pairs(data, PUBLIC_KEYS[""])]
    tables = {**PUBLIC_KEYS, "concepts": tuple(sorted(data.get("concepts", ())))}
    for table, keys in tables.items():
        entry = data.get(table)
        if isinstance(entry, dict) and (pairs := list(_pairs(entry, keys))):
            lines += ["", f"[{table}]", *pairs]
    for item in data["items"]:
        lines += ["", "[[items]]", *_pairs(item, PUBLIC_KEYS["items"])]
    return "\n".join(lines) + "\n"


def _pairs(table: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[str]:
    yield from (f"{key} = {_value(table[key])}" for key in keys if table.get(key) is not None)


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        # JSON's escapes are TOML's, except for DEL, which TOML wants escaped and JSON lets pass.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return json.dumps(value)
