"""All checks of one submission, and what they need that is secret: the grading seed, the checks, the reference.

Imported only after workers can be forked: none of them ever knew what is read here.
"""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from autograder.assignment import Assignment, Item
from autograder.checks.training.device import training_on
from autograder.errors import UserError
from autograder.grading.device_choice import choose_device
from autograder.grading.environment import GradingEnvironment
from autograder.grading.findings import ALL_HINTS_SECONDS, Findings
from autograder.grading.grader_error import GraderError
from autograder.grading.hints import Passed
from autograder.grading.interruption import Bound
from autograder.grading.options import Device, Options, Progress
from autograder.grading.parallel import PUBLIC_DONE, WORKERS_DEAD, Lane, run_in_lanes, shares
from autograder.grading.plugin import Check, Collected, collect_checks
from autograder.grading.running import Verdict
from autograder.grading.schedule import Schedule
from autograder.grading.trusted_files import (
    BESIDE,
    PUBLIC_SEED,
    open_reference,
    read_grading_seed,
    read_secret,
    read_stand_ins,
)
from autograder.results import Failure, Notice, Outcome
from autograder.sandbox.shared.processor_time import TIMEOUT_FACTOR
from autograder.sandbox.trusted.channel import RUN_IS_OVER
from autograder.sandbox.trusted.faults import NotEnoughTime, WorkersLost
from autograder.sandbox.trusted.session import OpenAnother, Session
from autograder.sandbox.trusted.stand_ins import StandIns, stand_ins_of

MIN_SECONDS = 0.2
MANY = 20
"""Checks, each with a worker of its own, from which on it pays to make forks cheaper beforehand."""
OUT_OF_TIME = "the time of the whole run ({:g} s) was over before this check was done"
TOO_SLOW = "training was stopped: it took longer than the {:.3g} s that it may take here, several times what it needs"
NO_WORKER = "the grader lost the process that workers come from"


@dataclass(frozen=True)
class AllChecks:
    """What grades every submission of an assignment in the same way: the seed, the stand-ins, the checks."""

    options: Options
    wanted: Sequence[Item]
    seed: str
    stand_ins: Mapping[str, StandIns]
    checks: Sequence[Collected]

    @classmethod
    def read(cls, assignment: Assignment, options: Options, wanted: Sequence[Item]) -> AllChecks:
        """Read the secrets, and collect the checks of the wanted items; raise what is wrong with those."""
        seed = _grading_seed(assignment, options)
        stand_ins = read_stand_ins(assignment) if options.hidden else {}
        ids = frozenset(item.id for item in wanted if options.training or not item.training)
        checks = collect_checks(assignment, ids, hidden=options.hidden)
        gc.freeze()  # what was imported stays: no collection looks at it again
        return cls(options, wanted, seed, stand_ins, checks)

    @property
    def are_many(self) -> bool:
        """Whether it pays to make forks cheaper before workers are started."""
        return len(self.checks) >= MANY

    def of_items(self, items: frozenset[str]) -> AllChecks:
        """Return the same for some of the items."""
        wanted = [item for item in self.wanted if item.id in items]
        checks = [one for one in self.checks if one[0].item in items]
        return replace(self, options=replace(self.options, only=items), wanted=wanted, checks=checks)

    def run(self, environment: GradingEnvironment, progress: Progress | None, jobs: int) -> Findings:
        """Load the submission, run all checks in at most so many lanes, and return what they found, hints included.

        No worker is left then.
        """
        environment.survey()
        tick = _Ticker(len(self.checks), progress)
        lanes = shares(self._costs(environment.assignment), jobs, self._together(environment.assignment))
        if len(lanes) == 1:
            return self._run(environment, lanes[0], tick, lambda reached: None)
        findings = Findings(environment, self.options, frozenset(check.item for check, _ in self.checks))

        def work(own: GradingEnvironment, items: frozenset[str], lane: Lane) -> Findings:
            return self._run(own, items, lane.ticked, lane.wait_for_all)

        findings.checks = run_in_lanes(environment, lanes, work, tick, many=self.are_many)
        return findings

    def _run(
        self,
        environment: GradingEnvironment,
        items: frozenset[str],
        ticked: Callable[[], None],
        reached: Callable[[str], None],
    ) -> Findings:
        """Run the checks of some items in this process, public ones first, and look for hints when workers are dead."""
        device = _device(environment, self.options, [item for item in self.wanted if item.id in items])
        checks = [(check, fixtures) for check, fixtures in self.checks if check.item in items]
        findings = Findings(environment, self.options, frozenset(check.item for check, _ in self.checks))
        schedule = Schedule([_limit(environment.assignment, check) for check, _ in checks], environment.run_ends)
        run = _Run(findings, self.seed, self.stand_ins, schedule)
        with training_on(device):
            for public in (True, False):
                for check, fixtures in checks:
                    if check.public is public:
                        with _blaming_the_grader(check):
                            run.check(check, fixtures)
                        ticked()
                if public:
                    reached(PUBLIC_DONE)
        environment.workers.close()
        reached(WORKERS_DEAD)
        findings.explain()
        return findings

    def longest_seconds(self, assignment: Assignment) -> float:
        """Return what a grading takes at most, where nothing ends it before: all the patience with each check."""
        return TIMEOUT_FACTOR * sum(self._costs(assignment).values()) + ALL_HINTS_SECONDS

    def _costs(self, assignment: Assignment) -> dict[str, float]:
        """What the checks of each item may take, to spread them over lanes."""
        costs: dict[str, float] = {}
        for check, _ in self.checks:
            costs[check.item] = costs.get(check.item, 0.0) + _limit(assignment, check)
        return costs

    def _together(self, assignment: Assignment) -> list[set[str]]:
        """The items of each file, and each item with those for whose blanks something stands in while it is checked."""
        items = [item for item in assignment.manifest.items if item.is_auto]
        files = {item.file for item in items}
        owners = {f"{Path(item.file or '').stem}.{blank}": item.id for item in items for blank in item.blanks}
        groups = [{item.id for item in items if item.file == file} for file in files]
        for key, stand_ins in self.stand_ins.items():
            places = [place.replace(f".{BESIDE}", ".") for place in stand_ins]
            groups.append({key.partition("::")[0], *(owners[place] for place in places if place in owners)})
        return groups


@dataclass
class _Ticker:
    """Tells how many checks are done."""

    total: int
    progress: Progress | None
    done: int = 0

    def __call__(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total)


@contextmanager
def _blaming_the_grader(check: Check) -> Iterator[None]:
    """Whatever comes out of a check that was not the submission's doing is the grader's fault."""
    try:
        yield
    except (GraderError, UserError):
        raise
    except Exception:
        raise GraderError(f"{check.id}:\n{traceback.format_exc()}") from None


def _device(environment: GradingEnvironment, options: Options, wanted: Sequence[Item]) -> torch.device:
    """Choose where to train; a GPU that nobody asked for is left alone where there is nothing to train."""
    wished = options.device if options.train(wanted) or options.device is not Device.AUTO else Device.CPU
    device = choose_device(wished)
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        environment.notices.append(Notice(text=f"what the grader itself trains was trained on a GPU ({name})"))
    return device


def _grading_seed(assignment: Assignment, options: Options) -> str:
    if options.seed is not None:
        return read_secret(options.seed)
    if not options.hidden or assignment.reference is None:
        return PUBLIC_SEED
    return read_grading_seed(assignment.reference)


def _limit(assignment: Assignment, check: Check) -> float:
    """Return the seconds that a check may take where the whole run has time enough."""
    limits = assignment.manifest.limits
    return limits.training_seconds if assignment.manifest.item(check.item).training else limits.check_seconds


@dataclass
class _Run:
    """The checks of one grading, one after the other."""

    findings: Findings
    seed: str
    stand_ins: Mapping[str, StandIns]
    schedule: Schedule

    def check(self, check: Check, fixtures: dict[str, Any]) -> None:
        """Run one check and note what became of it."""
        environment, options = self.findings.environment, self.findings.options
        begun, limit = time.monotonic(), _limit(environment.assignment, check)
        if environment.submission.unavailable(environment.assignment.manifest.item(check.item).file):
            self.schedule.leave_out(limit)
        else:
            allowance, note = self.schedule.allowance(limit), ""
            out_of_time = _plain_verdict(Outcome.BLOCKED, OUT_OF_TIME.format(options.deadline or 0.0))
            try:
                verdict = self._judge(check, fixtures, allowance) if allowance > MIN_SECONDS else out_of_time
            except NotEnoughTime as error:
                verdict = out_of_time if str(error) == RUN_IS_OVER else _plain_verdict(Outcome.BLOCKED, str(error))
            except WorkersLost as error:
                verdict, note = _plain_verdict(Outcome.BLOCKED, NO_WORKER), str(error)
            if environment.interruption.reason:
                verdict = _plain_verdict(Outcome.BLOCKED, environment.interruption.reason)
            self._record(check, verdict, note, time.monotonic() - begun, min(limit, allowance))

    def _judge(self, check: Check, fixtures: dict[str, Any], seconds: float) -> Verdict:
        environment, limit = self.findings.environment, _limit(self.findings.environment.assignment, check)
        assignment, item = environment.assignment, environment.assignment.manifest.item(check.item)
        # where the run spares all the patience that there is, the end of that is the machine's fault and not the run's
        span = environment.time(limit, time.monotonic() + seconds if seconds < TIMEOUT_FACTOR * limit else None)
        runner = check.runner(assignment, self.seed, fixtures)
        stand_ins = stand_ins_of(self.stand_ins, check.item, check.id)
        has_reference = assignment.reference is not None and self.findings.options.hidden

        def open_worker(variant: StandIns | None, open_another: OpenAnother | None) -> Session:
            return environment.open(item.file, variant, open_another, check=span, training=item.training)

        def bounded() -> AbstractContextManager[Bound]:
            ends = time.monotonic() + TIMEOUT_FACTOR * limit
            return environment.interruption.bounded(
                ends if environment.run_ends is None else min(ends, environment.run_ends)
            )

        reference = partial(open_reference, assignment) if has_reference else None
        verdict = runner.grade(open_worker, stand_ins, reference, bounded)
        if verdict.outcome is Outcome.PASS and not item.training:
            self.findings.passed.setdefault(check.item, []).append(Passed(runner, stand_ins))
        return verdict

    def _record(self, check: Check, verdict: Verdict, note: str, seconds: float, longest: float) -> None:
        failed, failure = verdict.outcome is Outcome.FAIL, verdict.failure
        if failure is not None and not check.public and failed:
            raised = f"it raised {verdict.builtin}" if verdict.builtin else "this does not hold"
            failure = Failure(summary=verdict.limit or raised)
        training = self.findings.environment.assignment.manifest.item(check.item).training
        hint = "" if check.public or not failed else verdict.limit
        if training and failed and verdict.stopped and seconds >= longest:
            hint = TOO_SLOW.format(longest)  # says nothing that the submission controls
        told = {
            "failure": failure,
            "hint": hint,
            "staff_note": verdict.staff_note or note,
            "seconds": round(seconds, 4),
        }
        result = check.result(verdict).model_copy(update=told)
        self.findings.checks.setdefault(check.item, []).append(result)
        if failed and verdict.evidence is not None and not training:  # which takes too long
            self.findings.evidence.setdefault(check.item, []).append(verdict.evidence)


def _plain_verdict(outcome: Outcome, summary: str) -> Verdict:
    return Verdict(outcome, Failure(summary=summary))
