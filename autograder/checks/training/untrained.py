"""Untrained networks of a VAE: the sizes of the models to make, inputs and codes for them, and what all must do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from autograder.checks.assertions.tensor_assertions import assert_tensor
from autograder.checks.assertions.thresholds import falls_below
from autograder.checks.authoring.failure import CheckFailed
from autograder.sandbox.trusted.remote import gradients

FEW = 3
"""Models to look at where a layer of ReLUs may be silent by chance in one of them."""
SIGNS = 48
"""So many numbers of untrained models, each of either sign, have one sign with a probability of 2**-47."""


@dataclass(frozen=True, eq=False)
class Sizes:
    """A model to make: what its adapter makes it with, and which numbers go in and come out.

    ``inputs`` is the shape of one input, with values in [0, 1]. With ``classes`` above 0, a one-hot class stands behind
    each input, which is flat then, and behind each code.
    """

    arguments: Any
    latent: int
    inputs: tuple[int, ...] = ()
    outputs: int = 0
    """Numbers that are decoded from each code."""
    classes: int = 0
    probabilities: bool | None = True
    """Whether decoded numbers are in (0, 1), or anywhere (False); None where both will do."""
    model: str = ""
    """What messages call a model of these sizes, where they should: ``VAE(30, [64, 6])``."""

    @property
    def of_model(self) -> str:
        """Of which model something is, for messages."""
        return f" of {self.model}" if self.model else ""

    def some_inputs(self, batch: int, *, mixed: bool = False) -> Tensor:
        """A batch of inputs, of one class, or ``mixed``, of all classes in turn."""
        x = torch.rand(batch, *self.inputs, generator=torch.Generator().manual_seed(0))
        return self._with_classes(x.flatten(1), mixed) if self.classes else x

    def some_codes(self, batch: int, *, scale: float = 1.0, negative: bool = False, mixed: bool = False) -> Tensor:
        """A batch of normal codes, or of codes all whose numbers are negative, at least half a ``scale`` from 0."""
        z = torch.randn(batch, self.latent, generator=torch.Generator().manual_seed(1))
        return self._with_classes(scale * (-z.abs() - 0.5 if negative else z), mixed)

    def _with_classes(self, rows: Tensor, mixed: bool) -> Tensor:
        if not self.classes:
            return rows
        chosen = torch.arange(len(rows)) % self.classes if mixed else torch.zeros(len(rows), dtype=torch.int64)
        return torch.cat([rows, torch.eye(self.classes)[chosen]], dim=1)


def assert_varies(outputs: Sequence[Tensor], name: str, of: str) -> None:
    """Raise `CheckFailed` where no model's output differs between the rows of a batch."""
    if all(torch.allclose(output, output[:1].expand_as(output), rtol=1e-5, atol=1e-6) for output in outputs):
        raise CheckFailed(f"{name} is the same for all {of}", got="equal rows", expected="rows that differ")


def assert_moves(before: Tensor, after: Tensor, name: str) -> None:
    """Raise `CheckFailed` where a number of all rows is the same again after a step of all parameters."""
    if bool((before.detach() == after.detach()).all(0).any()):
        raise CheckFailed(f"{name} stays where it is when the model's parameters change: are its layers modules of it?")


def assert_every_input_counts(output: object, inputs: Tensor, name: str) -> Tensor:
    """Return which numbers of an input have a say in some row's output; `CheckFailed` where no gradient passes."""
    value = assert_tensor(output, name=name)
    cotangent = torch.randn(value.shape, generator=torch.Generator().manual_seed(3)).to(value.dtype)
    (found,) = gradients(value, [inputs], cotangent)
    if found is None:
        raise CheckFailed(f"no gradient of {name} reaches its input: it was cut off on the way")
    return found.flatten(1).nan_to_num().ne(0).any(0)


def assert_seen(seen: Tensor, part: float, name: str) -> None:
    """Raise `CheckFailed` where less than a part of the inputs' numbers have a say."""
    share = seen.double().mean()
    if falls_below(share, part):
        expected = "all of them" if part == 1 else f"{part:.0%} of them or more"
        got = f"{int(seen.sum())} of {len(seen)}"
        raise CheckFailed(f"{name} looks at {got} numbers of its input only", expected=expected, got=got)
