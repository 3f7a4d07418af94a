"""Remotes on both backends: paths, verbs, values, leaves and gradients."""

import copy

import numpy as np
import pytest
import torch

from autograder.checks import SubmissionFault, SubmissionRaised, exists, fetch, gradients, info, is_remote, substitute
from autograder.sandbox.trusted.faults import AuthorError
from autograder.sandbox.trusted.remote import is_from_worker

SOURCE = """
import torch
numbers = torch.arange(3.0)
table = {"a": (1, [2.5, None]), 3: "three"}
class Box:
    state = "class"
    def __init__(self, value=0): self.value = value
    def get(self): return self.value
    @classmethod
    def make(cls, value): return cls(value)
    @staticmethod
    def twice(x): return 2 * x
def identity(x): return x
def use(box): return box.get()
def square(x): return x * x
def pair(a, b): return a * b, a + b
def same(a, b): return a is b
def kinds(*args, **kwargs): return [type(a).__name__ for a in args], {k: type(v).__name__ for k, v in kwargs.items()}
def draw(): import random, numpy; return torch.rand(2), random.random(), float(numpy.random.rand())
def add_in_place(x, other=None): (x if other is None else other).add_(1); return 0
def half_precision(x): return x.half()
def detached(x): return x.detach() * 2
def view_and_write(x): y = x.view(-1); y[0] = 7.0; return y
def same_value_written(x): x.mul_(1); return x + 1
def grad_of_model():
    layer = torch.nn.Linear(2, 1)
    return layer
"""


@pytest.fixture
def s(start, backend):
    return start(backend, SOURCE).module("s")


def test_values_come_back_and_objects_stay(s):
    assert fetch(s.table) == {"a": (1, [2.5, None]), 3: "three"}
    assert torch.equal(fetch(s.numbers), torch.arange(3.0))
    assert is_from_worker(fetch(s.numbers)) and not is_from_worker(torch.ones(1))
    box = s.Box(5)
    assert is_remote(box) and repr(box) == "<Box object>" and repr(s.Box.get) == "s.Box.get"
    assert box.get() == 5 and fetch(box.value) == 5 and s.use(box) == 5 and s.identity(box).get() == 5
    assert s.Box.make(6).get() == 6 and s.Box.twice(4) == 8 and fetch(s.Box.state) == "class"
    assert fetch(3) == 3
    boxes = s.identity([box, 1])
    assert is_remote(boxes[0]) and boxes[1] == 1


def test_arguments_arrive_as_what_they_are(s):
    names, keywords = s.kinds(1, 2.5, None, True, "x", (1,), [1], {"a": 1}, torch.ones(1), torch.float64, k=np.ones(2))
    assert names == ["int", "float", "NoneType", "bool", "str", "tuple", "list", "dict", "Tensor", "dtype"]
    assert keywords == {"k": "ndarray"}
    assert s.identity(float("inf")) == float("inf") and s.identity(2**80) == 2**80


def test_what_exists_and_what_does_not(s):
    assert exists(s.Box.get) and exists(s.numbers) and not exists(s.nothing) and not exists(s.Box.get.nothing_either)
    with pytest.raises(SubmissionRaised, match="there is no `nothing`") as caught:
        s.nothing(1)
    assert caught.value.builtin == "AttributeError"
    with pytest.raises(SubmissionRaised, match=r"there is no `Box.nothing`"):
        fetch(s.Box.nothing)


def test_what_a_line_that_did_not_run_would_have_defined(start, backend):
    s = start(backend, "a = 1\nb = 1 / 0\n").module("s")
    with pytest.raises(SubmissionRaised, match=r"there is no `b`; line 2 of s.py did not run: ZeroDivisionError"):
        fetch(s.b)
    assert fetch(s.a) == 1


def test_a_module_that_is_not_there(start, backend):
    session = start(backend, "a = 1\n")
    with pytest.raises(SubmissionRaised, match=r"there is no `other.py`"):
        session.module("other").f()


def test_something_can_be_put_in_a_place(s):
    box = s.Box(1)
    substitute(box.value, torch.ones(2))
    assert torch.equal(box.get(), torch.ones(2))
    substitute(s.numbers, box)
    assert is_remote(fetch(s.numbers))
    with pytest.raises(TypeError, match="use substitute"):
        box.value = 3


def test_a_remote_has_no_value_here(s):
    refused = [
        bool, len, iter, int, float, list, np.array, copy.copy, copy.deepcopy,
        lambda r: r == 1, lambda r: r != r, lambda r: r < 1, lambda r: r[0], lambda r: 1 in r, lambda r: r + 1,
        lambda r: 1 + r, lambda r: 2 * r, lambda r: -r, lambda r: r @ r, lambda r: torch.ones(2) + r,
        lambda r: torch.ones(2) @ r, torch.sum, lambda r: range(r), lambda r: [1, 2][r], abs, lambda r: r.__wrapped__,
    ]  # fmt: skip
    for remote in (s.numbers, s.Box(1)):
        for operation in refused:
            with pytest.raises((TypeError, AttributeError)):
                operation(remote)
        assert remote in {remote} and remote is not None


def test_gradients_arrive_for_every_leaf(s):
    a, b = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0, 4.0], requires_grad=True)
    product, total = s.pair(a, b)
    assert info(product).requires_grad and not product.requires_grad
    weights = torch.tensor([1.0, 10.0])
    found = gradients([product, total], [a, b], [weights, torch.zeros(2)])
    assert torch.equal(found[0], weights * b.detach()) and torch.equal(found[1], weights * a.detach())
    assert torch.equal(gradients(product, [a])[0], b.detach())
    unused = torch.ones(2, requires_grad=True)
    assert gradients(product, [unused, a])[0] is None
    assert gradients(s.detached(a), [a]) == [None]


def test_a_leaf_is_one_leaf_and_a_result_keeps_its_graph(s):
    a = torch.tensor([2.0], requires_grad=True)
    assert s.same(a, a) is True
    assert s.same(a, a.clone().detach().requires_grad_()) is False
    fourth = s.square(s.square(a))
    assert torch.equal(gradients(fourth, [a])[0], torch.tensor([32.0]))
    middle = s.square(a)
    assert torch.equal(gradients(s.square(middle), [middle])[0], torch.tensor([8.0]))


def test_gradients_with_respect_to_what_lies_in_the_worker(s):
    layer = s.grad_of_model()
    weight = fetch(layer.weight)
    assert torch.equal(gradients(layer(torch.tensor([[1.0, 2.0]])), [weight])[0], torch.tensor([[1.0, 2.0]]))


def test_a_tensor_that_was_changed_is_no_longer_the_worker_s(s):
    with pytest.raises(TypeError, match="did not come from the worker"):
        info(s.square(torch.ones(2)) + 1)


def test_an_argument_that_is_changed_in_place_is_named(s):
    with pytest.raises(SubmissionFault, match=r"add_in_place\(\) changes its argument in place \(argument 1\)"):
        s.add_in_place(torch.ones(2))
    with pytest.raises(SubmissionFault, match=r"\(other\)"):
        s.add_in_place(torch.ones(2), other=torch.ones(2))
    with pytest.raises(SubmissionFault, match="changes its argument in place"):
        s.view_and_write(torch.ones(2, 2))
    assert torch.equal(s.same_value_written(torch.ones(2)), torch.full((2,), 2.0))
    sent = torch.ones(2)
    with pytest.raises(SubmissionFault):
        s.add_in_place(sent)
    assert torch.equal(sent, torch.ones(2))


def test_an_argument_with_nan_may_be_written_with_what_it_had(s):
    sent = torch.tensor([float("nan"), 1.0])
    doubled = s.same_value_written(sent)
    assert doubled[0].isnan() and doubled[1] == 2


def test_generators_restart_with_every_example(start, backend):
    session = start(backend, SOURCE)
    s = session.module("s")
    session.begin(5)
    first, here = s.draw(), torch.rand(2)
    again = s.draw()
    session.begin(5)
    second, there = s.draw(), torch.rand(2)
    assert torch.equal(first[0], second[0]) and first[1:] == second[1:] and torch.equal(here, there)
    assert not torch.equal(first[0], again[0])


def test_an_object_of_an_earlier_example_is_gone(start, backend):
    session = start(backend, SOURCE)
    box = session.module("s").Box(1)
    session.begin(2)
    with pytest.raises(SubmissionRaised, match="an object of an earlier example"):
        box.get()


def test_a_remote_of_another_worker_is_refused(start, backend):
    one, other = start(backend, SOURCE).module("s"), start(backend, SOURCE).module("s")
    with pytest.raises(AuthorError, match="belongs to another worker"):
        one.use(other.Box(1))


def test_a_tensor_without_a_plain_form_stays_an_object(start, backend):
    s = start(backend, "import torch\ndef f(): return torch.eye(2).to_sparse()\n").module("s")
    assert is_remote(s.f())
    source = "import torch\nclass T(torch.Tensor): pass\ndef f(): return torch.ones(2).as_subclass(T)\n"
    value = start(backend, source).module("s").f()
    assert type(value) is torch.Tensor and info(value).plain is False
