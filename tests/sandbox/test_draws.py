"""What a submission draws while it is loaded or made does not decide what its functions draw."""

import torch

DRAWS = "import torch\ndef draw():\n    return torch.rand(3)\n"


def test_what_a_module_draws_when_it_is_loaded_does_not_matter(start, backend):
    quiet = start(backend, DRAWS).module("s").draw()
    loud = start(backend, DRAWS + "weights = torch.randn(7)\n").module("s").draw()
    assert torch.equal(quiet, loud)


def test_examples_with_other_seeds_draw_other_numbers(start, backend):
    session = start(backend, DRAWS)
    first = session.module("s").draw()
    session.begin(2)
    assert not torch.equal(first, session.module("s").draw())
