"""The harness behaves as the platform does: each habit on a bundle of a few lines."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path

import pytest

from tests.end_to_end.harness import OUTPUT_LIMIT, Gradescope, Run, Verdict, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "never")

OK = """echo '{"score": 3, "tests": [{"name": "a", "score": 3, "max_score": 4}]}' >results/results.json"""


def bundle(run_autograder: str, setup: str = "true") -> bytes:
    """Return a zip with the two scripts."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("setup.sh", f"#!/usr/bin/env bash\n{setup}\n")
        archive.writestr("run_autograder", f"#!/usr/bin/env bash\n{run_autograder}\n")
    return target.getvalue()


def grade(folder: Path, run_autograder: str, *, timeout: float = 20, **files: bytes) -> Run:
    """Grade one hand-in with a bundle of one script."""
    return Gradescope(folder, bundle(run_autograder)).submit(files, timeout=timeout)


def test_results_of_a_good_run_are_accepted(tmp_path: Path) -> None:
    run = grade(tmp_path, f"echo hello; pwd; id -u; {OK}")
    assert run.verdict is Verdict.ACCEPTED
    assert run.command.status == 0
    assert run.command.stdout == "hello\n/autograder\n0\n"
    assert run.scores == {"a": 3}
    assert run.raw == run.raw_later
    assert run.command.left_running == ()


def test_environment_has_a_timeout_and_no_home(tmp_path: Path) -> None:
    run = grade(tmp_path, "env", timeout=21)
    names = {line.partition("=")[0] for line in run.command.stdout.splitlines()}
    assert "TIMEOUT_SECONDS=21" in run.command.stdout
    assert names <= {"TIMEOUT_SECONDS", "PATH", "PWD", "SHLVL", "_"}


def test_missing_results_mean_failed_to_execute(tmp_path: Path) -> None:
    run = grade(tmp_path, "exit 3")
    assert (run.verdict, run.command.status, run.results) == (Verdict.FAILED_TO_EXECUTE, 3, None)


@pytest.mark.parametrize("content", ["{", "[1]", "", '"x"'])
def test_what_is_no_json_object_scores_0(tmp_path: Path, content: str) -> None:
    run = grade(tmp_path, f"printf %s '{content}' >results/results.json")
    assert run.verdict is Verdict.NOT_JSON
    assert run.results is not None and run.results["score"] == 0


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_make_the_upload_fail(tmp_path: Path, number: str) -> None:
    content = '{"score": 1, "tests": [{"extra_data": {"deep": [NUMBER]}}]}'.replace("NUMBER", number)
    run = grade(tmp_path, f"echo '{content}' >results/results.json")
    assert (run.verdict, run.results) == (Verdict.UPLOAD_FAILED, None)


def test_timeout_overwrites_the_results_and_spares_grandchildren(tmp_path: Path) -> None:
    run = grade(tmp_path, f"{OK}\nsleep 77 &\nsleep 78", timeout=1)
    assert run.verdict is Verdict.TIMED_OUT
    assert run.results is not None and run.results["score"] == 0
    assert json.loads((tmp_path / "autograder/results/results.json").read_text())["score"] == 0
    assert run.command.status is None
    assert run.command.left_running == ("sleep 77", "sleep 78")


def test_long_outputs_lose_their_middle(tmp_path: Path) -> None:
    text = f"'h' + 'm' * {OUTPUT_LIMIT} + 't'"
    results = f"{{'score': 1, 'output': {text}, 'tests': [{{'output': 'short'}}, {{'output': {text}}}]}}"
    script = f"""
{sys.executable} -I -c "print({text})"
{sys.executable} -I -c "import json; print(json.dumps({results}))" >results/results.json
"""
    run = grade(tmp_path, script)
    assert run.cut == ("/output", "/tests/1/output")
    assert run.results is not None and "truncated" in run.results["output"]
    assert run.results["tests"][1]["output"].startswith("hm") and run.results["tests"][1]["output"].endswith("mt")
    assert "truncated" in run.command.stdout and len(run.command.stdout) < OUTPUT_LIMIT + 100


def test_daemon_that_replaces_the_results_is_seen_and_ended(tmp_path: Path) -> None:
    daemon = "setsid bash -c 'touch up; sleep 0.7; echo {} >results/results.json; exec sleep 79' &"
    run = grade(tmp_path, f"{OK}\n{daemon}\nuntil [ -e up ]; do sleep 0.01; done")
    assert run.scores == {"a": 3}
    assert run.raw_later == b"{}\n" != run.raw
    assert any("sleep" in line for line in run.command.left_running)
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if _command_line(p) == b"sleep\x0079\x00"]


def _command_line(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_files_come_without_run_bit_and_zips_extracted(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        entry = zipfile.ZipInfo("code/run.sh")
        entry.external_attr = 0o100755 << 16
        archive.writestr(entry, "inside")
    platform = Gradescope(tmp_path, bundle("cd submission; find . -type f -printf '%p %m\\n' | sort"))
    run = platform.submit({"all.zip": inner.getvalue(), "sub/a.py": b"x"})
    assert run.command.stdout == "./code/run.sh 644\n./sub/a.py 644\n"


def test_folders_are_made_anew_and_the_rest_stays(tmp_path: Path) -> None:
    script = f"ls submission results; echo x >>kept; wc -l <kept; chmod 700 results; touch results/old; {OK}"
    platform = Gradescope(tmp_path, bundle(script))
    first, second = platform.submit({"a.py": b""}), platform.submit({"b.py": b""})
    assert first.modes["results"] == 0o700
    assert first.command.stdout == "results:\nstdout\n\nsubmission:\na.py\n1\n"
    assert second.command.stdout == "results:\nstdout\n\nsubmission:\nb.py\n2\n"


def test_metadata_tell_of_earlier_hand_ins(tmp_path: Path) -> None:
    platform = Gradescope(tmp_path, bundle(f"cat submission_metadata.json; {OK}"))
    platform.submit({})
    seen = json.loads(platform.submit({}, metadata={"submission_method": "GitHub"}).command.stdout)
    assert seen["submission_method"] == "GitHub"
    assert [attempt["score"] for attempt in seen["previous_submissions"]] == [3]
    assert seen["previous_submissions"][0]["submission_time"] < seen["created_at"]


def test_failing_setup_does_not_stop_the_build(tmp_path: Path) -> None:
    platform = Gradescope(tmp_path, bundle(f"cat built; {OK}", "echo $GREETING >built; false"))
    setup = platform.setup({"GREETING": "hi"})
    assert setup.status == 1
    run = platform.submit({})
    assert (run.command.stdout, run.verdict) == ("hi\n", Verdict.ACCEPTED)


def test_machine_outside_is_untouched_and_can_be_hidden(tmp_path: Path) -> None:
    before = Path("/autograder").exists()
    platform = Gradescope(tmp_path, bundle(f"ls -d /home /autograder; {OK}"), venv=tmp_path, hide=["home"])
    run = platform.submit({})
    assert "/autograder\n" in run.command.stdout and "/home\n" not in run.command.stdout
    assert Path("/autograder").exists() == before
    assert (platform.root / "venv").resolve() == tmp_path
