"""What a worker does for honest code that expects another machine: a GPU, worker processes, a compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class CudaOnCpu(TorchFunctionMode):
    """Lets code that names a CUDA device run where CUDA is hidden: its tensors stay on the CPU."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.Tensor.cuda:
            return args[0]
        if func is torch.Tensor.to and any(_is_cuda(argument) for argument in args[1:]):
            args = (args[0], *(torch.device("cpu") if _is_cuda(argument) else argument for argument in args[1:]))
        if "device" in kwargs and _is_cuda(kwargs["device"]):
            kwargs = {**kwargs, "device": torch.device("cpu")}
        return func(*args, **kwargs)


def _is_cuda(value: Any) -> bool:
    if isinstance(value, torch.device):
        return value.type == "cuda"
    return isinstance(value, str) and value.startswith("cuda")


def install() -> None:
    """Make `DataLoader` load in this process and `torch.compile` hand back what it was given."""
    import torch.utils.data

    original = torch.utils.data.DataLoader.__init__

    def without_workers(self: Any, dataset: Any, *args: Any, **kwargs: Any) -> None:
        args = (*args[:4], 0, *args[5:]) if len(args) > 4 else args  # num_workers is the sixth parameter
        for name in ("persistent_workers", "prefetch_factor", "multiprocessing_context"):
            kwargs.pop(name, None)
        if len(args) <= 4:
            kwargs["num_workers"] = 0
        original(self, dataset, *args[:9], **kwargs)  # what follows is about worker processes

    torch.utils.data.DataLoader.__init__ = without_workers  # type: ignore[method-assign]
    torch.compile = _eager


def _eager(model: Any = None, **options: Any) -> Any:
    """Stand for `torch.compile`, as a function and as a decorator with options."""
    return model if model is not None else (lambda function: function)
