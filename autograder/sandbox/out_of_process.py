"""Executors in processes of their own: workers of a zygote, or plain subprocesses where a process cannot be forked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from autograder.sandbox.jailed.scripts import compile_beforehand
from autograder.sandbox.jailed.worker import serve
from autograder.sandbox.trusted.channel import Channel
from autograder.sandbox.trusted.jail import WallReport
from autograder.sandbox.trusted.plain_workers import PlainFactory
from autograder.sandbox.trusted.zygote import Zygote
from autograder.sandbox.trusted.zygote_factory import ZygoteFactory


class Workers(Protocol):
    """A source of fresh workers; ``walls`` says what holds around the last one."""

    walls: list[WallReport]

    def fork_worker(self) -> Channel:
        """Return the channel to a fresh worker; raise `WorkersLost` where there can be none."""

    def stop(self, reason: str) -> None:
        """Give out no further worker, for a reason."""

    def close(self) -> None:
        """End everything that is left."""


class Order(Protocol):
    """Workers on their way, for one place."""

    def start(self, *, memory: int, cpu_seconds: float, run_ends: float | None = None) -> Workers:
        """Return the source of workers, in this process or in a fork of it; ``memory`` is in bytes.

        Each may use ``cpu_seconds`` of the processor. At the moment ``run_ends`` of the `time.monotonic` clock, none is
        waited for any longer.
        """

    def close(self) -> None:
        """Give up this process's end, where a fork of it has started the workers."""


class Factory(Protocol):
    """A process that knows nothing secret, from which workers come for any number of places."""

    def order(self, folder: Path, readable: Iterable[str], *, many: bool = False) -> Order:
        """Ask for workers whose scratch folders are in ``folder``, and that may read the places that are named there.

        Where ``many`` will come, each may cost less. Raises `WorkersLost` where there can be none.
        """

    def close(self) -> None:
        """End it; workers end with those who hold them."""

    def abandon(self) -> None:
        """Give up a fork's copy of the handle."""


def open_factory(
    folder: Path, *, preload: Sequence[str], provided: Mapping[Path, Path], probes: Iterable[Path]
) -> Factory:
    """Return the best factory of workers that this machine has; to be called before anything secret is read.

    ``folder`` is private to the run. ``preload`` names what plain subprocesses import, since they inherit nothing. Of
    what no submission has written, the ``provided`` files (each with the place that its copies will have) and the
    ``probes``, workers inherit the code.
    """
    if not hasattr(os, "fork"):
        return PlainFactory(preload)
    compile_beforehand({place: path for path, place in provided.items()}, topmost=True)
    compile_beforehand({path: path for path in probes}, watched=True)
    return ZygoteFactory(folder, serve)


@contextmanager
def start_zygote(
    folder: Path, *, readable: Iterable[str], memory: int, cpu_seconds: float, run_ends: float | None = None
) -> Iterator[Zygote]:
    """Give the zygote of a factory of its own, whose workers run the executor; the parameters are those of `Zygote`."""
    factory = ZygoteFactory(folder, serve)
    try:
        order = factory.order(folder, readable)
        with order.start(memory=memory, cpu_seconds=cpu_seconds, run_ends=run_ends) as zygote:
            yield zygote
    finally:
        factory.close()
