"""A tiny assignment for the tests of the platform."""

from __future__ import annotations

from pathlib import Path

from autograder.assignment import Assignment, Manifest


def toy_assignment(*, preload: tuple[str, ...] = ("torchvision", "json")) -> Assignment:
    """Return an assignment of two automatic items and one that people grade."""
    manifest = Manifest.model_validate(
        {
            "title": "Toy",
            "version": "1",
            "source": "nowhere",
            "files": {"required": ("toy.py",), "preload": preload},
            "items": (
                {"id": "toy.double", "title": "Twice", "points": 2, "kind": "auto", "file": "toy.py"},
                {"id": "toy.half", "title": "Half", "points": 1, "kind": "auto", "file": "toy.py"},
                {"id": "report", "title": "Report", "points": 3, "kind": "manual"},
            ),
        }
    )
    return Assignment("toy", Path("assignments/toy"), manifest)
