"""The command with single walls taken away: ``python unwalled.py WALL,WALL... grade ...``. For tests alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from autograder import cli, grading_commands, launch
from autograder.grading.plugin import CheckPlugin
from autograder.sandbox.trusted import jail, landlock, resource_monitor, seccomp, zygote

KNOWN: list[str] = []


def without_files() -> None:
    """No Landlock."""
    landlock.restrict = lambda *paths: None


def without_tree() -> None:
    """No tree of files of its own."""
    jail._enter_tree = lambda settings: "removed"


def without_calls() -> None:
    """No seccomp."""
    seccomp.restrict = lambda *arguments: None


def without_user() -> None:
    """The worker keeps its user and its rights."""
    jail.interpreter_is_readable_by_others = lambda: False
    jail._drop_capabilities = lambda settings: ""


def without_limits() -> None:
    """No resource limits."""
    jail._limit_resources = lambda settings: ""


def without_watch() -> None:
    """Nobody looks at a worker from outside."""
    resource_monitor.Watch.add = lambda self, worker: None


def without_order() -> None:
    """Secrets are read before the zygote is forked."""
    original = zygote.Zygote.__init__

    def too_late(self: Any, *arguments: Any, **options: Any) -> None:
        root = Path(sys.argv[sys.argv.index("--root") + 1])
        KNOWN.extend(path.read_text() for path in root.rglob("*") if path.suffix in (".py", ".toml"))
        vars(cli)["known"] = {"all": "".join(KNOWN)}
        original(self, *arguments, **options)

    zygote.Zygote.__init__ = too_late


def without_sentences() -> None:
    """Students read of hidden checks what they read of public ones."""
    original = CheckPlugin._check
    CheckPlugin._check = lambda self, item: replace(original(self, item), public=True)


WALLS: dict[str, Callable[[], None]] = {
    "landlock": without_files,
    "mount namespace": without_tree,
    "seccomp": without_calls,
    "private user": without_user,
    "resource limits": without_limits,
    "watch": without_watch,
    "order": without_order,
    "fixed sentences": without_sentences,
}


def main() -> None:
    """Take the walls away and run the command, whose console report is then the one for students."""
    walls, *arguments = sys.argv[1:]
    sys.argv[1:] = arguments
    os.environ[launch.MARK] = "1"  # this process is clean enough
    printer = grading_commands._print
    grading_commands._print = lambda result, staff: printer(result, staff=False)
    for wall in filter(None, walls.split(",")):
        WALLS[wall]()
    cli.main()


if __name__ == "__main__":
    main()
