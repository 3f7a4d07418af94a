"""Gradescope's harness as far as it is known: the real zip, at the real paths, with the platform's habits.

Every run has a root folder, a mount table and a process table of its own, in which ``/autograder`` is a folder of the
test. Nothing is written outside that folder and ``/tmp``; whatever is left running ends with the run.
"""

from __future__ import annotations

import base64
import io
import json
import math
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.programs import missing

INSIDE = Path(__file__).with_name("inside_namespace.py")
OUTPUT_LIMIT = 100_000
FIRST_HAND_IN = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Verdict(StrEnum):
    """What the platform makes of a run."""

    ACCEPTED = "accepted"
    FAILED_TO_EXECUTE = "failed to execute"
    """There are no results."""
    NOT_JSON = "not JSON: score 0"
    UPLOAD_FAILED = "upload failed: NaN or Infinity"
    TIMED_OUT = "timed out: score 0"


@dataclass(frozen=True)
class Command:
    """One command of the bundle: ``status`` is None where its time ran out."""

    status: int | None
    seconds: float
    stdout: str
    left_running: tuple[str, ...]
    """Command lines of processes that were alive after it ended."""


@dataclass(frozen=True)
class Run:
    """One graded hand-in."""

    command: Command
    verdict: Verdict
    results: dict[str, Any] | None
    """What the platform keeps: over-long outputs cut; None where it shows that the autograder failed."""
    raw: bytes | None
    """The results file as it was right after the exit."""
    raw_later: bytes | None
    """The same file a moment later; different where something outlived the run and wrote to it."""
    cut: tuple[str, ...]
    """JSON pointers of the outputs that lost their middle."""
    modes: Mapping[str, int]
    """Permissions of the folders in /autograder at the end."""

    @property
    def scores(self) -> dict[str, float]:
        """Scores by item id, or by name where a test names no item."""
        tests = (self.results or {}).get("tests", [])
        return {t.get("extra_data", {}).get("item", t.get("name")): t["score"] for t in tests if "score" in t}


def why_not() -> str:
    """Return why the harness cannot run here; nothing where it can."""
    if sys.platform != "linux":
        return "Gradescope's layout needs Linux namespaces"
    if os.geteuid() != 0:
        return "Gradescope's layout needs root"
    if reason := missing("unshare"):
        return reason
    probe = subprocess.run([*_UNSHARE, "mount", "-t", "proc", "proc", "/proc"], capture_output=True, check=False)
    return "" if probe.returncode == 0 else "this machine does not permit new mount and process namespaces"


_UNSHARE = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child")


class Gradescope:
    """An assignment on the platform: built from its zip once, then given hand-ins one after the other.

    ``venv`` is linked to ``/autograder/venv`` for bundles whose ``setup.sh`` is not run. ``image`` is the root folder
    of another system, in place of this machine's; ``hide`` names top-level folders that the bundle must do without, and
    ``files`` are put in the places of files of the image.
    """

    def __init__(
        self,
        folder: Path,
        bundle: bytes,
        *,
        venv: Path | None = None,
        image: Path = Path("/"),
        hide: Iterable[str] = (),
        files: Mapping[str, Path] | None = None,
    ) -> None:
        self.root = folder / "autograder"
        self._scratch = folder / "scratch"
        self._image = image
        self._hide = tuple(hide)
        self._files = {name: str(path) for name, path in (files or {}).items()}
        self._previous: list[dict[str, Any]] = []
        for path in (self.root / "source", self._scratch):
            path.mkdir(parents=True)
        self.root.chmod(0o755)
        _extract(bundle, self.root / "source", keep_modes=True)
        script = self.root / "run_autograder"
        shutil.copyfile(self.root / "source" / "run_autograder", script)
        script.chmod(0o755)
        if venv is not None:
            (self.root / "venv").symlink_to(venv)

    def setup(self, env: Mapping[str, str] | None = None, *, timeout: float = 600) -> Command:
        """Run ``setup.sh`` as the build of the image does; its status does not stop anything."""
        return self.execute("bash /autograder/source/setup.sh", env, timeout=timeout)

    def execute(self, line: str, env: Mapping[str, str] | None = None, *, timeout: float = 600) -> Command:
        """Run a line of the shell as the build of the image does."""
        return self._run(["sh", "-c", line], env or {}, timeout, stdout="/autograder/setup.log").command

    def submit(
        self,
        files: Mapping[str, bytes],
        *,
        timeout: float = 600,
        env: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Run:
        """Hand in ``files`` (zips arrive extracted) and return what the platform makes of it.

        ``metadata`` replaces keys of the metadata; earlier hand-ins are in them anyhow.
        """
        for name in ("submission", "results"):
            shutil.rmtree(self.root / name, ignore_errors=True)
            (self.root / name).mkdir(mode=0o755)
            (self.root / name).chmod(0o755)
        for name, content in files.items():
            _deliver(name, content, self.root / "submission")
        described = self._metadata() | dict(metadata or {})
        (self.root / "submission_metadata.json").write_text(json.dumps(described), encoding="utf-8")
        limit = {"TIMEOUT_SECONDS": f"{timeout:g}"}
        raw = self._run(["/autograder/run_autograder"], limit | dict(env or {}), timeout)
        run = _judge(raw, timeout)
        if run.verdict is Verdict.TIMED_OUT:
            (self.root / "results" / "results.json").write_text(json.dumps(run.results), encoding="utf-8")
        self._remember(described, run)
        return run

    def _metadata(self) -> dict[str, Any]:
        handed_in = FIRST_HAND_IN + timedelta(hours=len(self._previous))
        dates = {
            "release_date": "2026-02-01T00:00:00.000000-08:00",
            "due_date": "2026-04-01T23:59:00.000000-07:00",
            "late_due_date": None,
        }
        return {
            "id": 216_975_964 + len(self._previous),
            "created_at": handed_in.isoformat(),
            "assignment_id": 25_828,
            "submission_method": "upload",
            "assignment": {
                **dates,
                "id": 25_828,
                "course_id": 1_234,
                "title": "Assignment",
                "total_points": "20.0",
                "group_submission": False,
                "group_size": None,
                "outline": [],
            },
            "users": [{"id": 1, "email": "a@x.edu", "name": "A Student", "sid": "", "assignment": dates}],
            "previous_submissions": self._previous[::-1],  # either order has been seen
        }

    def _remember(self, described: Mapping[str, Any], run: Run) -> None:
        self._previous.append(
            {
                "id": described.get("id"),
                "submission_time": described.get("created_at"),
                "score": (run.results or {}).get("score", "0.0"),
                "autograder_error": run.results is None,
                "results": run.results or {},
            }
        )

    def _run(
        self,
        command: list[str],
        env: Mapping[str, str],
        timeout: float,
        stdout: str = "/autograder/results/stdout",
    ) -> _Raw:
        job = {
            "autograder": str(self.root),
            "new_root": str(self._scratch),
            "image": str(self._image),
            "hide": self._hide,
            "files": self._files,
            "command": command,
            "env": {"PATH": PATH, **env},
            "timeout": timeout,
            "stdout": stdout,
        }
        # PID 1 of the new process table: with its end, the kernel ends every process that is left
        inside = [*_UNSHARE, sys.executable, "-I", str(INSIDE)]
        done = subprocess.run(
            inside, input=json.dumps(job), capture_output=True, text=True, check=False, timeout=timeout + 60
        )
        if done.returncode != 0:
            raise RuntimeError(f"the harness itself broke: {done.stderr}")
        return _Raw.from_json(json.loads(done.stdout))


@dataclass(frozen=True)
class _Raw:
    """What was seen inside the namespace."""

    command: Command
    results: bytes | None
    results_later: bytes | None
    modes: dict[str, int]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> _Raw:
        found, later = (None if data[key] is None else base64.b64decode(data[key]) for key in ("results", "later"))
        stdout, _ = _cut(base64.b64decode(data["stdout"]).decode("utf-8", "replace"))
        command = Command(data["status"], data["seconds"], stdout, tuple(data["left_running"]))
        return cls(command, found, later, data["modes"])


def _extract(content: bytes, folder: Path, *, keep_modes: bool) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            path = Path(archive.extract(member, folder))
            if path.is_file():
                path.chmod((member.external_attr >> 16) & 0o777 or 0o644 if keep_modes else 0o644)


def _deliver(name: str, content: bytes, folder: Path) -> None:
    """Put one uploaded file into the submission: zips extracted, nothing with its run bit."""
    if name.endswith(".zip") and zipfile.is_zipfile(io.BytesIO(content)):
        _extract(content, folder, keep_modes=False)
        return
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o644)


def _judge(raw: _Raw, timeout: float) -> Run:
    """Do with the results file what the platform does with it."""
    if raw.command.status is None:
        told = f"Your submission timed out. It took longer than {timeout:g} seconds to run."
        return _run_record(raw, Verdict.TIMED_OUT, {"score": 0.0, "output": told})
    if raw.results is None:
        return _run_record(raw, Verdict.FAILED_TO_EXECUTE, None)
    try:
        results = json.loads(raw.results)
    except (ValueError, RecursionError):
        results = None
    if not isinstance(results, dict):
        told = "The autograder produced an invalid results.json."
        return _run_record(raw, Verdict.NOT_JSON, {"score": 0.0, "output": told})
    if not _is_finite(results):
        return _run_record(raw, Verdict.UPLOAD_FAILED, None)
    return _run_record(raw, Verdict.ACCEPTED, results)


def _run_record(raw: _Raw, verdict: Verdict, results: dict[str, Any] | None) -> Run:
    cut = _cut_outputs(results) if results else []
    return Run(raw.command, verdict, results, raw.results, raw.results_later, tuple(cut), raw.modes)


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_finite(each) for each in value.values())
    if isinstance(value, list):
        return all(_is_finite(each) for each in value)
    return not isinstance(value, float) or math.isfinite(value)


def _cut_outputs(results: dict[str, Any]) -> list[str]:
    """Cut over-long outputs in the middle, in place; return where."""
    tests = results.get("tests", [])
    places = [("/output", results), *((f"/tests/{number}/output", test) for number, test in enumerate(tests))]
    cut = []
    for pointer, holder in places:
        if isinstance(holder.get("output"), str):
            holder["output"], was_cut = _cut(holder["output"])
            cut += [pointer] if was_cut else []
    return cut


def _cut(text: str) -> tuple[str, bool]:
    if len(text) <= OUTPUT_LIMIT:
        return text, False
    half = OUTPUT_LIMIT // 2
    return f"{text[:half]}\n... truncated ...\n{text[-half:]}", True
