"""Classes as platforms and staff have them, read without unpacking; hostile ones cost one line, or one submission."""

from __future__ import annotations

import io
import os
import random
import shutil
import stat
import tarfile
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.batch.exports import opened, read_class
from autograder.batch.listing import ListedSubmission, Submitter
from autograder.errors import UnreadableSubmission, UserError
from autograder.submission import read_submission
from tests.batch.classes import (
    METADATA,
    ONE,
    TWO,
    by_key,
    keys,
    metadata,
    nothing_left,
    one_notebook,
    read,
    two_files,
    zip_bytes,
    zipped,
)
from tests.pace import MOST, growth
from tests.submission.toy import fill, make_assignment, notebook, said

EXPORT = {
    f"assignment_1_export/{METADATA}": metadata("submission_11", "submission_12", "submission_13"),
    "assignment_1_export/submission_11/one.py": ONE,
    "assignment_1_export/submission_11/two.py": TWO,
    "assignment_1_export/submission_12/hw/one.py": ONE,
    "assignment_1_export/submission_12/hw/two.py": TWO,
    "assignment_1_export/submission_99/one.py": ONE,
    "assignment_1_export/.DS_Store": b"\0",
    "__MACOSX/assignment_1_export/submission_11/._one.py": b"\0",
}


def refused(path: Path, *texts: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        read_class(path, two_files(tmp_path))
    text = str(error.value)
    assert "\n" not in text and str(path) in text
    assert [part for part in texts if part not in text] == [], text


@pytest.fixture(params=["zip", "folder"])
def export(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "zip":
        return zipped(tmp_path / "submissions.zip", EXPORT)
    return fill(tmp_path / "submissions", EXPORT)


def test_an_export_is_listed_with_what_the_platform_says(export: Path, tmp_path: Path) -> None:
    found = by_key(export, two_files(tmp_path))
    assert list(found) == ["submission_11", "submission_12", "submission_13", "submission_99"]
    first = found["submission_11"]
    assert first.submitters == (Submitter("Student of submission_11", "00", "s0@x.edu"),)
    assert first.created_at == datetime(2023, 12, 2, 2, 52, 0, 938335, UTC)
    assert first.platform_score == 0.5 and first.problem == ""
    gone = found["submission_13"]
    assert gone.submitters and "names submission_13, and there is no such folder" in gone.problem
    assert found["submission_99"] == replace(found["submission_99"], submitters=(), created_at=None, problem="")


def test_what_is_listed_is_read_as_if_it_were_alone(export: Path, tmp_path: Path) -> None:
    assignment = two_files(tmp_path)
    alone = fill(tmp_path / "alone", {"hw/one.py": ONE, "hw/two.py": TWO})
    with nothing_left(tmp_path / "work") as work:
        found = read(by_key(export, assignment)["submission_12"], assignment, work)
    assert found == read_submission(alone, assignment)


def test_nothing_of_an_export_is_unpacked_to_list_it(tmp_path: Path) -> None:
    export = zipped(tmp_path / "submissions.zip", EXPORT)
    listed = by_key(export, two_files(tmp_path))["submission_12"]
    assert (listed.source, listed.inside) == (export, "assignment_1_export/submission_12")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["assignment", "submissions.zip"]


def test_what_is_opened_has_its_own_files_and_no_others(tmp_path: Path) -> None:
    others = {f"submission_1{number}/one.py": ONE for number in range(3)}
    export = zipped(tmp_path / "all.zip", {METADATA: metadata(), "submission_1/x/a.txt": "a", **others})
    with opened(by_key(export, two_files(tmp_path))["submission_1"], tmp_path) as path:
        assert [found.relative_to(path).as_posix() for found in path.rglob("*")] == ["x", "x/a.txt"]


def test_what_names_nothing_cannot_be_opened(export: Path, tmp_path: Path) -> None:
    listed = by_key(export, two_files(tmp_path))["submission_13"]
    with pytest.raises(UserError, match=r"submission_13: .* no such folder"), opened(listed, tmp_path):
        pass


@pytest.mark.parametrize("wrapper", ["", "a/", "a/b/"])
@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_folders_around_an_export_do_not_matter(tmp_path: Path, wrapper: str, kind: str) -> None:
    files = {f"{wrapper}{METADATA}": metadata("submission_1"), f"{wrapper}submission_1/one.py": ONE}
    path = zipped(tmp_path / "c.zip", files) if kind == "zip" else fill(tmp_path / "c", files)
    assert keys(path, two_files(tmp_path)) == ["submission_1"]


def test_groups_have_several_submitters(tmp_path: Path) -> None:
    text = "s_1:\n  :submitters:\n  - :name: Ada\n    :sid: 007\n  - :name: Bob\n    :sid:\n    :email: ~\n"
    found = by_key(fill(tmp_path / "c", {METADATA: text, "s_1/one.py": ONE}), two_files(tmp_path))
    assert found["s_1"].submitters == (Submitter("Ada", "007"), Submitter("Bob"))


@pytest.mark.parametrize(
    ("files", "texts"),
    [
        ({METADATA: metadata("123.pdf"), "123.pdf": b"%PDF"}, ["PDF", "123.pdf", "programming assignment"]),
        ({"submission_metadata.csv": "a", "x/one.py": ONE}, ["online assignment", "programming assignment"]),
        ({METADATA: "a: [", "submission_1/one.py": ONE}, [METADATA, "not valid YAML (line 2)", "export the"]),
        ({METADATA: b"\xff\xfe\xff", "submission_1/one.py": ONE}, [METADATA, "not valid YAML"]),
        ({METADATA: "- a\n- b\n", "submission_1/one.py": ONE}, [METADATA, "does not say what was handed in"]),
        ({METADATA: "a: {submitters: " + "[" * 900, "b/one.py": ONE}, [METADATA, "nested more than 200 deep"]),
        ({"one.py": ONE, "old/one.py": ONE}, ["is one submission, not a class", "`autograder grade toy "]),
        ({"hw/one.py": ONE, "README.md": "x"}, []),
        ({"README.md": "x"}, ["no submissions in it", "name an export"]),
        ({}, ["no submissions in it", "name an export"]),
    ],
)
@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_what_is_not_a_class_of_code_is_one_clear_line(
    tmp_path: Path, kind: str, files: dict[str, str | bytes], texts: list[str]
) -> None:
    path = zipped(tmp_path / "c.zip", files) if kind == "zip" else fill(tmp_path / "c", files)
    if texts:
        refused(path, *texts, tmp_path=tmp_path)
    else:
        assert keys(path, two_files(tmp_path)) == ["hw"]


def test_other_paths_are_one_clear_line(tmp_path: Path) -> None:
    refused(tmp_path / "nothing", "there is no such file or folder", tmp_path=tmp_path)
    (tmp_path / "hw.py").write_text(ONE)
    refused(tmp_path / "hw.py", "is not a class", "name an export", tmp_path=tmp_path)
    (tmp_path / "cut.zip").write_bytes(zip_bytes(EXPORT)[:-40])
    refused(tmp_path / "cut.zip", "this zip is damaged", tmp_path=tmp_path)


def tar_bytes(name: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


MIXTURE: dict[str, str | bytes] = {
    "ada/one.py": ONE,
    "bob.zip": zip_bytes({"hw/one.py": ONE}),
    "cy.tar.gz": tar_bytes("one.py", ONE),
    "dan.py": ONE,
    "eve.rar": b"Rar!\x1a\x07",
    "grades.xlsx": b"PK",
    "README.md": "all of them",
    "__pycache__/x.pyc": b"",
    ".git/config": "",
}


@pytest.mark.parametrize("kind", ["zip", "folder", "zip with a folder around it"])
def test_folders_archives_and_files_may_be_mixed(tmp_path: Path, kind: str) -> None:
    assignment = two_files(tmp_path)
    if kind == "folder":
        path = fill(tmp_path / "c", MIXTURE)
    else:
        around = "class/" if "around" in kind else ""
        path = zipped(tmp_path / "c.zip", {around + name: content for name, content in MIXTURE.items()})
    listed = by_key(path, assignment)
    assert list(listed) == ["ada", "bob", "cy", "dan", "eve"]
    with nothing_left(tmp_path / "work") as work:
        for who in ("ada", "bob", "cy"):
            assert "double" in read(listed[who], assignment, work).files["one.py"].source
        assert read(listed["dan"], assignment, work).missing == ("one.py", "two.py")
        with pytest.raises(UnreadableSubmission, match="rar archives cannot be read"):
            read(listed["eve"], assignment, work)


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_files_of_several_are_told_by_the_names_before_the_expected_ones(tmp_path: Path, kind: str) -> None:
    assignment = two_files(tmp_path)
    files = {
        **{"ada_one.py": ONE, "ada_two.py": TWO, "ada_help.py": "x = 1\n", "Bo B-one (1).py": ONE, "cy.py": ONE},
        **{"evele_LATE_12_31_one-1.py": ONE, "evele_12_32_two.py": TWO, "fay_7_8_hw.zip": zip_bytes({"one.py": ONE})},
    }
    path = zipped(tmp_path / "c.zip", files) if kind == "zip" else fill(tmp_path / "c", files)
    listed = by_key(path, assignment)
    assert list(listed) == ["Bo B", "ada", "cy", "evele_12", "fay_7_8_hw"]
    assert listed["ada"].files == (("ada_help.py", "help.py"), ("ada_one.py", "one.py"), ("ada_two.py", "two.py"))
    with nothing_left(tmp_path / "work") as work:
        found = {key: read(one, assignment, work) for key, one in listed.items()}
    assert {key: sorted(one.files) for key, one in found.items() if key != "cy"} == {
        **{"Bo B": ["one.py"], "ada": ["one.py", "two.py"]},
        **{"evele_12": ["one.py", "two.py"], "fay_7_8_hw": ["one.py"]},
    }
    assert list(found["ada"].helpers) == ["help.py"] and found["ada"].notices == ()


def test_where_one_file_is_expected_each_is_a_submission(tmp_path: Path) -> None:
    names = ("ada.ipynb", "ada_hw.ipynb", "ada_hw (1).ipynb", "ada.py", "evele_1_2_hw.ipynb")
    folder = fill(tmp_path / "c", {name: notebook("x = 1") for name in names})
    assert keys(folder, one_notebook(tmp_path)) == ["ada.ipynb", "ada.py", "ada_hw", "ada_hw (1)", "evele_1"]


def test_a_link_in_a_class_is_listed_and_not_followed(tmp_path: Path) -> None:
    folder = fill(tmp_path / "c", {"ada/one.py": ONE})
    (folder / "bob").symlink_to(fill(tmp_path / "secret", {"one.py": ONE}))
    assert by_key(folder, two_files(tmp_path))["bob"].problem.startswith("is a link, which is not followed")
    listed = hostile(tmp_path, ("ada/one.py", ONE.encode()), (symlink("cy"), b"ada"))
    assert by_key(listed.source, two_files(tmp_path))["cy"].problem.startswith("is a link, which is not followed")
    link = folder / "ada_two.py"
    link.symlink_to(tmp_path / "secret" / "one.py")
    listed = ListedSubmission("ada", folder, files=(("ada_two.py", "two.py"),))
    with pytest.raises(UnreadableSubmission, match="is not a regular file"), opened(listed, tmp_path):
        pass


NAMES = st.sampled_from(
    ["a", "A", "a.zip", "a.py", "a-2", "a-2.py", "a.", "bb:c", "bb_c", "bb_c.zip", "\u00e9", "e\u0301", "1.tar.gz"]
)


@given(there=st.sets(NAMES, min_size=1), named=st.sets(NAMES), order=st.randoms(use_true_random=False))
def test_any_mixture_has_unique_stable_keys_and_nothing_is_lost(
    there: set[str], named: set[str], order: random.Random
) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        names = sorted(there)
        order.shuffle(names)
        files: dict[str, str | bytes] = {METADATA: metadata(*sorted(named))}
        files |= {name if name.endswith((".zip", ".py", ".gz")) else f"{name}/one.py": ONE for name in names}
        listed = read_class(zipped(root / "c.zip", files), two_files(root))
        found = [one.key for one in listed]
        assert found == sorted(found) and len({key.casefold() for key in found}) == len(found)
        assert all("/" not in key and key.strip(" .") == key != "" for key in found)
        assert {one.inside for one in listed if not one.problem} == {normalize("NFC", name) for name in there}
        said = [person.name for one in listed for person in one.submitters]
        assert sorted(said) == sorted(f"Student of {name}" for name in named)
        again = read_class(zipped(root / "c.zip", dict(sorted(files.items()))), two_files(root))
        assert again == listed


def test_a_key_stays_what_it_is_when_others_come(tmp_path: Path) -> None:
    folder = fill(tmp_path / "c", {"bob/one.py": ONE, "cy.py": ONE})
    assert keys(folder, two_files(tmp_path)) == ["bob", "cy"]
    fill(folder, {"abe/one.py": ONE, "bob.zip": zip_bytes({"one.py": ONE})})
    assert keys(folder, two_files(tmp_path)) == ["abe", "bob", "bob.zip", "cy"]


def hostile(tmp_path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> ListedSubmission:
    path = tmp_path / "c.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(METADATA, metadata("ada", "bob"))
        archive.writestr("bob/one.py", TWO)
        for name, content in members:
            archive.writestr(name, content)
    return by_key(path, two_files(tmp_path))["ada"]


def symlink(name: str, kind: int = stat.S_IFLNK) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    return info


@pytest.mark.parametrize(
    "name", ["ada/../../evil.py", "ada/../bob/evil.py", "/evil.py", "ada/..\\..\\evil.py", "C:/evil.py"]
)
def test_no_member_leaves_its_folder(tmp_path: Path, name: str) -> None:
    listed = hostile(tmp_path, ("ada/one.py", ONE.encode()), (name, b"evil"))
    (tmp_path / "deep" / "work").mkdir(parents=True)
    with opened(listed, tmp_path / "deep" / "work") as path:
        assert [found.name for found in path.rglob("*")] == ["one.py"]
        assert not [found for found in tmp_path.rglob("*") if found.name == "evil.py"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_no_link_or_device_is_made(tmp_path: Path, kind: int) -> None:
    listed = hostile(tmp_path, ("ada/one.py", ONE.encode()), (symlink("ada/two.py", kind), b"/etc/passwd"))
    with opened(listed, tmp_path) as path:
        assert [found.name for found in path.rglob("*")] == ["one.py"]
    with pytest.raises(UnreadableSubmission, match=r"ada: there is nothing to grade in it: two\.py: is "):
        read(hostile(tmp_path, (symlink("ada/two.py", kind), b"/etc/passwd")), two_files(tmp_path), tmp_path)


def test_a_file_and_a_folder_of_one_name_cost_one_of_them(tmp_path: Path) -> None:
    listed = hostile(tmp_path, ("ada/one.py", ONE.encode()), ("ada/one.py/two.py", b"x"))
    with opened(listed, tmp_path) as path:
        assert (path / "one.py").read_text() == ONE


def test_a_bomb_is_not_unpacked_and_its_neighbours_are(tmp_path: Path) -> None:
    zeros = bytes(30 * 2**20)
    bombs = [(f"ada/{number}.bin", zeros) for number in range(9)]
    listed = hostile(tmp_path, *bombs, ("ada/one.py", ONE.encode()))
    with opened(listed, tmp_path) as path:
        on_disk = sum(found.stat().st_blocks * 512 for found in path.rglob("*"))
        assert on_disk < 2**20
        submission = read_submission(path, two_files(tmp_path))
    assert submission.files["one.py"].source == ONE
    alone = fill(tmp_path / "alone", {"one.py": ONE, **{name.removeprefix("ada/"): data for name, data in bombs}})
    assert submission == read_submission(alone, two_files(tmp_path))


def test_many_files_of_a_megabyte_stop_at_the_limit(tmp_path: Path) -> None:
    members = [(f"ada/{number:03}.txt", bytes(2**20)) for number in range(300)]
    with opened(hostile(tmp_path, *members, ("ada/one.py", ONE.encode())), tmp_path) as path:
        assert sum(found.stat().st_size for found in path.rglob("*")) < 230 * 2**20
        submission = read_submission(path, two_files(tmp_path))
    assert "one.py" in submission.files and "more than 128 MB in all" in said(submission)


def test_too_many_files_and_folders_are_cut_off_and_code_comes_first(tmp_path: Path) -> None:
    members = [(f"ada/{number}/{'d/' * 200}x", b"") for number in range(6_000)]
    with opened(hostile(tmp_path, *members, ("ada/z/one.py", ONE.encode())), tmp_path) as path:
        assert (path / "z" / "one.py").is_file()
        assert max(len(found.relative_to(path).parts) for found in path.rglob("*")) <= 12


def test_a_damaged_or_lying_member_costs_itself(tmp_path: Path) -> None:
    listed = hostile(tmp_path, ("ada/one.py", ONE.encode()), ("ada/two.py", TWO.encode() * 50))
    data = bytearray(listed.source.read_bytes())
    with zipfile.ZipFile(listed.source) as archive:
        at = archive.getinfo("ada/two.py").header_offset
    data[at + 45 : at + 60] = os.urandom(15)
    listed.source.write_bytes(data)
    with opened(listed, tmp_path) as path:
        assert [found.name for found in path.rglob("*")] == ["one.py"]


def test_a_table_of_contents_that_claims_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "c.zip", {f"submission_{number}/one.py": ONE for number in range(3)})
    with path.open("ab") as stream:
        stream.truncate(2**31)  # sparse
        stream.seek(0, os.SEEK_END)
        end = b"PK\x05\x06" + bytes(4) + b"\x01\0\x01\0" + (2**31 - 100).to_bytes(4, "little") + bytes(6)
        stream.write(end)
    refused(path, "this zip is damaged", "table of contents is larger than 32 MB", tmp_path=tmp_path)


def test_a_notebook_and_an_archive_as_large_as_the_platform_takes_are_kept(tmp_path: Path) -> None:
    assignment = one_notebook(tmp_path)
    picture = '"' + "A" * (25 * 2**20) + '"'
    cell = f'{{"cell_type": "code", "source": "x = 1", "outputs": [{{"data": {picture}}}]}}'
    text = f'{{"nbformat": 4, "cells": [{cell}]}}'
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("hw.ipynb", text)
    path = zipped(tmp_path / "c.zip", {"ada/hw.ipynb": text, "bob.zip": packed.getvalue()})
    for listed in read_class(path, assignment):
        assert read(listed, assignment, tmp_path).files["hw.ipynb"].source.strip() == "x = 1"


def test_submissions_in_an_export_may_hold_archives(tmp_path: Path) -> None:
    assignment = two_files(tmp_path)
    inner = zip_bytes({"hw/one.py": ONE, "hw/two.py": TWO})
    path = zipped(tmp_path / "c.zip", {METADATA: metadata("ada"), "ada/hw.zip": inner})
    assert sorted(read(by_key(path, assignment)["ada"], assignment, tmp_path).files) == ["one.py", "two.py"]


def test_a_copy_is_gone_after_an_error(tmp_path: Path) -> None:
    listed = hostile(tmp_path, ("ada/one.py", ONE.encode()))
    with nothing_left(tmp_path / "work") as work, pytest.raises(KeyError), opened(listed, work):
        raise KeyError


def test_eight_times_the_class_takes_about_eight_times_as_long(tmp_path: Path) -> None:
    assignment = make_assignment(tmp_path, required=("one.py", "two.py"))
    paths = {}
    for size in (250, 2_000):
        names = [f"submission_{number}" for number in range(size)]
        files = {f"{name}/{file}": ONE for name in names for file in ("one.py", "two.py", "data/a.txt")}
        paths[size] = zipped(tmp_path / f"{size}.zip", {METADATA: metadata(*names), **files})
    assert growth(lambda size: read_class(paths[size], assignment), 250) < MOST
    shutil.rmtree(tmp_path / "assignment")
