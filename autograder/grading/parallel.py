"""The checks of one grading in several lanes at once: each a fork of the grader, with a source of workers of its own.

Items of one file stay in one lane, and so do those whose blanks stand in for each other's: of two workers that are
alive at once, none has been lent what the other is asked for, so nothing that they could tell each other, by a way that
nobody has thought of, would earn a point. A lane alone looks for the hints of its items. No lane begins with hidden
checks before all are done with public ones, and none writes known mistakes down before every worker of all is dead.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import wait

from autograder.grading.environment import GradingEnvironment, start_workers
from autograder.grading.findings import Findings
from autograder.grading.forks import ForkSide, ParentSide
from autograder.results import CheckResult, Notice
from autograder.sandbox.out_of_process import Order

PUBLIC_DONE, WORKERS_DEAD = "public checks are done", "all workers are dead"


@dataclass(frozen=True)
class Lane:
    """What a lane has to do with the others: tell how far it is, and wait for them."""

    side: ForkSide

    def ticked(self) -> None:
        """Say that one more check is done."""
        self.side.send({"ticked": True})

    def wait_for_all(self, reached: str) -> None:
        """Say that something is reached, and go on when all lanes are there."""
        self.side.send({"reached": reached})
        self.side.receive()


Work = Callable[[GradingEnvironment, frozenset[str], Lane], Findings]
"""Runs the checks of some items; it waits for all lanes at `PUBLIC_DONE` and, without workers, at `WORKERS_DEAD`."""


def families(groups: Iterable[Iterable[str]]) -> list[frozenset[str]]:
    """Return the items that belong together, directly or by way of others, given groups that may share some."""
    found: list[frozenset[str]] = []
    for group in map(frozenset, groups):
        apart = [family for family in found if not family & group]
        together = [family for family in found if family & group]
        found = [*apart, group.union(*together)]
    return found


def shares(costs: Mapping[str, float], count: int, together: Iterable[Iterable[str]] = ()) -> list[frozenset[str]]:
    """Return the items of each of at most ``count`` lanes, none of them empty; the most expensive are spread first.

    Items that are in one group of ``together`` are in one lane.
    """
    whole = [family.intersection(costs) for family in families([*together, *([item] for item in costs)])]
    price = {family: sum(costs[item] for item in family) for family in whole if family}
    lanes: list[tuple[float, frozenset[str]]] = [(0.0, frozenset())] * max(1, min(count, len(price)))
    for family in sorted(price, key=lambda family: (-price[family], min(family))):
        least = min(range(len(lanes)), key=lambda number: lanes[number][0])
        lanes[least] = lanes[least][0] + price[family], lanes[least][1] | family
    return [items for _, items in lanes]


def run_in_lanes(
    environment: GradingEnvironment,
    lanes: Sequence[frozenset[str]],
    work: Work,
    ticked: Callable[[], None],
    *,
    many: bool,
) -> dict[str, list[CheckResult]]:
    """Let each lane work on its items, and return the results of all; the environment's own workers end before.

    ``many`` says whether many workers will be needed. Raises what a lane was ended by.
    """
    environment.workers.close()
    ground, forks = environment.groundwork, list[ParentSide]()
    orders = [ground.order_lane(number, many=many) for number in range(len(lanes))]
    try:
        for number, items in enumerate(lanes):

            def begin(side: ForkSide, number: int = number, items: frozenset[str] = items) -> None:
                for other in orders[:number] + orders[number + 1 :]:
                    other.close()
                ground.factory.abandon()
                side.send(_in_lane(environment, orders[number], items, work, side))

            forks.append(ParentSide(begin))
        for order in orders:
            order.close()
        environment.interruption.react(lambda reason: _stop(forks))
        return _gathered(environment, forks, ticked)
    finally:
        _stop(forks, signal.SIGKILL)
        for fork in forks:
            fork.close()


def _stop(forks: Sequence[ParentSide], number: int = signal.SIGTERM) -> None:
    for fork in forks:
        fork.stop(number)


def _in_lane(
    environment: GradingEnvironment, order: Order, items: frozenset[str], work: Work, side: ForkSide
) -> dict[str, object]:
    own = replace(environment, workers=start_workers(environment.assignment, order, environment.run_ends), notices=[])
    try:
        own.interruption.react(own.workers.stop)
        findings = work(own, items, Lane(side))
    finally:
        own.workers.close()
    checks = {item: [check.model_dump(mode="json") for check in found] for item, found in findings.checks.items()}
    return {"checks": checks, "notices": [notice.model_dump(mode="json") for notice in own.notices]}


def _gathered(
    environment: GradingEnvironment, forks: Sequence[ParentSide], ticked: Callable[[], None]
) -> dict[str, list[CheckResult]]:
    """Bring lanes together where they wait for each other, until all have answered."""
    checks: dict[str, list[CheckResult]] = {}
    notices: list[Notice] = []
    running = {fork.fileno(): fork for fork in forks}
    waiting: dict[int, str] = {}
    while running:
        for number in wait(list(running)):
            assert isinstance(number, int)
            message = running[number].receive()
            if "ticked" in message:
                ticked()
            elif "reached" in message:
                waiting[number] = message["reached"]
            else:
                del running[number]
                checks |= {k: [CheckResult.model_validate(one) for one in v] for k, v in message["checks"].items()}
                notices += [Notice.model_validate(one) for one in message["notices"]]
        if waiting.keys() == running.keys() and len(set(waiting.values())) == 1:
            waiting.clear()
            for fork in running.values():
                fork.send({})
    environment.notices += dict.fromkeys(notices)
    return checks
