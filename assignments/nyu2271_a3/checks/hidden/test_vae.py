"""Part A against closed forms in float64, with gradients."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from nyu2271_a3.checks.public.test_vae_models import (
    PIXELS,
    World,
    classes_of,
    flat_images,
    heads_of,
    inputs_of,
    leaves_of,
    noise,
    pictures,
    three_tensors,
)

from autograder.checks import (
    CheckFailed,
    assert_gradients_close,
    assert_tensor,
    exceeds,
    falls_below,
    given,
    gradients,
    item,
    seeds,
)

# vae.forward, cvae.forward


def assert_gradients_of_forward(vae_probes, kind, world, x, *c):
    """Raise `CheckFailed` unless gradients of x_hat, mu and logvar, at the noise that was drawn, are the true ones."""
    leaves = leaves_of(world)
    pixels = x.clone().requires_grad_()
    model = vae_probes.known_model(kind, world.sizes, {**world.tensors, **leaves})
    x_hat, mu, logvar = three_tensors(model.forward(pixels, *c), len(x), world.latent_size)
    drawn = world.posterior(x, *c).whiten(world.latents(x_hat, *c))
    true_pixels = x.double().requires_grad_()
    inner = {name: leaf.detach().double().requires_grad_() for name, leaf in leaves.items()}
    true_world = World(world.latent_size, world.classes, world.seed)
    true_world.wide.update(inner)
    true_mu, true_logvar = true_world.heads(true_pixels, *c)
    true_x_hat = true_world.decoded(true_mu + (true_logvar / 2).exp() * drawn, *c)
    names, sent, due = ["x", *leaves], [pixels, *leaves.values()], [true_pixels, *inner.values()]
    for part, truth, chosen in (
        (x_hat, true_x_hat, (0, 1, 2, 3)),
        (mu, true_mu, (0, 1)),
        (logvar, true_logvar, (0, 2)),
    ):
        cotangent = noise(*truth.shape, seed=1)
        wanted = [due[k] for k in chosen]
        expected = torch.autograd.grad(truth, wanted, cotangent.double(), retain_graph=True)
        found = gradients(part, [sent[k] for k in chosen], cotangent.to(part.dtype))
        # float32 knows the noise, hence the sample, to about 1e-5 of itself
        scale = 4 * max(float(gradient.abs().max()) for gradient in expected)
        assert_gradients_close(found, expected, [names[k] for k in chosen], of="forward", scale=scale)


@item("vae.forward", weight=1.5)
@given(examples=4, seed=seeds(), batch=st.integers(1, 4), latent_size=st.integers(2, 20))
def test_gradients_of_forward(vae, vae_probes, seed, batch, latent_size):
    """All that training needs passes through forward: from x_hat to the decoder, both heads and the image."""
    world = World(latent_size, seed=seed)
    assert_gradients_of_forward(vae_probes, vae.VAE, world, pictures(batch, seed))


@item("cvae.forward", weight=1.5)
@given(examples=4, seed=seeds(), batch=st.integers(1, 4), latent_size=st.integers(2, 20))
def test_gradients_of_forward_of_the_cvae(vae, vae_probes, seed, batch, latent_size):
    """All that training needs passes through forward: from x_hat to the decoder, both heads and the image."""
    world = World(latent_size, classes=5, seed=seed)
    assert_gradients_of_forward(vae_probes, vae.CVAE, world, pictures(batch, seed), classes_of(batch, 5))


# vae.init, cvae.init


LATENT_SIZE = 64
"""So many numbers of a linear layer, each of either sign, have the same sign with probability 2**-63."""


def assert_trainable(vae_probes, model, x, z):
    """Raise `CheckFailed` unless all pieces are trained with the model, and every input and latent variable counts."""
    inputs = inputs_of(model, x)
    for part, name in zip(heads_of(model, inputs), ("mu_layer", "logvar_layer"), strict=True):
        assert_tensor(part, shape=(len(x), LATENT_SIZE), name=f"{name}(encoder(...))")
        assert_every_input_counts(part, inputs, f"{name}(encoder(...))")
        assert_of_either_sign(part, f"{name}(encoder(...))")
    images = model.decoder(z)
    flat_images(images, len(z), "decoder(...)")
    assert_every_input_counts(images, z, "decoder(...)")
    assert_within_reach(vae_probes, model, inputs.detach(), z.detach())


def assert_within_reach(vae_probes, model, inputs, z):
    """Raise `CheckFailed` where a piece gives the same again after a step of all parameters of the model."""
    features = assert_tensor(model.encoder(inputs), name="encoder(...)").detach()
    asked = {"encoder": inputs, "mu_layer": features, "logvar_layer": features, "decoder": z}
    before = {name: assert_tensor(getattr(model, name)(asked[name]), name=f"{name}(...)") for name in asked}
    vae_probes.step(model)
    after = {name: assert_tensor(getattr(model, name)(asked[name]), name=f"{name}(...)") for name in asked}
    if left := [name for name in asked if torch.equal(before[name], after[name])]:
        what = " and ".join(left)
        raise CheckFailed(f"an optimiser of model.parameters() never changes {what}: are their layers modules of it?")


def assert_of_either_sign(output, name):
    """Raise `CheckFailed` where a mean or a logarithm has one sign for all inputs."""
    low, high = float(output.min()), float(output.max())
    if exceeds(low, -1e-9) or falls_below(high, 1e-9):
        raise CheckFailed(
            f"{name} has one sign for all inputs: a mean and a logarithm may have either, so no ReLU belongs there",
            got=f"values from {low:.3g} to {high:.3g}",
        )


def assert_every_input_counts(output, inputs, name):
    """Raise `CheckFailed` where a column of the inputs has no influence on any output of any row."""
    found = gradients(output, [inputs], noise(*output.shape, seed=3))[0]
    if found is None:
        raise CheckFailed(f"{name} cannot be trained: it does not depend on its input through differentiable layers")
    silent = int((found.flatten(1).abs().amax(0) == 0).sum())
    if silent:
        raise CheckFailed(f"{name} does not look at {silent} of its {found[0].numel()} inputs")


@item("vae.init", weight=1)
def test_the_pieces_are_trainable_layers(vae, vae_probes):
    """All pixels and all latent variables have an influence; all four pieces are trained with model.parameters()."""
    model = vae_probes.ready(vae.VAE(PIXELS, latent_size=LATENT_SIZE))
    x = pictures(16).requires_grad_()
    assert_trainable(vae_probes, model, x, noise(16, LATENT_SIZE).requires_grad_())


@item("cvae.init", weight=1)
def test_the_pieces_of_the_cvae_are_trainable_layers(vae, vae_probes):
    """All pixels, classes, latent variables have an influence; all four pieces are trained with model.parameters()."""
    model = vae_probes.ready(vae.CVAE(PIXELS, num_classes=6, latent_size=LATENT_SIZE))
    inputs = torch.cat([pictures(18).flatten(1), classes_of(18, 6)], dim=1).requires_grad_()
    z = torch.cat([noise(18, LATENT_SIZE), classes_of(18, 6)], dim=1).requires_grad_()
    assert_trainable(vae_probes, model, inputs, z)


@item("vae.init", weight=1)
def test_pieces_and_forward_fit_together(vae, vae_probes):
    """The decoder's values, for what the heads give, are numbers that a loss can use: strictly between 0 and 1."""
    model = vae_probes.ready(vae.VAE(PIXELS, latent_size=5))
    mu, _ = heads_of(model, inputs_of(model, pictures(3)))
    assert_tensor(mu, shape=(3, 5), name="mu_layer(encoder(...))")
    assert_gentle(flat_images(model.decoder(mu), 3, "decoder(...)"))


@item("cvae.init", weight=1)
def test_pieces_of_the_cvae_fit_together(vae, vae_probes):
    """The decoder's values, for what the heads give, are numbers that a loss can use: strictly between 0 and 1."""
    model = vae_probes.ready(vae.CVAE(PIXELS, num_classes=3, latent_size=5))
    mu, _ = heads_of(model, torch.cat([pictures(3).flatten(1), classes_of(3, 3)], dim=1))
    mu = assert_tensor(mu, shape=(3, 5)).detach()
    assert_gentle(flat_images(model.decoder(torch.cat([mu, classes_of(3, 3)], dim=1)), 3, "decoder(...)"))


def assert_gentle(images):
    """Raise `CheckFailed` where an untrained decoder is certain of a pixel, or the same for all images."""
    if falls_below(images, 2.0**-149) or exceeds(images, 1 - 2.0**-53):
        raise CheckFailed("an untrained decoder is certain of some pixels: its last layer is no Sigmoid")
