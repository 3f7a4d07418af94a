"""The contract on an encoder of images with two heads, and on a network of rows beside classes."""

from __future__ import annotations

from autograder.checks import Sizes
from autograder.concepts.vae_encoder import vae_encoder


def image_encoder(encoders, encoder_probes, sizes, model):
    """An encoder of images."""
    return encoder_probes.built(encoders.ImageEncoder, sizes.arguments, model)


@vae_encoder(
    "images",
    call="encode(x)",
    once=image_encoder,
    sizes=(Sizes((), 3, (1, 8, 8)), Sizes((5,), 5, (1, 8, 8))),
    others=(Sizes((4, 6), 4, (1, 6, 6)),),
    results=("the mean of encode(x)", "the log-variance of encode(x)"),
    flat_too=True,
    seen=0.8,
)
def test_encode(encoder_probes, made, x, step):
    if step:
        encoder_probes.step(made)
    return made.encode(x)


def row_encoder(encoders, encoder_probes, sizes, model):
    """A network of rows."""
    return encoder_probes.built(encoders.RowEncoder, sizes.arguments, model)


@vae_encoder(
    "rows",
    call="forward(rows)",
    once=row_encoder,
    sizes=(
        Sizes((9, 3, 2), 2, (9,), classes=3, model="RowEncoder(9, 3, 2)"),
        Sizes((20, 4, 4), 4, (2, 10), classes=4, model="RowEncoder(20, 4, 4)"),
    ),
    results=("the mean", "the log-variance"),
    logvar_above_zero=False,
)
def test_rows(encoder_probes, made, x, step):
    if step:
        encoder_probes.step(made)
    return made(x)
