"""The contract on a method of a VAE with four modules, and on a function for images with a class."""

from __future__ import annotations

from autograder.concepts.vae_forward import vae_forward


def known_model(vaes, vae_probes, known):
    """A VAE with known networks."""
    return vae_probes.model(vaes.VAE, known.with_leaves())


@vae_forward(
    "method", call="forward(x)", once=known_model, image=(1, 14, 14), results=("x_hat", "the mean", "the log-variance")
)
def test_forward(made, x):
    return made.forward(x)


def tensors_of(known):
    """Known weights, for a function that gets its networks."""
    return known.with_leaves()


@vae_forward(
    "function",
    call="reconstruct(posterior, pixels, images, labels)",
    names=("images", "labels"),
    once=tensors_of,
    image=(2, 10, 10),
    classes=3,
    results=("reconstruction", "mean", "logvar"),
    flat_too=True,
)
def test_reconstruct(vaes, vae_probes, made, x, c):
    return vae_probes.reconstruction(vaes.reconstruct, made, x, c)
