from __future__ import annotations

import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from autograder.assignment import Item, Kind, read_manifest
from autograder.release.projection import PUBLIC_KEYS, project
from tests.release.course import MANIFEST, TOML

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def test_students_read_the_manifest_that_the_instructor_wrote(tmp_path: Path) -> None:
    path = tmp_path / "assignment.toml"
    path.write_text(f"# a private note\n{TOML}")
    manifest = read_manifest(path)
    text = project(manifest)
    path.write_text(text)
    assert read_manifest(path) == manifest
    assert "private note" not in text


def test_keys_that_are_not_listed_stay_with_the_instructor() -> None:
    item = Item.model_construct(**MANIFEST.items[0].model_dump(), answer="secret")
    item.__pydantic_fields_set__.add("answer")
    assert "blanks" in project(MANIFEST) and "answer" not in PUBLIC_KEYS["items"]
    text = project(MANIFEST.model_copy(update={"items": (item,)}))
    assert "secret" not in text and tomllib.loads(text)["items"][0]["id"] == "vae.kl"


def test_students_read_which_concepts_their_checks_apply() -> None:
    named = {"reparameterization": 1, "noise_schedule": 2}
    assert tomllib.loads(project(MANIFEST.model_copy(update={"concepts": named})))["concepts"] == named


@given(title=TEXT, points=st.floats(0, 1e6, allow_nan=False))
def test_any_title_and_any_points_survive(title: str, points: float) -> None:
    item = Item(id="a", title=title, points=points, kind=Kind.MANUAL)
    manifest = MANIFEST.model_copy(update={"title": title, "items": (item,)})
    data = tomllib.loads(project(manifest))
    assert (data["title"], data["items"][0]["title"], data["items"][0]["points"]) == (title, title, points)
