"""A decoder: numbers for each code, such as a probability of ink for every pixel, whatever its layers are.

Kingma and Welling, Auto-Encoding Variational Bayes (2014), appendix C.1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from autograder.checks import (
    FEW,
    CheckFailed,
    Contract,
    Sizes,
    Subject,
    assert_close,
    assert_tensor,
    assert_varies,
    exceeds,
    falls_below,
    prop,
)

SMALLEST, LARGEST = 2.0**-149, 1 - 2.0**-53
"""The probabilities next to 0 in float32 and to 1 in float64: what a Sigmoid gives where weights are as made."""
LARGE = ", with large weights and codes,"


def decoded(decode: Subject, z: Tensor, sizes: Sizes, model: int = 0, weights: str = "new") -> Tensor:
    """What is decoded from codes, (batch, outputs), as it came; of probabilities, each in its range."""
    name = decode.options["result"] + sizes.of_model + (LARGE if weights == "large" else "")
    found = decode(z, sizes=sizes, model=model, weights=weights)
    if isinstance(found, Tensor) and found.ndim > 2 and decode.options["images_too"]:
        found = found.flatten(1)
    values = assert_tensor(found, shape=(len(z), sizes.outputs), name=name)
    low, high = float(values.min()), float(values.max())
    smallest, largest = (SMALLEST, LARGEST) if weights == "new" else (0.0, 1.0)
    if sizes.probabilities and (falls_below(values, smallest) or exceeds(values.double(), largest)):
        raise CheckFailed(
            f"{name} has values from {low:.3g} to {high:.3g}, but a probability lies between 0 and 1: a Sigmoid gives"
            " such values",
            expected="values between 0 and 1",
            got=f"values from {low:.3g} to {high:.3g}",
        )
    return values


def assert_decodes(decode: Subject, sizes: Sizes) -> None:
    """Raise `CheckFailed` unless each code, also a negative one, gets numbers of its own, the same at every call."""
    name = decode.options["result"] + sizes.of_model
    for negative, of in ((False, "codes"), (True, "codes of negative numbers")):
        z, models = sizes.some_codes(5, scale=2.0, negative=negative), []
        for model in range(FEW):
            models.append(decoded(decode, z, sizes, model).detach())
            again = decoded(decode, z, sizes, model)
            assert_close(again, models[-1].double(), name=f"{name}, asked again for the same code,", scale=1.0)
        assert_varies(models, name, of)


@prop(weight=2)
def each_code_has_numbers_of_its_own(decode: Subject) -> None:
    """{call} gives numbers in their range for each code: of every code its own, the same at every call."""
    for sizes in decode.options["sizes"]:
        assert_decodes(decode, sizes)


@prop()
def numbers_reach_all_of_their_range(decode: Subject) -> None:
    """With weights and codes a hundred times as large, probabilities come near 0 and near 1, each pixel by itself.

    Numbers that are no probabilities go far beyond 1 and -1.
    """
    for sizes in decode.options["sizes"]:
        z = 100 * sizes.some_codes(8)
        found = [decoded(decode, z, sizes, model, "large").detach().double() for model in range(FEW)]
        assert_range(torch.stack(found), sizes.probabilities, decode.options["result"] + sizes.of_model + LARGE)


def assert_range(values: Tensor, probabilities: bool | None, name: str) -> None:
    """Raise `CheckFailed` unless values come near 0 and 1, or lie far beyond 1 and -1 if they are no probabilities.

    No softmax: the values of a row are not shares of one.
    """
    low, high = float(values.min()), float(values.max())
    got = f"values from {low:.3g} to {high:.3g}"
    last = "what comes last in the decoder?"
    if probabilities is False:
        if not falls_below(low, -1.0) or not exceeds(high, 1.0):
            raise CheckFailed(f"{name} is bounded: {last}", expected="values far beyond 1 and -1", got=got)
        return
    if exceeds(low, 0.05) or falls_below(high, 0.95):
        expected = "values near 0 and near 1" + ("" if probabilities else ", or beyond")
        raise CheckFailed(f"{name} does not come near both 0 and 1: {last}", expected=expected, got=got)
    if not exceeds((values.sum(-1) - 1).abs(), 1e-3):
        raise CheckFailed(
            f"the values of {name} add up to 1: each must be a number of its own (no Softmax)", got="sums of 1"
        )


vae_decoder = Contract(
    concept="vae_decoder",
    version=1,
    inputs=("z",),
    optional={"sizes": None, "model": 0, "weights": "new", "step": False},
    public=(each_code_has_numbers_of_its_own, numbers_reach_all_of_their_range),
    options={"sizes": (), "others": (), "result": "the decoded image", "images_too": False},
    required=("sizes", "result"),
)
"""``(z) -> values`` (batch, outputs) for codes (batch, latent), by an untrained model in evaluation mode.

The adapter makes a model of ``sizes`` by ``once``, a new one for each ``model``. Its ``weights`` are left as they are
made (``new``), or move at random, by the seed ``model`` (``moved``), and are then a hundred times as large (``large``).
With ``step`` it moves all parameters of that model again before it decodes.

``sizes`` are `Sizes` of models to make, the last of which must be trainable, ``others`` further ones that an assignment
promises to work for. ``result`` is what messages call the values; ``images_too`` says that they may come as images.
"""
