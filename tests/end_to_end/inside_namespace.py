"""The inner half of the harness: process 1 of a new process table, with a root folder in which /autograder is ours.

Reads a job as JSON from its standard input and writes what it saw as JSON to its standard output.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

LATER = 2.0
"""Seconds after the exit at which results are read again: enough for what lives on to show itself."""


def main() -> None:
    """Carry out the job."""
    job = json.load(sys.stdin)
    enter(job["autograder"], Path(job["new_root"]), Path(job["image"]), job["hide"], job["files"])
    json.dump(run(job), sys.stdout)


def enter(autograder: str, new_root: Path, image: Path, hide: list[str], files: dict[str, str]) -> None:
    """Change to a root that shows the image's folders, but ours as /autograder and a /proc of its own."""
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(new_root))
    ours = ("dev", "sys", "proc", "autograder")  # empty folders in an image
    shown = [entry for entry in sorted(image.iterdir()) if entry.name not in (*hide, *ours)]
    for entry in (*shown, Path("/dev"), Path("/sys")):
        place = new_root / entry.name
        if entry.is_symlink():
            place.symlink_to(entry.readlink())
        elif entry.is_dir():
            place.mkdir()
            _mount("--rbind", str(entry), str(place))
    for name in ("proc", "autograder"):
        (new_root / name).mkdir()
    _mount("-t", "proc", "proc", str(new_root / "proc"))
    _mount("--bind", autograder, str(new_root / "autograder"))
    for name, file in files.items():
        _mount("--bind", file, str(new_root / name.lstrip("/")))
    os.chroot(new_root)
    os.chdir("/autograder")


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Run the command as the platform does, and look at once at what it left."""
    started = time.monotonic()
    with Path(job["stdout"]).open("wb") as stdout:
        child = subprocess.Popen(
            job["command"], env=job["env"], stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.STDOUT
        )
        status = wait(child, job["timeout"])
    seconds = time.monotonic() - started
    results = read(Path("/autograder/results/results.json"))
    left_running = others()
    if left_running:  # nobody else can change the results any more
        time.sleep(LATER)
    return {
        "status": status,
        "seconds": seconds,
        "results": results,
        "later": read(Path("/autograder/results/results.json")),
        "stdout": read(Path(job["stdout"])) or "",
        "left_running": left_running,
        "modes": {path.name: path.stat().st_mode & 0o777 for path in Path("/autograder").iterdir() if path.is_dir()},
    }


def wait(child: subprocess.Popen[bytes], timeout: float) -> int | None:
    """Return the status of the child; on timeout kill it alone, as the platform does, and return None."""
    try:
        return child.wait(timeout)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.wait()
        return None


def read(path: Path) -> str | None:
    """Return a file's content in base64; None where there is none."""
    try:
        return base64.b64encode(path.read_bytes()).decode("ascii")
    except OSError:
        return None


def others() -> list[str]:
    """Return the command lines of all live processes but this one."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        except OSError:
            continue
        if words:  # a dead process that nobody has waited for has none
            found.append(words)
    return sorted(found)


if __name__ == "__main__":
    main()
