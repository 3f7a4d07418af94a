"""Randomness that a submission cannot know: drawn from the grading seed, and from nothing that is sent to a worker.

The generators of both sides restart with one seed at every example, so what a check draws from torch's own generator
can be drawn in the worker as well. What must not be known there beforehand comes from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_GENERATOR: ContextVar[torch.Generator | None] = ContextVar("secret_generator", default=None)


def secret_generator() -> torch.Generator:
    """Return the secret generator of the running check; it starts alike whenever the check is run.

    Draw from it on the trusted side only. Raises `RuntimeError` outside of a check.
    """
    generator = _GENERATOR.get()
    if generator is None:
        raise RuntimeError("secret_generator() belongs into the body of a check that is being run")
    return generator


@contextmanager
def keeping_secret(seed: int) -> Iterator[None]:
    """Let a check that runs in the block draw its secrets from ``seed``."""
    token = _GENERATOR.set(torch.Generator().manual_seed(seed))
    try:
        yield
    finally:
        _GENERATOR.reset(token)
