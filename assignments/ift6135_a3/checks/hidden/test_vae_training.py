"""The VAE learns: measured on held-out pictures, which are decoded where only their codes are known."""

from __future__ import annotations

import torch
from ift6135_a3.checks.hidden import vae_learning as learning

from autograder.checks import (
    CheckFailed,
    assert_learned,
    assert_tensor,
    batches,
    checked_weights,
    exists,
    fetch,
    fresh,
    gradients,
    in_chunks,
    is_remote,
    item,
    reported_losses,
    secret_generator,
    show_curves,
    show_images,
)

CHUNK = 20
SHOWN = 8


def new_model(vae_solution):
    """A VAE of the size that is trained here."""
    return vae_solution.VAE(
        in_channels=3,
        decoder_features=learning.FEATURES,
        encoder_features=learning.FEATURES,
        z_dim=learning.Z_DIM,
        input_size=32,
        device="cpu",
    )


def distribution(value):
    """What encode or decode gave, if it can be a distribution."""
    if not is_remote(value):
        raise CheckFailed("encode and decode must give a DiagonalGaussianDistribution")
    return value


def mean_of(value, shape):
    """The mean of a distribution, by whatever name it goes."""
    known = distribution(value)
    mean = fetch(known.mean) if exists(known.mean) else known.mode()
    return assert_tensor(mean, shape=shape, name="the mean").detach().float()


def logvar_of(value, mean):
    """The log-variance; where it has no name, the slope of the negative log-density one unit from the mean tells it."""
    if exists(value.logvar):
        return assert_tensor(fetch(value.logvar), shape=mean.shape, name="logvar").detach().float()
    beside = (mean + 1).requires_grad_()
    (slope,) = gradients(assert_tensor(value.nll(beside, [1]), shape=(len(mean),), name="nll"), [beside])
    return -(slope if slope is not None else torch.zeros_like(mean)).float().log()


def trained(vae_solution, vae_training_probes, task, generator):
    """A trained model in the worker, and the losses that it told."""
    model = new_model(vae_solution)
    trainee = vae_training_probes.Trainee(model, task.train, learning.LEARNING_RATE)
    plan = batches(len(task.train), learning.BATCH, learning.STEPS, generator)
    losses = []
    for chunk in in_chunks(len(plan), CHUNK):
        losses += reported_losses(trainee.steps(plan[chunk]))
    return model, losses


@item("vae.training", weight=3)
def test_reconstructions_of_held_out_pictures(vae_solution, vae_training_probes):
    """After 1000 steps on coloured digits, new digits come back from their codes, at a fair price in KL."""
    generator = secret_generator()
    task = learning.Task.draw(generator)
    model, losses = trained(vae_solution, vae_training_probes, task, generator)
    show_curves("Loss of the VAE, as it tells it", {"nll + kl": losses}, x="step", y="nats")
    # the weights leave before the held-out pictures come, and the decoder's worker never sees those
    weights = checked_weights(vae_training_probes.weights(model))
    other_solution, other_probes = fresh(vae_solution, vae_training_probes)
    decoder = other_probes.with_weights(new_model(other_solution), weights)
    posterior = vae_training_probes.with_weights(model, weights).encode(task.test)
    mean = mean_of(posterior, (len(task.test), learning.Z_DIM))
    logvar = logvar_of(posterior, mean)

    def decode(code):
        return mean_of(decoder.decode(code), task.test.shape)

    error, bound, images = learning.measure(task, mean, logvar, decode, generator)
    rows = {"held-out": task.test[:SHOWN], "reconstructed": images[:SHOWN]}
    show_images("Reconstructions", {name: task.isometry.take_off(row) for name, row in rows.items()})
    assert_learned(task.criteria(error, bound), "the VAE")
