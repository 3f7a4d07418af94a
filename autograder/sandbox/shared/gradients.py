"""Gradients of several outputs at once, as that of one number.

`torch.autograd` takes the cotangents of outputs itself, but then imports a library of symbolic algebra first: more than
half a second in each process.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def paired(outputs: Sequence[Tensor], cotangents: Sequence[Tensor]) -> Tensor:
    """Return the sum of <output, cotangent>, whose gradient with respect to each output is its cotangent exactly.

    Raises `RuntimeError`, as autograd does, where the shapes of a pair differ.
    """
    if any(output.shape != cotangent.shape for output, cotangent in zip(outputs, cotangents, strict=True)):
        raise RuntimeError("an output and its cotangent differ in shape")
    with torch.enable_grad():
        total, *others = (
            (output * cotangent.to(output.dtype)).sum() for output, cotangent in zip(outputs, cotangents, strict=True)
        )
        for other in others:
            total = total + other
    return total
