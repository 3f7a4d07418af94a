"""Zips and the engine's wheel: same inputs, same bytes."""

from __future__ import annotations

import io
import tempfile
import tomllib
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from autograder.errors import UserError
from autograder.release.files import Tree
from autograder.source.junk import JUNK

# The first moment that a zip can hold; nothing in an archive may depend on the clock or on the checkout.
_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_FILE, _PROGRAM, _FOLDER = 0o100644, 0o100755, 0o040755


def zip_bytes(tree: Mapping[str, bytes], *, executable: Collection[str] = (), ordered: bool = False) -> bytes:
    """Return a zip of the files, sorted by name unless ``ordered``; stored, because deflate varies with its library.

    A name that ends with a slash is a folder's.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in tree if ordered else sorted(tree):
            info = zipfile.ZipInfo(name, _TIME)
            info.create_system = _UNIX
            mode = _FOLDER if name.endswith("/") else _PROGRAM if name in executable else _FILE
            info.external_attr = mode << 16
            archive.writestr(info, tree[name])
    return buffer.getvalue()


def unzip_bytes(data: bytes) -> Tree:
    """Return the files of a zip in its order."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}


def build_wheel(root: Path) -> tuple[str, bytes]:
    """Return name and bytes of the engine's wheel, built from the checkout at ``root``."""
    from hatchling.builders.wheel import WheelBuilder

    try:
        config: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{root}: no pyproject.toml here; build in a checkout of the project") from None
    hatch = config.setdefault("tool", {}).setdefault("hatch", {}).setdefault("build", {})
    hatch["exclude"] = [*hatch.get("exclude", []), *(pattern.replace("#", r"\#", 1) for pattern in JUNK)]
    with tempfile.TemporaryDirectory() as folder:
        builder = WheelBuilder(str(root), config=config)
        wheel = Path(next(builder.build(directory=folder, versions=["standard"])))
        # Packed again, so that neither SOURCE_DATE_EPOCH nor the modes of the checkout show.
        return wheel.name, zip_bytes(unzip_bytes(wheel.read_bytes()), ordered=True)
