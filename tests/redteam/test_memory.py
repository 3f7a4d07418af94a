"""What a process knew before the fork, a worker knows: its whole memory is searched for everything that is secret."""

from __future__ import annotations

import ast
import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from autograder.assignment import PROOFS
from autograder.sandbox.trusted import jail
from tests import processes
from tests.templates import write_template

ROOT = Path(__file__).resolve().parents[2]
SLUG = "ift6135_a3"
LONG = 20
"""Characters from which on a text is told from words that anybody may use."""
ENCODINGS = ("utf-8", "utf-16-le", "utf-32-le")
"""How a text can lie in memory: as bytes, as Python's strings and constants of code, as C's wide characters."""
PLANTS = ("planted-in-ascii-", "planted-in-two-bytes-", "planted-in-four-bytes-")
SLEEPS = """
import time as _time
DiagonalGaussianDistribution.kl = lambda self, *others: _time.sleep(300)
"""

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(
        not sys.platform.startswith("linux") or os.getuid() != 0, reason="reads the memory of other processes"
    ),
]


class Search:
    """Finds which of many texts lie in a memory: a table of hashed groups of four bytes, then the texts themselves."""

    BITS = 20

    def __init__(self, texts: Iterable[str], sample: bytes) -> None:
        common = np.bincount(np.concatenate([h for _, h in self._hashes(sample)]), minlength=1 << self.BITS)
        self._table = np.zeros(1 << self.BITS, dtype=bool)
        self._by_hash: dict[int, list[tuple[int, bytes, str]]] = {}
        for text in texts:
            for data in {text.encode(encoding) for encoding in ENCODINGS}:
                hashes = [self._hash(data[i : i + 4]) for i in range(len(data) - 3)]
                at = min(range(len(hashes)), key=lambda i: common[hashes[i]])
                self._table[hashes[at]] = True
                self._by_hash.setdefault(hashes[at], []).append((at, data, text))

    def found(self, memory: bytes) -> set[str]:
        """Return the texts that lie in it, in any encoding."""
        found = set()
        for shift, hashes in self._hashes(memory):
            for index in np.flatnonzero(self._table[hashes]):
                position = shift + 4 * int(index)
                for at, data, text in self._by_hash[int(hashes[index])]:
                    if memory.startswith(data, max(0, position - at)):
                        found.add(text)
        return found

    def _hashes(self, memory: bytes) -> Iterator[tuple[int, np.ndarray]]:
        for shift in range(min(4, max(0, len(memory) - 3))):
            words = np.frombuffer(memory, dtype="<u4", count=(len(memory) - shift) // 4, offset=shift)
            yield shift, ((words * np.uint32(2654435761)) >> np.uint32(32 - self.BITS)).astype(np.int64)

    def _hash(self, four: bytes) -> int:
        return ((int.from_bytes(four, "little") * 2654435761) % 2**32) >> (32 - self.BITS)


def texts_of(path: Path) -> set[str]:
    """Every line of a source, and every line of its constants and every name, that is long enough."""
    source = path.read_text(encoding="utf-8")
    lines = set(source.splitlines())
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            lines |= set(node.value.splitlines())
        lines |= {name for name in (getattr(node, field, None) for field in ("id", "attr", "name")) if name}
    return {line.strip() for line in lines if isinstance(line, str) and len(line.strip()) >= LONG}


def secret_texts() -> set[str]:
    """What only hidden checks, oracles and the reference hold."""
    assignment = ROOT / "assignments" / SLUG
    hidden = [*(assignment / "checks/hidden").rglob("*.py"), *(ROOT / PROOFS).rglob("*.py")]
    hidden += (ROOT / "solutions" / SLUG).rglob("*.py")
    places = [assignment / "checks/public", assignment / "provided", ROOT / "student_templates" / SLUG]
    files = [path for place in (*places, ROOT / "autograder") for path in place.rglob("*") if path.is_file()]
    public = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)
    texts = set().union(*(texts_of(path) for path in hidden))
    assert len(texts) > 500
    return {text for text in texts if text not in public}


def without_libraries(texts: set[str], folder: Path) -> list[str]:
    """Leave out the texts that are in the standard library or in an installed package."""
    places = [str(place) for place in jail.python_paths() if "site-packages" in str(place) or "python3" in str(place)]
    (folder / "texts").write_text("\n".join(texts), encoding="utf-8")
    command = ["grep", "-rhoaF", "--include=*.py", "-f", str(folder / "texts"), *places]
    found = subprocess.run(command, capture_output=True, check=False, timeout=200).stdout.decode(errors="replace")
    return sorted(text for text in texts if text not in found)


def memory_of(pid: int) -> Iterator[bytes]:
    """Every readable map, but those of a file of Python's or the system's that nobody has written to."""
    entries = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", Path(f"/proc/{pid}/smaps").read_text())[1:]
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for entry in entries:
            span, mode, _, _, _, *name = entry.partition("\n")[0].split(maxsplit=5)
            clean = re.search(r"Private_Dirty: +0 kB", entry) and re.search(r"Anonymous: +0 kB", entry)
            if mode[0] != "r" or (clean and name and name[0].startswith(("/usr/", str(Path(sys.prefix)), "[v"))):
                continue
            start, end = (int(number, 16) for number in span.split("-"))
            for low in range(start, end, 2**26):  # a seam may cut a text in two: steps overlap
                memory.seek(low)
                with contextlib.suppress(OSError):
                    yield memory.read(min(end - low, 2**26 + 2**12))


@pytest.fixture(scope="module")
def grading() -> Iterator[tuple[str, list[str], list[int]]]:
    """A grading of the template that stands still in its first check: its seed, what was planted, its processes."""
    folder, token = Path(tempfile.mkdtemp(prefix="memory-")), secrets.token_hex(8)
    seed, plants = f"seed-{secrets.token_hex(16)}", [plant + token for plant in PLANTS]
    write_template(SLUG, folder / "template")
    planted = f"PLANTS = {plants[0]!r}, {plants[1]!r} + chr(1046), {plants[2]!r} + chr(128512)\n"
    with (folder / "template/vae_solution.py").open("a", encoding="utf-8") as file:
        file.write(SLEEPS + planted)
    command = [sys.executable, "-P", "-m", "autograder", "grade", SLUG, str(folder / "template"), "--root", str(ROOT)]
    options = ["--only", "vae.kl", "--no-training", "--grading-seed", seed]
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 200
        while True:
            asleep = [worker for worker in processes.workers(process.pid) if processes.is_asleep(worker)]
            if asleep:
                break
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGSTOP)  # nobody ends the worker while it is looked at
        assert "Seccomp:\t2" in Path(f"/proc/{asleep[0]}/status").read_text()  # else it is no worker
        yield seed, plants, [asleep[0], *(pid for pid in processes.descendants(process.pid) if pid != asleep[0])]
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder)


def test_a_worker_knows_nothing_that_is_secret(grading: tuple[str, list[str], list[int]], tmp_path: Path) -> None:
    seed, plants, (worker, *_) = grading
    texts = secret_texts()
    sample = b"".join(path.read_bytes() for path in Path(np.__file__).parent.glob("*.py"))
    search = Search([seed, *plants, *texts], sample)
    seen: set[str] = set()
    for memory in memory_of(worker):
        seen |= search.found(memory)
    assert seen >= set(plants)  # else the search is blind
    assert seed not in seen
    assert without_libraries(seen - set(plants), tmp_path) == []


def test_a_worker_knows_neither_arguments_nor_environment_of_the_grader(
    grading: tuple[str, list[str], list[int]],
) -> None:
    for pid in grading[2]:
        for name in ("cmdline", "environ"):
            assert Path(f"/proc/{pid}/{name}").read_bytes().strip(b"\0") == b""
