"""Misconceptions planted into references: the assignment's names, the places where they go, and what does not fit."""

from __future__ import annotations

import ast
import itertools
from dataclasses import replace

import pytest
import torch

from autograder.assignment import PROOFS_PACKAGE, concepts, load_assignment, load_concept
from autograder.errors import UserError
from autograder.misconceptions import Planting, planted, read_misconceptions
from autograder.mutants import read_catalogue
from autograder.proofs import HIDDEN_HALVES
from tests.concepts.course import CONCEPT, ROOT, ConceptCourse

pytestmark = pytest.mark.usefixtures("warm")

CODE = '''
import torch

class Gaussian:
    def sample(self):
        """A sample."""
        # the root of the variance
        std = (0.5 * self.lv).exp()
        return self.mu + std * torch.randn_like(self.mu)

def one_line(mean, logvar): return mean
'''


def plant(**changes):
    fields = {"concept": CONCEPT, "item": "sample", "function": "Gaussian.sample", "prefix": "draw"}
    names = {"mean": "self.mu", "logvar": "self.lv"}
    planting = Planting.model_validate({**fields, "names": names, **changes})
    return {one.id: (old, one) for old, one in planted(load_concept(ROOT, CONCEPT), planting, CODE, "mutants.toml")}


def test_a_misconception_speaks_the_names_of_the_assignment():
    old, planted_here = plant()["draw-logvar-as-std"]
    assert CODE.replace(old, planted_here.body) == CODE.replace(
        "std = (0.5 * self.lv).exp()\n        return self.mu + std * torch.randn_like(self.mu)",
        "return self.mu + self.lv * torch.randn_like(self.mu)",
    )
    assert planted_here.hint.endswith("by when `self.lv` is.") and not planted_here.raises
    assert planted_here.misconception.startswith("`self.lv` is taken")


@pytest.mark.parametrize("concept", concepts(ROOT))
def test_every_misconception_of_every_concept_fits_its_own_proof(concept):
    assignment = load_concept(ROOT, concept)
    catalogue = read_catalogue(assignment)
    assert catalogue.mutants
    texts = [catalogue.source(mutant)[1] for mutant in catalogue.mutants]
    assert len({ast.dump(ast.parse(text)) for text in texts}) == len(texts)
    if not (ROOT / HIDDEN_HALVES / concept / "misconceptions.toml").is_file():
        assert concept.endswith("_training"), "whose mistakes are in the blanks of other items, and the proof's alone"
        return
    everything = read_misconceptions(assignment, concept, "here").misconceptions
    for one, other in itertools.combinations(everything, 2):
        assert one.hint != other.hint or never_together(one, other), (one.id, other.id)


STEP = """
import torch

def before(model, x, t, t_index):
    return model(x, t)
"""
TABLE = torch.linspace(0.1, 0.9, 6).repeat(2, 1)


def test_wrong_steps_are_wrong_in_the_same_way_whether_the_time_is_a_number_or_a_tensor():
    factors = ("alpha", "beta", "alpha_bar", "alpha_bar_before", "std")
    names = {name: f"(TABLE[{k % 2}][t].reshape(-1, 1) ** {k + 1})" for k, name in enumerate(factors)}
    names |= {"start": "(2 * x - prediction)", "mean": f"(x + {names['beta']} * prediction)", "t_max": "5"}
    fields = {"concept": "reverse_step", "item": "images", "function": "before", "prefix": "wrong", "names": names}
    steps = planted(load_concept(ROOT, "reverse_step"), Planting.model_validate(fields), STEP, "mutants.toml")
    asked = []
    for old, one in steps:
        space = {"TABLE": TABLE}
        exec(STEP.replace(old, one.body), space)
        for index in (0, 3):
            results = []
            for t in (index, torch.full((4,), index)):
                torch.manual_seed(7)
                x = torch.randn(4, 3)
                results.append(space["before"](lambda x, t: x.cos() * torch.as_tensor(t).reshape(-1, 1), x, t, index))
            torch.testing.assert_close(*results, msg=one.id)
        asked.append(one.id)
    assert {"wrong-index-too-high", "wrong-index-too-low", "wrong-model-time-too-low"} < set(asked)


def test_a_name_that_no_planted_mistake_needs_may_be_given():
    fields = {"concept": "noise_prediction_loss", "item": "images", "function": "before", "prefix": "loss"}
    planting = Planting.model_validate({**fields, "part": "whole_times", "names": {"timesteps": "T", "mean": "m"}})
    with pytest.raises(UserError, match="noise_prediction_loss has no name 'mean'"):
        list(planted(load_concept(ROOT, "noise_prediction_loss"), planting, STEP, "mutants.toml"))
    planting = planting.model_copy(update={"names": {"timesteps": "T"}})
    assert list(planted(load_concept(ROOT, "noise_prediction_loss"), planting, STEP, "mutants.toml"))


def never_together(one, other):
    """Whether no assignment has both: they have different parts, or one is not for the part of the other."""
    apart = one.part != other.part and one.part and other.part
    return apart or one.part in other.not_for or other.part in one.not_for


def test_a_body_may_go_on_where_the_reference_ends(tmp_path):
    catalogue = tmp_path / PROOFS_PACKAGE / CONCEPT / "misconceptions.toml"
    catalogue.parent.mkdir(parents=True)
    body = "...\\nmean = None"
    catalogue.write_text(f'[[misconceptions]]\nid = "more"\nmisconception = "m"\nhint = "h"\nbody = "{body}"\n')
    fields = {"concept": CONCEPT, "item": "sample", "function": "Gaussian.sample", "prefix": "draw"}
    planting = Planting.model_validate({**fields, "names": {"mean": "self.mu"}})
    course = replace(load_concept(ROOT, CONCEPT), proofs=tmp_path)
    ((old, one),) = planted(course, planting, CODE, "mutants.toml")
    assert one.body == old + "\n        self.mu = None"


def test_a_misconception_is_planted_where_a_variable_is_assigned():
    old, one = plant(function="Gaussian.sample.std", names={"mean": "self.mu", "logvar": "self.lv"})[
        "draw-mean-left-out"
    ]
    assert old == "        std = (0.5 * self.lv).exp()"
    assert one.body == "        std = torch.exp(0.5 * self.lv) * torch.randn_like(self.mu)"


def test_what_belongs_to_a_part_is_planted_only_there():
    proof = load_concept(ROOT, "noise_schedule")
    code = "alphas = 1 - betas  # SOLUTION\n"
    fields = {"concept": "noise_schedule", "item": "tables", "function": "alphas", "prefix": "alphas"}
    planting = Planting.model_validate({**fields, "part": "alphas"})
    assert "alphas = betas" in {one.body for _, one in planted(proof, planting, code, "mutants.toml")}
    assert not list(planted(proof, Planting.model_validate(fields), code, "mutants.toml"))


CATALOGUE = """
[names]
results = "(lambda value: [value])"
[words]
logvar = "the log-variance"
"""
ENTRIES = {"one": "", "two": 'part = "log_std"', "three": 'not_for = ["log_std"]', "four": 'part = "other"'}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ([], {"one", "three"}),
        ("log_std", {"one", "two"}),
        (["log_std", "other"], {"one", "two", "four"}),
    ],
)
def test_parts_say_which_conventions_hold(tmp_path, part, expected):
    found = {one.id.removeprefix("draw-") for _, one in planted_of(tmp_path, part=part)}
    assert found == expected


def test_a_catalogue_has_names_and_words_for_assignments_that_give_none(tmp_path):
    (_, one), _ = planted_of(tmp_path)
    assert one.body.strip() == "return (lambda value: [value])(logvar)" and one.hint == "Look at the log-variance: one."
    own = {"names": {"results": "tuple", "logvar": "(2 * log_sigma)"}, "words": {"logvar": "`log_sigma`"}}
    (_, one), _ = planted_of(tmp_path, **own)
    assert one.body.strip() == "return tuple(2 * log_sigma)" and one.hint == "Look at `log_sigma`: one."


def test_a_misconception_may_show_as_an_exception_in_one_assignment(tmp_path):
    assert [one.raises for _, one in planted_of(tmp_path, raises=["three"])] == [False, True]


def planted_of(folder, **changes):
    """Plant a catalogue of four."""
    path = folder / PROOFS_PACKAGE / CONCEPT / "misconceptions.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    entry = '[[misconceptions]]\nid = "{0}"\n{1}\nmisconception = "m"\nhint = "Look at {{logvar}}: {0}."\n'
    texts = [entry.format(*pair) + 'body = "return results(logvar)"\n' for pair in ENTRIES.items()]
    path.write_text(CATALOGUE + "".join(texts), encoding="utf-8")
    fields = {"concept": CONCEPT, "item": "sample", "function": "Gaussian.sample", "prefix": "draw"}
    course = replace(load_concept(ROOT, CONCEPT), proofs=folder)
    return list(planted(course, Planting.model_validate({**fields, **changes}), CODE, "mutants.toml"))


def test_what_nobody_can_do_here_is_left_out_by_name():
    everything = plant()
    fewer = plant(without={"seeded": "the seed of the function is given"})
    assert everything.keys() - fewer.keys() == {"draw-seeded"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"concept": "reparametrization"}, "no concept 'reparametrization' in .*; did you mean \"reparameterization\""),
        ({"function": "Gaussian.draw"}, "mutants.toml: the reference has no function or variable 'Gaussian.draw'"),
        ({"function": "Gaussian"}, "'Gaussian' is no function or variable of the reference"),
        ({"function": "one_line"}, "'one_line' has no statements on lines of their own"),
        ({"names": {"men": "self.mu"}}, "reparameterization has no name 'men'; did you mean \"mean\""),
        ({"names": {"mean": "self."}}, "names.mean is no Python expression: 'self.'"),
        ({"part": "mean"}, "reparameterization has no part 'mean'"),
        ({"raises": ["seed"]}, "reparameterization has no misconception 'seed'; did you mean \"seeded\""),
        ({"without": {"seed": "why"}}, "reparameterization has no misconception 'seed'; did you mean \"seeded\""),
    ],
)
def test_what_cannot_be_planted_is_one_line(changes, says):
    with pytest.raises(UserError, match=says) as caught:
        plant(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('item = "sampler"', 'item = "smapler"', r"concept 2 \(reparameterization\): no auto item 'smapler'"),
        ('prefix = "method"', 'prefix = "method"\nname = 1', 'concepts.1.name: unknown key; did you mean "names"'),
        ('prefix = "method"', 'prefix = "function"', "mutant 'function-variance-as-std' is there twice"),
    ],
)
def test_a_wrong_table_is_one_line(tmp_path, old, new, says):
    course = ConceptCourse(tmp_path)
    path = course.root / "assignments" / course.concept / "mutants.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(UserError, match=says):
        read_catalogue(load_assignment(course.root, course.concept))


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ('hint = "b"\nbody = "return 1"', r"misconceptions\.0\.misconception: Field required"),
        ('misconception = "m"\nhint = "b"\nbody = "return )"', r"misconceptions\.0\.body: .*line 1 is no Python"),
    ],
)
def test_a_wrong_catalogue_of_a_concept_is_named(tmp_path, entry, says):
    course = ConceptCourse(tmp_path)
    path = course.root / "proofs/autograder_proofs" / CONCEPT / "misconceptions.toml"
    path.write_text(f'[[misconceptions]]\nid = "a"\n{entry}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"misconceptions\.toml: " + says):
        read_misconceptions(load_concept(course.root, CONCEPT), CONCEPT, "here")


def test_a_reference_that_is_no_python_is_one_line(tmp_path):
    course = ConceptCourse(tmp_path)
    reference = course.root / "solutions" / CONCEPT / "sampling.py"
    reference.write_text("import torch\ndef sample(:\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"concept 1 \(reparameterization\): line 2 of the reference is no Python"):
        read_catalogue(load_assignment(course.root, CONCEPT))
