"""Folders with links, FIFOs, sockets, too many files, and things that are never used."""

from __future__ import annotations

import os
import socket

import pytest

from autograder.errors import UserError
from autograder.submission import read_submission
from tests.submission.toy import CODE, fill, hand_in, make_assignment, said


def test_links_are_not_followed(tmp_path):
    secret = fill(tmp_path / "secret", {"vae_solution.py": "x = 'the reference'\n"})
    folder = fill(tmp_path / "hand_in", {"utils.py": "x = 1\n"})
    (folder / "vae_solution.py").symlink_to(secret / "vae_solution.py")
    (folder / "package").symlink_to(secret)
    (folder / "loop").symlink_to(folder)
    assignment = make_assignment(tmp_path, required=("vae_solution.py", "q3_solution.py"))
    submission = read_submission(folder, assignment)
    assert submission.missing == ("vae_solution.py", "q3_solution.py") and list(submission.helpers) == ["utils.py"]
    for name in ("vae_solution.py", "package", "loop"):
        assert f"{name}: is a link: not followed" in said(submission)


def test_fifos_and_sockets_do_not_block(tmp_path, monkeypatch):
    folder = fill(tmp_path / "hand_in", {"vae_solution.py": CODE})
    os.mkfifo(folder / "a.py")
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("b.py")
        submission = read_submission(folder, make_assignment(tmp_path))
    assert submission.files["vae_solution.py"].source == CODE
    for name in ("a.py", "b.py"):
        assert f"{name}: is not a regular file" in said(submission)
    with pytest.raises(UserError, match="is not a regular file"):
        read_submission(folder / "a.py", make_assignment(tmp_path / "again"))


def test_too_many_files_are_cut_off_and_code_at_the_top_is_found(tmp_path):
    folder = fill(tmp_path / "hand_in", {"vae_solution.py": CODE})
    for n in range(5100):
        (folder / f"{n:05d}.txt").touch()
    submission = read_submission(folder, make_assignment(tmp_path))
    assert submission.files["vae_solution.py"].source == CODE
    assert "more than 5000 files: the rest was not looked at" in said(submission)


def test_deep_folders_are_cut_off(tmp_path):
    deep = "/".join(["d"] * 30)
    submission = hand_in(tmp_path, {"vae_solution.py": CODE, f"{deep}/utils.py": "x = 1\n"})
    assert "more than 12 folders deep: not looked at" in said(submission) and submission.helpers == {}


def test_what_is_never_used_is_passed_over_in_silence(tmp_path):
    files = [
        ".git/vae_solution.py",
        "__pycache__/vae_solution.cpython-311.pyc",
        "__pycache__/utils.py",
        "__MACOSX/._vae_solution.py",
        "__MACOSX/vae_solution.py",
        ".DS_Store",
        "._vae_solution.py",
        ".ipynb_checkpoints/vae_solution-checkpoint.ipynb",
        ".venv/lib/x.py",
        "venv/lib/x.py",
        "myenv/pyvenv.cfg",
        "myenv/lib/x.py",
        "lib/site-packages/x.py",
        "utils.pyc",
    ]
    submission = hand_in(tmp_path, {"vae_solution.py": CODE, **dict.fromkeys(files, CODE)})
    assert submission.notices == () and submission.helpers == {}


@pytest.mark.parametrize(
    "name", ["conftest.py", "sitecustomize.py", "usercustomize.py", "pytest.ini", "x.pth", "utils.so", "Conftest.py"]
)
def test_what_could_change_python_is_refused_aloud(tmp_path, name):
    submission = hand_in(tmp_path, {"vae_solution.py": CODE, name: "raise SystemExit", f"sub/{name}": "x"})
    assert f"{name}: files of this kind are never used" in said(submission) and submission.helpers == {}
    assert f"sub/{name}: files of this kind are never used" in said(submission)


def test_unreadable_parts_are_told(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    folder = fill(tmp_path / "hand_in", {"vae_solution.py": CODE, "utils.py": CODE})
    (folder / "utils.py").chmod(0)
    submission = read_submission(folder, make_assignment(tmp_path))
    assert "utils.py: cannot be read (Permission denied)" in said(submission)


def test_names_that_are_no_text_are_printable_in_notices(tmp_path):
    folder = fill(tmp_path / "hand_in", {"q3_solution.py": CODE})
    (folder / os.fsdecode(b"VAE\xff\n\x1b[31m_solution.py")).write_text(CODE)
    (folder / ("x" * 200 + "_vae_solution.py")).write_text(CODE)
    (folder / "\u202evae_solution.py").write_text(CODE)
    assignment = make_assignment(tmp_path, required=("vae_solution.py", "q3_solution.py"))
    submission = read_submission(folder, assignment)
    assert "vae_solution.py" in submission.files
    assert all(str(notice).isprintable() and len(str(notice)) < 420 for notice in submission.notices)


def test_notices_are_few(tmp_path):
    files = {f"folder{n}/m{n}.py": "import torch.distributions\n!ls\nx = \0 1\n" for n in range(60)}
    files |= {f"{n}.so": "" for n in range(60)}
    submission = hand_in(tmp_path, {"vae_solution.py": "!ls\n", **files})
    assert len(submission.notices) == 20 and "more notices" in str(submission.notices[-1])
