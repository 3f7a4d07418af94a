"""Assertions that values and gradients agree with a float64 truth, as well as float32 arithmetic allows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from autograder.checks.assertions.tensor_assertions import FLOATS, assert_tensor
from autograder.checks.assertions.thresholds import exceeds
from autograder.checks.authoring.describing import describe, describe_number, describe_shape
from autograder.checks.authoring.failure import CheckFailed

# One float32 operation is off by at most 2**-24 of its result. A value to which every term contributes through k
# roundings is off by at most k * 2**-24 times the sum of the terms' magnitudes (Higham, Accuracy and Stability of
# Numerical Algorithms, 2002, eq. 4.4). 2**-14 pays for 1,024 roundings of |expected| and as many of the scale: 2,048 in
# a row in any order, and far longer sums in practice, because torch adds in blocks and the roundings of a naive loop
# do not all go one way. A wrong formula is off by parts in ten or a hundred on inputs in generic position.
RELATIVE_TOLERANCE = 2.0**-14

Truth = torch.Tensor | float


def assert_close(
    got: object,
    expected: Truth,
    *,
    name: str = "the result",
    scale: Truth | None = None,
    dtypes: Sequence[torch.dtype] = FLOATS,
) -> None:
    """Raise `CheckFailed` unless ``got`` is a finite tensor of the shape of ``expected`` with its values.

    Entry by entry |got - expected| <= `RELATIVE_TOLERANCE` * (|expected| + scale), where ``scale`` is the magnitude of
    the terms that were added up (a number, or a tensor that broadcasts); the default, max |expected|, is right unless
    the terms cancel. A truth of zeros without a scale allows zeros alone. Misuse raises `ValueError` or `TypeError`.
    """
    truth = _as_truth(expected, "expected")
    value = assert_tensor(got, shape=truth.shape, dtypes=dtypes, name=name).detach().double()
    _assert_near(value, truth, _allowed(truth, scale), name)


def assert_gradients_close(
    got: Sequence[torch.Tensor | None],
    expected: Sequence[torch.Tensor],
    names: Sequence[str],
    *,
    of: str = "the result",
    scale: Truth | None = None,
) -> None:
    """Raise `CheckFailed` unless the gradient of ``of`` with respect to each name is the true one.

    ``None`` in ``got`` means that no gradient arrives. Tolerance and ``scale`` are those of `assert_close`, for each
    gradient by itself.
    """
    _same_length(got=got, expected=expected, names=names)
    for value, truth, name in zip(got, expected, names, strict=True):
        if value is None:
            raise CheckFailed(
                f"no gradient reaches {name}: {of} does not depend on it through differentiable operations"
                " (was it detached, or turned into a number or an array?)",
                expected=f"gradient {describe(truth)}",
                got="no gradient",
            )
        assert_close(value, truth, name=f"the gradient of {of} with respect to {name}", scale=scale)


def assert_no_gradient(got: Sequence[torch.Tensor | None], names: Sequence[str], *, of: str = "the result") -> None:
    """Raise `CheckFailed` where a gradient that is not zero arrives at one of the names."""
    _same_length(got=got, names=names)
    for value, name in zip(got, names, strict=True):
        if value is None:
            continue
        gradient = assert_tensor(value, name=f"the gradient of {of} with respect to {name}")
        if bool((gradient != 0).any()):
            raise CheckFailed(
                f"a gradient of {of} reaches {name}, where none should: it is not cut off (detached) on the way",
                expected="no gradient",
                got=f"gradient {describe(gradient)}",
            )


def _as_truth(expected: Truth, role: str) -> torch.Tensor:
    if isinstance(expected, torch.Tensor):
        truth = expected.detach().double()
    elif isinstance(expected, (int, float)) and not isinstance(expected, bool):
        truth = torch.tensor(float(expected), dtype=torch.float64)
    else:
        raise TypeError(f"`{role}` must be a tensor or a number, not {type(expected).__name__}")
    if not bool(torch.isfinite(truth).all()):
        raise ValueError(f"`{role}` must be finite, not {describe(truth)}")
    return truth


def _allowed(truth: torch.Tensor, scale: Truth | None) -> torch.Tensor:
    size = truth.abs()
    if scale is None:
        return RELATIVE_TOLERANCE * (size + (size.max() if size.numel() else 0.0))
    terms = _as_truth(scale, "scale")
    if bool((terms < 0).any()):
        raise ValueError("`scale` is a magnitude and cannot be negative")
    try:
        terms = terms.expand_as(size)
    except RuntimeError:
        shapes = f"{describe_shape(terms.shape)} does not fit the shape {describe_shape(size.shape)} of `expected`"
        raise ValueError(f"`scale` of shape {shapes}") from None
    return RELATIVE_TOLERANCE * (size + terms)


def _assert_near(value: torch.Tensor, truth: torch.Tensor, allowed: torch.Tensor, name: str) -> None:
    difference = (value - truth).abs()
    if not exceeds(difference, allowed):
        return
    wrong = ~(difference <= allowed)
    # The worst entry is the one farthest outside its own tolerance; where that is 0, any difference is infinitely far.
    excess = torch.where(allowed > 0, difference / allowed.clamp_min(1e-300), torch.where(wrong, math.inf, 0.0))
    worst = tuple(map(int, torch.unravel_index(excess.argmax(), value.shape)))
    raise CheckFailed(
        f"{name} is wrong{_extent(wrong)}{_pattern(value, truth, allowed)}",
        expected=describe(truth),
        got=describe(value),
        worst=(f"at index {worst}: " if worst else "")
        + f"expected {describe_number(truth[worst].item())}, got {describe_number(value[worst].item())},"
        f" difference {describe_number(difference[worst].item())}"
        f" (rounding explains at most {describe_number(allowed[worst].item())})",
    )


def _extent(wrong: torch.Tensor) -> str:
    count, total = int(wrong.sum()), wrong.numel()
    if total == 1:
        return ""
    return " at every entry" if count == total else f" at {count} of {total} entries"


def _pattern(value: torch.Tensor, truth: torch.Tensor, allowed: torch.Tensor) -> str:
    """Name the one number that turns every expected entry into the one that came, where there is such a number."""
    if truth.numel() < 2:
        return ""
    if bool((value == value.flatten()[0]).all()):
        return f": it is {describe_number(value.flatten()[0].item())} everywhere"
    power = (truth * truth).sum()
    factor = (value * truth).sum() / power if float(power) > 0 else torch.tensor(math.nan)
    shift = (value - truth).mean()
    scaled, shifted = (value - factor * truth).abs(), (value - truth - shift).abs()
    is_scaled, is_shifted = bool((scaled <= allowed * factor.abs()).all()), bool((shifted <= allowed).all())
    if is_scaled and not (is_shifted and shifted.max() < scaled.max()):  # large numbers that are all alike fit both
        return f": it is {_factor(factor.item())} expected"
    if is_shifted:
        return f": it is {describe_number(shift.item())} more than expected at every entry"
    return ""


def _factor(factor: float) -> str:
    if abs(factor + 1.0) < 2 * RELATIVE_TOLERANCE:
        return "minus what is"
    return f"{factor:.4g} times what is"


def _same_length(**lists: Sequence[object]) -> None:
    lengths = {role: len(entries) for role, entries in lists.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            "one entry for each gradient is needed, but " + ", ".join(f"{r}: {n}" for r, n in lengths.items())
        )
