"""Words for items: ids, groups, patterns, files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.assignment import Manifest
from autograder.errors import UserError
from autograder.selection import selected_items

IDS = {"vae.kl": "vae.py", "vae.kl.mean": "vae.py", "vae.nll": "sub/vae.py", "ddpm.t": "ddpm.ipynb", "vaex.a": None}
MANIFEST = Manifest.model_validate(
    {
        "title": "t",
        "version": "1",
        "source": "s",
        "files": {"required": ["vae.py", "sub/vae2.py", "ddpm.ipynb"]},
        "items": [
            {"id": name, "title": name, "points": 1, "kind": "manual", **({"file": file} if file else {})}
            for name, file in {**IDS, "vae.nll": "sub/vae2.py"}.items()
        ],
    }
)


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("vae.kl", {"vae.kl", "vae.kl.mean"}),
        ("vae.nll", {"vae.nll"}),
        ("vae", {"vae.kl", "vae.kl.mean", "vae.nll"}),
        ("vae*", {"vae.kl", "vae.kl.mean", "vae.nll", "vaex.a"}),
        ("*.[kt]*", {"vae.kl", "vae.kl.mean", "ddpm.t"}),
        ("vae.py", {"vae.kl", "vae.kl.mean"}),
        ("./vae.py", {"vae.kl", "vae.kl.mean"}),
        ("sub/vae2.py", {"vae.nll"}),
        ("vae2.py", {"vae.nll"}),
        ("ddpm.ipynb", {"ddpm.t"}),
    ],
)
def test_each_kind_of_word_names_its_items(word: str, found: set[str]) -> None:
    assert selected_items(MANIFEST, [word]) == found


def test_words_add_up_and_no_words_choose_nothing() -> None:
    assert selected_items(MANIFEST, ["vae.nll", "ddpm"]) == {"vae.nll", "ddpm.t"}
    assert selected_items(MANIFEST, []) == frozenset()


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("vae.lk", 'did you mean "vae.kl"?'),
        ("ddmp", 'did you mean "ddpm"?'),
        ("vea.py", 'did you mean "vae.py"?'),
        ("w*", "matches 'w*'"),
        ("", "no item ''"),
        (".", "no item '.'"),
    ],
)
def test_a_word_that_names_none_is_told(word: str, told: str) -> None:
    with pytest.raises(UserError) as error:
        selected_items(MANIFEST, ["vae", word])
    assert told in str(error.value)


@given(st.text(max_size=12) | st.text("vaekl.*[]?/\\", max_size=12))
def test_any_word_is_answered_with_items_or_one_line(word: str) -> None:
    try:
        found = selected_items(MANIFEST, [word])
    except UserError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert found and found <= IDS.keys()
