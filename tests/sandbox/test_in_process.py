"""Trusted code in this process: its generators are its own, as they are in a worker."""

from __future__ import annotations

import random

import numpy as np
import torch

from autograder.sandbox.trusted.stand_ins import Callback

DRAWS = """
import random, numpy as np, torch

def drawn(count):
    return [[f() for _ in range(count)] for f in (random.random, np.random.random, lambda: torch.rand(()).item())]

def ask(x):
    return x

def drawn_around():
    before = drawn(1)
    ask(torch.zeros(1))
    return [one + other for one, other in zip(before, drawn(1))]
"""


def own(count: int) -> list[list[float]]:
    """What the global generators of this process give next."""
    sources = (random.random, np.random.random, lambda: torch.rand(()).item())
    return [[source() for _ in range(count)] for source in sources]


def seed_own() -> None:
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)


def test_neither_side_draws_from_the_generators_of_the_other(start, backend):
    asked: list[list[list[float]]] = []

    def answer(x: torch.Tensor) -> torch.Tensor:
        asked.append(own(1))
        return x

    alone, asking = (start(backend, DRAWS, stand_ins={"s.ask": Callback(answer)}).module("s") for _ in range(2))
    seed_own()
    expected = own(4)
    seed_own()
    first, got = own(2), alone.drawn(2)
    assert asking.drawn_around() == got  # the calls of both sides alternate, and so does nothing else
    found = [one + middle + last for one, middle, last in zip(first, asked[0], own(1), strict=True)]
    assert found == expected
