"""An assignment whose every item is attacked by a function of its own, with canaries in all that is secret.

`PRELUDE` is what attackers start with: they know every path, and the engine's sources. An attack that reads something
shows it with ``show``; one that gets a power that it must not have says so with ``won``.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.platforms.gradescope.validate import is_warning, validate_results

CANARIES = ("CANARY-HIDDEN", "CANARY-REFERENCE", "CANARY-SEED", "CANARY-ENV", "CANARY-OTHER", "CANARY-RESULTS")
HIDDEN_INPUT, CANNED = "31337", "27182"
"""Digits of a hidden check's input, and of a stand-in's value: hidden checks may not let either out."""
WON = "PWNED"
PRELUDE = """
import ctypes, gc, json, os, sys, threading, time
import torch
ROOT, OUT, OTHER, MARK = {root!r}, {out!r}, {other!r}, {mark!r}
TABLE = None
def helper(x):
    return x * 3
def stream():
    frame = sys._getframe()
    while not hasattr(frame.f_locals.get("stream"), "sendall"):
        frame = frame.f_back
    return frame.f_locals["stream"]
def send(header, payload=b""):
    from autograder.sandbox.shared.wire import PREFIX
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    stream().sendall(PREFIX.pack(len(text), len(payload)) + text + payload)
def value(tree, payload=b""):
    send({{"k": "value", "v": tree}}, payload)
def executor():
    from autograder.sandbox.jailed.executor import Executor
    return next(thing for thing in gc.get_objects() if type(thing) is Executor)
def show(thing):
    raise ValueError("LOOT " + str(thing)[:1900])
def won(what=""):
    raise ValueError("PWNED " + str(what))
def syscall(number, *arguments):
    result = ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    return result
"""
MANIFEST = """
title = "The arena"
version = "1"
source = "tests"
[files]
required = [{files}]
[limits]
call_seconds = {seconds}
check_seconds = {more_seconds}
load_seconds = 3
memory_mb = 512
"""
ITEM = '[[items]]\nid = "{id}"\ntitle = "{id}"\npoints = 4\nkind = "auto"\nfile = "{file}.py"\nblanks = ["{blank}"]\n'
RIGHT, WRONG = "return x * 2", "return x * 3"


@dataclass(frozen=True)
class Attack:
    """``body`` is a function's body, or a whole module (with ``{name}`` for the item's function) where ``loading``.

    Where it falls through, it answers wrongly; ``twin`` is what it would be without its tricks. ``walls`` are those
    that stop it, all of which must be gone for it to succeed; none where it needs no wall to fail. ``needs`` names a
    wall without which nothing is promised. A ``slow`` one takes seconds, and is left out of the default run.
    """

    name: str
    body: str
    twin: str = WRONG
    loading: bool = False
    walls: tuple[str, ...] = ()
    needs: str = ""
    slow: bool = False

    @property
    def id(self) -> str:
        """The attack's item."""
        return "a." + "".join(c if c.isalnum() else "_" for c in self.name.lower())

    @property
    def function(self) -> str:
        """The name of its function."""
        return self.id.replace(".", "_")

    @property
    def file(self) -> str:
        """The stem of its file."""
        return f"m_{self.function}" if self.loading else "calls"

    def source(self, *, honest: bool = False) -> str:
        """Its code, or its twin's."""
        if self.loading and not honest:
            return self.body.replace("{name}", self.function)
        body = self.twin if honest else self.body
        lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
        return f"def {self.function}(x):\n{lines}\n    {WRONG}\n"


@dataclass(frozen=True)
class Outcome:
    """What one run of the command left behind."""

    status: int
    stdout: str
    stderr: str
    results: dict[str, Any]
    problems: list[str]
    left_running: list[str]
    left_lying: list[str]

    @property
    def scores(self) -> dict[str, float]:
        """Score by item."""
        return {test["extra_data"]["item"]: test["score"] for test in self.results["tests"]}

    @property
    def outcomes(self) -> dict[str, str]:
        """Outcome by item."""
        return {test["extra_data"]["item"]: test["extra_data"]["outcome"] for test in self.results["tests"]}

    def told(self, item: str) -> str:
        """What students read about an item."""
        return next(str(test["output"]) for test in self.results["tests"] if test["extra_data"]["item"] == item)

    @property
    def visible(self) -> str:
        """Everything in the results that a student can see."""
        seen = {key: entry for key, entry in self.results.items() if key != "extra_data"}
        seen["tests"] = [{k: v for k, v in test.items() if k != "extra_data"} for test in self.results["tests"]]
        return json.dumps(seen, ensure_ascii=False)


class Arena:
    """The assignment below a folder, with as many items as attacks, and two honest ones."""

    def __init__(self, root: Path, attacks: Sequence[Attack], *, call_seconds: int = 1) -> None:
        self.root, self.attacks, self.call_seconds = root, attacks, call_seconds
        self.mark = f"redteam-{secrets.token_hex(6)}"
        self.out, self.other, self.temporary = root / "out", root / "other_student", root / "tmp"
        for folder in (self.out, self.other, self.temporary):
            folder.mkdir(parents=True)
        self.write("other_student/calls.py", "# CANARY-OTHER\n")
        self.write("out/notes.txt", "CANARY-RESULTS\n")
        self._write_assignment()

    def _items(self) -> Iterable[tuple[str, str, str]]:
        """Yield id, file and function of every item."""
        yield from ((attack.id, attack.file, attack.function) for attack in self.attacks)
        yield "honest.beside", "calls", "beside"
        yield "honest.apart", "honest", "apart"

    def _write_assignment(self) -> None:
        files = dict.fromkeys(["calls", "honest", *(attack.file for attack in self.attacks)])
        seconds = {"seconds": self.call_seconds, "more_seconds": 2 * self.call_seconds}
        manifest = MANIFEST.format(files=", ".join(f'"{name}.py"' for name in files), **seconds)
        for item, blank in (("table", "TABLE"), ("helper", "helper")):
            manifest += ITEM.format(id=item, file="calls", blank=blank)
        public = hidden = "import torch\nfrom autograder.checks import assert_close, given, item, tensors\n"
        for item in ("table", "helper"):
            public += f'@item("{item}", weight=1)\ndef test_{item}(calls):\n    """It is there."""\n'
        hidden += 'SECRET = "CANARY-HIDDEN"\n'
        hidden += f"X = torch.tensor([{HIDDEN_INPUT}.25, 1.0, 2.0, 3.0, 4.0])\n"
        reference = dict.fromkeys(files, "# CANARY-REFERENCE\nSECRET = 'CANARY-REFERENCE'\n")
        reference["calls"] += "TABLE = None\ndef helper(x):\n    return x * 2\n"
        for number, (item, file, function) in enumerate(self._items()):
            manifest += ITEM.format(id=item, file=file, blank=function)
            for_all = f'@item("{item}", weight=%s)\n%sdef test_{number}({file}%s):\n    """It doubles."""\n%s'
            public += for_all % (1, "@given(x=tensors(3), examples=5)\n", ", x", f"    d = {file}.{function}(x)\n")
            public += "    assert_close(d, x.double() * 2)\n"
            hidden += for_all % (3, "", "", f"    assert_close({file}.{function}(X), X.double() * 2)\n")
            reference[file] += f"def {function}(x):\n    {RIGHT}\n"
        self.write("assignments/arena/assignment.toml", manifest)
        self.write("assignments/arena/checks/public/test_public.py", public)
        self.write("assignments/arena/checks/hidden/test_hidden.py", hidden)
        stand_ins = "import torch\nfrom autograder.checks import Callback, Constant\nBOTH = {'calls.TABLE': "
        stand_ins += f"Constant(torch.tensor([{CANNED}.5])), 'calls.helper': Callback(lambda x, *y: x + 1)}}\n"
        using = [attack.id for attack in self.attacks if "TABLE" in attack.body or "helper" in attack.body]
        stand_ins += f"STAND_INS = dict.fromkeys({using!r}, BOTH)\n"
        self.write("assignments/arena/checks/hidden/stand_ins.py", stand_ins)
        for name, text in reference.items():
            self.write(f"solutions/arena/{name}.py", text)
        self.write("solutions/arena/grading.toml", 'grading_seed = "CANARY-SEED"\n')

    def write(self, name: str, text: str) -> Path:
        """Write a file below the root."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def hand_in(self, *, honest: bool = False) -> Path:
        """Make the hand-in of all attacks, or of their twins."""
        prelude = PRELUDE.format(root=str(self.root), out=str(self.out), other=str(self.other), mark=self.mark)
        sources = {"calls": prelude, "honest": "import torch\n"}
        for attack in self.attacks:
            sources[attack.file] = sources.get(attack.file, prelude) + attack.source(honest=honest)
        sources["calls"] += f"def beside(x):\n    {RIGHT}\n"
        sources["honest"] += f"def apart(x):\n    {RIGHT}\n"
        folder = "twins" if honest else "attacks"
        for name, text in sources.items():
            self.write(f"{folder}/{name}.py", text)
        return self.root / folder

    def run(self, path: Path, *options: str, before: Sequence[str] = (), python: Sequence[str] = ()) -> Outcome:
        """Grade with the real command, behind ``before``; ``python`` replaces ``-P -m autograder``."""
        command = [*before, sys.executable, *(python or ("-P", "-m", "autograder")), "grade", "arena", str(path)]
        command += ["--root", str(self.root), "--out", str(self.out), *options]
        environment = {**os.environ, "TMPDIR": str(self.temporary), "SOME_TOKEN": "CANARY-ENV"}
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=environment, timeout=500, check=False
        )
        file = self.out / "results.json"
        results = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        problems = [problem for problem in validate_results(file) if not is_warning(problem)]
        return Outcome(done.returncode, done.stdout, done.stderr, results, problems, self._running(), self._lying())

    def _running(self) -> list[str]:
        """Processes that still have this arena's path in their command line, or run in a folder of it."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                line += str((folder / "cwd").readlink())
            except OSError:
                continue
            if str(self.root) in line and int(folder.name) != os.getpid():
                found.append(f"{folder.name}: {line}")
        return found

    def _lying(self) -> list[str]:
        places = [Path("/tmp"), Path("/dev/shm"), Path("/var/tmp"), Path(sys.prefix)]
        marked = [str(path) for place in places if place.is_dir() for path in place.glob(f"{self.mark}*")]
        return marked + [str(path) for path in self.temporary.iterdir()]
