"""Who holds a claim: a process, named so that another process can tell whether it is still alive."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

_GONE = ("Z", "X")
"""States of a process that has ended, and that nobody has asked about yet."""


class Life(StrEnum):
    """What this process can tell about another."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ProcessIdentity:
    """A process: a number is given again after its process has ended, the moment of its start is not.

    ``machine`` tells starts of a machine, and containers on it, apart; it and ``started`` are "" where the system does
    not tell (no Linux).
    """

    host: str
    machine: str
    pid: int
    started: str

    @property
    def life(self) -> Life:
        """Whether the process is alive: never wrong, but unknown for another host or container.

        A process that runs on after a change of its host's name is on another host.
        """
        host, machine = _place()
        if self.host != host:
            return Life.UNKNOWN
        if self.machine != machine:
            # The same container or another, on a machine that was started anew: nothing of before is left.
            return Life.DEAD if _boot(self.machine) != _boot(machine) else Life.UNKNOWN
        if not self.machine:
            return _life_by_signal(self.pid)
        return Life.ALIVE if _started(self.pid) == self.started else Life.DEAD


def this_process() -> ProcessIdentity:
    """Return the identity of the process that asks."""
    host, machine = _place()
    return ProcessIdentity(host, machine, os.getpid(), _started(os.getpid()))


@cache
def _place() -> tuple[str, str]:
    """Return the host's name, and what its kernel says of its start and of the room of process numbers."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return socket.gethostname(), f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname(), ""


def _boot(machine: str) -> str:
    return machine.partition(" ")[0]


def _started(pid: int) -> str:
    """Return the moment of a process's start in ticks of its machine, "" where there is no such process."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace").rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if state in _GONE else rest[18]


def _life_by_signal(pid: int) -> Life:
    """Where only the number is known, a process that has it may be another."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return Life.DEAD
    except OSError:
        return Life.UNKNOWN
    return Life.UNKNOWN
