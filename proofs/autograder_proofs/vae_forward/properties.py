"""Gradients of the forward pass, at the noise that was drawn, in float64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from hypothesis import strategies as st

from autograder.checks import assert_gradients_close, gradients, seeds
from autograder.checks.contracts import Subject, prop
from autograder.checks.failure import CheckFailed
from autograder.concepts.vae_forward import example, parts_of


def sizes(options: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of images and of latent variables."""
    return {"seed": seeds(), "batch": st.integers(options["min_batch"], 4), "latent": st.integers(2, 20)}


@prop(weight=1.5, drawn=sizes, examples=4)
def gradients_of_forward(forward: Subject, seed: int, batch: int, latent: int) -> None:
    """All that training needs passes through {function}: from the reconstruction to the decoder, heads and {x}."""
    known, x, c = example(forward, batch, latent, seed)
    pixels = x.clone().requires_grad_()
    found = parts_of(forward, known, pixels, c)
    drawn = known.posterior(x, *c).whiten(known.codes(found[0], *c))
    leaves = dict(known.leaves)
    inner = {name: leaf.detach().double().requires_grad_() for name, leaf in leaves.items()}
    true_pixels = x.double().requires_grad_()
    truth = type(known)(latent, known.classes, known.image, seed)
    truth.wide.update(inner)
    mean, logvar = truth.heads(true_pixels, *c)
    image = truth.decoded(mean + (logvar / 2).exp() * drawn, *c).reshape(found[0].shape)
    for part, true_part, skipped, name in zip(
        found,
        (image, mean, logvar),
        ((), ("logvar_bias", "decoder_bias"), ("mean_bias", "decoder_bias")),
        forward.options["results"],
        strict=True,
    ):
        cotangent = torch.randn(true_part.shape, generator=torch.Generator().manual_seed(1))
        wanted = [leaf for leaf in leaves if leaf not in skipped]
        arriving = gradients(part, [pixels, *(leaves[leaf] for leaf in wanted)], cotangent.to(part.dtype))
        if not known.is_exact:
            if any(gradient is None or not bool((gradient != 0).any()) for gradient in arriving):
                raise CheckFailed(f"no gradient of {name} arrives: it was cut off on the way")
            continue
        sources = [true_pixels, *(inner[leaf] for leaf in wanted)]
        expected = torch.autograd.grad(true_part, sources, cotangent.double(), retain_graph=True)
        # float32 knows the noise, hence the sample, to about 1e-5 of itself
        scale = 4 * max(float(gradient.abs().max()) for gradient in expected)
        assert_gradients_close(arriving, expected, [forward.names["x"], *wanted], of=name, scale=scale)


HIDDEN = (gradients_of_forward,)
