from __future__ import annotations

import io
import subprocess
import zipfile

import pytest

from autograder.assignment import read_manifest
from autograder.errors import UserError
from autograder.release.building import stale_files
from autograder.release.files import Tree
from autograder.release.packing import unzip_bytes
from tests.programs import missing
from tests.release.course import FILES, Course

STUDENT, GRADESCOPE = "tiny_student.zip", "tiny_gradescope.zip"


def test_a_release_has_template_student_zip_and_gradescope_zip(course: Course) -> None:
    (release,) = course.build()
    template = course.tree("student_templates/tiny")
    assert sorted(template) == [
        *("assignment.toml", "checks/public/test_public.py", "handout.md", "networks.py", "report.md", "vae.py"),
    ]
    assert template == release.template and release.blanks == 2
    assert b"*Your answer here (3 points)*" in template["report.md"]
    assert b"# One number for each entry of the batch.\n        raise NotImplementedError" in template["vae.py"]
    assert read_manifest(course.root / "student_templates/tiny/assignment.toml") == course.assignment.manifest

    dist = course.tree("dist")
    student = student_files(dist[STUDENT])
    (wheel,) = [name for name in student if name.endswith(".whl")]
    assert {name: student[name] for name in template} == template
    assert set(student) - set(template) == {wheel, "requirements.txt", "README.txt", "handout.html"}
    # networks.py is provided, so it is nothing to install.
    asked = student["requirements.txt"].decode().split("\n")
    assert asked == [f"./{wheel}[student]", "matplotlib>=3.8", "pillow>=10", "torch>=2.3", ""]


def student_files(data: bytes) -> Tree:
    """Return the files of a student zip, which lie in one folder named after the assignment."""
    tree = unzip_bytes(data)
    assert {name.partition("/")[0] for name in tree} == {"tiny"}
    return {name.removeprefix("tiny/"): content for name, content in tree.items()}


def test_the_gradescope_zip_has_all_that_grading_needs_and_programs_that_run(course: Course) -> None:
    course.write("assignments/tiny/checks/hidden/__pycache__/junk.pyc", "junk")
    course.write("solutions/tiny/.DS_Store", "junk")
    course.build()
    data = course.tree("dist")[GRADESCOPE]
    tree = unzip_bytes(data)
    (wheel,) = [name for name in tree if name.endswith(".whl")]
    assert wheel.startswith("wheels/")
    assert set(tree) == {*FILES, wheel, "setup.sh", "run_autograder"}
    assert tree["setup.sh"] == f"#!/bin/bash\npip install {wheel.removeprefix('wheels/')}\n".encode()
    modes = {info.filename: info.external_attr >> 16 for info in zipfile.ZipFile(io.BytesIO(data)).infolist()}
    assert {name for name, mode in modes.items() if mode & 0o111} == {"setup.sh", "run_autograder"}


def test_same_inputs_same_bytes(course: Course) -> None:
    course.build()
    course.build(out="again")
    assert course.tree("dist") == course.tree("again")


def test_a_bad_mark_builds_nothing_and_loses_nothing(course: Course) -> None:
    course.build()
    before = course.tree("dist"), course.tree("student_templates")
    for name, text in FILES.items():
        course.write(name.replace("/tiny/", "/zeta/"), text)
    course.edit(HANDOUT, "Fill in", "Now fill in")
    course.edit("solutions/zeta/vae.py", "### END SOLUTION", "### end solution")
    with pytest.raises(UserError, match=r"solutions/zeta/vae\.py, line 18: '### end solution' looks like a marker"):
        course.build()
    assert (course.tree("dist"), course.tree("student_templates")) == before
    course.build("tiny")
    assert b"Now fill in" in course.tree("student_templates")["tiny/handout.md"]


HANDOUT = "assignments/tiny/handout.md"


@pytest.mark.parametrize(
    ("name", "old", "new", "reason"),
    [
        (
            "solutions/tiny/vae.py",
            "def kl(",
            "def kll(",
            "which item is this? Normal.kll / Normal is no blank of vae.py",
        ),
        ("assignments/tiny/assignment.toml", "Normal.kl", "Normal.kk", "which item is this? Normal.kl"),
        ("solutions/tiny/vae.py", "### END SOLUTION\n", "", "line 13: BEGIN SOLUTION without"),
        (
            "assignments/tiny/assignment.toml",
            '"networks.py"',
            '"network.py"',
            "no file 'network.py'; did you mean \"networks.py\"",
        ),
        (
            "assignments/tiny/assignment.toml",
            'provided = ["networks.py"]',
            "",
            "networks.py: not listed under files.provided",
        ),
        ("assignments/tiny/assignment.toml", '["vae.py"]', '["vae.py", "ddpm.py"]', "the required ddpm.py is missing"),
        (
            "assignments/tiny/provided/networks.py",
            "return",
            "# SOLUTION\n    return",
            "networks.py, line 2: a marker in a file that students get as it is",
        ),
        ("assignments/tiny/provided/networks.py", "return", "return (", "networks.py, line 2: not valid Python"),
    ],
)
def test_what_is_unclear_is_refused(course: Course, name: str, old: str, new: str, reason: str) -> None:
    course.edit(name, old, new)
    with pytest.raises(UserError) as caught:
        course.build()
    assert reason in str(caught.value)


def test_a_blank_without_a_mark_would_give_its_answer_away(course: Course) -> None:
    text = FILES["solutions/tiny/vae.py"]
    lines = [line for line in text.splitlines(keepends=True) if "SOLUTION" not in line and "PROMPT" not in line]
    course.write("solutions/tiny/vae.py", "".join(lines))
    with pytest.raises(UserError, match=r"nothing is marked in 'Normal\.kl', a blank of item 'vae\.kl'"):
        course.build()


def test_missing_parts_are_named(course: Course) -> None:
    (course.root / HANDOUT).unlink()
    with pytest.raises(UserError, match=r"handout\.md: there is no handout"):
        course.build()
    with pytest.raises(UserError, match=r'no assignment .tini.; did you mean "tiny"\?'):
        course.build("tini")
    (course.root / "assignments/tiny").rename(course.root / "assignments/verify")
    with pytest.raises(UserError, match=r"'verify' is a command of build\.py"):
        course.build()


def test_a_written_answer_without_marks_is_a_key_and_stays_home(course: Course) -> None:
    course.write("solutions/tiny/report.md", "The bound is loose by the divergence of the posterior.\n")
    (release,) = course.build()
    assert "report.md" not in release.template
    assert "report.md" not in student_files(release.student_zip)


def test_files_as_windows_saves_them_are_read_as_any_other(course: Course) -> None:
    plain = course.build()[0].template
    for name, text in FILES.items():
        course.write(name, "\ufeff" + text.replace("\n", "\r\n"))
    course.write("assignments/tiny/mutants.toml", '\ufeff[[mutants]]\r\nid = "a"\r\n')
    (release,) = course.build()
    assert release.template["vae.py"] == plain["vae.py"].replace(b"\n", b"\r\n")
    assert release.template["assignment.toml"] == plain["assignment.toml"]
    assert release.template["report.md"] == plain["report.md"].replace(b"\n", b"\r\n")


def test_text_that_is_not_utf_8_is_named(course: Course) -> None:
    manifest = course.root / "assignments/tiny/assignment.toml"
    manifest.write_bytes(manifest.read_text().encode("utf-16"))
    with pytest.raises(UserError, match=r"assignment\.toml: not UTF-8 text \(byte 0\); save it as UTF-8"):
        course.build()


def test_stale_templates_are_named_file_by_file(course: Course) -> None:
    assert "student_templates/tiny/vae.py: missing" in stale_files(course.root)
    course.build()
    assert stale_files(course.root) == []
    course.write("student_templates/.gitignore", "/tiny/handout.md\n")
    course.edit(HANDOUT, "Fill in", "Now fill in")
    course.write("student_templates/tiny/old.py", "x = 1\n")
    course.write("student_templates/gone/a.py", "x = 1\n")
    (course.root / "student_templates/tiny/networks.py").unlink()
    before = course.tree(".")
    assert stale_files(course.root) == [
        "student_templates/tiny/handout.md: out of date",
        "student_templates/tiny/networks.py: missing",
        "student_templates/tiny/old.py: not in the template",
        "student_templates/gone: there is no such assignment; remove it",
        "student_templates/.gitignore: out of date",
    ]
    assert course.tree(".") == before, "asking builds nothing"


@pytest.mark.skipif(bool(missing("git")), reason=missing("git"))
def test_copies_are_kept_from_git_and_may_be_missing_together(course: Course) -> None:
    course.write("assignments/tiny/provided/notes [1].md", "Notes.\n")
    course.edit(
        "assignments/tiny/assignment.toml", 'provided = ["networks.py"]', 'provided = ["networks.py", "notes [1].md"]'
    )
    course.build()
    git = ["git", "-C", str(course.root), "-c", "core.excludesFile=/dev/null"]
    subprocess.run([*git, "init", "-q"], check=True)
    listed = subprocess.run(
        [*git, "ls-files", "-co", "--exclude-standard", "student_templates"], capture_output=True, check=True, text=True
    )
    kept = {name.removeprefix("student_templates/") for name in listed.stdout.splitlines()}
    assert kept == {".gitignore", "README.md", "tiny/assignment.toml", "tiny/report.md", "tiny/vae.py"}
    for name in course.tree("student_templates").keys() - kept:
        (course.root / "student_templates" / name).unlink()
    assert stale_files(course.root) == []
    course.write("student_templates/tiny/networks.py", "old = 1\n")
    assert "student_templates/tiny/networks.py: out of date" in stale_files(course.root)
    assert "student_templates/tiny/handout.md: missing" in stale_files(course.root)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("assignments/tiny/mutants.toml", "= 1", "assignments/tiny/mutants.toml: not valid TOML"),
        ("solutions/tiny/grading.toml", "= 1", "solutions/tiny/grading.toml: not valid TOML"),
        ("assignments/tiny/checks/hidden/test_x.py", "def (", "checks/hidden/test_x.py, line 1: not valid Python"),
    ],
)
def test_private_files_that_cannot_be_read_are_named(course: Course, name: str, text: str, reason: str) -> None:
    course.write(name, text)
    with pytest.raises(UserError, match=reason):
        course.build()


def test_a_release_without_a_grading_seed_is_refused(course: Course) -> None:
    (course.root / "solutions/tiny/grading.toml").unlink()
    with pytest.raises(UserError, match=r"solutions/tiny/grading\.toml: missing; write one line"):
        course.build()


def test_a_release_without_a_check_for_students_is_refused(course: Course) -> None:
    folder = course.root / "assignments/tiny/checks/public"
    (folder / "test_public.py").rename(folder / "helpers.py")
    with pytest.raises(UserError, match=r"checks/public: students get no check; write one in a file test_<name>\.py"):
        course.build()
    assert not (course.root / "dist").exists()
