"""The encoder of a VAE: mean and log-variance of q(z|x), whatever its layers are.

Kingma and Welling, Auto-Encoding Variational Bayes (2014), section 3 and appendix C.2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from autograder.checks import (
    FEW,
    SIGNS,
    UNFIT,
    CheckFailed,
    Contract,
    Sizes,
    Subject,
    SubmissionRaised,
    assert_close,
    assert_tensor,
    assert_varies,
    describe_type,
    exceeds,
    falls_below,
    is_remote,
    prop,
)


def encoded(encode: Subject, x: Tensor, sizes: Sizes, model: int = 0, *, step: bool = False) -> list[Tensor]:
    """Mean and log-variance, each (batch, latent), of inputs in the shape that they are taken in."""
    found = encode(x, sizes=sizes, model=model, step=step)
    if type(found) not in (tuple, list) or len(found) != 2:
        kind = "an object" if is_remote(found) else describe_type(found)
        what = " and ".join(encode.options["results"])
        raise CheckFailed(f"there must be two tensors, {what}, not {kind}", expected="two tensors", got=kind)
    return [
        assert_tensor(part, shape=(len(x), sizes.latent), name=name + sizes.of_model)
        for part, name in zip(found, encode.options["results"], strict=True)
    ]


def inputs_of(encode: Subject, sizes: Sizes, batch: int, *, mixed: bool = False) -> Tensor:
    """Inputs in the shape that the encoder takes them in: as they are, or flat where it wants them so."""
    x = sizes.some_inputs(batch, mixed=mixed)
    if not encode.options["flat_too"] or x.ndim == 2:
        return x
    try:
        found = encode(x, sizes=sizes)
    except SubmissionRaised as error:
        if error.builtin not in UNFIT:
            raise
        return x.flatten(1)
    # a linear layer takes the last axis of an image for its inputs where the sizes happen to fit
    wide = type(found) in (tuple, list) and any(isinstance(part, Tensor) and part.ndim > 2 for part in found)
    return x.flatten(1) if wide else x


def assert_encodes(encode: Subject, sizes: Sizes) -> None:
    """Raise `CheckFailed` unless each input gets a mean and a log-variance of its own, the same when asked again."""
    x, names = inputs_of(encode, sizes, 5), [name + sizes.of_model for name in encode.options["results"]]
    models = []
    for model in range(FEW):
        parts = encoded(encode, x, sizes, model)
        if bool((parts[0] == parts[1]).all()):
            raise CheckFailed(f"{' and '.join(names)} are the same numbers: they need weights of their own")
        for before, after, name in zip(parts, encoded(encode, x, sizes, model), names, strict=True):
            assert_close(after, before.double(), name=f"{name}, asked again for the same input,", scale=1.0)
        models.append(parts)
    for parts_of_models, name in zip(zip(*models, strict=True), names, strict=True):
        assert_varies(parts_of_models, name, "inputs: does it depend on them?")


@prop(weight=2)
def each_input_has_a_mean_and_a_logvar(encode: Subject) -> None:
    """{call} gives mean and log-variance, (batch, latent) each: of every input its own, the same at every call."""
    for sizes in encode.options["sizes"]:
        assert_encodes(encode, sizes)


@prop()
def both_can_have_either_sign(encode: Subject) -> None:
    """In untrained models, numbers of the mean can be negative and positive, and so can those of the log-variance."""
    sizes = max(encode.options["sizes"], key=lambda one: one.latent)
    models = range(-(-SIGNS // sizes.latent))
    x = inputs_of(encode, sizes, 8)
    found = [torch.stack(encoded(encode, x, sizes, model)).detach() for model in models]
    for values, name, above in zip(
        torch.stack(found, dim=1), encode.options["results"], (True, encode.options["logvar_above_zero"]), strict=True
    ):
        if exceeds(values.min(), -1e-9) or (above and falls_below(values.max(), 1e-9)):
            raise CheckFailed(
                f"{name} has one sign only, in {len(models)} untrained models and for {len(x)} inputs: what comes last"
                " on the way there?",
                expected="numbers of either sign",
                got=f"numbers from {float(values.min()):.3g} to {float(values.max()):.3g}",
            )


vae_encoder = Contract(
    concept="vae_encoder",
    version=1,
    inputs=("x",),
    optional={"sizes": None, "model": 0, "step": False},
    public=(each_input_has_a_mean_and_a_logvar, both_can_have_either_sign),
    options={
        "sizes": (),
        "others": (),
        "results": ("the mean", "the log-variance"),
        "flat_too": False,
        "logvar_above_zero": True,
        "seen": 1.0,
    },
    required=("sizes", "results"),
)
"""``(x) -> (mean, logvar)`` of inputs (batch, ...), (batch, latent) each, by an untrained model in evaluation mode.

The adapter makes a model of ``sizes`` by ``once``, and moves its parameters at random, by the seed ``model``: so no
initialisation is special. With ``step`` it moves all parameters of that model before it encodes.

``sizes`` are `Sizes` of models to make (those with the most latent variables also show signs), ``others`` further ones
that an assignment promises to work for. ``results`` are what messages call mean and log-variance. ``flat_too`` says
that images may be wanted flat, ``logvar_above_zero`` that a log-variance must be able to be positive, too, and ``seen``
which part of an input's numbers must count: strided convolutions may leave out rows and columns at the border.
"""
