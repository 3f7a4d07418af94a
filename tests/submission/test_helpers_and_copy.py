"""Other modules of a hand-in, provided files, and the copy for workers."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from autograder.errors import UserError
from autograder.submission import write_copy
from tests.submission.toy import CODE, hand_in, make_assignment, notebook, said


def test_modules_beside_the_files_are_helpers(tmp_path):
    files = {
        "utils.py": "a = 1\n",
        "pkg/__init__.py": "",
        "pkg/x.py": "!ls\nb = 2\n",
        "notes.txt": "no",
        "my-file.py": "",
    }
    submission = hand_in(tmp_path, {"vae_solution.py": CODE, **files})
    assert submission.helpers == {"utils.py": "a = 1\n", "pkg/__init__.py": "", "pkg/x.py": "pass\nb = 2\n"}
    assert submission.notices == ()


def test_helpers_lie_relative_to_the_folder_of_the_expected_file(tmp_path):
    submission = hand_in(
        tmp_path, {"hw3/src/vae_solution.py": CODE, "hw3/src/utils.py": "a = 1\n", "top.py": "b = 2\n"}
    )
    assert submission.helpers == {"utils.py": "a = 1\n", "top.py": "b = 2\n"}


@pytest.mark.parametrize(
    "name",
    ["torch.py", "json.py", "numpy.py", "random.py", "torch/__init__.py", "autograder.py", "probes.py", "scipy/x.py"],
)
def test_helper_that_shadows_a_module_is_not_used(tmp_path, name):
    submission = hand_in(tmp_path, {"vae_solution.py": CODE, name: "raise SystemExit\n"})
    assert submission.helpers == {}
    assert f"{name}: a module {name.partition('/')[0].removesuffix('.py')!r} is there already" in said(submission)


def test_helper_cannot_stand_for_an_expected_or_a_provided_module(tmp_path):
    assignment = make_assignment(tmp_path, provided={"networks.py": "n = 1\n"})
    files = {"vae_solution/__init__.py": "evil", "networks/__init__.py": "evil", "sub/networks.py": "n = 1\n"}
    assert hand_in(tmp_path, {"vae_solution.py": CODE, **files}, assignment).helpers == {}


def test_too_many_helpers_are_refused(tmp_path):
    submission = hand_in(tmp_path, {"vae_solution.py": CODE, **{f"m{n}.py": "x = 1\n" for n in range(300)}})
    assert len(submission.helpers) == 200 and "too large, or too many modules" in said(submission)


@pytest.mark.parametrize("mine", ["n = 1\nm = 2\n", "n = 1\r\nm = 2\r\n", "n = 1  \nm = 2\n\n\n", "\ufeffn = 1\nm = 2"])
def test_unchanged_provided_file_is_fine(tmp_path, mine):
    assignment = make_assignment(tmp_path, provided={"networks.py": "n = 1\nm = 2\n"})
    submission = hand_in(tmp_path, {"vae_solution.py": CODE, "networks.py": mine}, assignment)
    assert submission.notices == () and submission.helpers == {}


def test_changed_provided_file_is_replaced_and_reported(tmp_path):
    assignment = make_assignment(tmp_path, provided={"networks.py": "n = 1\n", "data/load.py": "d = 1\n"})
    files = {
        "vae_solution.py": CODE,
        "hw/networks.py": "n = 2\n",
        "data/load.py": " d = 1\n",
        "data/more.py": "e = 1\n",
    }
    submission = hand_in(tmp_path, files, assignment)
    assert "hw/networks.py: was changed; ours is used" in said(submission)
    assert "data/load.py: was changed; ours is used" in said(submission)
    write_copy(submission, assignment, tmp_path / "copy")
    assert (tmp_path / "copy" / "networks.py").read_text() == "n = 1\n"
    assert (tmp_path / "copy" / "data" / "load.py").read_text() == "d = 1\n"
    assert (tmp_path / "copy" / "data" / "more.py").read_text() == "e = 1\n"


def test_provided_folder_is_copied_whole_and_a_lost_one_is_an_error(tmp_path):
    assignment = make_assignment(tmp_path, provided={"data/load.py": "d = 1\n", "data/sub/x.txt": "x"})
    files = assignment.manifest.files.model_copy(update={"provided": ("data",)})
    object.__setattr__(assignment, "manifest", assignment.manifest.model_copy(update={"files": files}))
    submission = hand_in(tmp_path, {"vae_solution.py": CODE}, assignment)
    write_copy(submission, assignment, tmp_path / "copy")
    assert (tmp_path / "copy" / "data" / "sub" / "x.txt").read_text() == "x"
    (assignment.folder / "provided" / "data").rename(tmp_path / "gone")
    with pytest.raises(UserError, match="data: this provided file is missing; take it from the original"):
        write_copy(submission, assignment, tmp_path / "other")


def test_copy_can_be_read_by_anybody_and_imported(tmp_path):
    assignment = make_assignment(
        tmp_path, required=("vae_solution.py", "ps3.ipynb"), provided={"networks.py": "n = 3\n"}
    )
    files = {
        "vae_solution.py": "# coding: latin-1\n!ls\nfrom pkg.x import a\nfrom networks import n\nname = 'é'\n".encode(
            "latin-1"
        ),
        "ps3.ipynb": notebook("%matplotlib inline\nb = 2"),
        "pkg/x.py": "a = 1\n",
    }
    submission = hand_in(tmp_path, files, assignment)
    before = os.umask(0o077)
    try:
        write_copy(submission, assignment, tmp_path / "copy" / "inner")
    finally:
        os.umask(before)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "copy").rglob("*")}
    assert modes == {
        "inner": 0o755,
        "pkg": 0o755,
        "__init__.py": 0o644,
        "x.py": 0o644,
        "vae_solution.py": 0o644,
        "ps3.py": 0o644,
        "networks.py": 0o644,
    }
    code = "import vae_solution as v, ps3; assert (v.a, v.n, v.name, ps3.b) == (1, 3, '\\xe9', 2)"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "copy" / "inner", check=True)
    with pytest.raises(FileExistsError):
        write_copy(submission, assignment, tmp_path / "copy" / "inner")


def test_reading_imports_no_torch_and_runs_nothing(tmp_path):
    hand_in(tmp_path, {"vae_solution.py": "raise SystemExit\n", "utils.py": "raise SystemExit\n"})
    code = """
import sys
from pathlib import Path
from autograder.assignment import Assignment, read_manifest
from autograder.submission import read_submission
folder = Path(sys.argv[1])
manifest = read_manifest(folder / "assignment" / "assignment.toml")
read_submission(folder / "hand_in", Assignment("toy", folder / "assignment", manifest))
assert not {"torch", "numpy", "nbformat"} & set(sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 0
