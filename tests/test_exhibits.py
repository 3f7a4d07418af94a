"""Pictures as plain numbers: complete, bounded, and the same after a round through JSON."""

from __future__ import annotations

import numpy as np
import pytest

from autograder.exhibits import MAX_PIXELS, Bars, Curves, Exhibit, ExhibitKind, Images, Note, Series


def test_exhibits_survive_json() -> None:
    grid = Images.of({name: np.full((3, 4, 5, 3), value, np.uint8) for name, value in (("data", 200), ("model", 7))})
    curve = Curves(series=(Series(name="loss", values=(1.0, float("inf"), 0.5)),), x="step", threshold=0.7)
    bars = Bars(names=("with", "without"), values=(1.0, 0.0))
    kinds = {ExhibitKind.IMAGES: grid, ExhibitKind.CURVE: curve, ExhibitKind.BARS: bars}
    for kind, data in (kinds | {ExhibitKind.NOTE: Note(text="costs nothing")}).items():
        exhibit = Exhibit(title="seen", data=data)
        assert Exhibit.model_validate_json(exhibit.model_dump_json()) == exhibit
        assert exhibit.kind is kind


def test_a_grid_is_complete_and_bounded() -> None:
    with pytest.raises(ValueError, match="59 bytes for 20 pixels"):
        Images(rows=("a",), columns=1, height=4, width=5, pixels=bytes(59))
    with pytest.raises(ValueError, match="show fewer images"):
        Images(rows=("a",), columns=MAX_PIXELS + 1, height=1, width=1, pixels=b"")
    with pytest.raises(ValueError, match="one shape"):
        Images.of({"a": np.zeros((1, 2, 2, 3), np.uint8), "b": np.zeros((2, 2, 2, 3), np.uint8)})
    with pytest.raises(ValueError, match="in uint8"):
        Images.of({"a": np.zeros((1, 2, 2, 3), np.float32)})


def test_every_bar_has_a_name() -> None:
    with pytest.raises(ValueError, match="2 names for 1 bars"):
        Bars(names=("a", "b"), values=(1.0,))
