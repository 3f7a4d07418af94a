"""VAE and diffusion model learn: what counts is measured on held-out pictures, on the trusted side."""

from __future__ import annotations

from mit67960_hw5.checks.hidden import hw5_diffusion_learning, hw5_vae_learning
from mit67960_hw5.checks.public.test_hw5_vae import heads_of

from autograder.checks import (
    assert_learned,
    assert_tensor,
    batches,
    checked_weights,
    expose,
    fresh,
    in_chunks,
    item,
    reported_losses,
    secret_generator,
    show_curves,
    show_images,
)

CHUNK = 25
SHOWN = 8


def new_vae(hw5, hw5_probes):
    """A VAE of the size that is trained here."""
    return hw5_probes.built(hw5.VAE, hw5_vae_learning.Z_DIMS, hw5_vae_learning.SIZE, True)


def trained(hw5, hw5_probes, hw5_training_probes, task, generator):
    """A trained VAE in the worker, and the losses that it told."""
    learning = hw5_vae_learning
    model = new_vae(hw5, hw5_probes)
    rate, steps = learning.LEARNING_RATE, learning.STEPS
    trainee = hw5_training_probes.Trainee(model, hw5.vae_loss, task.train, rate, steps)
    plan = batches(len(task.train), learning.BATCH, steps, generator)
    losses = []
    for chunk in in_chunks(len(plan), CHUNK):
        losses += reported_losses(trainee.steps(plan[chunk]))
    return model, losses


@item("q5.training", weight=3)
def test_the_bound_of_held_out_pictures(hw5, hw5_probes, hw5_training_probes):
    """After 800 steps on small digits, the negative ELBO of new ones is well below that of the best fixed image."""
    learning, generator = hw5_vae_learning, secret_generator()
    task = learning.Task.draw(generator)
    model, losses = trained(hw5, hw5_probes, hw5_training_probes, task, generator)
    show_curves("Loss of the VAE, as it tells it", {"vae_loss": losses}, x="step", y="nats")
    # the weights leave before the held-out pictures come, and the decoder's worker never sees those
    weights = checked_weights(hw5_training_probes.weights(model))
    other_hw5, other_probes, other_training = fresh(hw5, hw5_probes, hw5_training_probes)
    decoder = other_training.with_weights(new_vae(other_hw5, other_probes), weights)
    encoder = hw5_training_probes.with_weights(model, weights)
    mean, logvar = (part.detach() for part in heads_of(encoder, task.test, learning.Z_DIMS))

    def decode(code):
        shape = (len(code), learning.SIZE**2)
        return assert_tensor(decoder.decode(code), shape=shape, name="decode(z)").detach()

    bound, images = learning.measure(task, mean, logvar, decode, generator)
    rows = {"held-out": task.test[:SHOWN], "reconstructed": images.float().reshape(task.test.shape)[:SHOWN]}
    show_images("Reconstructions", {name: 2 * task.undisguised(row) - 1 for name, row in rows.items()})
    assert_learned(task.criteria(bound), "the VAE")


@item("q11.diffusion.training", weight=3)
def test_a_network_learns_from_the_loss(hw5, hw5_training_probes):
    """After 200 steps on p_losses, a small network predicts noise in new pictures, better than a simple denoiser."""
    learning, generator = hw5_diffusion_learning, secret_generator()
    task, model = learning.Task.draw(generator), learning.new_model()
    exposed, losses = expose(learning.checked(model)), []

    def learn(images, t):
        told = hw5_training_probes.learn(hw5.p_losses, exposed, images, t)
        losses.append(told if isinstance(told, float) else float("nan"))

    learning.train_on(model, task, learn, generator)
    show_curves("Loss of the diffusion model, as it tells it", {"p_losses": losses}, x="step")
    assert_learned(task.criteria(task.error(model.eval())), "the diffusion model")
