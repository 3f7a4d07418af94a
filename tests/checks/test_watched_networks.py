"""Networks that the trusted side answers for: what they were asked is known here, and what goes past them is seen."""

from __future__ import annotations

import torch
from torch import nn

from autograder.checks import WatchedNetworks
from autograder.sandbox.jailed.instruments import answer_for_all, without_dropout


class Model(nn.Module):
    """An encoder to three numbers and a decoder, with a way past both."""

    def __init__(self, past: float) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(8, 3), nn.Dropout(0.5))
        self.act = nn.ReLU()
        self.decoder = nn.Linear(3, 8)
        self.past = past

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.act(self.encoder(2 * x - 1))) + self.past * x  # type: ignore[no-any-return]


def watched(past: float = 0.0, inputs: int | None = None) -> tuple[Model, WatchedNetworks, torch.Tensor]:
    model, networks = Model(past), WatchedNetworks(torch.Generator().manual_seed(0))
    x = torch.rand(5, 8, generator=torch.Generator().manual_seed(1))
    answer_for_all(model.forward, networks, x, inputs=inputs)
    networks.forget()
    return model, networks, x


def test_all_networks_with_parameters_are_answered_for_and_recorded() -> None:
    model, networks, x = watched()
    out = model(x)
    assert [(call.number, call.given.shape[1], call.answer.shape[1]) for call in networks.calls] == [
        (0, 8, 3),
        (1, 3, 8),
    ]
    assert networks.given(x) == {0} and list(networks.of_width(5, 3)) == [1]
    assert torch.equal(networks.of_width(5, 3)[1], networks.calls[0].answer.relu())
    assert torch.equal(out, networks.calls[1].answer)


def test_only_networks_of_some_inputs_are_answered_for() -> None:
    model, networks, x = watched(inputs=3)
    model(x)
    assert [(call.given.shape[1], call.answer.shape[1]) for call in networks.calls] == [(3, 8)]


def test_what_goes_past_a_network_still_differs_where_it_gives_all_the_same() -> None:
    for past, level in ((0.0, True), (0.1, False)):
        model, networks, x = watched(past)
        networks.constant = {1}
        out = model(x)
        assert torch.equal(out, out[:1].expand_as(out)) is level


def test_answers_differ_by_network_and_by_seed_and_have_gradients() -> None:
    x = torch.rand(4, 6, requires_grad=True)
    first, other = (WatchedNetworks(torch.Generator().manual_seed(seed)) for seed in (0, 1))
    answers = [first(0, [5], x), first(1, [5], x), other(0, [5], x)]
    assert torch.equal(answers[0], first(0, [5], x)) and not torch.equal(answers[0], answers[1])
    assert not torch.equal(answers[0], answers[2])
    (gradient,) = torch.autograd.grad(answers[0].sum(), x)
    assert bool((gradient != 0).any())


def test_layers_of_dropout_let_all_pass() -> None:
    model = without_dropout(nn.Sequential(nn.Dropout(0.9), nn.Dropout2d(0.9))).train()
    x = torch.ones(2, 3, 4, 4)
    assert torch.equal(model(x), x)
