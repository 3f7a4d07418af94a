"""Names of the devices that no worker has."""

from __future__ import annotations

import re

ELSEWHERE = frozenset(
    ("cuda", "mps", "xpu", "hip", "hpu", "mtia", "xla", "npu", "ipu", "ve", "vulkan", "maia", "privateuseone")
)
"""The other kinds that torch knows by name; no worker has one."""
_DEVICE_WORD = re.compile(rf"\b({'|'.join(sorted(ELSEWHERE))}|accelerator)\b|cuda")


def names_devices(source: str) -> bool:
    """Whether a source may name a device that is not here."""
    return _DEVICE_WORD.search(source) is not None
