"""A zygote for the whole run, and sessions with small submissions on both backends."""

import shutil
import tempfile
from pathlib import Path

import pytest
import torch

from autograder.sandbox.in_process import InProcessChannel
from autograder.sandbox.out_of_process import start_zygote
from autograder.sandbox.trusted.channel import Deadlines
from autograder.sandbox.trusted.session import Context, Session

# A process forked from one whose OpenMP has threads hangs in its first parallel loop: never let it start any.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def zygote():
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o711)
    (folder / "submissions").mkdir(mode=0o755)
    with start_zygote(folder, readable=["submissions"], memory=2 * 2**30, cpu_seconds=60.0) as zygote:
        zygote.home = folder
        yield zygote
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["in_process", "worker"])
def backend(request):
    return request.param


@pytest.fixture
def start(zygote):
    """Start a session: ``start(backend, source_of_s, {other file: source}, stand_ins=..., ...)``; s is the module."""
    opened = []

    def start(
        backend, source, others=(), *, stand_ins=None, call_seconds=20.0, open_another=None, scripts=b"", where=None,
        **loader,
    ):  # fmt: skip
        folder = where or Path(tempfile.mkdtemp(dir=zygote.home / "submissions"))
        folder.chmod(0o755)
        for name, text in {"s.py": source, **dict(others)}.items():
            path = folder / name
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        settings = {"folder": str(folder), "extra": [], "skip": [], "statement_seconds": 5.0, "devices_on_cpu": False}
        channel = zygote.fork_worker() if backend == "worker" else InProcessChannel()
        deadlines = Deadlines(call_seconds, None)
        context = Context(scripts=scripts, open_another=open_another)
        session = Session(
            channel, loader={**settings, **loader}, stand_ins=stand_ins, deadlines=deadlines, context=context
        )
        session.begin(1)
        opened.append(session)
        return session

    yield start
    for session in opened:
        session.close()
