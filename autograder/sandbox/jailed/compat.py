"""Compatibility with code that expects another machine: a GPU, worker processes, a compiler, a browser."""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import inspect
import sys
import types
from collections.abc import Callable
from typing import Any

import torch
import torch._compile
import torch.utils.data
from torch.overrides import TorchFunctionMode

from autograder.sandbox.shared.device_names import ELSEWHERE

CPU = torch.device("cpu")
HERE = ("cpu", "meta")
"""Kinds of devices that need nothing of the machine."""
MOVES = frozenset(
    getattr(torch.Tensor, name) for name in ("cuda", "pin_memory", "xpu", "hpu", "ipu") if hasattr(torch.Tensor, name)
)
"""Methods that move a tensor to a device by their name."""
ALONE = {"num_workers": 0, "timeout": 0}
ABOUT_WORKERS = (
    "worker_init_fn",
    "multiprocessing_context",
    "prefetch_factor",
    "persistent_workers",
    "pin_memory_device",
)
QUIET_CALLS: dict[str, Any] = {
    "synchronize": None, "set_device": None, "empty_cache": None, "ipc_collect": None, "manual_seed": None,
    "manual_seed_all": None, "reset_peak_memory_stats": None, "current_device": 0, "get_device_name": "CPU",
    "memory_allocated": 0, "max_memory_allocated": 0, "memory_reserved": 0, "max_memory_reserved": 0,
}  # fmt: skip
"""Functions of `torch.cuda`, `torch.mps` and `torch.xpu` that would raise here, and what they return instead."""


def install() -> None:
    """Make `DataLoader` load in this process, `torch.compile` hand back what it was given, and threads stay one.

    Bars of progress for notebooks become plain ones, and optimisers are made without the compiler.
    """
    sys.meta_path.insert(0, _PlainBars())

    torch.utils.data.DataLoader.__init__ = _without_workers(  # type: ignore[method-assign]
        torch.utils.data.DataLoader.__init__
    )
    torch.compile = _eager
    _make_optimisers_without_compiler()
    torch.set_num_threads = torch.set_num_interop_threads = _do_nothing


class _PlainBars(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the bars of `tqdm` itself where those are asked for that need widgets of a browser."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if fullname not in ("tqdm.notebook", "tqdm.autonotebook"):
            return None
        return importlib.machinery.ModuleSpec(fullname, self)

    def exec_module(self, module: types.ModuleType) -> None:
        from tqdm import tqdm, trange  # type: ignore[import-untyped]

        vars(module).update(tqdm=tqdm, trange=trange, tqdm_notebook=tqdm, tnrange=trange)


def put_devices_on_cpu() -> None:
    """Let code that names a device that is not here run on the CPU, for the rest of this process."""
    for module in (torch.cuda, *(getattr(torch, name) for name in ("mps", "xpu") if hasattr(torch, name))):
        for name, value in QUIET_CALLS.items():
            if module is torch.cuda or hasattr(module, name):
                setattr(module, name, functools.partial(_return, value))
    for owner in (torch, torch.amp, torch.amp.autocast_mode):
        vars(owner)["autocast"] = _Autocast
    vars(torch.amp)["GradScaler"] = _GradScaler
    torch.set_default_device = _defaulting_to_cpu(torch.set_default_device)
    torch.load = _loading_to_cpu(torch.load)
    torch.Generator = _Generator  # type: ignore[misc, assignment]
    DevicesOnCpu().__enter__()  # type: ignore[no-untyped-call]


class DevicesOnCpu(TorchFunctionMode):
    """Keeps on the CPU every tensor that would be made on a device that is not here or moved to one."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in MOVES:
            return args[0]
        if func is torch.Tensor.to:
            args = (args[0], *(CPU if _is_elsewhere(argument) else argument for argument in args[1:]))
        if not kwargs:
            return func(*args)
        if "pin_memory" in kwargs:
            kwargs = {name: value for name, value in kwargs.items() if name != "pin_memory"}
        if "device" in kwargs and _is_elsewhere(kwargs["device"]):
            kwargs = {**kwargs, "device": CPU}
        return func(*args, **kwargs)


def _is_elsewhere(value: Any) -> bool:
    """Whether a value names a device that is not here: as a device, as text, or by its bare number."""
    if isinstance(value, torch.device):
        return value.type not in HERE
    return value.partition(":")[0] in ELSEWHERE if isinstance(value, str) else type(value) is int


class _Autocast(torch.autocast):
    """Is switched off for a device that is not here: the CPU computes in full precision then."""

    def __init__(self, device_type: str, *args: Any, **kwargs: Any) -> None:
        if _is_elsewhere(device_type):
            super().__init__("cpu", enabled=False)
        else:
            super().__init__(device_type, *args, **kwargs)


class _GradScaler(torch.amp.GradScaler):
    """Is switched off for a device that is not here."""

    def __init__(self, device: str = "cuda", *args: Any, **kwargs: Any) -> None:
        if _is_elsewhere(device):
            super().__init__("cpu", enabled=False)
        else:
            super().__init__(device, *args, **kwargs)


class _AnyGenerator(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, torch._C.Generator)

    def __call__(cls, device: Any = None) -> torch._C.Generator:
        return torch._C.Generator(CPU if device is None or _is_elsewhere(device) else device)


class _Generator(metaclass=_AnyGenerator):
    """Stands for `torch.Generator`, whose constructor does not pass through a mode."""


def _without_workers(original: Callable[..., None]) -> Callable[..., None]:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def without_workers(*args: Any, **kwargs: Any) -> None:
        bound = signature.bind(*args, **kwargs)
        bound.arguments.update(ALONE)
        for name in ABOUT_WORKERS:
            bound.arguments.pop(name, None)
        loader, dataset = bound.arguments["self"], bound.arguments["dataset"]
        named = {name: value for name, value in bound.arguments.items() if name not in ("self", "dataset")}
        original(loader, dataset, **named)

    return without_workers


def _eager(model: Any = None, **options: Any) -> Any:
    """Stand for `torch.compile`, as a function and as a decorator with options."""
    return model if model is not None else (lambda function: function)


def _make_optimisers_without_compiler() -> None:
    """Let the methods of optimisers that torch excludes from compilation run as they are: nothing is compiled here.

    Their decorator would import the compiler in the first call (torch._compile._disable_dynamo, which looks for this
    attribute first): two seconds in every process that only makes an optimiser. A step imports it all the same.
    """
    for method in vars(torch.optim.Optimizer).values():
        if isinstance(method, types.FunctionType) and method.__code__.co_filename == torch._compile.__file__:
            method.__wrapped__.__dynamo_disable = method.__wrapped__  # type: ignore[attr-defined]


def _defaulting_to_cpu(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def set_default_device(device: Any) -> None:
        original("cpu" if _is_elsewhere(device) else device)

    return set_default_device


def _loading_to_cpu(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def load(file: Any, map_location: Any = None, *args: Any, **kwargs: Any) -> Any:
        return original(file, "cpu", *args, **kwargs)

    return load


def _do_nothing(*args: Any, **kwargs: Any) -> None:
    """Stand for a setting that is fixed here."""


def _return(value: Any, *args: Any, **kwargs: Any) -> Any:
    return value
