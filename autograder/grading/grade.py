"""Grading one submission from its files to its result. The order of the steps is a wall of its own:

intake, heavy imports, zygote, and only then anything secret: the grading seed, the checks, the reference.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder import __version__
from autograder.assignment import Assignment, Item
from autograder.grading.bench import Bench
from autograder.grading.device_choice import Device, choose_device
from autograder.grading.interruption import Bound, Interruption
from autograder.results import CheckResult, Failure, GradingResult, Notice, Outcome, Times
from autograder.sandbox.clock import PATIENCE
from autograder.submission import read_submission

if TYPE_CHECKING:
    import torch

    from autograder.grading.hints import Passed
    from autograder.grading.plugin import Check
    from autograder.grading.running import Evidence, Verdict
    from autograder.sandbox.session import Session
    from autograder.sandbox.stand_ins import StandIns

CHECKS_SHARE = 0.9
"""Part of what is left after that which checks may take; the rest is for new workers, reruns and results."""
LEAST_SECONDS = 0.2
HINT_SECONDS = 30.0
"""Longest time that the hint of one item may take: some seconds of a processor that others use as well."""
ALL_HINTS_SECONDS = 180.0
RESULT_SECONDS = 5.0
"""What is left of a run for its results when no more hints are looked for."""
OUT_OF_TIME = "the time of the whole run ({:g} s) was over before this check was done"
TOO_SLOW = "training was stopped: it took longer than the {:.3g} s that it may take here, several times what it needs"
NO_WORKER = "the grader lost the process that workers come from"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Options:
    """What to grade, and under which limits; ``deadline`` is in seconds from the start.

    ``started`` is that moment, on the `time.monotonic` clock; where it is None, grading begins with `grade`.
    """

    only: frozenset[str] = frozenset()
    training: bool = True
    hidden: bool = True
    seed: int | None = None
    """A descriptor that another grading seed than that of ``grading.toml`` is read from, once workers can be forked."""
    deadline: float | None = None
    started: float | None = None
    strict: bool = False
    device: Device = Device.AUTO
    """Of what the grader itself trains."""


def grade(
    assignment: Assignment,
    path: Path,
    options: Options,
    progress: Progress | None = None,
    interruption: Interruption | None = None,
) -> GradingResult:
    """Grade what lies at ``path``. Raises `UserError` where nothing can be read or an item is unknown.

    ``interruption`` is one that the caller has entered already, for what it does before and after.
    """
    started = time.monotonic() if options.started is None else options.started
    run_ends = None if options.deadline is None else started + options.deadline
    wanted = _wanted(assignment, options)
    submission = read_submission(path, assignment)
    own = Interruption() if interruption is None else nullcontext(interruption)
    with own as interruption, _private_folder() as folder:
        with Bench(assignment, submission, folder, interruption, run_ends, options.strict) as bench:
            # from here on secrets may be read, and CUDA be initialised: the zygote is forked
            bench.judge_walls()
            device = _device(options, wanted, bench)
            bench.survey()
            run = _Run(assignment, bench, options, started, progress)
            run.check(wanted, device)
        run.explain(folder)  # every worker is dead: what lies there now is read by nobody
        return run.result(wanted)


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Give a folder for one run, and remove it whatever a worker has put there.

    What libraries leave in temporary folders goes with it: meanwhile those are in a closed folder of its own. Where
    the grader is killed, the zygote removes it.
    """
    from autograder.sandbox.remains import remove_tree

    folder = Path(tempfile.mkdtemp(prefix="autograder-"))
    before = tempfile.tempdir, os.environ.get("TMPDIR")
    try:
        folder.chmod(0o711)  # workers pass through to their own folders
        temporary = folder / "tmp"
        temporary.mkdir(mode=0o700)
        tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)
        yield folder
    finally:
        tempfile.tempdir = before[0]
        os.environ.pop("TMPDIR")
        if before[1] is not None:
            os.environ["TMPDIR"] = before[1]
        remove_tree(folder)


def _device(options: Options, wanted: list[Item], bench: Bench) -> torch.device:
    """Choose where to train; a GPU that nobody asked for is left alone where there is nothing to train."""
    import torch

    trains = options.training and any(item.training and item.is_auto for item in wanted)
    device = choose_device(options.device if trains or options.device is not Device.AUTO else Device.CPU)
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        bench.notices.append(Notice(text=f"what the grader itself trains was trained on a GPU ({name})"))
    return device


def _wanted(assignment: Assignment, options: Options) -> list[Item]:
    for item_id in options.only:
        assignment.manifest.item(item_id)
    return [item for item in assignment.manifest.items if not options.only or item.id in options.only]


@dataclass
class _Run:
    """The state of one grading."""

    assignment: Assignment
    bench: Bench
    options: Options
    started: float
    progress: Progress | None
    checks: dict[str, list[CheckResult]] = field(default_factory=dict)
    evidence: dict[str, list[Evidence]] = field(default_factory=dict)
    passed: dict[str, list[Passed]] = field(default_factory=dict)
    done: int = 0
    planned: frozenset[str] = frozenset()
    """Items that have a check."""

    def check(self, wanted: list[Item], device: torch.device) -> None:
        """Run all checks of the wanted items; what the grader trains for them is on ``device``."""
        from autograder.checks.device import training_on
        from autograder.grading.plugin import CheckPlugin, run_checks
        from autograder.grading.trusted_files import read_stand_ins
        from autograder.sandbox.stand_ins import stand_ins_of

        self._seed = self._grading_seed()
        stand_ins = read_stand_ins(self.assignment) if self.options.hidden else {}
        ids = frozenset(item.id for item in wanted if self.options.training or not item.training)
        plugin = CheckPlugin(
            assignment=self.assignment,
            wanted=ids,
            run=lambda check, fixtures: self._run_check(check, fixtures, stand_ins_of(stand_ins, check.item, check.id)),
            on_collected=self._plan,
            hidden=self.options.hidden,
        )
        with training_on(device):
            run_checks(plugin)

    def result(self, wanted: list[Item]) -> GradingResult:
        """Return everything that was found out."""
        from autograder.grading.scoring import NO_CHECK, score_item

        items = []
        for item in wanted:
            blocked = self._left_out() if item.training and not self.checks.get(item.id) else ""
            lost = self._unavailable(item) or self.bench.submission.violations.get(item.id, "")
            line = score_item(item, self.checks.get(item.id, []), lost=lost, blocked=blocked)
            if item.is_auto and not (lost or blocked) and self.options.hidden and item.id not in self.planned:
                line = line.model_copy(update={"outcome": Outcome.ERROR, "message": NO_CHECK})
            items.append(line)
        return GradingResult(
            assignment=self.assignment.slug,
            assignment_title=self.assignment.manifest.title,
            assignment_version=self.assignment.manifest.version,
            grader_version=__version__,
            submission_digest=self.bench.submission.digest,
            items=tuple(items),
            notices=(*self.bench.submission.notices, *self.bench.notices),
            walls=tuple(self.bench.walls),
            times=Times(total=round(time.monotonic() - self.started, 3)),
            public_only=not self.options.hidden,
        )

    def explain(self, folder: Path) -> None:
        """Give an item's first failed check the hint of the one known mistake that explains its failures, if any."""
        if not self.options.hidden or not self.evidence:
            return
        from autograder.grading.hints import Explainer
        from autograder.grading.scoring import hinted
        from autograder.mutants import read_catalogue

        place = folder / "variants"
        place.mkdir(mode=0o700)
        explainer = Explainer(read_catalogue(self.assignment), place)
        ends = time.monotonic() + ALL_HINTS_SECONDS
        if self.options.deadline is not None:
            ends = min(ends, self._run_ends - RESULT_SECONDS)
        for item, evidence in self.evidence.items():
            mutant = None
            with self.bench.interruption.bounded(min(ends, time.monotonic() + HINT_SECONDS)) as bound:
                mutant = None if bound.over else explainer.explain(item, evidence, self.passed.get(item, []))
            if not bound.over:
                self.checks[item] = hinted(self.checks[item], mutant)

    def _left_out(self) -> str:
        """Say why an item of training has no check that was run."""
        if not self.options.training:
            return "training was left out on request"
        return "the training part was not run" if self.options.hidden else "this is measured when you hand in"

    # one check

    def _plan(self, checks: list[Check]) -> None:
        """Reserve every check's time beforehand, so that none can spend another's."""
        self._total = len(checks)
        self.planned = frozenset(check.item for check in checks)
        self._asked = sum(map(self._limit, checks))
        if self.options.deadline is not None and checks:
            now = time.monotonic()
            left = max(self._run_ends - now, 0.0) * CHECKS_SHARE
            self._checks_end = now + left
            self._scale = min(1.0, left / self._asked)

    def _limit(self, check: Check) -> float:
        """Return the seconds that a check may take where the whole run has time enough."""
        limits = self.assignment.manifest.limits
        return limits.training_seconds if self._trains(check) else limits.check_seconds

    def _trains(self, check: Check) -> bool:
        return self.assignment.manifest.item(check.item).training

    def _allowance(self, check: Check) -> float:
        """Return the seconds for the next check: what it has reserved, and what those before it have not used."""
        full = self._limit(check)
        self._asked -= full
        most = full * PATIENCE
        if self.options.deadline is None:
            return most
        now = time.monotonic()
        spare = self._checks_end - now - self._asked * self._scale
        return min(most, max(spare, full * self._scale), self._run_ends - now)

    def _run_check(self, check: Check, fixtures: dict[str, Any], stand_ins: StandIns | None) -> None:
        from autograder.sandbox.failure import NotEnoughTime, WorkersLost
        from autograder.sandbox.session import RUN_IS_OVER

        begun = time.monotonic()
        note = ""
        if self._unavailable(self.assignment.manifest.item(check.item)):
            self._asked -= self._limit(check)
            self._tick()
            return
        allowance = self._allowance(check)
        out_of_time = _plain_verdict(Outcome.BLOCKED, OUT_OF_TIME.format(self.options.deadline or 0.0))
        try:
            verdict = self._judge(check, fixtures, stand_ins, allowance) if allowance > LEAST_SECONDS else out_of_time
        except NotEnoughTime as error:
            verdict = out_of_time if str(error) == RUN_IS_OVER else _plain_verdict(Outcome.BLOCKED, str(error))
        except WorkersLost as error:
            verdict, note = _plain_verdict(Outcome.BLOCKED, NO_WORKER), str(error)
        if self.bench.interruption.reason:
            verdict = _plain_verdict(Outcome.BLOCKED, self.bench.interruption.reason)
        self._record(check, verdict, note, time.monotonic() - begun, allowance)

    def _judge(self, check: Check, fixtures: dict[str, Any], stand_ins: StandIns | None, seconds: float) -> Verdict:
        from autograder.grading.hints import Passed
        from autograder.grading.running import CheckRunner
        from autograder.grading.seeds import check_seed, secret_seed
        from autograder.grading.trusted_files import open_reference

        origin = (self._seed, self.assignment.slug, self.assignment.manifest.version, check.id)
        limit = self._limit(check)
        # where the run spares all the patience that there is, the end of that is the machine's fault and not the run's
        span = self.bench.time(limit, time.monotonic() + seconds if seconds < PATIENCE * limit else None)
        item = self.assignment.manifest.item(check.item)
        seed, secret = check_seed(*origin), secret_seed(*origin)
        runner = CheckRunner(check.function, check.declaration, fixtures, seed, secret=secret, costly=item.training)
        has_reference = self.assignment.reference is not None and self.options.hidden

        def open_worker(variant: StandIns | None) -> Session:
            return self.bench.open(item.file, variant, check=span, training=item.training)

        def bounded() -> AbstractContextManager[Bound]:
            ends = time.monotonic() + PATIENCE * self._limit(check)
            return self.bench.interruption.bounded(ends if self.bench.run_ends is None else min(ends, self._run_ends))

        verdict = runner.judge(
            open_worker,
            stand_ins,
            (lambda: open_reference(self.assignment)) if has_reference else None,
            bounded,
        )
        if verdict.outcome is Outcome.PASS and not item.training:
            self.passed.setdefault(check.item, []).append(Passed(runner, stand_ins))
        return verdict

    def _record(self, check: Check, verdict: Verdict, note: str, seconds: float, allowance: float) -> None:
        failure = verdict.failure
        if failure is not None and not check.public and verdict.outcome is Outcome.FAIL:
            raised = f"it raised {verdict.builtin}" if verdict.builtin else "this does not hold"
            failure = Failure(summary=verdict.limit or raised)
        training = self._trains(check)
        failed = verdict.outcome is Outcome.FAIL
        hint, longest = "" if check.public or not failed else verdict.limit, min(self._limit(check), allowance)
        if training and failed and verdict.stopped and seconds >= longest:
            hint = TOO_SLOW.format(longest)  # says nothing that the submission controls
        result = CheckResult(
            id=check.id,
            item=check.item,
            title=check.title,
            public=check.public,
            weight=check.weight,
            outcome=verdict.outcome,
            failure=failure,
            hint=hint,
            staff_note=verdict.staff_note or note,
            seconds=round(seconds, 4),
            exhibits=verdict.exhibits,
        )
        self.checks.setdefault(check.item, []).append(result)
        if verdict.outcome is Outcome.FAIL and verdict.evidence is not None and not training:  # which takes too long
            self.evidence.setdefault(check.item, []).append(verdict.evidence)
        self._tick()

    def _tick(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self._total)

    def _unavailable(self, item: Item) -> str:
        """Say why an item's file cannot be used, "" where it can."""
        name = item.file
        if name is None:
            return ""
        if name in self.bench.submission.missing:
            return f"{name} was not handed in" + "".join(
                f"; {why}" for why in self.bench.submission.instead.get(name, ())
            )
        file = self.bench.submission.files[name]
        if file.refused:
            return f"{file.found} {file.syntax_error}"
        return f"{file.found} cannot be read as Python: {file.syntax_error}" if file.syntax_error else ""

    def _grading_seed(self) -> str:
        from autograder.grading.trusted_files import PUBLIC_SEED, read_grading_seed
        from autograder.launch import read_secret

        if self.options.seed is not None:
            return read_secret(self.options.seed)
        if not self.options.hidden or self.assignment.reference is None:
            return PUBLIC_SEED
        return read_grading_seed(self.assignment.reference)

    @property
    def _run_ends(self) -> float:
        assert self.options.deadline is not None
        return self.started + self.options.deadline


def _plain_verdict(outcome: Outcome, summary: str) -> Verdict:
    from autograder.grading.running import Verdict

    return Verdict(outcome, Failure(summary=summary))
