"""Images in Gradescope's output: only where they fit, never without the text, and with inert text around them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from autograder.exhibits import Curves, Exhibit, Images, Series
from autograder.platforms.gradescope.inline_images import HTML_LIMIT
from autograder.platforms.gradescope.results_json import ALL_PICTURES_LIMIT, results_dict, write_results
from autograder.platforms.gradescope.validate import validate_results
from autograder.results import Failure, GradingResult, Outcome
from tests.reports.samples import check, item, sample

MARKUP = "<script>x</script>&<b>"


def noise(size: int, columns: int = 8) -> Images:
    """Return images that no PNG makes smaller."""
    draw = np.random.default_rng(0)
    shape = (columns, size, size, 3)
    return Images.of({name: draw.integers(0, 256, shape, np.uint8) for name in ("held out", "yours <b>")})


def graded(*data: Images | Curves, public: bool = True, items: int = 1) -> GradingResult:
    """Return a grading of items that failed, with these exhibits in each."""
    exhibits = tuple(Exhibit(title="Reconstructions", data=each) for each in data)
    failed = check(Outcome.FAIL, public=public, failure=Failure(summary=MARKUP), exhibits=exhibits)
    return sample(items=tuple(item(f"vae.i{n}", Outcome.FAIL, 0, 2, checks=(failed,)) for n in range(items)))


def test_images_that_fit_are_shown_below_the_text(tmp_path: Path) -> None:
    data = results_dict(graded(noise(16)))
    (test,) = data["tests"]
    assert test["output_format"] == "html" and len(test["output"]) < HTML_LIMIT
    assert test["output"].count('<img src="data:image/png;base64,') == 2
    assert MARKUP not in test["output"] and "&lt;script&gt;x" in test["output"] and "yours &lt;b&gt;" in test["output"]
    assert "Reconstructions: 8 images in each row; rows: held out" in test["output"]
    write_results(tmp_path / "results.json", data)
    assert validate_results(tmp_path / "results.json") == []


def test_images_that_do_not_fit_are_named_in_the_text() -> None:
    (test,) = results_dict(graded(noise(64)))["tests"]
    assert "output_format" not in test and "<img" not in test["output"] and MARKUP in test["output"]
    assert "Reconstructions: 8 images in each row" in test["output"]


def test_curves_are_told() -> None:
    (test,) = results_dict(graded(Curves(series=(Series(name="loss", values=(3.0, 2.0, 1.0)),))))["tests"]
    assert "Reconstructions: loss 3 → 1, least 1 █" in test["output"] and "output_format" not in test


def test_what_a_hidden_check_saw_is_not_told() -> None:
    (test,) = results_dict(graded(noise(8), public=False))["tests"]
    assert "Reconstructions" not in test["output"] and "<img" not in test["output"]


def test_all_pictures_together_are_bounded() -> None:
    tests = results_dict(graded(noise(32, columns=6), items=12))["tests"]
    pages = [test["output"] for test in tests if test.get("output_format") == "html"]
    assert 0 < len(pages) < 12
    assert sum(map(len, pages)) < ALL_PICTURES_LIMIT + 12 * 1_000
