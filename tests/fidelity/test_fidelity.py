"""Every assignment has what its source has: the list of sections and guidance, and what the list itself must be."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from autograder.assignment import Item, Manifest, load_assignment, slugs
from tests.fidelity.lists import COMPARED, FOLDER, FidelityList, problems
from tests.templates import template_of

ROOT = Path(__file__).resolve().parents[2]


def students_texts(slug: str) -> dict[str, str]:
    """The text of every file of a template, by name; of a notebook, the sources of its cells."""
    texts = {}
    for name, data in template_of(slug).items():
        if name.endswith(".ipynb"):
            texts[name] = "\n".join(cell.source for cell in nbformat.reads(data.decode(), as_version=4).cells)
        elif "/" not in name:
            texts[name] = data.decode()
    return texts


@pytest.mark.parametrize("slug", slugs(ROOT))
def test_nothing_of_the_source_is_lost(slug: str) -> None:
    listed = FidelityList.read(FOLDER / f"{slug}.toml")
    assert problems(listed, load_assignment(ROOT, slug).manifest, students_texts(slug)) == []


# what a list must be, on a small one

HANDOUT = f"""# Gaussians

Train on a GPU, if you have
one.

## Problem 1 (3 points)

| item | points | what |
|---|---|---|
| `kl` | 2 | a number |
| `proof.a`, `proof.b` | 0.5 + 0.5 | why |

```
# no heading
```

## Problem 2 (4 + 2 points)

| item | points | what |
|---|---|---|
| `train` | 3 | measured |
| `train_report` | 1 | the figure |
| `more` | 2 extra | if you like |

{COMPARED}

The points of Problem 2 are divided in two. Figure 1 is left out.
"""
POINTS = {"kl": 2, "proof.a": 0.5, "proof.b": 0.5, "train": 3, "train_report": 1, "more": 2}
LIST = {
    "total": {"points": 7, "extra_credit": 2},
    "entries": [
        {"source": "1", "points": 3, "items": ["kl", "proof.*"], "handout": "## Problem 1 (3 points)"},
        {"source": "1 (KL)", "points": 2, "items": ["kl"], "handout": "| `kl` | 2 |"},
        {
            "source": "1 (proofs)",
            "points": 1,
            "items": ["proof.a", "proof.b"],
            "handout": "| 0.5 + 0.5 | why",
            "declared": "divided in two",
        },
        {
            "source": "2",
            "points": 4,
            "items": ["train", "train_report"],
            "handout": "measured | | `train_report`",
            "declared": "The points of Problem 2",
        },
        {"source": "2 (more)", "points": 2, "items": ["more"], "handout": "if you like"},
        {"source": "GPU", "handout": "if you have one."},
        {"source": "Figure 1", "reason": "it shows nothing", "declared": "Figure 1 is left out"},
    ],
    "ours": [
        {"handout": "# Gaussians", "reason": "a title"},
        {"handout": "## Problem 2 (4 + 2 points)", "reason": "x"},
    ],
}


def small(
    handout: str = HANDOUT, points: dict[str, float] | None = None, **changes: dict[str, object] | None
) -> list[str]:
    """The problems of the small list with some entries changed, by ``source``; None removes one."""
    manifest = Manifest(
        title="t",
        version="1",
        source="s",
        files={"required": ["one.py"]},
        items=tuple(
            Item(id=i, title=i, points=float(p), kind="manual", extra_credit=i == "more")
            for i, p in (points or POINTS).items()
        ),
    )
    entries = [
        entry | (changes.get(entry["source"]) or {})
        for entry in LIST["entries"]
        if changes.get(entry["source"], {}) is not None
    ]
    listed = FidelityList.model_validate({**LIST, "entries": entries})
    return problems(listed, manifest, {"handout.md": handout, "x.py": "# Train here: it is fast"})


def test_a_complete_list_has_no_problems() -> None:
    assert small() == []
    assert small(GPU={"handout": "it is fast", "file": "x.py"}) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"GPU": {"handout": ""}}, "'GPU': it has no place in the handout"),
        ({"Figure 1": {"declared": ""}}, "'Figure 1': it has no place in the handout"),
        ({"Figure 1": {"reason": ""}}, "'Figure 1': it has no place in the handout"),
        ({"Figure 1": {"declared": "Figure 2 is left out"}}, "does not say 'Figure 2 is left out'"),
        ({"Figure 1": {"declared": "Train on a GPU"}}, "does not say 'Train on a GPU'"),
        ({"GPU": {"handout": "on a TPU today"}}, "'GPU': handout.md has 'on a TPU today' 0 times"),
        ({"GPU": {"handout": "|---|---|---| |"}}, "is too short"),
        ({"GPU": {"handout": "| item | points | what"}}, "2 times"),
        ({"GPU": {"handout": "if you have one", "file": "y.py"}}, "students get no file 'y.py'"),
        ({"GPU": {"handout": "## GPUs"}}, "handout.md has no heading '## GPUs'"),
        ({"GPU": {"handout": "# no heading"}}, "handout.md has no heading"),
        ({"1 (KL)": {"points": 1}}, "'1 (KL)': points: the source gives 1, the manifest 2"),
        ({"1 (KL)": {"items": ["kk"]}}, "'1 (KL)': no item 'kk' in the manifest"),
        ({"1 (KL)": {"items": []}}, "'1 (KL)': it has points, and no items"),
        ({"1 (KL)": {"items": ["kl", "train"], "points": 5}}, "shares some items with '1', and each has others"),
        ({"1": {"items": ["kl"], "points": 2}}, "differ from `items` in proof.a, proof.b"),
        ({"1 (proofs)": {"declared": ""}}, "'1 (proofs)': its points are divided by us"),
        ({"1 (proofs)": {"declared": "", "points": None}, "1": {"declared": "x"}}, "does not say 'x'"),
        ({"1 (KL)": {"points": None}}, "'1': its points are divided by us"),
        ({"2 (more)": {"points": None}}, "'2 (more)': its points are divided by us"),
        ({"2 (more)": None}, "more occurs in no entry"),
        ({"GPU": {"source": "2"}}, "'2' is listed 2 times"),
    ],
)  # fmt: skip
def test_what_a_list_lacks_is_told(changes: dict[str, dict[str, object] | None], told: str) -> None:
    assert told in "\n".join(small(**changes))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("| `kl` | 2 |", "| `kl` | 3 |", "kl: the manifest gives 2 points, the handout's tables 3"),
        ("| `kl` | 2 |", "| `kl` | 3 |", "(3 points)': the heading gives 3 points, its tables 4"),
        ("| `kl` | 2 |", "| `kl` | 3 |", "in all, points: the source gives 7, the handout's tables 8"),
        ("| `kl` | 2 | a number |\n", "", "kl: the manifest gives 2 points, the handout's tables None"),
        ("| `train` |", "| `kl` | 2 | a number |\n| `train` |", "kl stands in 2 rows"),
        ("| `train` |", "| `new` | 0 | ours |\n| `train` |", "an item new that the manifest lacks"),
        ("2 extra", "1 extra", "in all, points of extra credit: the source gives 2, the handout's tables 1"),
        (f"{COMPARED}\n", "## More\n", "the section '## More' of the handout occurs in no entry"),
        (f"{COMPARED}\n", "", "the handout has no section"),
    ],
)
def test_what_a_handout_lacks_is_told(old: str, new: str, told: str) -> None:
    assert old in HANDOUT
    assert told in "\n".join(small(HANDOUT.replace(old, new)))


def test_what_the_manifest_gives_otherwise_is_told() -> None:
    told = "\n".join(small(points=POINTS | {"train": 2, "train_report": 2}))
    assert "train: the manifest gives 2 points, the handout's tables 3" in told
    assert "in all, points: the source gives 7, the manifest 8" in "\n".join(small(points=POINTS | {"train": 4}))
    assert "later occurs in no entry" in "\n".join(small(points=POINTS | {"later": 0}))


def test_a_row_that_cannot_be_read_stops_the_comparison() -> None:
    with pytest.raises(ValueError, match=r"line 11: '`proof.a`, `proof.b`' and '1' are not items with one number each"):
        small(HANDOUT.replace("0.5 + 0.5", "1"))
