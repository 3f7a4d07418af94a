"""Classes that staff list in a CSV."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from autograder.batch.exports import read_class
from autograder.batch.listing import Submitter
from autograder.errors import UserError
from tests.batch.classes import ONE, TWO, by_key, keys, read, two_files, zip_bytes
from tests.submission.toy import fill


def write(tmp_path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "lists" / "class.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes("\r\n".join(lines).encode(encoding))
    return path


def refusal(tmp_path: Path, *lines: str, encoding: str = "utf-8") -> str:
    with pytest.raises(UserError) as error:
        read_class(write(tmp_path, *lines, encoding=encoding), two_files(tmp_path))
    assert "\n" not in str(error.value) and "class.csv" in str(error.value)
    return str(error.value)


def test_paths_are_relative_to_the_list_and_may_lead_anywhere(tmp_path: Path) -> None:
    assignment = two_files(tmp_path)
    fill(tmp_path / "handed", {"ada/one.py": ONE, "bob.zip": zip_bytes({"one.py": ONE, "two.py": TWO})})
    (tmp_path / "handed" / "cy").symlink_to("ada")
    path = write(
        tmp_path,
        "Name,SID,E-Mail,Email,PATH,created_at,section",
        '"Lovelace, Ada",007,,a@x.edu,../handed/ada/,2024-03-01 17:30:00 +01:00,1',
        f"Bob,8,,,{tmp_path}/handed/bob.zip,,2",
        "Cy,9,,,../handed/cy,2024-03-01T17:30:00Z",
        ",,,,,,",
    )
    listed = by_key(path, assignment)
    assert list(listed) == ["ada", "bob", "cy"]
    assert listed["ada"].submitters == (Submitter("Lovelace, Ada", "007", "a@x.edu"),)
    assert listed["ada"].created_at == datetime(2024, 3, 1, 16, 30, tzinfo=UTC)
    assert listed["bob"].created_at is None and not any(one.problem for one in listed.values())
    assert {key: len(read(one, assignment, tmp_path).files) for key, one in listed.items()} == {
        **{"ada": 1, "bob": 2, "cy": 1}
    }


def test_a_path_that_leads_to_nothing_is_a_submission_with_a_problem(tmp_path: Path) -> None:
    path = write(tmp_path, "file,sid", "gone/one.zip,1", ",2", "a\0b,3", f"{'x' * 300},4")
    listed = read_class(path, two_files(tmp_path))
    assert sorted(one.submitters[0].sid for one in listed) == ["1", "2", "3", "4"]
    assert by_key(path, two_files(tmp_path))["one"].problem == "class.csv names gone/one.zip, and nothing is there"
    assert "gives no path" in by_key(path, two_files(tmp_path))["2"].problem
    assert all(one.problem for one in listed)


def test_keys_are_names_and_the_way_to_them_only_where_names_collide(tmp_path: Path) -> None:
    paths = ["a/one.py", "b/one.py", "c/two.py", "d/three.zip", "e/three.py"]
    path = write(tmp_path, "path", *paths)
    assert keys(path, two_files(tmp_path)) == ["a-one.py", "b-one.py", "three.py", "three.zip", "two"]
    path = write(tmp_path, "path", *reversed(paths))
    assert keys(path, two_files(tmp_path)) == ["a-one.py", "b-one.py", "three.py", "three.zip", "two"]


def test_lines_of_one_path_are_a_group_and_other_times_other_submissions(tmp_path: Path) -> None:
    times = ("2024-03-01T10:00:00Z", "2024-03-01T11:00:00+01:00", "2024-03-02T10:00:00Z")
    lines = [f"x/a.py,{sid},{time}" for sid, time in zip("123", times, strict=True)]
    listed = by_key(write(tmp_path, "path,sid,created_at", *lines), two_files(tmp_path))
    assert {key: [one.sid for one in found.submitters] for key, found in listed.items()} == {
        **{"x-a.py": ["1", "2"], "x-a.py-2": ["3"]}
    }


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_spreadsheets_write_several_separators_and_a_mark_at_the_start(tmp_path: Path, separator: str) -> None:
    lines = [separator.join(cells) for cells in (("name", "path", "x,y"), ("Ada", "ada.py", "1"))]
    assert keys(write(tmp_path, *lines, encoding="utf-8-sig"), two_files(tmp_path)) == ["ada"]


def test_what_is_wrong_with_a_list_is_one_line(tmp_path: Path) -> None:
    assert "no column path or file in its first line (name, sid)" in refusal(tmp_path, "name,sid", "a,b")
    assert 'did you mean "path"?' in refusal(tmp_path, "paths", "a")
    assert "(it is empty)" in refusal(tmp_path, "")
    assert "lists no submissions" in refusal(tmp_path, "path,name")
    assert "not UTF-8 text" in refusal(tmp_path, "path", "Zo\u00eb", encoding="latin-1")
    assert ", line 2: is not a CSV" in refusal(tmp_path, "path", "x" * 200_000)
    text = refusal(tmp_path, "path,created_at", "a,2024-03-01T10:00Z", "b,03/01/2024 10:00")
    assert ", line 3: created_at '03/01/2024 10:00' is not a time with its zone" in text
    assert "is not a time with its zone" in refusal(tmp_path, "path,created_at", "a,2024-03-01 10:00")
