"""Models that stay on the trusted side while a submission uses them, and second workers of one submission."""

import math

import pytest
import torch

from autograder.checks import SubmissionRaised, expose, fetch, fresh, substitute
from autograder.sandbox.trusted.faults import AuthorError

USING = """
import torch
def learn(model, x, target):
    loss = (model(x) - target).square().sum()
    loss.backward()
    return loss.item()
def forward_only(model, x, times):
    for _ in range(times):
        y = model(x)
    return y.detach()
def second_backward(model, x):
    y = model(x)
    y.sum().backward(retain_graph=True)
    y.sum().backward()
def about(model):
    parameter = next(model.parameters())
    return [isinstance(model, torch.nn.Module), parameter.device.type, sum(p.numel() for p in model.parameters())]
def input_gradient(model, x):
    x = x.clone().requires_grad_()
    model(x).sum().backward()
    return x.grad
class Chain(torch.nn.Module):
    def step(self, x):
        return x
    def run(self, x):
        return self.step(self.step(x))
"""
REMEMBERING = """
seen = []
def remember(x):
    seen.append(x)
    return len(seen)
def draw():
    import torch
    return torch.rand(())
"""


@pytest.fixture
def line():
    """y = 2 x + 1."""
    model = torch.nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.fill_(2.0)
        model.bias.fill_(1.0)
    return model


def test_a_lent_function_takes_the_place_of_a_method_of_a_module(start, backend, line):
    chain = start(backend, USING).module("s").Chain()
    substitute(chain.step, expose(line))
    assert chain.run(torch.tensor([[1.0]])).tolist() == [[7.0]]


def test_gradients_reach_the_parameters_of_a_lent_model(start, backend, line):
    s = start(backend, USING).module("s")
    loss = s.learn(expose(line), torch.tensor([[1.0], [3.0]]), torch.tensor([[0.0], [6.0]]))
    assert math.isclose(loss, 3**2 + 1**2, rel_tol=1e-6)
    # d/dw of (w + b)^2 + (3 w + b - 6)^2 at w = 2, b = 1 is 2*3*1 + 2*1*3, and d/db is 2*3 + 2*1
    assert line.weight.grad.item() == pytest.approx(12.0) and line.bias.grad.item() == pytest.approx(8.0)


def test_a_lent_model_is_a_module_without_the_weights(start, backend, line):
    s = start(backend, USING).module("s")
    assert s.about(expose(line)) == [True, "cpu", 1]


def test_gradients_of_the_inputs_come_back(start, backend, line):
    s = start(backend, USING).module("s")
    assert s.input_gradient(expose(line), torch.ones(3, 1)).tolist() == [[2.0]] * 3


def test_a_model_may_refuse_what_it_is_given(start, backend):
    def picky(x):
        raise TypeError("only squares, please")

    with pytest.raises(SubmissionRaised, match="only squares"):
        start(backend, USING).module("s").forward_only(expose(picky), torch.ones(1), 1)


def test_outputs_without_a_backward_are_forgotten(start, backend, line):
    session = start(backend, USING)
    exposed = expose(line)
    answer = session.module("s").forward_only(exposed, torch.ones(5, 1), 10)
    assert answer.tolist() == [[3.0]] * 5
    assert len(session.callbacks.pending) == exposed.pending and len(session.callbacks.answered) == 10
    assert sum(bool(outputs) for outputs, _ in session.callbacks.answered.values()) == exposed.pending
    assert session.callbacks.answered_bytes == exposed.pending * 2 * 5 * 4


def test_a_second_backward_teaches_nothing_more(start, backend, line):
    session = start(backend, USING)
    session.module("s").second_backward(expose(line), torch.ones(1, 1))
    assert line.weight.grad.item() == 1.0 and not session.callbacks.pending


def test_a_fresh_worker_knows_nothing_of_the_first(start, backend):
    session = start(backend, REMEMBERING, open_another=lambda: start(backend, REMEMBERING))
    first = session.module("s")
    first.remember(torch.ones(3))
    (second,) = fresh(first)
    assert second.remember(torch.ones(1)) == 1 and first.remember(torch.ones(1)) == 2
    assert len(fetch(second.seen)) == 1


def test_modules_that_are_asked_for_together_share_the_fresh_worker(start, backend):
    others = {"t.py": "import s\ndef count(): return len(s.seen)\n"}
    session = start(backend, REMEMBERING, others, open_another=lambda: start(backend, REMEMBERING, others))
    s, t = fresh(session.module("s"), session.module("t"))
    s.remember(1)
    assert t.count() == 1


def test_a_fresh_worker_draws_other_numbers_and_this_side_goes_on(start, backend):
    another = start(backend, REMEMBERING)  # which begins an example; in a check it is opened without
    session = start(backend, REMEMBERING, open_another=lambda: another)
    session.begin(7)
    expected = torch.rand(2, generator=torch.Generator().manual_seed(7))
    here = [torch.rand(())]
    first = session.module("s")
    (second,) = fresh(first)
    assert float(first.draw()) != float(second.draw())
    here.append(torch.rand(()))
    assert torch.stack(here).tolist() == expected.tolist()


def test_a_fresh_worker_can_repeat_what_the_first_drew(start, backend):
    another = start(backend, REMEMBERING)
    session = start(backend, REMEMBERING, open_another=lambda: another)
    session.begin(7)
    first = session.module("s")
    drawn = [float(first.draw()) for _ in range(2)]
    (second,) = fresh(first, same_numbers=True)
    assert [float(second.draw()) for _ in range(2)] == drawn and drawn[0] != drawn[1]


def test_a_fresh_worker_ends_with_the_session(start, backend):
    session = start(backend, REMEMBERING, open_another=lambda: start(backend, REMEMBERING))
    (second,) = fresh(session.module("s"))
    second.draw()
    session.close()
    with pytest.raises(BaseException, match="the process ended during draw"):
        second.draw()


def test_only_modules_can_be_had_afresh(start, backend):
    session = start(backend, REMEMBERING)
    with pytest.raises(TypeError, match="modules of one worker"):
        fresh(session.module("s").draw)
    with pytest.raises(AuthorError, match="no further workers"):
        fresh(session.module("s"))
