"""The contract on probabilities, as images, and on rows of numbers for codes beside classes."""

from __future__ import annotations

from autograder.checks import Sizes
from autograder.concepts.vae_decoder import vae_decoder


def image_decoder(decoders, decoder_probes, sizes, weights, model):
    """A decoder of images."""
    return decoder_probes.built(decoders.ImageDecoder, sizes.arguments, weights, model)


@vae_decoder(
    "images",
    call="decode(z)",
    once=image_decoder,
    sizes=(Sizes((), 3, outputs=64), Sizes((5,), 5, outputs=64)),
    others=(Sizes((4, 6), 4, outputs=36),),
    result="decode(z)",
    images_too=True,
)
def test_decode(decoder_probes, made, z, step):
    if step:
        decoder_probes.step(made)
    return made.decode(z)


def row_decoder(decoders, decoder_probes, sizes, weights, model):
    """A network of rows."""
    return decoder_probes.built(decoders.RowDecoder, sizes.arguments, weights, model)


@vae_decoder(
    "rows",
    call="forward(z)",
    once=row_decoder,
    sizes=(
        Sizes((3, 4, 9, False), 3, outputs=9, classes=4, probabilities=False, model="RowDecoder(3, 4, 9, False)"),
        Sizes((3, 4, 9, True), 3, outputs=9, classes=4, model="RowDecoder(3, 4, 9, True)"),
        Sizes((3, 2, 12, True), 3, outputs=12, classes=2, probabilities=None, model="RowDecoder(3, 2, 12, True)"),
    ),
    result="the rows of forward(z)",
)
def test_rows(decoder_probes, made, z, step):
    if step:
        decoder_probes.step(made)
    return made(z)
