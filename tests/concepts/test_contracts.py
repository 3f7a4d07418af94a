"""A contract applied to an assignment: its adapter, the checks that come of it, and what each side may read."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from autograder.assignment import PROOFS, load_assignment
from autograder.checks import Contract, Subject, Training, given, prop, tensors
from autograder.checks.authoring.declaring import declaration_of
from autograder.concepts.diffusion_training import diffusion_training
from autograder.concepts.noise_prediction_loss import noise_prediction_loss
from autograder.concepts.noise_schedule import LinearSchedule, noise_schedule
from autograder.concepts.reparameterization import reparameterization
from autograder.concepts.reverse_step import DdimStep, StoredStep, reverse_step
from autograder.errors import UserError
from autograder.release.declared import refuse_wrong_checks
from tests.concepts.course import ROOT, ConceptCourse
from tests.concepts.searching import FIRST_LINE, NOTHING, modules_of, searching
from tests.tiny import Tiny

pytestmark = pytest.mark.usefixtures("warm")

WRONG = ("std = torch.exp(0.5 * logvar)", "std = torch.exp(logvar)")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return ConceptCourse(tmp_path_factory.mktemp("course"))


@prop(weight=3)
@given(examples=2, x=tensors(4))
def doubles(double: Subject, x) -> None:
    """{call} is twice {value}; {function} is asked for {shapes}."""
    assert torch.equal(double(x), 2 * x)


TWICE = Contract("twice", 1, ("value",), (doubles,), options={"shapes": ()}, optional={"times": 2})


def test_each_property_is_a_check_with_the_words_of_the_assignment():
    @TWICE("an.item", call="double(x)", weights={"doubles": 0.5})
    def double(module, value):
        return module(value)

    ((name, public, check, exempt),) = double.checks(hidden=False)
    assert (name, public, exempt) == ("doubles", True, "")
    assert check.__doc__ == "double(x) is twice x; double() is asked for ()."
    declared = declaration_of(check)
    assert (declared.item, declared.weight, declared.examples, set(declared.strategies)) == ("an.item", 0.5, 2, {"x"})
    check(module=lambda x: x + x, x=torch.ones(4))
    with pytest.raises(AssertionError):
        check(module=lambda x: x, x=torch.ones(4))


def test_a_module_may_have_the_name_of_something_that_is_drawn():
    @TWICE("an.item", call="double(x)")
    def double(x, value):
        return x.double(value)

    ((_, _, check, _),) = double.checks(hidden=False)
    (drawn,) = declaration_of(check).strategies
    assert inspect.signature(check).parameters.keys() == {"x"} and drawn != "x"
    check(x=SimpleNamespace(double=lambda value: 2 * value), **{drawn: torch.ones(4)})


def test_what_is_made_once_is_made_again_for_other_inputs_only():
    made = []

    def make(kind, value):
        made.append(value)
        return kind(value)

    @TWICE("an.item", call="Doubler(x).double()", names=("x",), once=make)
    def double(made, times):
        return made(times)

    subject = double._subject({"kind": lambda value: lambda times: value * times})
    one, other = torch.ones(2), torch.zeros(2)
    assert [subject(one).sum().item(), subject(one, times=3).sum().item(), subject(other).sum().item()] == [4, 6, 0]
    assert len(made) == 2 and made[0] is one and made[1] is other


@pytest.mark.parametrize(
    ("keywords", "error", "says"),
    [
        ({"call": "double"}, ValueError, r"call must name the inputs in order, as in 'f\(value\)'"),
        ({"call": "double(2 * x)"}, ValueError, "call must name the inputs"),
        ({"call": "double(x)", "shape": 1}, TypeError, "twice has no option 'shape'; did you mean \"shapes\""),
        ({"call": "double(x)", "weights": {"doubles": 0}}, ValueError, "'doubles' must be positive and finite, not 0"),
        ({"call": "double(x)", "exempt": {"doubles": " "}}, ValueError, r"exempt\['doubles'\] needs a reason"),
        (
            {"call": "double(x)", "exempt": {"doubles": "why"}, "weights": {"doubles": 2}},
            ValueError,
            "'doubles' is exempted, and has a weight",
        ),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_declared(keywords, error, says):
    with pytest.raises(error, match=says):
        TWICE("an.item", **keywords)


@prop()
def is_even(pair: Subject) -> None:
    """Nothing happens where {first} and {second} change places."""


PAIR = Contract("pair", 1, ("first", "second"), (is_even,), optional={"third": 3})


def test_names_go_with_the_places_to_which_the_adapter_passes_inputs():
    @PAIR("an.item", call="meet(left, right)")
    def turned(module, first, second):
        return module.meet(second, first)

    @PAIR("an.item", call="meet(left, right)")
    def unclear(module, first, second):
        return module.meet(second + 0, first * 1)

    @PAIR("an.item", call="meet(left, right)", names=("one", "other"))
    def named(module, first, second):
        return module.meet(second, first)

    @PAIR("an.item", call="meet(left, right)")
    def by_a_probe(the_probes, first, second):
        return the_probes.meet(second, first)

    titles = [next(each.checks(hidden=False)).check.__doc__ for each in (turned, unclear, named, by_a_probe)]
    assert [re.findall("where (.*) and (.*) change", title)[0] for title in titles] == [
        ("right", "left"), ("left", "right"), ("one", "other"), ("left", "right"),
    ]  # fmt: skip


def test_names_that_are_turned_round_are_refused():
    says = "an.item: pair: turned.. passes (first|second) where the call has .*; names are in the order of the contract"
    with pytest.raises(ValueError, match=says):

        @PAIR("an.item", call="meet(left, right)", names=("left", "right"))
        def turned(module, first, second):
            return module.meet(second, first)


def test_an_option_that_everybody_must_choose_is_asked_for():
    with pytest.raises(TypeError, match="twice needs the option 'shapes'"):
        replace(TWICE, required=("shapes",))("an.item", call="double(x)")


LINEAR = LinearSchedule(1e-3, 0.08, 100)
LOSS = {"schedule": LINEAR, "stored": {0: [(0.9, 0.4)]}, "distance": "squared", "prices": {1.0: (1.0, 2.0)}}
DDIM = {"rule": DdimStep(LINEAR), "stored": (StoredStep(0, 1.0, {1.0: 0.9}),), "noisy": False}
TABLES = {"schedule": LINEAR, "stored": {LINEAR: {"betas": {0: 1e-3}}}, "betas": "`betas`"}
TRAINED = {
    "schedule": LINEAR, "pictures": None, "network": None, "training": Training(1, 1, 1.0), "error_below": 0.7,
    "few": Training(1, 16, 1.0), "few_below": 0.6,
}  # fmt: skip


@pytest.mark.parametrize(
    ("contract", "options", "changes", "says"),
    [
        (noise_prediction_loss, LOSS, {"distance": "mse"}, "distance is one of squared, absolute, huber, not 'mse'"),
        (noise_prediction_loss, LOSS, {"parametrisation": "v"}, "'v' needs targets, for the indices that are stored"),
        (noise_prediction_loss, LOSS, {"prices": {}}, "prices are those of errors that are not 0, one at least"),
        (noise_prediction_loss, LOSS, {"given": False}, "noise is given or drawn"),
        (noise_schedule, TABLES, {"alphas": "`alphas`"}, r"every table that is asked for \(alphas, betas\)"),
        (noise_schedule, TABLES, {"start": 2}, "start is 0 or 1"),
        (noise_schedule, TABLES, {"schedule": [0.1, 0.2]}, "schedule is one of LinearSchedule, .*GivenSchedule or a "),
        (diffusion_training, TRAINED, {"parametrisation": "x0"}, "parametrisation is eps or v, not 'x0'"),
        (diffusion_training, TRAINED, {"few_pictures": 3}, "few.batch must be a multiple of few_pictures"),
        (reverse_step, DDIM, {"noisy": True}, "DdimStep adds no noise: say noisy=False"),
    ],
)
def test_options_that_do_not_fit_together_are_refused_in_words(contract, options, changes, says):
    contract("an.item", call="f(x_0, t, noise)", **options)
    with pytest.raises(ValueError, match=f"{contract.concept}: .*{says}"):
        contract("an.item", call="f(x_0, t, noise)", **{**options, **changes})


def test_an_adapter_must_take_every_input():
    with pytest.raises(TypeError, match=r"double\(\) needs the inputs of twice: value"):

        @TWICE("an.item", call="double(x)")
        def double(module, x): ...


@pytest.mark.parametrize("named", [{"weights": {"gradients_of_sample": 1}}, {"exempt": {"gradients_of_sample": "why"}}])
def test_a_weight_or_an_exemption_of_no_property_is_refused_by_the_grader(monkeypatch, named):
    monkeypatch.syspath_prepend(ROOT / PROOFS)
    decorate = reparameterization("sample", call="f(m, l)", **named)
    applied = decorate(lambda mean, logvar: mean)
    assert len(list(applied.checks(hidden=False))) == 2
    with pytest.raises(ValueError, match="no property 'gradients_of_sample'; did you mean \"gradients_of_a_sample\""):
        list(applied.checks(hidden=True))


@pytest.mark.thorough
def test_a_right_hand_in_gets_full_marks_and_a_wrong_one_its_hint(course):
    right = course.grade(sampling=course.reference("sampling.py"))
    assert right.status == 0 and right.scores == {"sample": 1.0, "spread_out": 1.0, "sampler": 1.0}
    wrong = course.grade(sampling=course.reference("sampling.py").replace(*WRONG))
    assert wrong.scores["sample"] < 0.5 and wrong.scores["sampler"] == 1.0
    output = wrong.output("sample")
    assert "sample(mean, logvar), less mean and over the standard deviation, is independent N(0, 1) noise" in output
    assert "call:     sample(...)" in output and "logvar = float32 tensor (256, 12)" in output
    assert "Which quantity has the unit of a sample" in output and "hidden check" in output
    assert "test_sample" not in output and "adapter" not in output
    assert "less mu and over the standard deviation" in wrong.output("sampler")


def test_students_run_the_public_properties_alone(course, tmp_path):
    (tmp_path / "sampling.py").write_text(course.reference("sampling.py"), encoding="utf-8")
    folder = course.root / "assignments" / course.concept
    for name in ("assignment.toml", "checks/public/test_sampling.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    done = Tiny.command("check", "--folder", str(tmp_path))
    assert done.returncode == 0 and "3 of 3 points in the public checks" in done.stdout, done.stdout + done.stderr


def test_a_build_knows_the_items_that_contracts_are_applied_to(tmp_path):
    course = ConceptCourse(tmp_path)
    refuse_wrong_checks(load_assignment(course.root, course.concept))
    checks = course.root / "assignments" / course.concept / "checks/public/test_sampling.py"
    text = checks.read_text(encoding="utf-8")
    checks.write_text(text.replace('reparameterization("sample"', 'reparameterization("samples"'), encoding="utf-8")
    with pytest.raises(
        UserError, match=r"test_sampling\.py, line \d+: no auto item 'samples'; did you mean \"sample\""
    ):
        refuse_wrong_checks(load_assignment(course.root, course.concept))


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("reparameterization = 2", "reparameterization is version 1 here, and assignment.toml names 2; verify"),
        ("", "reparameterization is applied, and assignment.toml does not say in which version; write"),
        (
            "reparameterization = 1\nreparametrisation = 1",
            "concepts.reparametrisation is applied by no check; remove it",
        ),
    ],
)
def test_an_assignment_names_the_version_of_each_concept_that_it_applies(tmp_path, named, says):
    course = ConceptCourse(tmp_path)
    manifest = course.root / "assignments" / course.concept / "assignment.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("reparameterization = 1", named), encoding="utf-8")
    with pytest.raises(UserError, match=re.escape(says)):
        refuse_wrong_checks(load_assignment(course.root, course.concept))
    if "applied by no check" not in says:  # grading runs what there is: a build says the rest
        run = course.grade(sampling=course.reference("sampling.py"))
        assert run.status == 1 and says in run.stderr and len(run.stderr.strip().splitlines()) == 1


def test_a_concept_without_its_hidden_half_stops_a_build(tmp_path):
    course = ConceptCourse(tmp_path)
    (course.root / "proofs/autograder_proofs/reparameterization/properties.py").unlink()
    with pytest.raises(
        UserError, match=r"test_sampling\.py, line \d+: the hidden half of .*reparameterization is missing"
    ):
        refuse_wrong_checks(load_assignment(course.root, course.concept))


def test_a_broken_hidden_half_is_named_in_one_line(tmp_path):
    course = ConceptCourse(tmp_path)
    path = course.root / "proofs/autograder_proofs/reparameterization/properties.py"
    path.write_text("x = )\n", encoding="utf-8")
    run = course.grade(sampling=course.reference("sampling.py"))
    assert run.status == 1 and len(run.stderr.strip().splitlines()) == 1
    says = "autograder_proofs.reparameterization.properties: SyntaxError: unmatched ')' (properties.py, line 1)"
    assert "the grader is broken, not the submission" in run.stderr and says in run.stderr


SAMPLING = """
def sample(mean, logvar):
    raise ValueError(f"TOLD {TOLD}")

class Sampler:
    def __init__(self, mu, log_sigma_squared): pass
    def sample(self): return sample(0, 0)
"""


@pytest.mark.thorough
@pytest.mark.cold
def test_no_module_of_a_proof_can_be_imported_or_opened_by_a_submission(course):
    proofs = course.root / "proofs"
    files = sorted(str(path) for path in proofs.rglob("*") if path.is_file())
    modules = modules_of(path.relative_to(proofs).as_posix() for path in proofs.rglob("*.py"))
    assert len(files) > 5 and "autograder_proofs.reparameterization.properties" in modules
    roots = [str(proofs), str(course.root / "assignments")]
    run = course.grade(sampling=FIRST_LINE + searching(roots, modules, files) + SAMPLING)
    assert NOTHING in run.output("sample")
