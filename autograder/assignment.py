"""The validated model of ``assignment.toml``, and the places of an assignment's parts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from autograder.errors import UserError, did_you_mean
from autograder.proofs import PROOFS as PROOFS
from autograder.proofs import PROOFS_PACKAGE as PROOFS_PACKAGE
from autograder.proofs import refuse_missing
from autograder.texts import read_toml

MANIFEST = "assignment.toml"
NOTEBOOK = ".ipynb"
SUBMITTABLE = (".py", NOTEBOOK)


class Kind(StrEnum):
    """Who gives the points of an item."""

    AUTO = "auto"
    MANUAL = "manual"
    UNGRADED = "ungraded"


class Table(BaseModel):
    """A table of TOML that an instructor writes: a key that is unknown is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# A number in quotes, or true for 1, is a slip of the pen: nothing is converted.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, le=1e6)]
Count = Annotated[int, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]


class Files(Table):
    """Which files come from whom."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    provided: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names_are_plain(self) -> Files:
        for name in (*self.required, *self.optional, *self.provided):
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
                raise ValueError(f"{name!r} must be a relative path without '..'")
        if not self.required:
            raise ValueError("an assignment needs at least one required file")
        names = (*self.required, *self.optional, *self.provided)
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name!r} is named twice")
        code = [name for name in names if PurePosixPath(name).suffix in SUBMITTABLE]
        stems = [PurePosixPath(name).stem.casefold() for name in code]
        if alike := [name for name, stem in zip(code, stems, strict=True) if stems.count(stem) > 1]:
            raise ValueError(f"{alike} would be one module, and each may be handed in for the other; rename one")
        return self


class Statement(Table):
    """Something to be said in words: one of ``words``, at least so many ``times``; else students read ``notice``."""

    words: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    times: Count = Field(default=1, gt=0)
    notice: Annotated[str, Field(min_length=1)]


class Rules(Table):
    """Static rules; a banned module used inside a blank costs that blank's item, a missing statement nothing."""

    banned_imports: tuple[str, ...] = ()
    statements: tuple[Statement, ...] = ()


class Limits(Table):
    """Deadlines in seconds and sizes; scaled down together where the whole run has less time."""

    call_seconds: Number = Field(default=10.0, gt=0)
    check_seconds: Number = Field(default=20.0, gt=0)
    load_seconds: Number = Field(default=10.0, gt=0)
    training_seconds: Number = Field(default=180.0, gt=0)
    """What a check of a training item may take, in place of the two limits above."""
    memory_mb: Count = Field(default=2048, gt=0)


class LatePolicy(StrEnum):
    """How the worth of late work falls."""

    NONE = "none"
    LINEAR = "linear"
    """With every second, down to ``lowest`` after ``days``; then nothing."""
    PER_DAY = "per_day"
    """With every cut-off that passes, down to ``lowest`` at the last of ``days``; then nothing."""
    DROP = "drop"
    """Nothing for late work."""


class Late(Table):
    """The late policy: the score is multiplied by a coefficient."""

    policy: LatePolicy = LatePolicy.NONE
    zone: str = "UTC"
    cutoff: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "23:59"
    days: Count = Field(default=7, gt=0, le=366)
    lowest: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1)] = 0.0
    grace_minutes: Number = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _zone_is_known(self) -> Late:
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"no time zone {self.zone!r}{did_you_mean(self.zone, available_timezones())}") from None
        return self


class Showing(StrEnum):
    """When students see what hidden checks found."""

    AT_ONCE = "at_once"
    AFTER_DUE_DATE = "after_due_date"
    AFTER_PUBLISHED = "after_published"


class Feedback(Table):
    """When students see what hidden checks found, which is one bit each: later, or for a few submissions only."""

    hidden: Showing = Showing.AT_ONCE
    attempts: Count | None = Field(default=None, ge=1)
    """Submissions of a student that show it at once; later ones show it after the due date."""

    @model_validator(mode="after")
    def _attempts_are_shown(self) -> Feedback:
        if self.attempts is not None and self.hidden is not Showing.AT_ONCE:
            raise ValueError(f'attempts counts submissions that show at once, but hidden = "{self.hidden}" shows none')
        return self

    def showing(self, attempt: int) -> Showing:
        """Return when the student's submission of this number, from 1, is shown."""
        spent = self.attempts is not None and attempt > self.attempts
        return Showing.AFTER_DUE_DATE if spent else self.hidden


class Item(Table):
    """One line of the rubric."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*$")]
    title: str
    points: Number = Field(ge=0)
    kind: Kind
    file: str | None = None
    blanks: tuple[str, ...] = ()
    extra_credit: Flag = False
    training: Flag = False

    @model_validator(mode="after")
    def _can_be_run(self) -> Item:
        if self.is_auto and self.file is not None and PurePosixPath(self.file).suffix not in SUBMITTABLE:
            raise ValueError(
                f"an auto item needs a file that can be run ({' or '.join(SUBMITTABLE)}), not {self.file!r}"
            )
        return self

    @property
    def is_auto(self) -> bool:
        """Whether the grader gives the points."""
        return self.kind is Kind.AUTO


class Manifest(Table):
    """The whole of ``assignment.toml``."""

    title: str
    version: str
    source: str
    files: Files
    rules: Rules = Rules()
    limits: Limits = Limits()
    late: Late = Late()
    feedback: Feedback = Feedback()
    concepts: dict[str, Count] = Field(default_factory=dict)
    """Concepts whose contracts the checks apply, and the version of each that this rubric was proved with."""
    items: tuple[Item, ...]

    @model_validator(mode="after")
    def _items_are_consistent(self) -> Manifest:
        if not self.items:
            raise ValueError("an assignment needs at least one item")
        seen: set[str] = set()
        owners: dict[tuple[str | None, str], str] = {}
        for item in self.items:
            if item.id in seen:
                raise ValueError(f"item {item.id!r} is there twice")
            seen.add(item.id)
            if item.file is not None and item.file not in self.files.required:
                raise ValueError(
                    f"item {item.id!r} names file {item.file!r}{did_you_mean(item.file, self.files.required)}"
                )
            if item.blanks and item.file is None:
                raise ValueError(f"item {item.id!r} has blanks but no file")
            for blank in item.blanks:
                if (owner := owners.setdefault((item.file, blank), item.id)) != item.id or item.blanks.count(blank) > 1:
                    raise ValueError(f"item {item.id!r}: {blank!r} is a blank of {owner!r} already")
        return self

    def item(self, item_id: str) -> Item:
        """Return the item; an unknown id raises `UserError` with the nearest known one."""
        for item in self.items:
            if item.id == item_id:
                return item
        raise UserError(f"no item {item_id!r} in this assignment{did_you_mean(item_id, [i.id for i in self.items])}")

    def names_wanted(self, file: str) -> frozenset[str]:
        """Return the global names of a file that its blanks begin with."""
        return frozenset(blank.split(".")[0] for item in self.items if item.file == file for blank in item.blanks)

    def total(self, kind: Kind | None = None, *, extra_credit: bool = False) -> float:
        """Sum of points, of one kind or of all; extra credit is counted apart."""
        return sum(i.points for i in self.items if i.extra_credit is extra_credit and (kind is None or i.kind is kind))


@dataclass(frozen=True)
class Assignment:
    """An assignment on disk. ``folder`` holds the manifest.

    ``reference``, and ``proofs``, from which the hidden halves of concepts are imported, are absent on a student's
    machine.
    """

    slug: str
    folder: Path
    manifest: Manifest
    reference: Path | None = None
    proofs: Path | None = None

    @property
    def is_concept(self) -> bool:
        """Whether this is the proof of a concept, in its hidden half."""
        return self.proofs is not None and self.folder.is_relative_to(self.proofs)

    @property
    def public_checks(self) -> Path:
        """Folder of the checks that students get."""
        return self.folder / "checks" / "public"

    @property
    def hidden_checks(self) -> Path:
        """Folder of the checks that only the grader has; missing on a student's machine."""
        return self.folder / "checks" / "hidden"

    @property
    def provided(self) -> Path:
        """Folder of the files that students may not change (the template's own folder on a student's machine)."""
        folder = self.folder / "provided"
        return folder if folder.is_dir() else self.folder

    @property
    def probes(self) -> tuple[Path, ...]:
        """Modules next to the public checks: stub models that checks build inside the worker; they hold no answer."""
        found = self.public_checks.glob("*.py")
        return tuple(sorted(path for path in found if not path.name.startswith(("test_", "conftest", "__"))))

    @property
    def modules(self) -> tuple[str, ...]:
        """Names of the modules that a check can talk to in the worker."""
        names = (*self.manifest.files.required, *self.manifest.files.provided)
        return tuple(dict.fromkeys([*(Path(n).stem for n in names), *(path.stem for path in self.probes)]))


def read_manifest(path: Path) -> Manifest:
    """Read and validate a manifest; raise `UserError` naming file, key and the nearest known key."""
    try:
        data = read_toml(path)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no manifest here") from None
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{path}: {_first_problem(error, data)}") from None


def _first_problem(error: ValidationError, data: Any) -> str:
    problems = error.errors()
    # a misspelt key is also a missing one; what to fix is the key that is there
    problem = next((found for found in problems if found["type"] == "extra_forbidden"), problems[0])
    where = [str(part) for part in problem["loc"]]
    key = ".".join(where) or "the manifest"
    near = did_you_mean(where[-1], _known_keys(where[:-1])) if problem["type"] == "extra_forbidden" else ""
    if where[:1] == ["items"] and len(where) > 1:
        entry = data["items"][int(where[1])]
        name = entry.get("id", f"number {int(where[1]) + 1}") if isinstance(entry, dict) else where[1]
        key = f"item {name!r}, {'.'.join(where[2:]) or 'as a whole'}"
    return f"{key}: unknown key{near}" if near else f"{key}: {problem['msg'].removeprefix('Value error, ')}"


def _known_keys(where: list[str]) -> list[str]:
    tables: dict[str, type[Table]] = {"files": Files, "rules": Rules, "limits": Limits, "late": Late, "items": Item}
    return list((tables[where[0]] if where else Manifest).model_fields)


def other_version(concept: str, version: int, named: int | None) -> str:
    """Say that a manifest names another version of a concept than the one that is there, or none."""
    if named is None:
        return (
            f"{concept} is applied, and {MANIFEST} does not say in which version; write {concept} = {version} "
            f"under [concepts]"
        )
    return (
        f"{concept} is version {version} here, and {MANIFEST} names {named}; verify the assignment, then write "
        f"{concept} = {version} under [concepts]"
    )


def concepts(root: Path) -> list[str]:
    """Return the concepts that can be proved in the repository at ``root``, sorted."""
    return sorted(path.parents[1].name for path in (root / PROOFS / PROOFS_PACKAGE).glob(f"*/proof/{MANIFEST}"))


def load_concept(root: Path, concept: str) -> Assignment:
    """Load the proof of a concept: an assignment that asks for nothing else. Unknown ones raise `UserError`."""
    root = root.resolve()
    known = concepts(root)
    if concept not in known:
        raise UserError(f"{root / PROOFS}: no concept {concept!r}{did_you_mean(concept, known)}")
    folder = root / PROOFS / PROOFS_PACKAGE / concept / "proof"
    return Assignment(concept, folder, read_manifest(folder / MANIFEST), folder / "reference", root / PROOFS)


def slugs(root: Path) -> list[str]:
    """Return the assignments of the repository at ``root``, sorted; folders that begin with ``_`` are shared parts."""
    return sorted(path.parent.name for path in (root / "assignments").glob(f"[!_.]*/{MANIFEST}"))


def load_assignment(root: Path, slug: str) -> Assignment:
    """Load one assignment of the repository at ``root``.

    Raises `UserError` for an unknown slug, with the nearest known, and where it applies concepts whose hidden halves
    are not there.
    """
    root = root.resolve()  # which checks are public is told by their paths
    known = slugs(root)
    if slug not in known:
        raise UserError(f"{root / 'assignments'}: no assignment {slug!r}{did_you_mean(slug, known)}")
    folder = root / "assignments" / slug
    manifest = read_manifest(folder / MANIFEST)
    if manifest.concepts:
        refuse_missing(root / PROOFS)
    return Assignment(slug, folder, manifest, root / "solutions" / slug, root / PROOFS)


def find_root() -> Path:
    """Return the folder that holds ``assignments/``: the current one, one above it, or the one of this checkout."""
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[1]):
        if slugs(folder):
            return folder
    raise UserError(f"{here}: no folder assignments/ here or above; name its parent with --root")
