"""Huge pages for the memory that every worker inherits: a fork copies one entry for each, and not 512.

No kept package covers it; ``madvise(2)`` says what MADV_COLLAPSE does (Linux 6.1+). Where the kernel does not know it,
nothing changes.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Iterator
from pathlib import Path

MADV_COLLAPSE = 25
SIZE_FILE = Path("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
FILLED = 0.9
"""Part of a mapping that must be in memory: an empty page of it would take up room from then on."""
MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) rw-p [0-9a-f]+ [0-9a-f:]+ 0 *(\[heap\])?$")


def collapse() -> int:
    """Put private memory of this process into huge pages as far as it fills them; return how many bytes went."""
    done = 0
    with contextlib.suppress(OSError, ValueError, AttributeError):
        size = int(SIZE_FILE.read_text(encoding="ascii"))
        libc = ctypes.CDLL(None)
        for start, end in _filled_mappings():
            for place in range(-(-start // size) * size, end - size + 1, size):
                advised = libc.madvise(ctypes.c_void_p(place), ctypes.c_size_t(size), MADV_COLLAPSE)
                done += size if advised == 0 else 0
    return done


def _filled_mappings() -> Iterator[tuple[int, int]]:
    found: tuple[int, int] | None = None
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8", errors="replace").splitlines():
        if line[0] in "0123456789abcdef":
            mapping = MAPPING.match(line)
            found = None if mapping is None else (int(mapping[1], 16), int(mapping[2], 16))
        elif line.startswith("Rss:") and found is not None:
            if 1024 * int(line.split()[1]) >= FILLED * (found[1] - found[0]):
                yield found
            found = None
