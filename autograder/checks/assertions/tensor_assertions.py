"""Assertions about what kind of value came back: a tensor, of the right type and shape, of finite numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from autograder.checks.authoring.describing import (
    describe,
    describe_dtype,
    describe_number,
    describe_shape,
    describe_type,
)
from autograder.checks.authoring.failure import CheckFailed
from autograder.sandbox.trusted.remote import is_ellipsis

FLOATS = (torch.float32, torch.float64)
UNFILLED = "something there has not been written yet"
INTEGERS = (torch.int64,)  # what torch indexes and counts with


def assert_tensor(
    value: object,
    *,
    shape: Sequence[int] | None = None,
    dtypes: Sequence[torch.dtype] = FLOATS,
    name: str = "the result",
) -> torch.Tensor:
    """Return ``value`` as a plain CPU tensor of a listed dtype, exactly this shape, all entries finite.

    Checked in this order, so that the first message is the one that matters. ``value`` may be anything at all: nothing
    of it is called before it is known to be a tensor. Raises `CheckFailed`.
    """
    if is_ellipsis(value):
        raise CheckFailed(
            f"{name} is still `...`: {UNFILLED}", expected=_wanted(shape, dtypes), got="...", unwritten=True
        )
    if not isinstance(value, torch.Tensor):
        raise CheckFailed(
            f"{name} is {describe_type(value)}, not a tensor{_why_no_tensor(value)}",
            expected=_wanted(shape, dtypes),
            got=describe(value),
        )
    _assert_plain(value, name)
    _assert_dtype(value, dtypes, name)
    if shape is not None:
        assert_shape(value, shape, name=name)
    _assert_finite(value, name)
    return value


def assert_shape(value: torch.Tensor, shape: Sequence[int], *, name: str = "the result") -> None:
    """Raise `CheckFailed` unless the tensor has exactly this shape, with the likely slip where there is only one."""
    wanted, actual = tuple(int(size) for size in shape), tuple(value.shape)
    if actual == wanted:
        return
    slip = likely_slip(actual, wanted)
    raise CheckFailed(
        f"{name} has shape {describe_shape(actual)} where {describe_shape(wanted)} is due"
        + (f": {slip}" if slip else ""),
        expected=f"shape {describe_shape(wanted)}",
        got=f"shape {describe_shape(actual)}",
    )


def assert_integers(value: object, *, shape: Sequence[int] | None = None, name: str = "the result") -> torch.Tensor:
    """Return ``value`` as an int64 tensor of this shape; raise `CheckFailed` otherwise."""
    return assert_tensor(value, shape=shape, dtypes=INTEGERS, name=name)


def assert_unchanged(before: torch.Tensor, after: torch.Tensor, name: str) -> None:
    """Raise `CheckFailed` where a function changed its argument in place; ``name`` is the argument's.

    ``before`` and ``after`` have the argument's values; any difference, even of the last bit, is a change.
    """
    if before.shape != after.shape:
        raise CheckFailed(
            f"the argument {name} was changed in place: its shape is now {describe_shape(after.shape)}",
            expected=describe(before),
            got=describe(after),
        )
    same = (before == after) | ((before != before) & (after != after))  # NaN stays NaN
    if bool(same.all()):
        return
    index = _first_index(~same)
    raise CheckFailed(
        f"the argument {name} was changed in place: work on a copy, the caller still needs it",
        expected=describe(before),
        got=describe(after),
        worst=f"at index {index}: was {_at(before, index)}, is now {_at(after, index)}",
    )


def likely_slip(actual: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Say which mistake turns a result of shape ``expected`` into ``actual``; empty where more than one might."""
    if actual == () and expected == (1,):
        return "the one row of the batch was squeezed away"
    if actual == () and len(expected) == 1:
        return (
            f"it looks summed or averaged over the batch, but a number was expected for each of the {expected[0]} rows"
        )
    if actual == ():
        return "it is a single number: it looks summed or averaged over every dimension"
    if len(actual) == len(expected) - 1:
        return _slip_of_missing_dimension(actual, expected)
    if expected and len(actual) > len(expected) and actual[: len(expected)] == expected:
        extra = actual[len(expected) :]
        return "it has a dimension of size 1 too many" if set(extra) == {1} else "its last dimension is not summed over"
    if expected == () and actual:
        return "a single number was expected" + (", and it has one entry for each row" if len(actual) == 1 else "")
    if len(expected) == 1 and actual == (expected[0], expected[0]):
        return "every row seems to have met every other row: two shapes such as (n, 1) and (n,) were combined"
    if len(actual) == len(expected) > 1 and sorted(actual) == sorted(expected):
        return "its dimensions are in another order"
    if actual and len(actual) == len(expected) and actual[0] == 1 and actual[1:] == expected[1:] and expected[0] > 1:
        return f"it has one row instead of {expected[0]}"
    return ""


def _slip_of_missing_dimension(actual: tuple[int, ...], expected: tuple[int, ...]) -> str:
    missing = [k for k in range(len(expected)) if expected[:k] + expected[k + 1 :] == actual]
    if len(missing) != 1:
        return ""
    if missing == [0]:
        return (
            f"it looks summed or averaged over the batch, or like one of its rows, but {expected[0]} rows were expected"
        )
    size = expected[missing[0]]
    return f"dimension {missing[0]} (of size {size}) is missing: it looks summed, averaged or squeezed away"


def _why_no_tensor(value: object) -> str:
    if value is None:
        return ": is a `return` missing?"
    if type(value) in (tuple, list):
        return ": one value was expected"
    if type(value) in (int, float):
        return ": a number taken out of a tensor (`.item()`) has lost its gradient"
    return ""


def _wanted(shape: Sequence[int] | None, dtypes: Sequence[torch.dtype]) -> str:
    kinds = " or ".join(describe_dtype(dtype) for dtype in dtypes)
    return f"a {kinds} tensor" + ("" if shape is None else f" of shape {describe_shape(tuple(shape))}")


def _assert_plain(value: torch.Tensor, name: str) -> None:
    origin: Any = getattr(value, "remote", None)  # what a tensor from a worker remembers of the original
    device = str(value.device if origin is None else origin.device)
    strided = value.layout is torch.strided and not value.is_quantized and not value.is_nested
    if not strided or (origin is not None and not origin.plain):
        raise CheckFailed(f"{name} is a special kind of tensor (sparse, nested or quantised), not a plain one")
    if device.partition(":")[0] != "cpu":
        raise CheckFailed(
            f"{name} is on the device {device!r}, but the inputs were on the CPU: create tensors on the input's device",
            expected="a tensor on the CPU",
            got=f"a tensor on {device}",
        )


def _assert_dtype(value: torch.Tensor, dtypes: Sequence[torch.dtype], name: str) -> None:
    if value.dtype in dtypes:
        return
    kinds = " or ".join(describe_dtype(dtype) for dtype in dtypes)
    raise CheckFailed(
        f"{name} has dtype {describe_dtype(value.dtype)} where {kinds} is due",
        expected=f"dtype {kinds}",
        got=describe(value),
    )


def _assert_finite(value: torch.Tensor, name: str) -> None:
    if not value.is_floating_point():
        return
    finite = torch.isfinite(value)
    if bool(finite.all()):
        return
    wrong, index = int((~finite).sum()), _first_index(~finite)
    raise CheckFailed(
        f"{name} is not finite: {wrong} of {value.numel()} entries are NaN or infinite",
        expected="finite numbers",
        got=describe(value),
        worst=f"at index {index}: {_at(value, index)}",
    )


def _first_index(mask: torch.Tensor) -> tuple[int, ...]:
    return tuple(int(k) for k in mask.nonzero()[0])


def _at(values: torch.Tensor, index: tuple[int, ...]) -> str:
    return describe_number(values[index].item())
