"""The real zip on the emulated platform: strict walls, own deadline, results that the platform accepts."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from autograder.assignment import PROOFS
from autograder.platforms.gradescope.validate import is_warning, validate_results
from tests.concepts.searching import FIRST_LINE, NOTHING, modules_of, searching
from tests.end_to_end.conftest import ROOT, SLUG
from tests.end_to_end.harness import Gradescope, Run, Verdict, why_not

pytestmark = [pytest.mark.thorough, pytest.mark.skipif(bool(why_not()), reason=why_not())]
FILES = ("vae_solution.py", "ddpm_solution.py", "q3_solution.py")


@pytest.fixture(scope="module")
def platform(release: Path, wheel_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Gradescope:
    bundle = (release / f"{SLUG}_gradescope.zip").read_bytes()
    platform = Gradescope(tmp_path_factory.mktemp("platform"), bundle)
    # The environment's Python may lie where only its owner can read it.
    ready = {"AUTOGRADER_ENVIRONMENT": str(wheel_environment), "AUTOGRADER_PRIVATE_USER": "optional"}
    built = platform.setup(ready)
    assert built.status == 0, built.stdout
    return platform


def sources(folder: Path, *names: str) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names}


def possible(run: Run) -> dict[str, float]:
    """Maximum by item of what is graded without training."""
    assert run.results is not None
    tests = [test for test in run.results["tests"] if "max_score" in test]
    return {t["extra_data"]["item"]: t["max_score"] for t in tests if ".training" not in t["extra_data"]["item"]}


@pytest.mark.slow
def test_the_reference_gets_full_marks(platform: Gradescope) -> None:
    run = platform.submit(sources(ROOT / "solutions" / SLUG, *FILES))
    assert run.verdict is Verdict.ACCEPTED and run.results is not None
    assert run.scores == {
        test["extra_data"]["item"]: test["max_score"] for test in run.results["tests"] if "max_score" in test
    }


def test_one_file_alone_gets_its_items(platform: Gradescope, tmp_path: Path) -> None:
    files = sources(ROOT / "solutions" / SLUG, "vae_solution.py")
    line = b"        return likelihood.mode(), likelihood.nll(x), posterior.kl()\n"
    assert files["vae_solution.py"].count(line) == 1
    unwritten = files["vae_solution.py"].replace(line, b"        raise NotImplementedError\n")  # nothing to train
    run = platform.submit({"vae_solution.py": unwritten})
    assert run.verdict is Verdict.ACCEPTED and run.command.status == 0, run.command.stdout
    assert run.raw is not None and run.results is not None
    whole = {item for item in possible(run) if item.startswith("vae.") and item != "vae.forward"}
    expected = {item: most if item in whole else 0.0 for item, most in possible(run).items()}
    assert {item: score for item, score in run.scores.items() if ".training" not in item} == expected
    assert "q3_solution.py was not handed in" in json.dumps(run.results)
    (tmp_path / "results.json").write_bytes(run.raw)
    assert [problem for problem in validate_results(tmp_path / "results.json") if not is_warning(problem)] == []
    assert run.raw == run.raw_later and run.cut == () and run.command.left_running == ()
    held = {wall["name"] for wall in run.results["extra_data"]["walls"] if wall["held"]}
    assert {"resource limits", "seccomp"} <= held and held & {"private user", "landlock"}
    assert run.modes["source"] & 0o077 == run.modes["results"] & 0o077 == 0


def test_the_untouched_template_gets_nothing(platform: Gradescope, release: Path) -> None:
    run = platform.submit(sources(release / "templates" / SLUG, *FILES))
    assert run.verdict is Verdict.ACCEPTED and run.results is not None
    assert run.results["score"] == 0
    outcomes = {test["extra_data"]["outcome"] for test in run.results["tests"] if "max_score" in test}
    assert outcomes == {"FAIL"}
    assert "not implemented yet" in json.dumps(run.results)


@pytest.mark.slow
def test_a_hand_in_that_never_returns_is_graded_before_the_platform_stops_it(platform: Gradescope) -> None:
    files = sources(ROOT / "solutions" / SLUG, *FILES)
    slow = files["q3_solution.py"].replace(b"z1, z2 = self.encoder(x1), self.encoder(x2)", b"while True: pass")
    assert slow != files["q3_solution.py"]
    run = platform.submit(files | {"q3_solution.py": slow}, timeout=120)
    assert run.verdict is Verdict.ACCEPTED and run.results is not None
    scores = run.scores
    assert scores["simsiam.forward"] == 0 and scores["simsiam.loss"] == 2 and scores["vae.kl"] == 2


def test_the_hidden_half_of_no_concept_can_be_imported_or_opened(platform: Gradescope, release: Path) -> None:
    with zipfile.ZipFile(release / f"{SLUG}_gradescope.zip") as bundle:
        names = [name for name in bundle.namelist() if f"{PROOFS}/" in name and not name.endswith("/")]
    root = names[0].partition(f"{PROOFS}/")[0] + PROOFS
    modules = modules_of(name.removeprefix(f"{root}/") for name in names)
    assert (
        "autograder_proofs.reparameterization.properties" in modules and "autograder_proofs.oracles.gaussian" in modules
    )
    search = searching([f"/autograder/source/{root}"], modules, [f"/autograder/source/{name}" for name in names])
    template = (release / "templates" / SLUG / "vae_solution.py").read_text(encoding="utf-8")
    body = template.replace("raise NotImplementedError(", 'raise ValueError(f"TOLD {TOLD}", ')
    assert body != template
    run = platform.submit({"vae_solution.py": f"{FIRST_LINE}\n{body}{search}".encode()})
    assert run.results is not None and NOTHING in json.dumps(run.results)
    assert json.dumps(run.results).count("TOLD [") == json.dumps(run.results).count(NOTHING)


def test_nothing_readable_gets_a_clear_line(platform: Gradescope) -> None:
    run = platform.submit({"holiday.jpg": b"\xff\xd8\xff" * 100})
    assert run.verdict is Verdict.ACCEPTED and run.results is not None
    assert run.results["score"] == 0
    assert "holiday.jpg" in run.results["output"] or "vae_solution.py" in run.results["output"]


def test_metadata_reach_staff(platform: Gradescope, release: Path) -> None:
    run = platform.submit(sources(release / "templates" / SLUG, *FILES))
    assert run.results is not None
    assert run.results["extra_data"]["submission"]["attempt"] > 1
