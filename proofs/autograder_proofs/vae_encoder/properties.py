"""Encoders that learn, look at all of their input, and encode each input by itself."""

from __future__ import annotations

import torch

from autograder.checks import (
    FEW,
    CheckFailed,
    Sizes,
    Subject,
    assert_close,
    assert_every_input_counts,
    assert_moves,
    assert_seen,
    prop,
)
from autograder.concepts.vae_encoder import assert_encodes, encoded, inputs_of


@prop()
def the_encoder_can_be_trained(encode: Subject) -> None:
    """Gradients pass to all of {x} from mean and log-variance, and training moves both."""
    sizes: Sizes = encode.options["sizes"][-1]
    x, seen = inputs_of(encode, sizes, 16).requires_grad_(), []
    for model in range(FEW):
        before = encoded(encode, x, sizes, model)
        names = encode.options["results"]
        seen.append([assert_every_input_counts(part, x, name) for part, name in zip(before, names, strict=True)])
        after = encoded(encode, x, sizes, model, step=True)
        for one, other, name in zip(before, after, names, strict=True):
            assert_moves(one, other, name)
    for parts, name in zip(zip(*seen, strict=True), encode.options["results"], strict=True):
        assert_seen(torch.stack(parts).any(0), encode.options["seen"], name)


@prop(weight=0.5)
def an_input_is_encoded_by_itself(encode: Subject) -> None:
    """In evaluation mode an input is encoded alike alone and in a batch."""
    sizes: Sizes = encode.options["sizes"][-1]
    x = inputs_of(encode, sizes, 5, mixed=True)
    for model in range(FEW):
        together, alone = encoded(encode, x, sizes, model), encoded(encode, x[1:2], sizes, model)
        for batch, single, name in zip(together, alone, encode.options["results"], strict=True):
            if not bool((batch != batch[:1]).any()):
                raise CheckFailed(f"{name} is the same for all inputs")
            assert_close(single, batch[1:2].double(), name=f"{name} of one input alone", scale=1.0)


@prop(weight=0.5, needs="others")
def other_sizes_are_encoded(encode: Subject) -> None:
    """Models of other sizes work, too."""
    for sizes in encode.options["others"]:
        assert_encodes(encode, sizes)


HIDDEN = (the_encoder_can_be_trained, an_input_is_encoded_by_itself, other_sizes_are_encoded)
