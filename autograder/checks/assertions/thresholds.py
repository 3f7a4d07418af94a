"""Comparisons with a threshold that NaN never passes.

``nan > limit`` is false, so ``if value > limit: raise CheckFailed`` lets NaN pass. Checks ask one of these instead.
"""

from __future__ import annotations

import torch

Numbers = torch.Tensor | float


def exceeds(values: Numbers, limit: Numbers) -> bool:
    """Whether any of ``values`` is not at most ``limit``; NaN on either side counts as too large.

    Tensors broadcast against each other; tensors without entries exceed nothing.
    """
    return not bool((_as_tensor(values) <= _as_tensor(limit)).all())


def falls_below(values: Numbers, limit: Numbers) -> bool:
    """Whether any of ``values`` is not at least ``limit``; NaN on either side counts as too small.

    Tensors broadcast against each other; tensors without entries fall below nothing.
    """
    return not bool((_as_tensor(values) >= _as_tensor(limit)).all())


def _as_tensor(values: Numbers) -> torch.Tensor:
    if isinstance(values, torch.Tensor):
        return values.detach().double()
    return torch.tensor(float(values), dtype=torch.float64)
