"""Decoders that learn, look at every latent variable, and decode each code by itself."""

from __future__ import annotations

import torch

from autograder.checks import (
    FEW,
    Sizes,
    Subject,
    assert_close,
    assert_every_input_counts,
    assert_moves,
    assert_seen,
    assert_tensor,
    prop,
)
from autograder.concepts.vae_decoder import assert_decodes, decoded


@prop()
def the_decoder_can_be_trained(decode: Subject) -> None:
    """Gradients pass to every number of {z}, and training moves what is decoded."""
    sizes: Sizes = decode.options["sizes"][-1]
    z, seen, name = sizes.some_codes(16).requires_grad_(), [], decode.options["result"]
    for model in range(FEW):
        before = assert_tensor(decode(z, sizes=sizes, model=model, weights="moved"), name=name)
        seen.append(assert_every_input_counts(before, z, name))
        after = decode(z, sizes=sizes, model=model, weights="moved", step=True)
        assert_moves(before, assert_tensor(after, shape=before.shape, name=name), name)
    assert_seen(torch.stack(seen).any(0), 1.0, name)


@prop(weight=0.5)
def a_code_is_decoded_by_itself(decode: Subject) -> None:
    """In evaluation mode a code is decoded alike alone and in a batch."""
    for sizes in decode.options["sizes"]:
        z, name = sizes.some_codes(5, mixed=True), f"{decode.options['result']}{sizes.of_model} for one code alone"
        for model in range(FEW):
            together, alone = decoded(decode, z, sizes, model), decoded(decode, z[1:2], sizes, model)
            assert_close(alone, together[1:2].double(), name=name, scale=1.0)


@prop(weight=0.5, needs="others")
def codes_of_other_sizes_are_decoded(decode: Subject) -> None:
    """Models of other sizes work, too."""
    for sizes in decode.options["others"]:
        assert_decodes(decode, sizes)


HIDDEN = (the_decoder_can_be_trained, a_code_is_decoded_by_itself, codes_of_other_sizes_are_decoded)
