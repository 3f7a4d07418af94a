"""Trying a claim of equivalence: a variant that is said to be right after all must be so on thousands of inputs.

The checks of its item draw the inputs. On each the check must hold, and the variant must reply what the reference
replies, gradients included, up to the roundings of float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import hypothesis
from hypothesis import strategies

from autograder.checks.authoring.pinning import pin_hypothesis, settings_for
from autograder.grading.hints import AGREES, distance
from autograder.grading.plugin import Check
from autograder.grading.running import CheckRunner
from autograder.grading.seeds import check_seed
from autograder.grading.trusted_files import open_trusted
from autograder.sandbox.trusted.faults import WorkerLost
from autograder.sandbox.trusted.session import Session
from autograder.sandbox.trusted.stand_ins import stand_ins_of
from autograder.verify.matrix import Claim
from autograder.verify.mutation.trial import TrialContext
from autograder.verify.mutation.variants import Variant

INPUTS = 10_000
"""Inputs that a claim must survive, shared by the item's checks that draw inputs."""
QUICK_INPUTS = 200
"""The same in the author's working loop."""
CHUNK = 500
"""Inputs that one task tries: small, so that all processes have work until the end."""


class _Differs(BaseException):
    """Ends the search at the first difference: nobody needs a smaller one. Not an `Exception`, to pass Hypothesis."""

    def __init__(self, what: str, *, at_fault: bool = False) -> None:
        super().__init__(what)
        self.what, self.at_fault = what, at_fault


@dataclass(frozen=True)
class Chunk:
    """A part of the inputs for a claim: of one check, with seeds of its own."""

    variant: Variant
    check: Check
    fixtures: dict[str, Any]
    number: int
    inputs: int


def chunks_of(context: TrialContext, variant: Variant, inputs: int) -> list[Chunk]:
    """Share the inputs among the checks of the variant's item that draw any; empty where there is none."""
    drawing = [pair for pair in context.suite.checks if pair[0].item == variant.own and pair[0].declaration.strategies]
    chunks = []
    for check, fixtures in drawing:
        left = -(-inputs // len(drawing))
        for number in range(-(-left // CHUNK)):
            chunks.append(Chunk(variant, check, fixtures, number, min(CHUNK, left - number * CHUNK)))
    return chunks


def try_chunk(context: TrialContext, chunk: Chunk) -> Claim:
    """Try a part of the inputs on the variant and on the reference, side by side."""
    mutant = chunk.variant.mutant
    assert mutant is not None and context.assignment.reference is not None
    claim = Claim(mutant=mutant.id, item=mutant.item, reason=mutant.equivalent, inputs=0)
    stand_ins = stand_ins_of(context.suite.stand_ins, chunk.check.item, chunk.check.id)
    with context.written(chunk.variant) as folder:
        variant, reference = (
            open_trusted(context.assignment, place, stand_ins) for place in (folder, context.assignment.reference)
        )
        comparison = _Comparison(context, chunk, mutant.statistical, variant, reference)
        try:
            comparison.run()
        except _Differs as found:
            update = {"difference": found.what, "check": chunk.check.id, "at_fault": found.at_fault}
            claim = claim.model_copy(update=update)
        finally:
            variant.close()
            reference.close()
    return claim.model_copy(update={"inputs": comparison.tried})


@dataclass
class _Comparison:
    """Two sessions in which the same check runs on the same inputs."""

    context: TrialContext
    chunk: Chunk
    statistical: bool
    variant: Session
    reference: Session
    tried: int = 0

    def run(self) -> None:
        """Draw inputs, round by round with a new seed, until there were enough."""
        slug, version = self.context.assignment.slug, self.context.assignment.manifest.version
        rounds = 0
        while self.tried < self.chunk.inputs:  # where few inputs are possible, a round ends early
            seed = check_seed(f"equivalence {self.chunk.number} {rounds}", slug, version, self.chunk.check.id)
            check = self.chunk.check
            runner = CheckRunner(check.function, check.declaration, self.chunk.fixtures, seed)
            _draw(runner, self.chunk.inputs - self.tried, partial(self._once, runner))
            rounds += 1

    def _once(self, runner: CheckRunner, drawn: dict[str, Any]) -> None:
        expected = _replies(runner, self.reference, drawn, at_fault=True)
        self.tried += 1
        got = _replies(runner, self.variant, drawn, at_fault=False)
        if self.statistical or expected is None or got is None:
            return  # other noise is no difference; what was too long to keep the check itself has examined
        if (apart := distance(got, expected)) > AGREES:
            raise _Differs(f"it replies otherwise than the reference (relative distance {apart:.2g})")


def _replies(runner: CheckRunner, session: Session, drawn: dict[str, Any], *, at_fault: bool) -> list[Any] | None:
    session.begin(runner.seed)
    try:
        runner.body(**runner.arguments(session), **drawn)
    except (Exception, WorkerLost) as error:
        if type(error).__module__.startswith("hypothesis"):
            raise  # an input that does not suit the check
        raise _Differs(str(error).strip() or type(error).__name__, at_fault=at_fault) from error
    return session.example.replies


def _draw(runner: CheckRunner, inputs: int, once: Callable[[dict[str, Any]], None]) -> None:
    """Call ``once`` with that many inputs at most."""
    pin_hypothesis()

    def test(drawn: dict[str, Any]) -> None:
        once(drawn)

    drawn = strategies.fixed_dictionaries(runner.declaration.strategies)
    hypothesis.seed(runner.seed)(settings_for(inputs)(hypothesis.given(drawn=drawn)(test)))()
