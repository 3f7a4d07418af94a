"""Gradients of the forward pass, at the noise that was drawn, in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from autograder.checks import CheckFailed, Subject, assert_gradients_close, gradients, prop, seeds
from autograder.concepts.vae_forward import LEAVES, KnownVae, example, parts_of


def sizes(options: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of images and of latent variables."""
    return {"seed": seeds(), "batch": st.integers(options["min_batch"], 4), "latent": st.integers(2, 20)}


@prop(weight=1.5, drawn=sizes, examples=4)
def gradients_of_forward(forward: Subject, seed: int, batch: int, latent: int) -> None:
    """All that training needs passes through {function}: from the reconstruction to the decoder, heads and {x}."""
    known, x, c = example(forward, batch, latent, seed)
    pixels = x.clone().requires_grad_()
    # x_hat comes last: what is cut off before the heads is cut off from it as well
    for k, biases in ((1, ("mean_bias",)), (2, ("logvar_bias",)), (0, LEAVES)):
        found = parts_of(forward, known, pixels, c)
        noise = known.posterior(x, *c).whiten(known.codes(found[0], *c))
        sources = {bias: known.leaves[bias] for bias in biases if bias in known.leaves}
        cotangent = torch.randn(found[k].shape, generator=torch.Generator().manual_seed(1))
        arriving = gradients(found[k], [pixels, *sources.values()], cotangent.to(found[k].dtype))
        name = f"the {forward.options['results'][k]} of {forward.words('{function}')}"
        if known.is_exact:
            expected = true_gradients(known, k, x, c, noise, list(sources), cotangent)
            # float32 knows the noise, hence the sample, to about 1e-5 of itself
            scale = 4 * max(float(gradient.abs().max()) for gradient in expected)
            assert_gradients_close(arriving, expected, [forward.names["x"], *sources], of=name, scale=scale)
        elif any(gradient is None or not bool((gradient != 0).any()) for gradient in arriving):
            raise CheckFailed(f"no gradient of {name} reaches the image: it was cut off on the way")


def true_gradients(
    known: KnownVae, k: int, x: Tensor, c: Sequence[Tensor], noise: Tensor, biases: Sequence[str], cotangent: Tensor
) -> Sequence[Tensor]:
    """Gradients of result ``k`` with respect to images and biases, in float64, with this noise in the sample."""
    truth = type(known)(known.latent, known.classes, known.image, known.seed)
    pixels = x.detach().double().requires_grad_()
    leaves = [truth.wide[bias].requires_grad_() for bias in biases]
    mean, logvar = truth.heads(pixels, *c)
    expected = (truth.decoded(mean + (logvar / 2).exp() * noise, *c), mean, logvar)[k]
    return torch.autograd.grad(expected, [pixels, *leaves], cotangent.double().reshape(expected.shape))


HIDDEN = (gradients_of_forward,)
