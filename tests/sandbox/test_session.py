"""Sessions: what a submission raises, how it is stopped, what lies it can tell, and stand-ins for its blanks."""

import contextlib
import gc

import pytest
import torch

from autograder.checks import Callback, Constant, SubmissionFault, SubmissionRaised, exists, fetch, gradients
from autograder.sandbox.jailed.executor import Executor
from autograder.sandbox.trusted import callbacks
from autograder.sandbox.trusted.faults import WorkerLost

RAISING = """
import os, sys
class Own(KeyError): pass
class Loud(Exception):
    def __str__(self): raise RuntimeError
def value_error(): raise ValueError("too bad")
def own(): raise Own("mine")
def loud(): raise Loud
def system_exit(): sys.exit(0)
def keyboard(): raise KeyboardInterrupt
def base(): raise BaseException("base")
def recursion(): return recursion()
def not_written(): raise NotImplementedError("todo")
def long_text(): raise ValueError("x" * 10**7)
def surrogate(): raise ValueError("\\ud800\\x00\\x1b[31m")
def group(): raise ExceptionGroup("several", [ValueError(1)])
def fine(): return 1
def vanish(): os._exit(3)
def crash(): import ctypes; ctypes.string_at(0)
def spin():
    while True: pass
def deaf():
    while True:
        try:
            while True: pass
        except BaseException: pass
def endless():
    value = []
    value.append(value)
    return value
def many(): return [0] * 300_000
def wide(): return 10**5000
"""


@pytest.mark.parametrize(
    ("name", "words", "builtin"),
    [
        ("value_error", "value_error() raised ValueError: too bad", "ValueError"),
        ("own", "own() raised Own: 'mine'", "KeyError"),
        ("loud", "loud() raised Loud: (its text cannot be shown)", "Exception"),
        ("system_exit", "system_exit() raised SystemExit: 0", "SystemExit"),
        ("keyboard", "keyboard() raised KeyboardInterrupt", "KeyboardInterrupt"),
        ("base", "base() raised BaseException: base", "BaseException"),
        ("recursion", "raised RecursionError: maximum recursion depth", "RecursionError"),
        ("not_written", "not_written() is not implemented yet", "NotImplementedError"),
        ("long_text", "long_text() raised ValueError: xxx", "ValueError"),
        ("surrogate", "surrogate() raised ValueError", "ValueError"),
        ("group", "group() raised ExceptionGroup: several", "ExceptionGroup"),
        ("endless", "endless() raised", "TypeError"),
        ("wide", "wide() raised TypeError: an integer of", "TypeError"),
    ],
)
def test_what_a_submission_raises_is_reported_and_survived(start, backend, name, words, builtin):
    s = start(backend, RAISING).module("s")
    with pytest.raises(SubmissionRaised) as caught:
        getattr(s, name)()
    assert words in caught.value.summary and len(caught.value.summary) < 2200
    assert caught.value.builtin == builtin
    assert s.fine() == 1


def test_the_line_that_raised_is_shown(start, backend):
    with pytest.raises(SubmissionRaised) as caught:
        start(backend, "def f(x):\n    return g(x)\ndef g(x):\n    return 1 / x\n").module("s").f(0)
    assert caught.value.got == "s.py, line 4: return 1 / x"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vanish", r"the process ended during vanish\(\) \(it called exit with status 3\)"),
        ("crash", r"the process ended during crash\(\) \(killed by signal SIGSEGV\)"),
        ("spin", r"stopped after 0.3 s: spin\(\) did not return"),
        ("deaf", r"stopped after 0.3 s: deaf\(\) did not return"),
        ("many", r"the answer to many\(\) cannot be read"),
    ],
)
def test_a_worker_that_is_lost_says_why(start, name, words):
    s = start("worker", RAISING, call_seconds=0.3 if name in ("spin", "deaf") else 20.0).module("s")
    with pytest.raises(WorkerLost, match=words):
        getattr(s, name)()
    if name != "many":
        with pytest.raises(WorkerLost):
            s.fine()


def test_a_line_that_exits_costs_itself_alone(start, backend):
    session = start(backend, "a = 1\nimport sys\nsys.exit(0)\nb = 2\n")
    assert [entry[1:3] for entry in session.load("s")[0]] == [[3, "SystemExit"]]
    assert fetch(session.module("s").b) == 2


LIE = """
import autograder.sandbox.jailed.worker as worker
import torch
honest = worker.write_frame
def lie(*ignored):
    def write(stream, header, buffers):
        worker.write_frame = honest
        honest(stream, {answer}, [memoryview(bytes(8))])
    worker.write_frame = write
def told(*ignored): return "the truth"
"""
LIES = [
    "None", "[]", "1", "'value'", "{}", "{'k': 1}", "{'k': ['value']}", "{'k': 'value'}", "{'k': 'other'}",
    "{'k': 'value', 'v': ['T', 'float32', [2**50], 0, None]}",
    "{'k': 'value', 'v': ['T', 'float32', [2], 0, None]}",
    "{'k': 'value', 'v': ['T', 'float32', [2], 0, [1, True, 'cpu']]}",
    "{'k': 'value', 'v': ['T', 'float32', [2], 0, ['1', True, 'cpu', True]]}",
    "{'k': 'value', 'v': ['o', '1', 'x']}", "{'k': 'value', 'v': ['o', 1, 2]}", "{'k': 'value', 'v': ['L', 0]}",
    "{'k': 'value', 'v': ['R', 'os', ['system']]}", "{'k': 'value', 'v': None, 'changed': 5}",
    "{'k': 'value', 'v': None, 'changed': {'a': 1}}", "{'k': 'value', 'v': None, 'changed': [5]}",
    "{'k': 'value', 'v': None, 'changed': [[0, 5]]}", "{'k': 'value', 'v': None, 'changed': [['0', None]]}",
    "{'k': 'value', 'v': None, 'changed': [[0, ['T', 'uint8', [8], 0, None]]] * 2}",
    "{'k': 'value', 'v': None, 'changed': [[-1, None], [99, None]]}",
    "{'k': 'missing'}", "{'k': 'missing', 'name': 5}", "{'k': 'raised'}", "{'k': 'raised', 'type': [1], 'text': {}}",
    "{'k': 'raised', 'type': 'X', 'text': 'y', 'builtin': 'Evil', 'where': [[1]]}",
    "{'k': 'raised', 'type': 'X', 'text': 'y', 'builtin': 'OSError', 'where': [[{}, [], 1, None]]}",
    "{'k': 'callback'}", "{'k': 'callback', 'number': 99}", "{'k': 'callback', 'number': True, 'args': ['t']}",
    "{'k': 'callback', 'number': 0}", "{'k': 'callback', 'number': 0, 'args': ['l'], 'kwargs': ['d']}",
    "{'k': 'product'}", "{'k': 'product', 'call': 5}", "{'k': 'product', 'call': [], 'cotangents': 3}",
]  # fmt: skip


@pytest.mark.parametrize("answer", LIES)
def test_a_lie_of_the_worker_costs_the_check_and_is_no_fault_of_ours(start, answer):
    session = start("worker", LIE.replace("{answer}", answer), stand_ins={"s.nothing": Callback(torch.neg)})
    s = session.module("s")
    s.lie()  # from the next answer on
    with contextlib.suppress(SubmissionFault, WorkerLost):
        assert s.told(torch.ones(2)) is None


@pytest.mark.parametrize("answer", ["5", "[]", "[1, 2]", "[None, None]", "['x']", "[['t'], ['l']]"])
def test_a_lie_about_what_was_loaded(start, answer):
    source = LIE.replace("{answer}", f"{{'k': 'value', 'v': {answer}}}")
    session = start("worker", source, {"other.py": "a = 1\n"})
    session.module("s").lie()
    with pytest.raises(WorkerLost):
        session.load("other")


@pytest.mark.parametrize(
    "answer", ["5", "['l']", "['l', 1]", "['l', ['T', 'float32', [1], 0, [1, True, 'cpu', True]]]"]
)
def test_a_lie_about_gradients(start, answer):
    source = LIE.replace("{answer}", f"{{'k': 'value', 'v': {answer}}}")
    s = start("worker", source + "def double(x): return 2 * x\n").module("s")
    x = torch.ones(3, requires_grad=True)
    doubled = s.double(x)
    s.lie()
    with pytest.raises(WorkerLost):
        gradients(doubled, [x])


# stand-ins

BLANKS = """
import torch
scale = 2.0
def default(a, b=scale): return a * b
def helper(x): raise NotImplementedError
def use(x): return helper(x) * 2
def pair(x): raise NotImplementedError
def use_pair(x):
    first, second = pair(x)
    return first + 10 * second
class Box:
    unit = scale
    def __init__(self, value, extra=0):
        self.value, self.extra = value, extra
    def size(self, factor=1): raise NotImplementedError
    def make(self): raise NotImplementedError
    @staticmethod
    def build(x): return Box(x).make().value
def boxed(x): return Box(x).size(factor=3)
def wrong(): return helper("text", "more")
def given(f, x): return f(x)
"""


def test_canned_values_are_seen_by_everything_that_comes_after(start, backend):
    s = start(backend, BLANKS, stand_ins={"s.scale": Constant(7.0)}).module("s")
    assert fetch(s.scale) == 7.0 and s.default(1.0) == 7.0 and fetch(s.Box.unit) == 7.0
    s = start(backend, BLANKS, stand_ins={"s.scale": Constant(torch.ones(2))}).module("s")
    assert torch.equal(s.default(3.0), torch.full((2,), 3.0))


def test_a_canned_value_stands_in_where_the_line_did_not_run(start, backend):
    s = start(backend, "a = 1 / 0\nb = a + 1\n", stand_ins={"s.a": Constant(1)}).module("s")
    assert fetch(s.b) == 2


def test_a_callback_answers_here_and_its_gradients_flow(start, backend):
    seen = []

    def cube(x):
        seen.append(x)
        return x**3

    s = start(backend, BLANKS, stand_ins={"s.helper": Callback(cube)}).module("s")
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    value = s.use(x)
    assert torch.equal(value, torch.tensor([2.0, 16.0])) and type(seen[0]) is torch.Tensor
    assert torch.equal(gradients(value, [x], torch.tensor([1.0, 10.0]))[0], torch.tensor([6.0, 240.0]))
    again = s.use(x)
    assert torch.equal(gradients([value, again], [x])[0], torch.tensor([12.0, 48.0]))
    assert torch.equal(s.use(torch.tensor([3.0])), torch.tensor([54.0]))


def test_a_callback_with_several_values(start, backend):
    stand_ins = {"s.pair": Callback(lambda x: (x * 2, x.detach() ** 2))}
    s = start(backend, BLANKS, stand_ins=stand_ins).module("s")
    x = torch.tensor([3.0], requires_grad=True)
    value = s.use_pair(x)
    assert torch.equal(value, torch.tensor([96.0])) and torch.equal(gradients(value, [x])[0], torch.tensor([2.0]))


TRAINING = """
def loss(x):
    raise NotImplementedError
def train(w, steps):
    w = w.clone().requires_grad_()
    for _ in range(steps):
        w.grad = None
        loss(w * 1).backward()
    return w.grad
def late(w, others):
    w = w.clone().requires_grad_()
    first = loss(w * 1)
    for _ in range(others):
        loss(w * 1)
    first.backward()
"""


def test_a_training_may_ask_for_more_than_is_remembered_at_once(start, backend, monkeypatch):
    bound = 20_000
    monkeypatch.setattr(callbacks, "MAX_ANSWERED_BYTES", bound)
    session = start(backend, TRAINING, stand_ins={"s.loss": Callback(lambda x: x.square().sum())})
    w = torch.arange(1000.0)
    assert torch.equal(session.module("s").train(w, 30), 2 * w)
    assert 0 < session.callbacks.answered_bytes <= bound
    with pytest.raises((SubmissionFault, WorkerLost), match=r"more callbacks than this side|late\(\) cannot be read"):
        session.module("s").late(w, 10)


def test_a_closed_session_keeps_nothing_of_its_last_example(start, backend):
    session = start(backend, BLANKS, stand_ins={"s.helper": Callback(torch.neg)})
    session.module("s").use(torch.ones(2, requires_grad=True))
    assert session.example.replies and session.callbacks.answered
    session.close()
    assert not session.example.replies and not session.callbacks.answered


def test_code_that_ran_in_this_process_is_gone_when_its_session_is_closed(start):
    """Even where an object of it lies in a graph that leads back to it through a stand-in."""
    session = start("in_process", BLANKS, stand_ins={"s.helper": Callback(torch.neg)})
    session.module("s").use(torch.ones(2, requires_grad=True))
    gc.collect()
    running = [one for one in gc.get_objects() if isinstance(one, Executor)]
    left = len(running)
    running.clear()
    session.close()
    gc.collect()
    assert sum(isinstance(one, Executor) for one in gc.get_objects()) == left - 1


def test_a_callback_in_the_place_of_a_method_gets_the_fields_it_asks_for(start, backend):
    size = Callback(lambda value, extra, factor: value * factor + extra, fields=("value", "extra"))
    s = start(backend, BLANKS, stand_ins={"s.Box.size": size}).module("s")
    x = torch.tensor([2.0], requires_grad=True)
    value = s.boxed(x)
    assert torch.equal(value, torch.tensor([6.0])) and torch.equal(gradients(value, [x])[0], torch.tensor([3.0]))
    without_self = Callback(lambda factor: torch.tensor(factor), fields=())
    assert start(backend, BLANKS, stand_ins={"s.Box.size": without_self}).module("s").boxed(1).item() == 3


def test_a_callback_can_construct_an_object_of_the_module(start, backend):
    make = Callback(lambda value: (value + 1, 5), fields=("value",), construct="Box")
    s = start(backend, BLANKS, stand_ins={"s.Box.make": make}).module("s")
    x = torch.tensor([2.0], requires_grad=True)
    value = s.Box.build(x)
    assert torch.equal(value, torch.tensor([3.0])) and torch.equal(gradients(value, [x])[0], torch.tensor([1.0]))
    assert fetch(s.Box(1).make().extra) == 5


def test_a_callback_that_is_called_wrongly_is_the_submissions_exception(start, backend):
    s = start(backend, BLANKS, stand_ins={"s.helper": Callback(torch.neg)}).module("s")
    with pytest.raises(
        SubmissionRaised, match=r"wrong\(\) raised TypeError: helper\(\) cannot use what it was given: TypeError"
    ):
        s.wrong()
    assert torch.equal(s.use(torch.ones(1)), torch.tensor([-2.0]))


def test_without_gradients_a_callback_has_none(start, backend):
    source = BLANKS + "def quiet(x):\n    with torch.no_grad():\n        return helper(x)\n"
    s = start(backend, source, stand_ins={"s.helper": Callback(torch.neg)}).module("s")
    x = torch.ones(2, requires_grad=True)
    assert gradients(s.quiet(x), [x]) == [None]


def test_a_stand_in_for_what_is_no_class_leaves_the_rest_alone(start, backend):
    s = start(backend, "Box = 3\na = 1\n", stand_ins={"s.Box.size": Callback(torch.neg)}).module("s")
    assert fetch(s.a) == 1 and fetch(s.Box) == 3 and not exists(s.Box.size)


def test_stand_ins_do_not_outlive_their_session(start, backend):
    start(backend, BLANKS, stand_ins={"s.helper": Callback(torch.neg)}).module("s").use(torch.ones(1))
    with pytest.raises(SubmissionRaised, match="not implemented yet"):
        start(backend, BLANKS).module("s").use(torch.ones(1))


def test_what_a_callback_remembers_is_bounded(start):
    source = "import torch\ndef helper(x): return x\ndef f(x):\n    for _ in range(100): helper(x)\n"
    session = start("worker", source, stand_ins={"s.helper": Callback(torch.neg)})
    assert session.module("s").f(torch.ones(2**20, requires_grad=True)) is None
    assert 0 < session.callbacks.answered_bytes <= callbacks.MAX_ANSWERED_BYTES
    s = start("worker", source, stand_ins={"s.helper": Callback(torch.neg)}).module("s")
    assert s.f(torch.ones(2**10, requires_grad=True)) is None


NAMED = """
def scaled(start, factor=2, offset=None):
    pass

class Box:
    def grown(self, by, twice=False):
        pass

def use(x):
    return scaled(start=x, factor=3), scaled(x, offset=x), scaled(offset=x, start=x), Box().grown(by=x)

def wrong(x):
    return scaled(begin=x)
"""


def test_a_stand_in_takes_the_names_of_the_function_that_it_stands_for(start, backend):
    """What is fixed is the order of arguments: their names are the submission's own."""
    scaled = Callback(lambda x_0, t=2, noise=None: x_0 * t + (0 if noise is None else noise))
    grown = Callback(lambda amount: amount + 100, fields=())
    s = start(backend, NAMED, stand_ins={"s.scaled": scaled, "s.Box.grown": grown}).module("s")
    assert [float(value) for value in s.use(torch.tensor(1.0))] == [3.0, 3.0, 3.0, 101.0]
    with pytest.raises(SubmissionRaised, match="cannot use what it was given"):
        s.wrong(torch.tensor(1.0))


def test_arguments_that_only_the_submissions_function_takes_are_ignored(start, backend):
    source = """
class Box:
    def drawn(self, noise=None, *, scale=1):
        pass
def scaled(x, factor=2, offset=None):
    pass
def use(x):
    return [Box().drawn(None), Box().drawn(noise=None, scale=2), scaled(x, 2, None), scaled(x, offset=None)]
def wrong(x):
    return scaled(x, 2, None, None)
"""
    stand_ins = {"s.Box.drawn": Callback(lambda: 7.0, fields=()), "s.scaled": Callback(lambda x, factor=2: x * factor)}
    s = start(backend, source, stand_ins=stand_ins).module("s")
    assert [float(value) for value in s.use(torch.tensor(3.0))] == [7.0, 7.0, 6.0, 6.0]
    with pytest.raises(SubmissionRaised, match="cannot use what it was given"):
        s.wrong(torch.tensor(3.0))


def test_a_stand_in_takes_no_place_of_what_is_imported_from_the_submission(start, backend):
    """Its own module knows what it means by that name; what the file itself defines is stood in for as ever."""
    source = "from model import scaled\ndef shifted(x): pass\ndef use(x): return scaled(shifted(x), by=4)\n"
    stand_ins = {"s.scaled": Callback(lambda x: x * 100), "s.shifted": Callback(lambda x: x + 1)}
    others = {"model.py": "def scaled(x, by):\n    return x * by\n"}
    s = start(backend, source, others, stand_ins=stand_ins).module("s")
    assert float(s.use(torch.tensor(2.0))) == 12.0


def test_names_that_the_trusted_side_knows_go_there_as_they_are(start, backend):
    """Where the submission has them in another order, they still mean what they say."""
    source = "def scaled(t, x_0):\n    pass\ndef use(x):\n    return scaled(x_0=x, t=3)\n"
    s = start(backend, source, stand_ins={"s.scaled": Callback(lambda x_0, t: x_0 * t)}).module("s")
    assert float(s.use(torch.tensor(2.0))) == 6.0
