"""Which hint grading would show for a text in the place of a graded file, in process."""

from __future__ import annotations

import ast
import tempfile
from dataclasses import dataclass
from pathlib import Path

from autograder.assignment import Item, find_root, load_assignment
from autograder.grading.hints import Explainer
from autograder.mutants import Mutant, read_catalogue
from autograder.references import reference_code
from autograder.results import Outcome
from autograder.verify.execution.suite import CheckSuite
from autograder.verify.matrix import Role
from autograder.verify.mutation.trial import TrialContext, _passed
from autograder.verify.mutation.variants import Variant, without_item
from tests.hints.equal_forms import FORMS, rewritten


@dataclass(frozen=True)
class Graded:
    """The hint that is shown, by its mutant's id ("" for none), and the checks that failed."""

    hint: str
    failed: frozenset[str]


class Recogniser:
    """Grades one item of an assignment on texts that are trusted."""

    def __init__(self, slug: str, folder: Path) -> None:
        self.assignment = load_assignment(find_root(), slug)
        self.catalogue = read_catalogue(self.assignment)
        self._context = TrialContext(CheckSuite.collect(self.assignment), self.catalogue, folder)
        self._explainer = Explainer(self.catalogue, Path(tempfile.mkdtemp(dir=folder)))

    def mutants(self) -> list[Mutant]:
        """The wrong variants that can get a hint, those of training left out."""
        return [m for m in self.catalogue.mutants if not m.equivalent and not self.item(m).training]

    def item(self, mutant: Mutant) -> Item:
        """The item that a mutant belongs to."""
        return self.assignment.manifest.item(mutant.item)

    def graded(self, item: str, file: str, text: str) -> Graded:
        """Grade one item with ``text`` in the place of ``file``."""
        variant = Variant(Role.MUTANT, "other form", {file: text.encode()}, (item,), item)
        with self._context.written(variant) as folder:
            judged = list(self._context.suite.verdicts(folder, [item], "verify", max_shrinks=0))
        evidence = [verdict.evidence for _, verdict in judged if verdict.evidence is not None]
        chosen = self._explainer.explain(item, evidence, _passed(self._context, judged))
        failed = frozenset(check.id for check, verdict in judged if verdict.outcome is not Outcome.PASS)
        return Graded(chosen.id if chosen is not None else "", failed)

    def forms(self, mutant: Mutant) -> dict[str, str]:
        """Algebraically equal forms of a mutant, by name: the code of its whole item is rewritten.

        A form counts if the reference, rewritten in the same way, loses nothing.
        """
        item = self.item(mutant)
        assert item.file is not None
        right = reference_code(self.assignment, item.file)
        stripped = without_item(self.assignment, item, right.encode())
        unmarked = right if stripped is None else stripped.decode()
        file, wrong = self.catalogue.source(mutant)
        found = {}
        for name, form in FORMS.items():
            text = rewritten(wrong, unmarked, form)
            if ast.dump(ast.parse(text)) != ast.dump(ast.parse(wrong)):
                same = self.graded(item.id, file, rewritten(right, unmarked, form))
                if not same.failed:
                    found[name] = text
        return found
