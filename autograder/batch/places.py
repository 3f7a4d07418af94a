"""Where the jobs of a batch run: threads here, each with a grader process, or the workers of a Dask cluster."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from autograder import __version__
from autograder.batch.jobs import end_all
from autograder.errors import UserError

AHEAD = 2
"""Jobs on their way for each worker of a cluster, so that none waits for the next."""
GPU = "GPU"
"""How the workers of a cluster that have a GPU are labelled: ``dask worker --resources GPU=1``."""
CONNECT_SECONDS = 30


@dataclass(frozen=True)
class Place:
    """An executor, and how many jobs it should have at the moment."""

    executor: Executor
    room: Callable[[], int]


@contextmanager
def local(jobs: int) -> Iterator[Place]:
    """Run so many jobs at once on this machine; what is still running when the block is left by an error is ended."""
    executor = ThreadPoolExecutor(jobs, thread_name_prefix="autograder-batch")
    try:
        yield Place(executor, lambda: jobs)
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        end_all()
        raise
    executor.shutdown()


@contextmanager
def cluster(address: str, cap: int | None, *, gpu: bool) -> Iterator[Place]:
    """Run jobs on the workers of a Dask cluster that is there: ``cap`` at once at most, on those with a GPU alone.

    Workers may come and go meanwhile. Raises `UserError` where the cluster cannot be reached or used.
    """
    try:
        from distributed import Client
    except ImportError:
        raise UserError("--scheduler needs the package distributed: pip install 'autograder[cluster]'") from None
    _refuse_unreachable(address)
    try:
        client: Any = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TimeoutError) as error:
        raise UserError(f"--scheduler {address}: no Dask scheduler answers there ({error})") from None
    options: dict[str, Any] = {"pure": False, "resources": {GPU: 1}} if gpu else {"pure": False}
    try:
        _compare_versions(client, address)
        executor = client.get_executor(**options)
        yield Place(executor, lambda: min(_threads(client) * AHEAD, cap or 2**31))
        executor.shutdown()
    finally:
        client.close()


def _refuse_unreachable(address: str) -> None:
    """Try the address before the client does, which waits for long and says much where nobody answers."""
    place = urlsplit(address if "://" in address else f"tcp://{address}")
    try:
        if not place.hostname or not place.port:
            raise ValueError("an address is tcp://HOST:PORT")
        socket.create_connection((place.hostname, place.port), CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise UserError(f"--scheduler {address}: no Dask scheduler answers there ({error})") from None


def _threads(client: Any) -> int:
    """Return how many jobs the cluster can run at the moment; one is always on its way, for a worker that comes."""
    return max(1, sum(map(int, client.nthreads().values())))


def _compare_versions(client: Any, address: str) -> None:
    """Refuse workers on which jobs would not be the same as here; those that come later are taken at their word."""
    for worker, found in client.get_versions(packages=["autograder"])["workers"].items():
        version = found["packages"].get("autograder")
        if version != __version__:
            has = f"has autograder {version}" if version else "has no autograder"
            raise UserError(
                f"--scheduler {address}: the worker {worker} {has}, and here it is {__version__};"
                " install the same on all"
            )
