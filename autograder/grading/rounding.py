"""How much of a reply is rounding: a computation repeated in arithmetic that is slightly off at every step.

What equal formulas compute differs by roundings, and by as much more as the computation amplifies them: a division by
a small number, a difference of two large ones. No fixed tolerance knows that; a repetition does (Monte Carlo
arithmetic; Parker 1997, "Monte Carlo arithmetic: exploiting randomness in floating-point arithmetic").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

UNIT = 2.0**-22
"""Largest relative error of one operation: a few of float32's roundings, also where a mistake is tried in float64."""
ARITHMETIC = frozenset(
    [
        "add",
        "sub",
        "rsub",
        "mul",
        "div",
        "reciprocal",
        "pow",
        "sqrt",
        "rsqrt",
        "exp",
        "expm1",
        "log",
        "log1p",
        "log2",
        "log10",
        "sin",
        "cos",
        "tan",
        "tanh",
        "sigmoid",
        "softplus",
        "sum",
        "mean",
        "var",
        "std",
        "prod",
        "cumprod",
        "cumsum",
        "logsumexp",
        "_softmax",
        "_log_softmax",
        "addmm",
        "mm",
        "bmm",
        "baddbmm",
        "mv",
        "dot",
        "linear",
        "linalg_vector_norm",
        "norm",
        "addcmul",
        "addcdiv",
        "lerp",
        "linspace",
        "convolution",
        "native_layer_norm",
        "native_group_norm",
        "native_batch_norm",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "mse_loss",
        "smooth_l1_loss",
        "huber_loss",
    ]
)
"""Operations of torch that round, by their names in ATen. What only moves, picks or draws numbers is exact."""


class CoarseArithmetic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is active, each result of arithmetic is made smaller by a random part, `UNIT` at most.

    Smaller and never larger, so that a probability stays one. Draws nothing from torch's default generator.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._generator = torch.Generator().manual_seed(seed)

    def __torch_dispatch__(
        self, func: Any, types: Sequence[Any], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Do an operation; see the class."""
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name.rstrip("_") in ARITHMETIC or name in ARITHMETIC:
            in_place = name.endswith("_") or "out" in (kwargs or {})
            parts = result if isinstance(result, (tuple, list)) else (result,)
            changed = [self._coarse(part, in_place=in_place) for part in parts]
            return type(result)(changed) if isinstance(result, (tuple, list)) else changed[0]
        return result

    def _coarse(self, value: Any, *, in_place: bool) -> Any:
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            return value
        part = torch.rand(value.shape, generator=self._generator, dtype=torch.float64)
        factor = (1 - UNIT * part).to(torch.promote_types(value.dtype, torch.float32))
        coarse = (value * factor).to(value.dtype)
        return value.copy_(coarse) if in_place else coarse
