"""Plain values and tensors as JSON trees with raw bytes: the whole vocabulary that crosses the wire.

Scalars stand for themselves; everything else is a list whose first entry is a tag:
``["t", ...]`` tuple, ``["l", ...]`` list, ``["d", [key, value], ...]`` dict, ``["f", "nan"]`` float that JSON lacks,
``["T", dtype, shape, offset, info]`` tensor, ``["A", dtype, shape, offset]`` numpy array, ``["k", kind, name]`` dtype
or device, ``["o", handle, type]`` an object that stays where it is, ``["L", number]`` a leaf sent before,
``["R", base, path]`` a reference to something in the worker.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from autograder.sandbox.shared.wire import Misbehaved

DTYPES: dict[str, torch.dtype] = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
        torch.int8, torch.uint8, torch.bool, torch.complex64, torch.complex128,
    )
}  # fmt: skip
ARRAY_DTYPES = frozenset(
    {"float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"}
)
MAX_DEPTH = 16
MAX_NODES = 200_000
MAX_DIMENSIONS = 12
MAX_INTEGER_BITS = 14_000
"""Python refuses to print integers of more than 4300 digits."""


@dataclass(frozen=True)
class TensorInfo:
    """What a tensor that came from a worker remembers; kept on it as the attribute ``remote``."""

    handle: int
    session: Any
    requires_grad: bool
    device: str
    plain: bool


class Encoder:
    """Turns values into a tree and a list of buffers; ``special`` gets the first word on every value."""

    def __init__(self, special: Callable[[Any, Encoder], Any] | None = None) -> None:
        self.buffers: list[memoryview] = []
        self._offset = 0
        self._special = special

    def encode(self, value: Any, depth: int = 0) -> Any:
        """Return the tree of a value; what has no plain form raises `TypeError`."""
        if depth > MAX_DEPTH:
            raise TypeError(f"nested deeper than {MAX_DEPTH}")
        if self._special is not None and (tree := self._special(value, self)) is not None:
            return tree
        kind = type(value)
        if value is None or kind in (bool, str):
            return value
        if kind is int:
            return value if -(2**63) <= value < 2**64 else self._big_integer(value)
        if kind is float:
            return value if math.isfinite(value) else ["f", repr(value)]
        if isinstance(value, torch.Tensor):
            return self.tensor(value, None)
        if isinstance(value, (np.ndarray, np.generic)):
            return self.array(np.asarray(value))
        if isinstance(value, (tuple, list)):
            tag = "t" if isinstance(value, tuple) else "l"
            return [tag, *[self.encode(entry, depth + 1) for entry in value]]
        if kind is dict:
            return ["d", *[[self.encode(k, depth + 1), self.encode(v, depth + 1)] for k, v in value.items()]]
        if isinstance(value, torch.dtype):
            return ["k", "dtype", str(value).removeprefix("torch.")]
        if isinstance(value, torch.device):
            return ["k", "device", str(value)]
        raise TypeError(f"a {kind.__name__} has no plain form")

    def tensor(self, value: torch.Tensor, info: Any) -> Any:
        """Return the tree of a tensor's values, moved to the CPU."""
        name = str(value.dtype).removeprefix("torch.")
        if name not in DTYPES or value.layout is not torch.strided:
            raise TypeError(f"a tensor of {name}, {value.layout} has no plain form")
        dense = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
        # a tensor of one entry counts as contiguous whatever its strides are, but cannot be viewed as bytes
        flat = dense.as_strided((dense.numel(),), (1,)).view(torch.uint8)
        return ["T", name, list(value.shape), self._add(_view(flat.numpy())), info]

    def array(self, value: np.ndarray) -> Any:
        """Return the tree of a numpy array of numbers."""
        name = value.dtype.name
        if name not in ARRAY_DTYPES:
            raise TypeError(f"a numpy array of {name} has no plain form")
        flat: np.ndarray[Any, Any] = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
        return ["A", name, list(value.shape), self._add(_view(flat))]

    @staticmethod
    def _big_integer(value: int) -> Any:
        if value.bit_length() > MAX_INTEGER_BITS:
            raise TypeError(f"an integer of {value.bit_length()} bits has no plain form")
        return ["i", hex(value)]

    def _add(self, buffer: memoryview) -> int:
        offset = self._offset
        self.buffers.append(buffer)
        self._offset += buffer.nbytes
        return offset


def _view(flat: np.ndarray[Any, Any]) -> memoryview:
    return flat.data


class Decoder:
    """Turns a tree and its payload into values; anything out of order raises `Misbehaved`, before it is allocated."""

    def __init__(
        self,
        payload: bytearray | bytes,
        special: Callable[[list[Any], Decoder], Any] | None = None,
        tensor: Callable[[torch.Tensor, Any], torch.Tensor] | None = None,
    ) -> None:
        self._payload = payload if isinstance(payload, bytearray) else bytearray(payload)
        self._nodes = 0
        self._used = 0
        self._special = special
        self._tensor = tensor

    def decode(self, tree: Any, depth: int = 0) -> Any:
        """Return the value of a tree."""
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise Misbehaved("a value is nested too deep or has too many parts")
        if tree is None or isinstance(tree, (bool, int, float, str)):
            return tree
        if not isinstance(tree, list) or not tree or not isinstance(tree[0], str):
            raise Misbehaved("a value has no tag")
        tag, *rest = tree
        if tag == "T" and len(rest) == 4:
            return self._decode_tensor(*rest)
        if tag == "t":
            return tuple(self.decode(entry, depth + 1) for entry in rest)
        if tag == "l":
            return [self.decode(entry, depth + 1) for entry in rest]
        if tag == "d":
            return {self._key(pair, depth): self.decode(pair[1], depth + 1) for pair in rest}
        if tag == "f" and rest in (["nan"], ["inf"], ["-inf"]):
            return float(rest[0])
        if tag == "i" and len(rest) == 1 and isinstance(rest[0], str):
            return self._big_integer(rest[0])
        if tag == "A" and len(rest) == 3:
            return self._decode_array(*rest)
        if tag == "k" and len(rest) == 2 and all(isinstance(part, str) for part in rest):
            return self._named(*rest)
        if self._special is not None:
            return self._special(tree, self)
        raise Misbehaved(f"a value has the unknown tag {tag[:20]!r}")

    def _key(self, pair: Any, depth: int) -> Any:
        if not isinstance(pair, list) or len(pair) != 2:
            raise Misbehaved("a dictionary's entry is not a pair")
        key = self.decode(pair[0], depth + 1)
        if not isinstance(key, (str, int, float, bool, type(None))):
            raise Misbehaved("a dictionary's key is not a plain scalar")
        if isinstance(key, int) and not -(2**63) <= key < 2**64:  # multiples of 2**61 - 1 all have the hash 0
            raise Misbehaved("a dictionary's key is too large")
        return key

    @staticmethod
    def _big_integer(text: str) -> int:
        try:
            value = int(text, 16)
        except ValueError:
            raise Misbehaved("not an integer") from None
        if value.bit_length() > MAX_INTEGER_BITS:
            raise Misbehaved("not an integer that can be printed")
        return value

    @staticmethod
    def _named(kind: str, name: str) -> torch.dtype | torch.device:
        if kind == "dtype" and name in DTYPES:
            return DTYPES[name]
        if kind == "device" and len(name) < 20:
            try:
                return torch.device(name)
            except RuntimeError:
                pass
        raise Misbehaved("neither a dtype nor a device")

    def _bytes(self, shape: Any, offset: Any, itemsize: int) -> tuple[list[int], int, int]:
        if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS or type(offset) is not int or offset < 0:
            raise Misbehaved("a tensor's shape or offset is not plain")
        if not all(type(length) is int and 0 <= length <= 2**40 for length in shape):
            raise Misbehaved("a tensor's shape is not plain")
        count = math.prod(shape)
        if offset + count * itemsize > len(self._payload):
            raise Misbehaved("a tensor is larger than its frame")
        self._used += count * itemsize  # a few bytes referred to again and again would become gigabytes
        if self._used > len(self._payload):
            raise Misbehaved("the tensors have more bytes than the frame holds")
        return shape, count, offset

    def _decode_tensor(self, name: Any, shape: Any, offset: Any, info: Any) -> torch.Tensor:
        dtype = DTYPES.get(name) if isinstance(name, str) else None
        if dtype is None:
            raise Misbehaved("a tensor has an unknown dtype")
        shape, count, offset = self._bytes(shape, offset, dtype.itemsize)
        if count == 0:
            try:
                value = torch.empty(shape, dtype=dtype)
            except RuntimeError:
                raise Misbehaved("a tensor's shape overflows") from None
        else:
            raw = self._payload[offset : offset + count * dtype.itemsize]
            if dtype is torch.bool:  # any byte but 0 and 1 is undefined behaviour
                value = torch.frombuffer(raw, dtype=torch.uint8).ne(0).reshape(shape)
            else:
                value = torch.frombuffer(raw, dtype=dtype).reshape(shape)
        return value if self._tensor is None else self._tensor(value, info)

    def _decode_array(self, name: Any, shape: Any, offset: Any) -> np.ndarray:
        if not isinstance(name, str) or name not in ARRAY_DTYPES:
            raise Misbehaved("an array has an unknown dtype")
        dtype = np.dtype(name)
        shape, count, offset = self._bytes(shape, offset, dtype.itemsize)
        raw = bytes(self._payload[offset : offset + count * dtype.itemsize])
        try:
            return np.frombuffer(raw, dtype=dtype).reshape(shape)
        except ValueError:
            raise Misbehaved("an array's shape overflows") from None
