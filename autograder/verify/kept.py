"""Rows that were found out before, kept with the digest of everything that had a say in them.

A piece of work (a variant on one item, a part of a claim, the baselines of an item) is done again only where its key is
new. A key is made of the engine and its libraries, the manifest, the item's checks with what their files share, the
concepts that they apply, the helpers next to the checks, the files of the reference that they reach, and the variant.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import autograder
from autograder.assignment import MANIFEST, Assignment
from autograder.grading.running import RemoteName
from autograder.mutants import Catalogue
from autograder.references import expected_names, reference_path
from autograder.release.digests import digest_of_tree, digest_of_values, versions
from autograder.release.files import read_tree
from autograder.verify.concept_files import CONCEPTS, concept_of, files_of, with_imported
from autograder.verify.execution.suite import CheckSuite
from autograder.verify.mutation.variants import Variant, imports_of


class Kept:
    """Answers by their keys, in a file to which each is added when it comes: nothing is lost by an interruption."""

    def __init__(self, path: Path) -> None:
        """Read what is there; a line that cannot be read (the last, of a run that was killed) is forgotten."""
        self.path = path
        self._answers: dict[str, Any] = {}
        self._used: set[str] = set()
        for line in path.read_bytes().splitlines() if path.is_file() else ():
            try:
                entry = json.loads(line)
                self._answers[entry["key"]] = entry["answer"]
            except (ValueError, KeyError, TypeError):
                continue

    def find(self, key: str) -> Any:
        """Return an answer, None where there is none."""
        self._used.add(key)
        return self._answers.get(key)

    def keep(self, key: str, answer: Any) -> None:
        """Add an answer, in memory and in the file."""
        self._answers[key] = answer
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, "answer": answer}) + "\n")

    def forget_others(self) -> None:
        """Drop what was not asked for: after a whole verification, that is of files as they were."""
        lines = (json.dumps({"key": key, "answer": self._answers[key]}) for key in self._answers if key in self._used)
        waiting = self.path.with_suffix(".new")
        waiting.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        waiting.replace(self.path)


class Keys:
    """Keys of the work on one assignment as it is now."""

    def __init__(self, assignment: Assignment, suite: CheckSuite, catalogue: Catalogue) -> None:
        self._assignment, self._suite, self._catalogue = assignment, suite, catalogue
        self._known: dict[str, tuple[str, list[str]]] = {}
        self._files = {
            path: ast.parse(path.read_bytes())
            for folder in (assignment.public_checks, assignment.hidden_checks)
            for path in sorted(folder.glob("test_*.py"))
        }

    def of_variant(self, variant: Variant, item: str) -> str:
        """Return the key of a variant on one item; where it is its own, all known mistakes have a say in the hint."""
        mutant = variant.mutant.model_dump(mode="json") if variant.mutant is not None else None
        return digest_of_values(
            self._of_item(item, variant),
            [variant.role, variant.name, variant.own, mutant],
            self._mistakes(item) if item == variant.own else "",
        )

    def of_claim(self, variant: Variant, *numbers: Any) -> str:
        """Return the key of a part of a claim."""
        return digest_of_values(self.of_variant(variant, variant.own), numbers)

    def of_baselines(self, item: str) -> str:
        """Return the key of an item's trivial methods."""
        return digest_of_values("baselines", self._known.get(item) or self._known.setdefault(item, self._base(item)))

    def _of_item(self, item: str, variant: Variant) -> str:
        base, reached = self._known.get(item) or self._known.setdefault(item, self._base(item))
        places = {file: given for given, file in expected_names(self._assignment, variant.files).items()}
        files = [(name, digest_of_values(variant.files[places[name]])) for name in reached if name in places]
        return digest_of_values(base, files)

    def _base(self, item: str) -> tuple[str, list[str]]:
        """Return a digest of all but the variant, and the files that the item's checks reach."""
        reached = self._reached(item)
        paths = (reference_path(self._assignment, name) for name in reached)
        reference = [digest_of_values(path.read_bytes()) if path.is_file() else "" for path in paths]
        parts = (self._engine, self._manifest, self._helpers, list(self._texts(item)), reference)
        return digest_of_values(*parts), reached

    @cached_property
    def _engine(self) -> str:
        """The engine without the concepts, of which an item's checks have theirs, and what it stands on."""
        files = read_tree(Path(autograder.__path__[0]))
        files = {name: data for name, data in files.items() if not name.startswith(f"{CONCEPTS}/")}
        return digest_of_values(versions(), digest_of_tree(files))

    @cached_property
    def _manifest(self) -> str:
        return digest_of_values((self._assignment.folder / MANIFEST).read_bytes())

    @cached_property
    def _helpers(self) -> str:
        """What is next to the checks, and what students get from us."""
        folders = (self._assignment.public_checks, self._assignment.hidden_checks, self._assignment.provided)
        trees = [read_tree(folder) for folder in folders]
        kept = [{n: d for n, d in tree.items() if not PurePosixPath(n).name.startswith("test_")} for tree in trees]
        return digest_of_values([digest_of_tree(tree) for tree in kept])

    def _mistakes(self, item: str) -> str:
        mutants = [mutant.model_dump(mode="json") for mutant in self._catalogue.of_item(item)]
        return digest_of_values(mutants)

    def _reached(self, item: str) -> list[str]:
        """Return the item's file, those that its checks ask for, and what these import, at whatever remove."""
        files = {Path(name).stem: name for name in self._assignment.manifest.files.required}
        fixtures = [value for check, given in self._suite.checks if check.item == item for value in given.values()]
        asked = {value.name for value in fixtures if isinstance(value, RemoteName)}
        own = self._assignment.manifest.item(item).file
        more = set(files) if asked - files.keys() else asked | ({Path(own).stem} if own else set())  # by a probe, any
        found: set[str] = set()
        while more - found:
            found |= more
            paths = [reference_path(self._assignment, files[stem]) for stem in found]
            more = {name for path in paths for name in imports_of(path) if name in files}
        return sorted(files[stem] for stem in found)

    def _texts(self, item: str) -> Iterator[str]:
        """Yield the code of an item's checks, what their files share, and the concepts that these use."""
        concepts: set[str] = set()
        ids = [check.id for check, _ in (*self._suite.checks, *self._suite.exempted) if check.item == item]
        names = {check_id.partition("/")[2].partition("::")[0] for check_id in ids}
        for path, tree in self._files.items():
            if path.name not in names:
                continue
            nodes = [node for node in tree.body if not (items := _items_of(node)) or item in items]
            yield from (ast.dump(node) for node in nodes)
            used = {node.id for one in nodes for node in ast.walk(one) if isinstance(node, ast.Name)}
            concepts |= {
                concept
                for node in tree.body
                if isinstance(node, ast.ImportFrom) and used & {alias.asname or alias.name for alias in node.names}
                if (concept := concept_of(node.module or ""))
            }
        yield from (self._concept(name) for name in sorted(with_imported(concepts, self._assignment.proofs)))

    def _concept(self, name: str) -> str:
        return digest_of_values(name, [digest_of_values(data) for data in files_of(name, self._assignment.proofs)])


def _items_of(node: ast.stmt) -> set[str]:
    """Return the items that decorators of a check name; nothing for what is no check, or says so otherwise."""
    if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test"):
        return set()
    calls = [decorator for decorator in node.decorator_list if isinstance(decorator, ast.Call) and decorator.args]
    first = [call.args[0] for call in calls]
    return {arg.value for arg in first if isinstance(arg, ast.Constant) and isinstance(arg.value, str)}
