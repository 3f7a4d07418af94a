"""Short trainings that the grader drives, and verdicts on what the grader itself has measured afterwards.

What a submission says of its own progress is shown and never trusted: a criterion compares a number that the trusted
side has measured on held-out data with a threshold, which is between the reference and the best trivial method.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from autograder.checks.authoring.describing import describe_type
from autograder.checks.authoring.failure import CheckFailed

MAX_WEIGHTS = 2**24
"""Numbers in all tensors of a trained model that are carried from one worker to another."""

CHUNK = 25
"""Steps of a training in a worker that are taken in one call."""

BLUR = 1e-3
"""Of a code's spread: so much noise is added before it is decoded."""


@dataclass(frozen=True)
class Criterion:
    """A measured number and what is asked of it: at most, or at least, the threshold."""

    name: str
    value: float
    threshold: float
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the number is good enough; one that is not finite never is."""
        if not math.isfinite(self.value):
            return False
        return self.value >= self.threshold if self.at_least else self.value <= self.threshold

    @property
    def lead(self) -> float:
        """How far the number is on the good side of the threshold, in parts of the threshold; negative if it fails."""
        if not math.isfinite(self.value):
            return -math.inf
        return (self.value - self.threshold) / abs(self.threshold) * (1 if self.at_least else -1)

    def __str__(self) -> str:
        return f"{self.name} {self.value:.4g} (needed: {'>=' if self.at_least else '<='} {self.threshold:.4g})"


_WATCHED: ContextVar[list[Criterion] | None] = ContextVar("criteria", default=None)


@contextmanager
def watching() -> Iterator[list[Criterion]]:
    """Keep the criteria that are checked inside the block; the list grows as checks run. Grading does not watch."""
    criteria: list[Criterion] = []
    token = _WATCHED.set(criteria)
    try:
        yield criteria
    finally:
        _WATCHED.reset(token)


def assert_learned(criteria: Sequence[Criterion], what: str, when: str = "after training") -> None:
    """Fail where a criterion does not hold; the message has all numbers, those that fail first."""
    if (watched := _WATCHED.get()) is not None:
        watched.extend(criteria)
    if all(criterion.holds for criterion in criteria):
        return
    failed = [criterion for criterion in criteria if not criterion.holds]
    rest = [criterion for criterion in criteria if criterion.holds]
    raise CheckFailed(
        f"{what}: {when}, the {failed[0].name} is not good enough",
        expected=f"{failed[0].name} {'at least' if failed[0].at_least else 'at most'} {failed[0].threshold:.4g}",
        got="; ".join(map(str, (*failed, *rest))),
    )


def batches(examples: int, size: int, steps: int, generator: torch.Generator) -> Tensor:
    """Return the indices of all batches of a training, ``(steps, size)``: every example once before any twice."""
    rounds = -(-steps * size // examples)
    order = torch.cat([torch.randperm(examples, generator=generator) for _ in range(rounds)])
    return order[: steps * size].reshape(steps, size)


def in_chunks(steps: int, chunk: int) -> Iterator[slice]:
    """Yield the steps in chunks, one call each, so that the way to the worker costs little."""
    for start in range(0, steps, chunk):
        yield slice(start, min(start + chunk, steps))


@dataclass(frozen=True)
class Training:
    """How a model of a size is trained with Adam: steps of batches, at a learning rate that stays.

    With ``one_cycle`` the rate rises to ``learning_rate`` and falls again (Smith and Topin 2018).
    """

    steps: int
    batch: int
    learning_rate: float
    size: Any = None
    one_cycle: bool = False


def learn(trainee: Any, data: Sequence[Tensor], plan: Tensor, training: Training) -> list[float]:
    """Let a trainee in a worker learn from batches, the rows of ``plan``; return the losses that it told."""
    trainee.begin(list(data), training.learning_rate, len(plan) if training.one_cycle else 0)
    losses: list[float] = []
    for chunk in in_chunks(len(plan), CHUNK):
        losses += reported_losses(trainee.steps(plan[chunk]))
    return losses


def blurred(codes: Tensor, generator: torch.Generator) -> Tensor:
    """Return codes ``(n, dim)`` with noise of a thousandth of each coordinate's standard deviation over the rows.

    A decoder that has learned does not notice. Without it, one float32 number has room for several others.
    """
    noise = torch.randn(codes.shape, generator=generator, dtype=codes.dtype)
    return codes + BLUR * codes.std(0, keepdim=True) * noise


def reported_losses(reply: Any) -> list[float]:
    """Return the losses that a training loop told, for a picture; they are worth no more, so anything else is []."""
    if isinstance(reply, Tensor) and reply.ndim == 1 and reply.is_floating_point():
        return [float(value) for value in reply.double()]
    return []


def checked_weights(reply: Any) -> dict[str, Tensor]:
    """Return the weights of a trained model as they may be sent on; raise `CheckFailed` for anything but tensors."""
    plain = type(reply) is dict and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in reply.items())
    if not plain or sum(tensor.numel() for tensor in reply.values()) > MAX_WEIGHTS:
        raise CheckFailed("the weights of the trained model cannot be read", got=describe_type(reply))
    return {name: tensor.detach() for name, tensor in reply.items()}


def ours(name: str) -> Callable[..., Any]:
    """Return a function of the assignment's own files, ``slug.provided.networks.Unet``, for the grader's side.

    It is imported when it is called: students have public checks without the assignment around them.
    """

    def call(*arguments: Any, **options: Any) -> Any:
        module, _, function = name.rpartition(".")
        return getattr(importlib.import_module(module), function)(*arguments, **options)

    return call


def train(model: torch.nn.Module, step: Callable[[Tensor], None], plan: Tensor, *, learning_rate: float) -> None:
    """Train a model of the trusted side with Adam on a one-cycle schedule (Smith and Topin 2018).

    ``step`` gets the indices of one batch, a row of ``plan``, and must leave gradients with the parameters.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=len(plan))
    for batch in plan:
        optimizer.zero_grad()
        step(batch)
        optimizer.step()
        schedule.step()
