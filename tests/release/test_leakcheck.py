"""Every way in which an answer may slip into a release, planted one by one in a course that is clean otherwise."""

from __future__ import annotations

import json

import pytest

from autograder.release.leakcheck import LeakFound
from autograder.release.packing import unzip_bytes, zip_bytes
from tests.release.course import HIDDEN, ORACLE, PROOF, REFERENCE, Course, code, markdown, notebook
from tests.release.course import PUBLIC as PUBLIC_CHECK

FORMULA = "0.5 * (self.mean**2 + variance - 1 - self.logvar).sum(dim=1)"
COMMENT = "# The closed form of Kingma and Welling, appendix B of their paper."
HANDOUT = "assignments/tiny/handout.md"
PUBLIC = "assignments/tiny/checks/public/test_public.py"
PROVIDED = "assignments/tiny/provided/networks.py"
VAE = "solutions/tiny/vae.py"


def leaks(course: Course) -> list[str]:
    before = course.tree(".")
    with pytest.raises(LeakFound) as caught:
        course.build()
    assert course.tree(".") == before, "a leak publishes nothing"
    return [str(leak) for leak in caught.value.leaks]


def test_a_clean_course_has_no_leak(course: Course) -> None:
    (release,) = course.build()
    assert release.secrets > 10 and release.pages > 5


@pytest.mark.parametrize(
    ("name", "old", "new", "where"),
    [
        (
            HANDOUT,
            "Fill in",
            f"The code is\n`{FORMULA}`.\nFill in",
            "handout.md, line 4: has text of solutions/tiny/vae.py",
        ),
        (HANDOUT, "Fill in", f"```python\nkl = {FORMULA}\n```\nFill in", "handout.md, line 4: has code of"),
        (HANDOUT, "Fill in", "0.5*(self.mean ** 2+variance-1\n  -self.logvar)", "handout.md, line 3: has text of"),
        (VAE, '"""A normal distribution."""', f'"""A normal\n\n{FORMULA}\n"""', "vae.py, line 3: has text of"),
        (VAE, "class Normal:", f"# return {FORMULA}\n\n\nclass Normal:", "vae.py, line 7: has text of"),
        (PUBLIC, "    assert", f"    kl = {FORMULA}\n    assert", "checks/public/test_public.py, line 5: has code of"),
        (PUBLIC, "    assert", f"    x = {FORMULA.replace('variance', 'v')}\n    assert", "with other names"),
        (
            PROVIDED,
            "def",
            "# The closed form of Kingma and Welling, appendix B of their paper.\ndef",
            "networks.py, line 1",
        ),
        (
            HANDOUT,
            "Fill in",
            "The bound is loose by the divergence of the\napproximate from the true posterior.",
            "report.md",
        ),
        (HANDOUT, "Fill in", "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "has text of solutions/tiny/grading.toml"),
        (
            HANDOUT,
            "Fill in",
            HIDDEN.splitlines()[-2].strip(),
            "has text of assignments/tiny/checks/hidden/test_hidden.py",
        ),
        (
            PUBLIC,
            "    assert",
            ORACLE.splitlines()[-1] + "\n    assert",
            "has code of proofs/autograder_proofs/oracles/gaussian.py",
        ),
        (
            PUBLIC,
            "    assert",
            PROOF.splitlines()[-1] + "\n    assert",
            "has code of proofs/autograder_proofs/density/properties.py",
        ),
        (PUBLIC, '"""Public."""', HIDDEN.partition("\n\n\n")[2], "has code of assignments/tiny/checks/hidden"),
    ],
)
def test_a_planted_piece_is_named_with_file_and_line(course: Course, name: str, old: str, new: str, where: str) -> None:
    course.edit(name, old, new)
    assert any(where in leak for leak in leaks(course)), leaks(course)


@pytest.mark.parametrize(("part", "leaked"), [("checks/public/density_probes.py", False), ("reference/it.py", True)])
def test_what_a_proof_hands_out_is_no_secret_and_its_answers_are(course: Course, part: str, leaked: bool) -> None:
    code = "def squashed(x, width):\n    return torch.tanh(x * width).cumsum(dim=-1) / (1.0 + width * x.square())\n"
    course.write(f"proofs/autograder_proofs/density/proof/{part}", f"import torch\n\n\n{code}")
    course.edit(PUBLIC, '"""Public."""', f'"""Public."""\n\nimport torch\n\n\n{code}')
    if not leaked:
        course.build()
    else:
        assert any(f"density/proof/{part}" in leak for leak in leaks(course))


def test_short_idioms_are_no_leak_and_a_copy_of_the_whole_is(course: Course) -> None:
    course.edit(PUBLIC, "    assert", "    scale = torch.exp(self.logvar)\n    assert")
    course.build()
    body = REFERENCE.partition("paper.\n")[2].partition("        ### END SOLUTION")[0]
    course.edit(PUBLIC, "    assert", f"    def kl(self):\n{body}\n    assert")
    found = [f"checks/public/test_public.py, line {line}: has" for line in (7, 8)]
    assert [leak.partition(" text")[0].partition(" code")[0] for leak in leaks(course)] == found


def test_a_secret_that_the_unmarked_part_shows_anyway_is_none(course: Course) -> None:
    idiom = "torch.where(torch.isnan(x), torch.zeros_like(x), x)"
    course.edit(VAE, "variance = torch", f"x = {idiom}\n        variance = torch")
    course.edit(PUBLIC, "    assert", f"    x = {idiom}\n    assert")
    assert leaks(course)
    course.edit(PROVIDED, "return 2 * x", f"return {idiom}")
    course.build()


def test_a_long_copy_in_provided_code_is_a_leak_all_the_same(course: Course) -> None:
    long = "f(" + ", ".join(f"a{i} * b{i} + c{i}" for i in range(8)) + ")"
    course.edit(VAE, "variance = torch", f"x = {long}\n        variance = torch")
    course.edit(PROVIDED, "return 2 * x", f"return {long}")
    assert "networks.py, line 2: has code of solutions/tiny/vae.py, line 13" in leaks(course)


def test_the_same_file_is_found_under_another_name(course: Course) -> None:
    course.write("assignments/tiny/checks/public/data.json", '{"secret": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}')
    course.write("assignments/tiny/checks/hidden/truth.json", '{"secret": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}')
    assert "checks/public/data.json: the same file as assignments/tiny/checks/hidden/truth.json" in leaks(course)


def test_private_folders_have_no_place_in_the_public_checks(course: Course) -> None:
    course.write("assignments/tiny/checks/public/hidden/test_x.py", "x = 1\n")
    assert any("'hidden' is not for students" in leak for leak in leaks(course))


def test_the_wheel_and_zips_inside_are_read(course: Course) -> None:
    course.write("autograder/tricks.py", f"def kl(self, variance):\n    return {FORMULA}\n")
    assert any(".whl: autograder/tricks.py, line 2: has code of" in leak for leak in leaks(course))
    (course.root / "autograder/tricks.py").unlink()
    inner = zip_bytes({"notes.txt": FORMULA.encode()})
    (course.root / "assignments/tiny/checks/public/data.zip").write_bytes(inner)
    assert any("data.zip: notes.txt, line 1: has text of" in leak for leak in leaks(course))


def test_a_short_statement_is_known_as_a_line(course: Course) -> None:
    course.edit(HANDOUT, "Fill in", "torch.exp(self.logvar) is allowed.\nFill in")
    course.build()
    course.edit(HANDOUT, "Fill in", "variance = torch.exp(self.logvar)\nFill in")
    assert leaks(course) == ["handout.md, line 4: has text of solutions/tiny/vae.py, line 13"]


def test_helpers_that_hidden_and_public_checks_share_are_no_leak(course: Course) -> None:
    arguments = ", ".join(f"width_{i}={i}" for i in range(30))
    helper = f"\n\ndef build(vae):\n    for i in range(3):\n        model = vae.Model({arguments})\n    return model\n"
    course.write(PUBLIC, PUBLIC_CHECK + helper)
    course.write("assignments/tiny/checks/hidden/test_hidden.py", HIDDEN + helper)
    course.build()
    test = HIDDEN.partition("\n\n\n")[2].replace("def test_kl_of_shifted_and_scaled", "def test_copy")
    course.write(PUBLIC, PUBLIC_CHECK + "\n\n" + test)
    assert leaks(course)[0].startswith("checks/public/test_public.py, line 8: has code of")


def test_what_alternatives_share_with_given_code_is_no_secret(course: Course) -> None:
    long = "f(" + ", ".join(f"a{i} * b{i} + c{i}" for i in range(8)) + ")"
    course.edit(PROVIDED, "return 2 * x", f"return {long}")
    course.write("assignments/tiny/alternatives/one/vae.py", f"def kl(q):\n    return {long}\n")
    assert [release.assignment.slug for release in course.build()] == ["tiny"]


def test_a_tuple_that_python_would_write_otherwise_may_be_given(course: Course) -> None:
    given = "def keep(self, encoder, decoder):\n    self.encoder, self.decoder = encoder, decoder\n"
    course.edit("solutions/tiny/vae.py", "class Normal:", f"{given}\n\nclass Normal:")
    course.write("assignments/tiny/alternatives/one/vae.py", given)
    assert [release.assignment.slug for release in course.build()] == ["tiny"]


def test_mutants_alternatives_and_answer_keys_are_secret_too(course: Course) -> None:
    mutant = "torch.prod(self.mean**3 - torch.exp(2 * self.logvar), dim=0)"
    course.write("assignments/tiny/mutants.toml", f'[[mutants]]\nid = "a"\nnew = "return {mutant}"\n')
    course.write(
        "assignments/tiny/alternatives/one/vae.py", "def kl(q):\n    return g(q.mean.pow(2) + h(q.x) / 2 - 3)\n"
    )
    course.write(
        "solutions/tiny/key.md",
        "# A heading that repeats the question word for word\n\nOnly the answer key says as much as this.\n",
    )
    course.build()
    course.edit(
        HANDOUT, "Fill in", f"{mutant}\ng(q.mean.pow(2) + h(q.x) / 2 - 3)\nOnly the answer key says as much as this.\n"
    )
    found = " ".join(leaks(course))
    for origin in ("mutants.toml", "alternatives/one/vae.py", "solutions/tiny/key.md"):
        assert f"has text of {origin}" in found or origin in found


def test_notebooks_of_the_public_part_are_free_of_outputs_and_of_answers_in_metadata(course: Course) -> None:
    stream = {"output_type": "stream", "name": "stdout", "text": "1"}
    cells = (code("x = 1", outputs=[stream]), markdown("a", metadata={"note": {"deep": [f"x {FORMULA}"]}}))
    course.write("assignments/tiny/checks/public/a.ipynb", notebook(*cells))
    found = leaks(course)
    assert "checks/public/a.ipynb, cell 1: the cell has an output or an execution count" in found
    assert any(leak.startswith("checks/public/a.ipynb, cell 2, line") and "has text of" in leak for leak in found)


def test_outputs_of_the_reference_are_secret_wherever_they_turn_up(course: Course) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "held-out ELBO after 30 epochs: -93.1742 nats\n"}
    course.edit("assignments/tiny/assignment.toml", '["vae.py"]', '["vae.py", "run.ipynb"]')
    course.write("solutions/tiny/run.ipynb", notebook(code("print(1)", outputs=[output])))
    (release,) = course.build()
    cell = json.loads(unzip_bytes(release.student_zip)["tiny/run.ipynb"])["cells"][0]
    assert (cell["outputs"], cell["execution_count"]) == ([], None)
    course.edit(HANDOUT, "Fill in", "You should see held-out ELBO after 30 epochs: -93.1742 nats")
    assert any("handout.md, line 3: has text of solutions/tiny/run.ipynb, cell 1" in leak for leak in leaks(course))


def test_a_leak_that_only_the_drawn_handout_shows_is_one(course: Course) -> None:
    course.edit(HANDOUT, "Fill in", "vari&#97;nce = torch.e&#120;p(self.logvar)\nFill in")
    (leak,) = leaks(course)
    assert leak.startswith("handout.html, line ") and leak.endswith("has text of solutions/tiny/vae.py, line 13")


FIELDS = """from typing import NamedTuple


class {}(NamedTuple):
    {}: Tensor
    {}: Tensor
    {}: Tensor
    {}: Tensor
"""


def test_as_many_fields_of_other_names_are_no_leak_and_the_same_ones_are(course: Course) -> None:
    course.write("assignments/tiny/alternatives/one/vae.py", FIELDS.format("Outputs", "p1", "p2", "z1", "z2"))
    course.edit(PUBLIC, '"""Public."""', FIELDS.format("Derived", "name", "public", "check", "exempt"))
    course.build()
    course.edit(PUBLIC, "name: Tensor", "name: Tensor = torch.zeros(3, 4)")
    course.edit("assignments/tiny/alternatives/one/vae.py", "p1: Tensor", "p1: Tensor = torch.zeros(3, 4)")
    assert any("with other names" in leak for leak in leaks(course))
    course.edit(PUBLIC, "name: Tensor = torch.zeros(3, 4)", "name: Tensor")
    course.edit("assignments/tiny/alternatives/one/vae.py", "p1: Tensor = torch.zeros(3, 4)", "p1: Tensor")
    course.edit(
        PUBLIC,
        FIELDS.format("Derived", "name", "public", "check", "exempt"),
        FIELDS.format("Outputs", "p1", "p2", "z1", "z2"),
    )
    assert leaks(course)
