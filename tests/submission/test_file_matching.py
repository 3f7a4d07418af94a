"""Misnamed, nested, ambiguous and missing files."""

from __future__ import annotations

import pytest

from autograder.errors import UserError
from autograder.submission import read_submission
from tests.submission.toy import CODE, fill, hand_in, make_assignment, notebook, said

THREE = ("vae_solution.py", "ddpm_solution.py", "q3_solution.py")


def test_exact_names_are_used_without_a_word(tmp_path):
    assignment = make_assignment(tmp_path, required=THREE)
    submission = hand_in(tmp_path, {name: f"x = {n}\n" for n, name in enumerate(THREE)}, assignment)
    assert [file.source for file in submission.files.values()] == ["x = 0\n", "x = 1\n", "x = 2\n"]
    assert submission.notices == () and submission.missing == ()


@pytest.mark.parametrize(
    "found",
    [
        "VAE_Solution.py",
        "vae_solution (1).py",
        "VAE_Solution (1).py",
        "vae_solution(2).py",
        "vae_solution copy.py",
        "vae_solution copy 2.py",
        "vae_solution - Copy (3).py",
        "Copy of vae_solution.py",
        "vae solution.py",
        "vae-solution.py",
        "VAESolution.py",
        "vae_solution-1.py",
        "vae_solution.py.txt",
        "vae_solution.py.py",
        "vae_solution.PY",
        "smith_12345_vae_solution.py",
        "smithjohn_12345_67890_vae_solution-2.py",
        "vae_solution_final.py",
        "vae_soluton.py",
        "hw3/vae_solution.py",
        "a/b/c/vae_solution.py",
        "a/b/Smith_vae-solution (1).py",
        "vae_solution.ipynb",
    ],
)
def test_misnamed_file_is_used_and_named(tmp_path, found):
    assignment = make_assignment(tmp_path, required=("vae_solution.py", "q3_solution.py"))
    content = notebook("x = 'mine'") if found.endswith("ipynb") else "x = 'mine'\n"
    submission = hand_in(tmp_path, {found: content, "q3_solution.py": CODE}, assignment)
    assert "x = 'mine'" in submission.files["vae_solution.py"].source
    assert f"expected vae_solution.py, found {found}: used it" in said(submission)
    assert submission.files["vae_solution.py"].found == found


@pytest.mark.parametrize(
    ("files", "used", "why"),
    [
        (["vae_solution.py", "vae_solution (1).py"], "vae_solution.py", "the exact name"),
        (["a/vae_solution.py", "vae_solution (2).py"], "a/vae_solution.py", "the nearest name"),
        (["vae_solution (1).py", "vae_solution (2).py"], "vae_solution (2).py", "the highest number"),
        (["vae_solution (9).py", "vae_solution (10).py"], "vae_solution (10).py", "the highest number"),
        (["b/vae_solution.py", "a/c/vae_solution.py"], "b/vae_solution.py", "the nearest to the top"),
        (["old/vae_solution.py", "hw/new/vae_solution.py"], "hw/new/vae_solution.py", "the nearest name"),
        (["a/vae_solution.py", "b/vae_solution.py", "b/q3_solution.py"], "b/vae_solution.py", "its folder holds more"),
        (["a/vae_solution.py", "b/vae_solution.py"], "a/vae_solution.py", "the first by name"),
        (["VAE_solution.py", "vae_Solution.py"], "VAE_solution.py", "the first by name"),
    ],
)
def test_of_several_the_best_is_used_and_the_reason_given(tmp_path, files, used, why):
    assignment = make_assignment(tmp_path, required=("vae_solution.py", "q3_solution.py"))
    submission = hand_in(tmp_path, {name: f"name = {name!r}\n" for name in files}, assignment)
    assert submission.files["vae_solution.py"].source == f"name = {used!r}\n"
    assert f"used {used} ({why}" in said(submission)


def test_a_full_copy_beats_an_empty_file(tmp_path):
    submission = hand_in(tmp_path, {"vae_solution.py": "", "vae_solution (1).py": CODE})
    assert submission.files["vae_solution.py"].source == CODE
    assert "used vae_solution (1).py (the other is empty)" in said(submission)


def test_identical_copies_are_no_ambiguity(tmp_path):
    submission = hand_in(tmp_path, {"vae_solution.py": CODE, "backup/vae_solution.py": CODE})
    assert submission.notices == ()


def test_single_file_of_any_name_counts_where_one_is_required(tmp_path):
    submission = hand_in(tmp_path, {"homework.py": CODE, "report.pdf": b"%PDF"})
    assert submission.files["vae_solution.py"].source == CODE
    assert "expected vae_solution.py, found homework.py: used it" in said(submission)


@pytest.mark.parametrize("name", ["other.py", "q2_solution.py", "q4_solution.py"])
def test_a_file_with_another_name_is_not_taken_where_several_are_required(tmp_path, name):
    assignment = make_assignment(tmp_path, required=("q3_solution.py", "vae_solution.py"))
    submission = hand_in(tmp_path, {name: CODE}, assignment)
    assert submission.missing == ("q3_solution.py", "vae_solution.py")
    assert f"expected q3_solution.py: it is missing (found {name})" in said(submission)


def test_no_file_is_used_twice(tmp_path):
    assignment = make_assignment(tmp_path, required=("q1_solution.py", "q11_solution.py"))
    submission = hand_in(tmp_path, {"q11_solution.py": CODE}, assignment)
    assert submission.missing == ("q1_solution.py",)


def test_single_paths_are_read(tmp_path):
    assignment = make_assignment(tmp_path)
    folder = fill(tmp_path / "single", {"anything.py": CODE, "anything.ipynb": notebook(CODE)})
    for name in ("anything.py", "anything.ipynb"):
        assert "def kl" in read_submission(folder / name, assignment).files["vae_solution.py"].source


def test_python_file_where_a_notebook_was_expected(tmp_path):
    assignment = make_assignment(tmp_path, required=("ps3.ipynb",))
    file = hand_in(tmp_path, {"ps3.py": CODE}, assignment).files["ps3.ipynb"]
    assert (file.source, file.cells, file.copy_name) == (CODE, None, "ps3.py")


def test_files_that_students_got_are_not_listed_where_one_is_missing(tmp_path):
    assignment = make_assignment(tmp_path, provided={"networks.py": "x = 1\n"})
    files = {"mine.py": "x = 2\n", "networks.py": "x = 1\n", "checks/public/test_vae.py": "", "checks/public/p.py": ""}
    said_of = said(hand_in(tmp_path, files, assignment))
    assert "expected vae_solution.py: it is missing (found mine.py)" in said_of


def test_a_report_without_code_is_all_missing_and_an_empty_folder_an_error(tmp_path):
    assignment = make_assignment(tmp_path)
    submission = hand_in(tmp_path, {"report.pdf": b"%PDF"}, assignment)
    assert submission.missing == ("vae_solution.py",) and "no Python file was found" in said(submission)
    with pytest.raises(UserError, match="nothing to grade in it: it is empty"):
        read_submission(fill(tmp_path / "empty", {"__pycache__/vae_solution.pyc": b""}), assignment)


def test_a_path_that_is_not_there_and_a_link_are_errors(tmp_path):
    assignment = make_assignment(tmp_path)
    with pytest.raises(UserError, match="no such file or folder"):
        read_submission(tmp_path / "nowhere", assignment)
    (tmp_path / "link").symlink_to(fill(tmp_path / "real", {"vae_solution.py": CODE}))
    with pytest.raises(UserError, match="is a link"):
        read_submission(tmp_path / "link", assignment)


def test_digest_depends_on_names_and_contents_only(tmp_path):
    assignment = make_assignment(tmp_path)

    def digest_of(folder, files):
        return read_submission(fill(tmp_path / folder, files), assignment).digest

    files = {"vae_solution.py": CODE, "b/notes.txt": "1"}
    first = digest_of("first", files)
    assert digest_of("second", {**dict(reversed(files.items())), "__pycache__/x.pyc": "junk"}) == first
    assert digest_of("third", {**files, "b/notes.txt": "2"}) != first
    assert digest_of("fourth", {"vae_solution.py": CODE, "c/notes.txt": "1"}) != first
