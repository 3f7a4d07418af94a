"""The device on which the trusted side trains and measures; what comes from a worker or goes to one is on the CPU.

Everything random is drawn on the CPU, so a seed means the same data, weights and noise on every device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CPU = torch.device("cpu")

_DEVICE: ContextVar[torch.device] = ContextVar("device", default=CPU)


@contextmanager
def training_on(device: torch.device) -> Iterator[None]:
    """Let checks that run in the block train the grader's own models on a device."""
    token = _DEVICE.set(device)
    try:
        yield
    finally:
        _DEVICE.reset(token)


def placed(model: nn.Module) -> Callable[..., Tensor]:
    """Move a model to the device of training; return it as a function of CPU tensors that gives a CPU tensor.

    Gradients pass. Make optimisers after this.
    """
    device = _DEVICE.get()
    model.to(device)

    def call(*arguments: Any) -> Tensor:
        moved = (argument.to(device) if isinstance(argument, Tensor) else argument for argument in arguments)
        output: Tensor = model(*moved).to(CPU)
        return output

    return call


def wake_cuda() -> None:
    """Load what computing on a GPU needs, before memory is bounded; raise `RuntimeError` where it cannot be used.

    From here on float32 is float32 there: convolutions would keep 10 of its 23 bits (TF32) otherwise, and thresholds
    and tolerances are for what the CPU does.
    """
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    image = torch.zeros(1, 4, 8, 8, device="cuda")
    weight = torch.zeros(4, 4, 3, 3, device="cuda", requires_grad=True)
    F.conv2d(image, weight, padding=1).sum().backward()  # type: ignore[no-untyped-call]
    torch.cuda.synchronize()
