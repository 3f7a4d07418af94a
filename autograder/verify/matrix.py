"""The result of a verification, as values: the kill matrix, the claims of equivalence, the problems.

The JSON form (``matrix.json``) is a `Report`. It is stable: fields may be added; when one is renamed or means something
else, ``version`` grows. It depends on the bytes of the assignment alone, not on the clock or the number of jobs.

- ``items``, ``checks``: the columns, in the order of the rubric; a check's ``label`` is unique within its item.
- ``rows``: one for each variant: ``role`` is `Role`, ``own`` the item that the bug belongs to ("" where there is none).
  A row's ``cells`` are the items that it was graded on: ``lost`` points, and labels of the checks that failed by
  comparison (``killed_by``), by an exception (``raised_by``), or for a fault of their own (``errors``).
  ``enclosing_items`` are the items in whose blanks a bug lies whose own item has none: these it may cost points.
  ``shown`` is the misconception whose hint a student with this bug would see, ``sees`` what that is worth, ``twins``
  the mutants that cannot be told from it, ``reads`` all that this student reads about the item.
- ``claims``: variants that are said to be right after all, with the number of ``inputs`` that they survived.
  ``leads`` says for the reference how far its trained models are on the good side of each threshold.
- ``margins``: the same over many seeds, as it is on record next to the rubric.
- ``baselines``: part of a training item that a trivial method earns at most, over several seeds.
- ``concepts``: versions of the concepts that it was proved with; ``exemptions``: properties of them that the assignment
  does not ask for, with the reason, and whether the reference ``holds`` them all the same.
- ``problems``: why the rubric may not be released; without any, ``passed`` is true.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, computed_field

FORMAT = 2


class Role(StrEnum):
    """What a variant is graded for."""

    REFERENCE = "reference"
    TEMPLATE = "template"
    ALTERNATIVE = "alternative"
    MUTANT = "mutant"
    EQUIVALENT = "equivalent"
    """A mutant that is said to be right after all."""


class Sees(StrEnum):
    """What the hint that a student with a bug would see is worth."""

    RIGHT = "right"
    NONE = "none"
    WRONG = "wrong"


class ProblemKind(StrEnum):
    """The kinds of problems, in the order in which they are told."""

    BROKEN = "check raises"
    MISFIT = "mutant does not fit"
    HANDOUT = "handout says otherwise"
    REFERENCE = "reference loses points"
    ALTERNATIVE = "alternative loses points"
    TEMPLATE = "template earns points"
    FAULT = "check at fault"
    SURVIVOR = "mutant survives"
    UNDECLARED_RAISE = "killed by an exception only"
    DECLARED_RAISE = "does not raise"
    BLAST_RADIUS = "costs points elsewhere"
    PENALTY = "wrong penalty"
    FALSE_CLAIM = "not equivalent"
    UNPROVED_CLAIM = "equivalence cannot be tried"
    TWINS = "cannot be told apart"
    WRONG_HINT = "wrong hint"
    UNPROVED_ITEM = "item without proof"
    IDLE_CHECK = "check kills nothing"
    BASELINE = "baseline earns points"
    MARGIN = "threshold too near to the reference"
    EXEMPTION = "exempted property holds"


class Record(BaseModel):
    """A value that can be written as JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ItemColumn(Record):
    """One auto item."""

    id: str
    title: str
    points: float
    file: str
    training: bool


class CheckColumn(Record):
    """One check of an item; ``kills`` counts the mutants of its own item that it catches."""

    id: str
    label: str
    item: str
    title: str
    weight: float
    kills: int = 0


class Cell(Record):
    """What one variant loses in one item."""

    item: str
    lost: float
    passed: tuple[str, ...] = ()
    killed_by: tuple[str, ...] = ()
    raised_by: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    note: str = ""
    """What the first check that failed says."""
    fault: str = ""
    """What the first check raised on the reference, of those that failed there too."""

    @property
    def failed(self) -> tuple[str, ...]:
        """Labels of all checks that failed, for whatever reason that is the variant's."""
        return (*self.killed_by, *self.raised_by)


class Lead(Record):
    """How far one training was on the good side of a threshold, in parts of it; see `Criterion.lead`."""

    check: str
    criterion: str
    lead: float


REFERENCE_NETWORK = "reference"
"""The name of the reference's own networks."""


class Margin(Record):
    """The leads of one network over several seeds; ``value`` and ``threshold`` are means, for people."""

    check: str
    criterion: str
    network: str = REFERENCE_NETWORK
    runs: int
    least: float
    mean: float
    spread: float
    """Standard deviation of the leads."""
    value: float
    threshold: float

    @property
    def as_lead(self) -> Lead:
        """The mean, as if it were one training."""
        return Lead(check=self.check, criterion=self.criterion, lead=self.mean)

    @property
    def deviations(self) -> float:
        """Standard deviations between the mean and the threshold."""
        return self.mean / self.spread if self.spread else math.copysign(math.inf, self.mean)


class CheckException(Record):
    """What a check itself raised on the reference, as a traceback: a mistake of whoever wrote the check."""

    check: str
    text: str

    @property
    def cause(self) -> str:
        """The exception and the place: the same for all checks that meet it there."""
        places = re.findall(r'^ +File "(?:.*[/\\\\])?(.+)", line (\d+)', self.text, re.MULTILINE)
        place = " ({}, line {})".format(*places[-1]) if places else ""
        return self.text.strip().splitlines()[-1] + place


class Row(Record):
    """One variant."""

    role: Role
    name: str
    own: str = ""
    misconception: str = ""
    raises: bool = False
    """Whether the bug is declared to show as an exception."""
    statistical: bool = False
    files: tuple[str, ...] = ()
    cells: tuple[Cell, ...] = ()
    enclosing_items: tuple[str, ...] = ()
    shown: str = ""
    sees: Sees | None = None
    twins: tuple[str, ...] = ()
    reads: str = ""
    """What a student with this bug reads about its item."""
    leads: tuple[Lead, ...] = ()
    lacks: tuple[str, ...] = ()
    """Blanks whose names an alternative's files do not have."""
    exceptions: tuple[CheckException, ...] = ()
    ran: tuple[str, ...] = ()
    """Of the reference while it is graded: the functions that checks ran (see `reached_code`)."""

    def cell(self, item_id: str) -> Cell | None:
        """The cell of an item, None where the variant was not graded on it."""
        return next((cell for cell in self.cells if cell.item == item_id), None)

    @property
    def killers(self) -> tuple[str, ...]:
        """Labels of the checks of its own item that catch a bug, in the way in which it is declared to show."""
        cell = self.cell(self.own)
        return () if cell is None else cell.failed if self.raises else cell.killed_by

    @property
    def lost(self) -> float:
        """Points lost on all items together."""
        return round(sum(cell.lost for cell in self.cells), 4)


class Claim(Record):
    """A variant that is said to be right after all, and on how many inputs it was; ``difference`` is "" if on all."""

    mutant: str
    item: str
    reason: str
    inputs: int
    difference: str = ""
    check: str = ""
    """The check that showed the difference."""
    at_fault: bool = False
    """Whether the reference failed that check too."""


class Baseline(Record):
    """The part of a training item, in [0, 1], that a trivial method earns with the seed that serves it best."""

    item: str
    name: str
    earned: float


class Earnings(Record):
    """What the trivial methods of one item earn."""

    baselines: tuple[Baseline, ...]


class Exemption(Record):
    """A property of a concept that the assignment does not ask for, and whether the reference has it all the same."""

    check: str
    item: str
    reason: str
    holds: bool


class Problem(Record):
    """One reason not to release: what, where, and how to fix it."""

    kind: ProblemKind
    where: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.fix}"


class Report(Record):
    """One verification; ``scope`` is the item that it was limited to, "" for all."""

    version: int = FORMAT
    slug: str
    title: str
    assignment_version: str
    grader_version: str
    scope: str = ""
    items: tuple[ItemColumn, ...]
    checks: tuple[CheckColumn, ...]
    rows: tuple[Row, ...] = ()
    claims: tuple[Claim, ...] = ()
    margins: tuple[Margin, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    concepts: dict[str, int] = Field(default_factory=dict)
    exemptions: tuple[Exemption, ...] = ()
    problems: tuple[Problem, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Whether nothing speaks against a release."""
        return not self.problems

    def of_role(self, role: Role) -> tuple[Row, ...]:
        """The rows of one role."""
        return tuple(row for row in self.rows if row.role is role)

    def checks_of(self, item_id: str) -> tuple[CheckColumn, ...]:
        """The checks of one item."""
        return tuple(check for check in self.checks if check.item == item_id)
