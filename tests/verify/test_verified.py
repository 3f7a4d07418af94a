"""The committed record of what passed: it holds for an assignment, its reference and its concepts as they are."""

from __future__ import annotations

import pytest

from autograder.assignment import PROOFS, load_assignment, load_concept
from autograder.errors import UserError
from autograder.verify.command import choose, never_verified, verify_and_save
from autograder.verify.verified import VERIFIED, digest_of, read_verified, record_verified
from tests.concepts.course import CONCEPT, ConceptCourse
from tests.verify.proving import COMPLETE, MINUS, Proving


def changed(root, *slugs):
    return [(one.slug, one.is_concept) for one in choose(root, slugs, changed=True)]


@pytest.fixture
def course(tmp_path):
    """A course with one assignment, which is called like the concept that it applies, and both on record."""
    course = ConceptCourse(tmp_path)
    for name in (path.parents[1] for path in (tmp_path / PROOFS).glob("*/*/proof/assignment.toml")):
        if name.name != CONCEPT:
            (name / "proof/assignment.toml").unlink()  # one concept to prove is enough here
    record_verified(tmp_path, load_assignment(tmp_path, CONCEPT))
    record_verified(tmp_path, load_concept(tmp_path, CONCEPT))
    return course


def test_nothing_is_verified_again_that_is_on_record(course):
    assert changed(course.root) == []
    (course.root / "assignments" / CONCEPT / "checks/__pycache__").mkdir()
    (course.root / "assignments" / CONCEPT / "checks/__pycache__/x.pyc").write_bytes(b"what Python leaves behind")
    assert changed(course.root) == []


HALF = f"{PROOFS}/autograder_proofs/{CONCEPT}"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"assignments/{CONCEPT}/handout.md", [(CONCEPT, False)]),
        (f"assignments/{CONCEPT}/margins.json", [(CONCEPT, False)]),
        (f"solutions/{CONCEPT}/sampling.py", [(CONCEPT, False)]),
        (f"{HALF}/misconceptions.toml", [(CONCEPT, True), (CONCEPT, False)]),
        (f"{HALF}/properties.py", [(CONCEPT, True), (CONCEPT, False)]),
        (f"{PROOFS}/autograder_proofs/oracles/more.py", [(CONCEPT, True), (CONCEPT, False)]),
        (f"{HALF}/proof/mutants.toml", [(CONCEPT, True)]),
        (f"{PROOFS}/autograder_proofs/elbo_loss/properties.py", []),
    ],
)
def test_whoever_depends_on_a_changed_file_is_verified_again(course, path, expected):
    before = {one.is_concept: digest_of(one) for one in both(course.root)}
    file = course.root / path
    file.write_bytes((file.read_bytes() if file.is_file() else b"") + b"\n")
    assert changed(course.root) == expected
    assert changed(course.root, CONCEPT) == [one for one in expected if not one[1]]
    for one in both(course.root):
        assert (digest_of(one) != before[one.is_concept]) is ((one.slug, one.is_concept) in expected)
        record_verified(course.root, one)
    assert changed(course.root) == []


def both(root):
    return load_concept(root, CONCEPT), load_assignment(root, CONCEPT)


def test_a_record_forgets_what_is_gone(course):
    (course.root / HALF / "proof/assignment.toml").unlink()
    record_verified(course.root, load_assignment(course.root, CONCEPT))
    assert (list(read_verified(course.root).assignments), read_verified(course.root).concepts) == ([CONCEPT], {})


def test_what_never_passed_is_named_and_nothing_that_changed(course):
    (course.root / VERIFIED).unlink()
    assert changed(course.root) == []
    assert never_verified(course.root, []) == [f"--concept {CONCEPT}", CONCEPT]
    assert never_verified(course.root, [CONCEPT]) == [CONCEPT]
    record_verified(course.root, load_assignment(course.root, CONCEPT))
    assert never_verified(course.root, []) == [f"--concept {CONCEPT}"]


def test_a_whole_verification_that_passes_goes_on_record_and_no_other(tmp_path):
    proving, out = Proving(tmp_path), tmp_path / "out"
    verify_and_save(tmp_path, proving.loaded, out, item="two.shift", jobs=1)
    assert never_verified(tmp_path, []) == ["tiny"] and not (tmp_path / VERIFIED).exists()
    verify_and_save(tmp_path, proving.loaded, out, item="", jobs=1)
    assert never_verified(tmp_path, []) == changed(tmp_path) == []
    on_record = (tmp_path / VERIFIED).read_bytes()
    proving.catalogue(COMPLETE.replace(MINUS, ""))
    assert changed(tmp_path) == [("tiny", False)]
    report, _ = verify_and_save(tmp_path, proving.loaded, out, item="", jobs=1)
    assert not report.passed and changed(tmp_path) == [("tiny", False)]
    assert (tmp_path / VERIFIED).read_bytes() == on_record, "what passed once passes again"
    proving.catalogue(COMPLETE)
    assert changed(tmp_path) == []


def test_a_record_that_cannot_be_read_is_named(tmp_path):
    proving = Proving(tmp_path)
    proving.write(VERIFIED, "{}]")
    with pytest.raises(UserError, match=r"verified\.json: this is no record of verifications; remove it"):
        changed(tmp_path)


def test_a_record_that_cannot_be_written_is_named(tmp_path):
    proving = Proving(tmp_path)
    (tmp_path / VERIFIED).symlink_to(tmp_path / "missing" / "folder")
    with pytest.raises(UserError, match=r"verified\.json: cannot be written \(.*\); what passed is not on record"):
        record_verified(tmp_path, proving.loaded)


def test_all_concepts_can_be_asked_for(course):
    assert [(one.slug, one.is_concept) for one in choose(course.root, [], concept="all")] == [(CONCEPT, True)]
