"""The quickest sign that something learns: it can learn a few pictures by heart."""

from __future__ import annotations

import torch

from autograder.checks import (
    CheckFailed,
    Criterion,
    DiagonalGaussian,
    assert_learned,
    assert_tensor,
    checked_weights,
    digits,
    fresh,
    in_either_shape,
    item,
    secret_generator,
    show_images,
)

IMAGES = 8
VAE_STEPS = 300
Z_DIMS = 8
REMAINDER = 0.5
"""Of the mean squared error of the pictures' mean, which is what a model without a code would give."""
DIFFUSION_STEPS = 100
TIMESTEPS = 200
ERROR = 0.6
"""Mean squared error of the predicted noise, averaged over all time indices; always predicting 0 gives 1."""


@item("q5.training", weight=1)
def test_a_vae_learns_a_few_pictures_by_heart(hw5, hw5_probes, hw5_training_probes):
    """300 steps of Adam on vae_loss of eight digits are enough to give them back by and large."""
    images = (digits(28).images[:IMAGES] + 1) / 2
    model = hw5_probes.built(hw5.VAE, Z_DIMS, 28, True)
    trainee = hw5_training_probes.Trainee(model, hw5.vae_loss, images, 4e-3, VAE_STEPS)
    trainee.steps(torch.arange(IMAGES).repeat(VAE_STEPS, 1))
    weights = checked_weights(hw5_training_probes.weights(model))
    heads = in_either_shape(hw5_training_probes.with_weights(model, weights).encode, images)
    if type(heads) not in (tuple, list) or len(heads) != 2:
        raise CheckFailed("encode must return two tensors, mu and logvar")
    mu, logvar = (assert_tensor(part, shape=(IMAGES, Z_DIMS), name="what encode returns").detach() for part in heads)
    z = DiagonalGaussian(mu, logvar.clamp(-30, 20)).sample(1, secret_generator())[0].float()
    # what decodes has the weights and the codes, and never saw the pictures
    other_hw5, other_probes, other_training = fresh(hw5, hw5_probes, hw5_training_probes)
    decoder = other_training.with_weights(other_probes.built(other_hw5.VAE, Z_DIMS, 28, True), weights)
    found = assert_tensor(decoder.decode(z), shape=(IMAGES, 784), name="decode(z)")
    found = found.detach().float().reshape(images.shape)
    show_images("Learned by heart", {"pictures": 2 * images - 1, "reconstructed": 2 * found - 1})
    error = float((found - images).double().square().mean())
    trivial = float((images - images.mean(0)).double().square().mean())
    assert_learned([Criterion("reconstruction error", error, REMAINDER * trivial)], "the VAE")


@item("q11.diffusion.training", weight=1)
def test_a_network_learns_a_few_pictures_by_heart(hw5, hw5_networks, hw5_training_probes):
    """100 steps on p_losses of eight digits, and a small network predicts much of fresh noise in them."""
    generator = torch.Generator().manual_seed(0)
    images = digits(16).images[:IMAGES]
    times = torch.randint(0, TIMESTEPS, (DIFFUSION_STEPS, 4 * IMAGES), generator=generator)
    network = hw5_networks.SmallDenoiser(TIMESTEPS)
    repeated = images.repeat(4, 1, 1, 1)
    model = hw5_training_probes.overfit(hw5.p_losses, network, repeated, times, 4e-3)
    noise, t = torch.randn(repeated.shape, generator=generator), torch.arange(4 * IMAGES) * TIMESTEPS // (4 * IMAGES)
    noisy = assert_tensor(hw5.q_sample(repeated, t, noise), shape=noise.shape, name="x_t")
    predicted = assert_tensor(model(noisy.float(), t), shape=noise.shape, name="the predicted noise")
    error = float((predicted - noise).double().square().mean())
    assert_learned([Criterion("error of the predicted noise", error, ERROR)], "the diffusion model")
