"""Libraries as ``autograder doctor`` finds them: each is imported in a process that may end because of it."""

from __future__ import annotations

import importlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata

from autograder.errors import what_went_wrong

SECONDS = 300.0
"""How long one process may take; the first import of a library on a cold disk takes a minute."""
PARTS_OF_PYTHON = ("bz2", "ctypes", "lzma", "ssl", "zlib")
"""Modules that a Python which was built without their libraries lacks."""
_MODULES = {"markdown-it-py": "markdown_it", "pillow": "PIL", "pyyaml": "yaml", "scikit-learn": "sklearn"}
_MARK = "autograder doctor: "
"""Begins the lines that are ours: a library may print others."""
_REQUIREMENT = re.compile(r"([\w.-]+)([^;]*)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Finding:
    """One library: its version, what is wrong with it in one line, or the broken library that it needs."""

    name: str
    version: str = ""
    fault: str = ""
    needs: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the library can be used."""
        return not (self.fault or self.needs)


def examine_libraries(show: Callable[[Finding], None]) -> frozenset[str]:
    """Import every library that the engine always needs; return the names of those that cannot be used.

    ``show`` gets each finding. What needs a broken library is not tried: its fault would be the same one.
    """
    broken: set[str] = set()
    todo = _wanted(show)
    if todo is None:
        return frozenset({"autograder"})
    while todo:
        if needed := sorted(_needed_by(_name(todo[0])) & broken):
            found = [Finding(_name(todo[0]), needs=needed[0])]
        else:
            found = _examine_in_a_process([one for one in todo if not _needed_by(_name(one)) & broken])
        for finding in found:
            show(finding)
        broken |= {finding.name for finding in found if not finding.is_right}
        todo = [one for one in todo if _name(one) not in {finding.name for finding in found}]
    return frozenset(broken)


def _wanted(show: Callable[[Finding], None]) -> list[str] | None:
    """Return what is to be examined, each after what it needs; None where the engine itself is not installed."""
    try:
        required = [line for line in metadata.requires("autograder") or [] if ";" not in line]
    except metadata.PackageNotFoundError:
        show(Finding("autograder", fault="it is not installed completely; install it again"))
        return None
    lines = {_name(line): line for line in required}
    order: dict[str, None] = {}

    def place(name: str) -> None:
        if name not in order:
            for other in sorted(_needed_by(name) & lines.keys() - {name}):
                place(other)
            order[name] = None

    for name in sorted(lines):
        place(name)
    return [*PARTS_OF_PYTHON, *(lines[name] for name in order)]


def _needed_by(name: str) -> set[str]:
    """Return what a library always requires, by name."""
    try:
        lines = metadata.requires(name) or []
    except Exception:  # it is not installed, or its metadata are broken: then it has a line of its own
        return set()
    return {_name(line) for line in lines if "extra" not in line.partition(";")[2]}


def _name(requirement: str) -> str:
    """Return the name in a requirement, as the index spells it: in small letters, with hyphens."""
    found = _REQUIREMENT.match(requirement)
    return re.sub(r"[-_.]+", "-", found[1] if found else requirement).lower()


def _examine_in_a_process(todo: Sequence[str]) -> list[Finding]:
    """Examine in another process, up to the first fault; that may be the end of the process."""
    # -P: a file named torch.py in the current folder must not be imported
    command = [sys.executable, "-P", "-m", "autograder.doctor_libraries", *todo]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=SECONDS, check=False)
        output, why = done.stdout, _end(done.returncode)
    except subprocess.TimeoutExpired as error:
        output, why = error.stdout or b"", f"importing it did not end within {SECONDS:.0f} s"
    lines = output.decode("utf-8", errors="replace").split("\n")
    found = [Finding(**json.loads(line.removeprefix(_MARK))) for line in lines if line.startswith(_MARK)]
    if len(found) < len(todo) and all(finding.is_right for finding in found):
        found.append(Finding(_name(todo[len(found)]), fault=why))
    return found


def _end(status: int) -> str:
    if status < 0:
        return f"importing it ended Python by the signal {signal.Signals(-status).name}"
    return f"importing it ended Python with status {status}"


def _examine(todo: Sequence[str]) -> Iterator[Finding]:
    for requirement in todo:
        yield (finding := _examine_one(requirement))
        if finding.fault:
            return


def _examine_one(requirement: str) -> Finding:
    name, version, fault = _name(requirement), "", ""
    if requirement not in PARTS_OF_PYTHON:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            return Finding(name, fault="it is not installed")
        fault = _out_of_range(requirement, version)
    try:
        importlib.import_module(_MODULES.get(name, name.replace("-", "_")))
    except (Exception, SystemExit) as error:
        fault = f"it cannot be imported: {what_went_wrong(error)}"
    return Finding(name, version, fault)


def _out_of_range(requirement: str, version: str) -> str:
    try:
        from packaging.requirements import Requirement

        wanted = Requirement(requirement).specifier
        return "" if wanted.contains(version, prereleases=True) else f"{version} is installed, {wanted} is needed"
    except Exception:  # packaging is broken, and has a line of its own
        return ""


def main(todo: Sequence[str]) -> None:
    """Examine in this process, and print each finding as a line of JSON."""
    for finding in _examine(todo):
        print(f"\n{_MARK}{json.dumps(vars(finding))}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
