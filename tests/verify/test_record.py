"""The licence to release: it holds for exactly the bytes that were verified."""

from __future__ import annotations

import pytest

from autograder.errors import UserError
from autograder.verify.command import choose, objections, verify_and_save
from autograder.verify.record import digests_of, objection, remove_record, write_record
from tests.verify.proving import COMPLETE, MINUS, Proving


@pytest.fixture
def recorded(tmp_path):
    proving = Proving(tmp_path)
    proving.write("proofs/autograder_proofs/oracles/truth.py", "ONE = 1\n")
    proving.write("autograder/engine.py", "")
    write_record(tmp_path / "verified", "tiny", digests_of(tmp_path, proving.loaded))
    return proving


def against(proving):
    return objection(proving.root, proving.loaded, proving.root / "verified")


def test_nothing_stands_against_what_was_verified(recorded):
    assert against(recorded) == ""
    recorded.write("assignments/tiny/checks/__pycache__/x.pyc", "what Python leaves behind has no say")
    assert against(recorded) == ""


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("assignments/tiny/checks/hidden/test_hidden.py", "changed"),
        ("assignments/tiny/mutants.toml", "changed"),
        ("solutions/tiny/one.py", "changed"),
        ("proofs/autograder_proofs/oracles/truth.py", "changed"),
        ("autograder/engine.py", "changed"),
        ("autograder/more.py", "new"),
    ],
)
def test_every_file_that_had_a_say_is_named_when_it_differs(recorded, name, how):
    recorded.write(name, "# other\n")
    assert against(recorded) == f"tiny: verified with other files than there are now: {name} ({how})"
    (recorded.root / name).unlink()
    assert f"{name} (gone)" in against(recorded) or how == "new"


def test_without_a_record_nothing_is_released(recorded):
    remove_record(recorded.root / "verified")
    assert "tiny: no passing verification is on record in" in against(recorded)
    (recorded.root / "verified" / "record.json").write_text("{}")
    with pytest.raises(UserError, match=r"record\.json: this is no record of a verification"):
        against(recorded)


def test_only_a_pass_of_all_items_goes_on_record(tmp_path):
    proving = Proving(tmp_path)
    out = tmp_path / "verified"

    def save(item=""):
        return verify_and_save(tmp_path, proving.loaded, out, item=item, jobs=1)

    report, page = save("two.shift")
    assert report.passed and page == out / "tiny/items/two.shift/matrix.html"
    assert objections(tmp_path, [proving.loaded], out) == [
        f"tiny: no passing verification is on record in {out / 'tiny'}; run: python build.py verify tiny"
    ]
    report, page = save()
    assert report.passed and (page.parent / "matrix.json").read_text().startswith('{\n "version": 2')
    assert "## minus\n" in (page.parent / "messages.txt").read_text()
    assert objections(tmp_path, [proving.loaded], out) == []
    proving.catalogue(COMPLETE.replace(MINUS, ""))
    report, _ = save()
    assert not report.passed and len(objections(tmp_path, [proving.loaded], out)) == 1


def test_an_item_chooses_its_assignment(recorded):
    assert [found.slug for found in choose(recorded.root, [], "one.double")] == ["tiny"]
    with pytest.raises(UserError, match=r"no item 'one.duoble' in tiny; did you mean \"one.double\""):
        choose(recorded.root, [], "one.duoble")
