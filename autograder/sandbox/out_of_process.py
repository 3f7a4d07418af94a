"""Executors in processes of their own: workers of a zygote, or plain subprocesses where a process cannot be forked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from autograder.sandbox.jailed.scripts import compile_beforehand
from autograder.sandbox.jailed.worker import serve
from autograder.sandbox.trusted.jail import WallReport
from autograder.sandbox.trusted.plain_workers import PlainWorkers
from autograder.sandbox.trusted.session import Channel
from autograder.sandbox.trusted.zygote import Zygote


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
    provided: Iterable[Path],
    probes: Iterable[Path],
    run_ends: float | None,
) -> Workers:
    """Return the best source of workers that this machine has; to be called before anything secret is read.

    The parameters are those of `start_zygote`; ``preload`` names what plain subprocesses import, since they inherit
    nothing. Of what no submission has written, the ``provided`` files and the ``probes``, workers inherit the code.
    """
    if not hasattr(os, "fork"):
        return PlainWorkers(folder, preload, run_ends)
    compile_beforehand(provided, topmost=True)
    compile_beforehand(probes, watched=True)
    return start_zygote(folder, readable=readable, memory=memory, cpu_seconds=cpu_seconds, run_ends=run_ends)


def start_zygote(
    folder: Path, *, readable: Iterable[str], memory: int, cpu_seconds: float, run_ends: float | None = None
) -> Zygote:
    """Return a zygote whose workers run the executor; the parameters are those of `Zygote`."""
    return Zygote(folder, serve, readable=readable, memory=memory, cpu_seconds=cpu_seconds, run_ends=run_ends)
