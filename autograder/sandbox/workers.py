"""Where workers come from on this machine: a zygote, or plain subprocesses where a process cannot be forked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from autograder.sandbox.jail import WallReport

if TYPE_CHECKING:
    from autograder.sandbox.session import Channel


class Workers(Protocol):
    """A source of fresh workers; ``walls`` says what holds around the last one."""

    walls: list[WallReport]

    def fork_worker(self) -> Channel:
        """Return the channel to a fresh worker; raise `WorkersLost` where there can be none."""

    def stop(self, reason: str) -> None:
        """Give out no further worker, for a reason."""

    def close(self) -> None:
        """End everything that is left."""


def start_workers(
    folder: Path,
    *,
    readable: Iterable[str],
    memory: int,
    cpu_seconds: float,
    preload: Sequence[str],
    run_ends: float | None,
) -> Workers:
    """Return the best source of workers that this machine has; to be called before anything secret is read.

    The parameters are those of `Zygote`; ``preload`` names what plain subprocesses import, since they inherit nothing.
    """
    if not hasattr(os, "fork"):
        from autograder.sandbox.plain import PlainWorkers

        return PlainWorkers(folder, preload, run_ends)
    from autograder.sandbox.zygote import Zygote

    return Zygote(folder, readable=readable, memory=memory, cpu_seconds=cpu_seconds, run_ends=run_ends)
