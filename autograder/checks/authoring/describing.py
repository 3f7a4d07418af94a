"""Short, deterministic words for values: in full where that is readable, summarised where it is not.

No text made here holds an address, depends on print options or the locale, or calls into a foreign object: an unknown
value is named by its type alone, because its own `repr`, `len` or `bool` may raise or lie.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch

from autograder.sandbox.trusted.remote import is_ellipsis, is_remote, kind_of_remote

MAX_NUMBERS = 32  # a tensor with more entries than this is summarised
MAX_ENTRIES = 8  # of a list, a tuple or a dictionary
MAX_TEXT = 60  # characters of a string
MAX_DEPTH = 3
_FIRST = 4  # entries of a long tensor that are shown
_PART = 2**20  # entries that are averaged at once
_PRECISION = 6  # significant digits: what a float32 reliably has


def describe(value: object) -> str:
    """Return one line (more for small matrices) that says what ``value`` is; never raises, never runs its code."""
    return _describe(value, MAX_DEPTH)


def describe_number(value: complex) -> str:
    """Return six significant digits, whole numbers without a fraction."""
    if isinstance(value, complex):
        return f"{value:.{_PRECISION}g}"
    if isinstance(value, (bool, int)):
        return str(value)
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return f"{value:.{_PRECISION}g}"


def describe_shape(shape: tuple[int, ...]) -> str:
    """Return ``(8, 3)``, ``(8,)`` or, for a tensor without dimensions, ``()``."""
    return str(tuple(int(size) for size in shape))


def describe_type(value: object) -> str:
    """Return ``a number``, ``a tuple of 3 values``, ``a NumPy array of shape (2,)`` and the like: what, not which."""
    if value is None:
        return "None"
    if is_remote(value):
        return "`...`" if is_ellipsis(value) else _with_article(kind_of_remote(value) or "object")
    if isinstance(value, torch.Tensor):
        return _with_article(f"{describe_dtype(value.dtype)} tensor of shape {describe_shape(value.shape)}")
    if isinstance(value, np.ndarray):
        return f"a NumPy array of shape {describe_shape(value.shape)}"
    kind = type(value)
    if kind in (bool, int, float, complex):
        return f"the {kind.__name__} {_describe(value, 0)}"
    if kind in (tuple, list, dict):
        return f"a {kind.__name__} of {len(value)} values"  # type: ignore[arg-type]
    return _with_article(kind.__name__)


def describe_dtype(dtype: torch.dtype) -> str:
    """Return ``float32`` for `torch.float32`."""
    return str(dtype).removeprefix("torch.")


def _with_article(noun: str) -> str:
    return f"an {noun}" if noun[:1].lower() in tuple("aeio") else f"a {noun}"


def _describe(value: object, depth: int) -> str:
    kind = type(value)
    if is_remote(value):
        return repr(value)
    if isinstance(value, torch.Tensor):
        return _describe_tensor(value)
    if isinstance(value, np.ndarray):
        return _describe_array(value)
    if isinstance(value, np.generic):
        return f"NumPy {_describe(value.item(), 0)}"
    if value is None or kind is bool or isinstance(value, (torch.dtype, torch.device)):
        return str(value)
    if kind in (int, float, complex):
        return describe_number(value)  # type: ignore[arg-type]
    if kind is str:
        return repr(value if len(value) <= MAX_TEXT else value[: MAX_TEXT - 3] + "...")  # type: ignore[arg-type, index]
    if kind in (tuple, list, dict) or dataclasses.is_dataclass(kind):
        return _describe_parts(value, depth)
    return f"<{kind.__name__}>"


def _describe_parts(value: object, depth: int) -> str:
    if depth == 0:
        return "..."
    if isinstance(value, dict):
        pairs = [f"{_describe(k, 0)}: {_describe(v, depth - 1)}" for k, v in list(value.items())[:MAX_ENTRIES]]
        return "{" + _joined(pairs, len(value)) + "}"
    if isinstance(value, (tuple, list)):
        body = _joined([_describe(entry, depth - 1) for entry in value[:MAX_ENTRIES]], len(value))
        if isinstance(value, list):
            return f"[{body}]"
        return f"({body},)" if len(value) == 1 else f"({body})"
    fields = dataclasses.fields(value)  # type: ignore[arg-type]
    shown = [f"{f.name}={_describe(getattr(value, f.name, None), depth - 1)}" for f in fields if f.repr]
    return f"{type(value).__name__}({', '.join(shown)})"


def _joined(shown: list[str], count: int) -> str:
    more = [f"... {count - len(shown)} more"] if count > len(shown) else []
    return ", ".join(shown + more)


def _describe_array(array: np.ndarray) -> str:
    if array.dtype.kind not in "fiub":
        return f"NumPy {array.dtype.name} array {describe_shape(array.shape)}"
    return "NumPy " + _describe_tensor(torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("="))))


def _describe_tensor(tensor: torch.Tensor) -> str:
    head = f"{describe_dtype(tensor.dtype)} tensor {describe_shape(tensor.shape)}"
    if tensor.layout is not torch.strided or tensor.is_meta or tensor.is_quantized or tensor.numel() == 0:
        return head
    values = tensor.detach().cpu()
    if values.numel() <= MAX_NUMBERS:
        return f"{head} {_nested(values.tolist())}"
    first = ", ".join(describe_number(entry) for entry in values.flatten()[:_FIRST].tolist())
    if values.dtype is torch.bool or values.is_complex():
        return f"{head} [{first}, ...]"
    # in parts: a float64 copy of the whole would be eight times what a submission sent, if those are bytes
    sums = [float(part.double().sum()) for part in torch.split(values.flatten(), _PART)]
    mean_value = sum(sums) / values.numel()
    low, mean, high = (describe_number(float(x)) for x in (values.min(), mean_value, values.max()))
    return f"{head} [{first}, ...], smallest {low}, mean {mean}, largest {high}"


def _nested(values: object) -> str:
    if isinstance(values, list):
        return "[" + ", ".join(_nested(entry) for entry in values) + "]"
    return describe_number(values)  # type: ignore[arg-type]
