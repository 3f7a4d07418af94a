"""A misconception gets its hint however it is written: in equal forms, in other codings, and never a wrong one."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from autograder.errors import UserError
from autograder.mutants import apply
from autograder.references import as_text
from tests.hints.recognition import Recogniser

pytestmark = pytest.mark.thorough

SLUGS = ("csci1051_ps3", "ift6135_a3", "mit67960_hw5", "mit6s978_ps1", "nyu2271_a3")
PLANTINGS = tomllib.loads((Path(__file__).parent / "plantings.toml").read_text(encoding="utf-8"))["places"]
RECOGNISED = 0.9
"""Part of the wrong forms that must get their hint."""


@pytest.fixture(scope="module")
def recogniser(request, tmp_path_factory) -> Recogniser:
    return Recogniser(request.param, tmp_path_factory.mktemp("recognition"))


def assert_recognised(found: dict[tuple[str, str], str]) -> None:
    """``found``: the hint that each form of a mistake got, by the mistake and the form."""
    wrong = {key: hint for key, hint in found.items() if hint not in ("", key[0])}
    silent = [key for key, hint in found.items() if not hint]
    print(f"{len(found) - len(wrong) - len(silent)} of {len(found)} recognised, {len(wrong)} wrong; none: {silent}")
    assert found and not wrong, wrong
    assert len(silent) <= (1 - RECOGNISED) * len(found), silent


def forms_of(recogniser: Recogniser, step: int) -> dict[tuple[str, str], str]:
    found = {}
    for mutant in recogniser.mutants()[::step]:
        file = as_text(recogniser.item(mutant).file or "")
        for name, text in recogniser.forms(mutant).items():
            found[mutant.id, name] = recogniser.graded(mutant.item, file, text).hint
    return found


@pytest.mark.parametrize("recogniser", ["nyu2271_a3"], indirect=True)
def test_equal_forms_get_the_same_hint(recogniser):
    assert_recognised(forms_of(recogniser, step=30))


@pytest.mark.slow
@pytest.mark.parametrize("recogniser", SLUGS, indirect=True)
def test_all_equal_forms_get_the_same_hint(recogniser):
    assert_recognised(forms_of(recogniser, step=1))


def planted(recogniser: Recogniser, places: list[dict[str, Any]]) -> Iterator[tuple[str, str, str, str]]:
    for place in places:
        path = recogniser.assignment.folder / "alternatives" / place["file"]
        for mutant, new in place["new"].items():
            text = path.read_text(encoding="utf-8").replace(place["old"], new, 1)
            assert place["old"] in path.read_text(encoding="utf-8"), place
            yield place["item"], mutant, place["file"], text


@pytest.mark.parametrize("recogniser", ["nyu2271_a3"], indirect=True)
def test_a_mistake_in_another_right_coding_gets_its_hint(recogniser):
    assert_recognised(hints_of_planted(recogniser, items=("diffusion.p_sample", "vae.reparametrize")))


@pytest.mark.slow
def test_all_mistakes_in_other_right_codings_get_their_hints(tmp_path_factory):
    found = {}
    for slug in sorted({place["assignment"] for place in PLANTINGS}):
        found.update(hints_of_planted(Recogniser(slug, tmp_path_factory.mktemp("recognition"))))
    assert_recognised(found)


def hints_of_planted(recogniser: Recogniser, items: tuple[str, ...] = ()) -> dict[tuple[str, str], str]:
    mine = [place for place in PLANTINGS if place["assignment"] == recogniser.assignment.slug]
    mine = [place for place in mine if not items or place["item"] in items]
    return {
        (mutant, file): recogniser.graded(item, Path(file).name, text).hint
        for item, mutant, file, text in planted(recogniser, mine)
    }


UNCLAMPED = """
        alphas = cosine_schedule(self.num_timesteps)
        bar = torch.cumprod(alphas, dim=0)
        before = torch.cat([torch.ones(1), bar[:-1]])
        at = lambda table: extract(table, t, x.shape)
"""
FORMS = {
    "of the noise": """
        mean = at(alphas.rsqrt()) * (x - at((1 - alphas) / (1 - bar).sqrt()) * self.model(x, t))
""",
    "by division": """
        x_start = (x - at((1 - bar) ** 0.5) * self.model(x, t)) / at(bar**0.5)
        mean = (at(before**0.5) * at(1 - alphas) * x_start + at(alphas**0.5) * (1 - at(before)) * x) / (1 - at(bar))
""",
    "in float64": """
        bar, before, alphas = bar.double(), before.double(), alphas.double()
        x_start = x / at(bar).sqrt() - (1 / at(bar) - 1).sqrt() * self.model(x, t)
        mean = at(before.sqrt() * (1 - alphas) / (1 - bar)) * x_start
        mean = (mean + at(alphas.sqrt() * (1 - before) / (1 - bar)) * x).float()
""",
}


@pytest.mark.parametrize("recogniser", ["nyu2271_a3"], indirect=True)
@pytest.mark.parametrize("form", FORMS)
def test_roundings_that_the_formula_amplifies_are_no_other_mistake(recogniser, form):
    """Without the clamp, x_0 is a difference of numbers that are a hundred times as large at the noisy end."""
    mutant = next(mutant for mutant in recogniser.mutants() if mutant.id == "p-sample-start-not-clamped")
    text = (recogniser.assignment.reference / "diffusion.py").read_text(encoding="utf-8")
    start = text.index("        predicted_noise = self.model(x, t)")
    end = text.index("        if t_index == 0:")
    text = text[:start] + UNCLAMPED.lstrip("\n") + FORMS[form].lstrip("\n") + text[end:]
    assert recogniser.graded(mutant.item, "diffusion.py", text).hint == mutant.id


def wrong_hints_of_pairs(recogniser: Recogniser, step: int) -> list[tuple[str, str, str]]:
    """Put two mistakes of one item into one text; return the pairs whose hint is that of a third, with it."""
    mutants = recogniser.mutants()
    pairs = [(a, b) for a, b in combinations(mutants, 2) if a.item == b.item][::step]
    wrong, shown, tried = [], 0, 0
    for one, other in pairs:
        file, text = recogniser.catalogue.source(one)
        try:
            text = apply(other.replacements, text, where="both")
        except UserError:
            continue  # they are in the same place
        hint = recogniser.graded(one.item, file, text).hint
        tried, shown = tried + 1, shown + bool(hint)
        if hint not in ("", one.id, other.id):
            wrong.append((one.id, other.id, hint))
    print(f"{tried} pairs, {shown} with a hint")
    assert tried
    return wrong


@pytest.mark.slow
@pytest.mark.parametrize("recogniser", ["nyu2271_a3"], indirect=True)
def test_two_mistakes_get_no_wrong_hint(recogniser):
    assert wrong_hints_of_pairs(recogniser, step=60) == []


@pytest.mark.slow
@pytest.mark.parametrize("recogniser", SLUGS, indirect=True)
def test_many_pairs_of_mistakes_get_no_wrong_hint(recogniser):
    assert wrong_hints_of_pairs(recogniser, step=11) == []
