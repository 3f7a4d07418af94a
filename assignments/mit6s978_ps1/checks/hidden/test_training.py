"""The models learn: measured on held-out data, which are decoded where only their codes are known."""

from __future__ import annotations

import torch
from mit6s978_ps1.checks.hidden import pset1_learning as learning
from mit6s978_ps1.checks.public.test_pset1_models import codes_of

from autograder.checks import (
    CheckFailed,
    assert_learned,
    assert_tensor,
    batches,
    blurred,
    checked_weights,
    describe_type,
    fresh,
    in_chunks,
    item,
    reported_losses,
    secret_generator,
    show_curves,
    show_images,
)

CHUNK = 50
SHOWN = 8


def learn(trainee, plan):
    """Let a model learn; return the losses that it told."""
    losses = []
    for chunk in in_chunks(len(plan), CHUNK):
        losses += reported_losses(trainee.steps(plan[chunk]))
    return losses


def parts_of(output, names, shapes):
    """Entries of the dictionary that `forward` returned."""
    if type(output) is not dict or not all(name in output for name in names):
        raise CheckFailed(f"forward must return a dictionary with {', '.join(names)}", got=describe_type(output))
    return [
        assert_tensor(output[name], shape=shape, name=f"forward(x)[{name!r}]").detach().float()
        for name, shape in zip(names, shapes, strict=True)
    ]


def posterior(probes, model, x):
    """Mean and logvar of q(z|x), of any width."""
    output = probes.output_of(model, x)
    if type(output) is not dict or not isinstance(mean := output.get("mean"), torch.Tensor) or mean.ndim != 2:
        raise CheckFailed("forward must return a dictionary with mean and logvar", got=describe_type(output))
    return parts_of(output, ("mean", "logvar"), [(len(x), mean.shape[1])] * 2)


@item("p1.training", weight=3)
def test_the_autoencoder_reconstructs_held_out_images(pset1, pset1_probes, pset1_training_probes):
    """After 1,500 steps on small digits, two numbers tell more of a new digit than two principal components do."""
    generator = secret_generator()
    task = learning.Task.draw(generator)
    model = pset1.AE(learning.PIXELS, learning.AE_WIDTHS)
    plan = batches(len(task.train), learning.BATCH, learning.AE_STEPS, generator)
    losses = learn(pset1_training_probes.Trainee(model, task.train, learning.LEARNING_RATE), plan)
    show_curves("Loss of the autoencoder, as it tells it", {"mean squared error": losses}, x="step")
    # the weights leave before the held-out images come, and what decodes them never sees those
    weights = checked_weights(pset1_training_probes.weights(model))
    trained = pset1_training_probes.with_weights(model, weights)
    other, other_training = fresh(pset1, pset1_training_probes)
    again = other_training.with_weights(other.AE(learning.PIXELS, learning.AE_WIDTHS), weights)
    (codes,) = codes_of(pset1_probes, [trained], task.test)
    found = other_training.decoded(again, blurred(codes.float(), generator))
    images = assert_tensor(found, shape=task.test.shape, name="the reconstructions").detach().float()
    rows = {"held-out": task.test[:SHOWN], "reconstructed": images[:SHOWN]}
    show_images("Reconstructions", {name: task.isometry.take_off(row) for name, row in rows.items()})
    assert_learned(task.autoencoder_criteria(task.error(images)), "the autoencoder")


def trained_vae(pset1, probes, task, name, generator):
    """A VAE that was trained with one of the two losses."""
    model = pset1.VAE(learning.PIXELS, learning.VAE_WIDTHS)
    plan = batches(len(task.train), learning.BATCH, learning.VAE_STEPS, generator)
    reg_func = getattr(pset1, name)
    losses = learn(probes.Trainee(model, task.train, learning.LEARNING_RATE, reg_func, learning.COEFF), plan)
    show_curves(f"Loss of the VAE trained with {name}, as it tells it", {"loss": losses}, x="step")
    return model


def assert_vae_learns(pset1, probes, name):
    """Train with one of the losses and judge the objective in closed form."""
    generator = secret_generator()
    task = learning.Task.draw(generator)
    model = trained_vae(pset1, probes, task, name, generator)
    weights = checked_weights(probes.weights(model))
    mean, logvar = posterior(probes, probes.with_weights(model, weights), task.test)
    other, other_probes = fresh(pset1, probes)
    again = other_probes.with_weights(other.VAE(learning.PIXELS, learning.VAE_WIDTHS), weights)

    def decode(z):
        found = other_probes.decoded(again, z)
        return assert_tensor(found, shape=task.test.shape, name="the reconstructions").detach().float()

    images = decode(mean[:SHOWN]) if len(mean) == 0 else decode(mean)
    rows = {"held-out": task.test[:SHOWN], "reconstructed": images[:SHOWN]}
    show_images("Reconstructions", {row: task.isometry.take_off(values) for row, values in rows.items()})
    objective = task.objective(mean, logvar, decode, generator)
    assert_learned(task.vae_criteria(objective, name), "the VAE")
    return task, model


@item("p3.training", weight=2)
def test_the_vae_learns_with_the_estimator(pset1, pset1_training_probes):
    """Trained with loss_SGVB, error and divergence of new digits are together 15 % below the mean image's error."""
    assert_vae_learns(pset1, pset1_training_probes, "loss_SGVB")


@item("p3.training", weight=2)
def test_the_vae_learns_without_sampling_the_divergence(pset1, pset1_training_probes):
    """Trained with loss_KL_wo_E likewise; and on this one model both losses agree, as far as chance allows."""
    task, model = assert_vae_learns(pset1, pset1_training_probes, "loss_KL_wo_E")
    x = task.test.repeat(learning.REPEATED, 1)
    output = pset1_training_probes.output_of(model, x)
    mean, logvar = posterior(pset1_training_probes, model, task.test)
    mean, logvar = (part.repeat(learning.REPEATED, 1) for part in (mean, logvar))
    parts_of(output, ("z", "mean", "logvar"), [mean.shape] * 3)
    sampled, closed = (
        assert_tensor(getattr(pset1, name)(output), shape=(len(x),), name=f"{name}(output)").detach()
        for name in ("loss_SGVB", "loss_KL_wo_E")
    )
    assert_learned([learning.agreement(sampled, closed, mean, logvar)], "the two forms of the divergence")


@item("p4.training", weight=3)
def test_the_vae_reconstructs_a_torus(pset1, pset1_training_probes):
    """After 1,000 epochs on points of a torus, new points come back as a torus: near it, and all over it."""
    generator = secret_generator()
    cloud = learning.Cloud.draw(generator)
    model = pset1.PointVAE(learning.POINT_WIDTHS)
    plan = batches(len(cloud.train), len(cloud.train), learning.POINT_STEPS, generator)
    reg_func = pset1.loss_KL_wo_E
    trainee = pset1_training_probes.Trainee(model, cloud.train, learning.LEARNING_RATE, reg_func, learning.POINT_COEFF)
    show_curves("Loss of the VAE of points, as it tells it", {"loss": learn(trainee, plan)}, x="epoch")
    weights = checked_weights(pset1_training_probes.weights(model))
    mean, _ = posterior(pset1_training_probes, pset1_training_probes.with_weights(model, weights), cloud.test)
    other, other_probes = fresh(pset1, pset1_training_probes)
    again = other_probes.with_weights(other.PointVAE(learning.POINT_WIDTHS), weights)
    points = assert_tensor(other_probes.decoded(again, mean), shape=cloud.test.shape, name="the reconstructed points")
    assert_learned(cloud.criteria(points.detach()), "the VAE of points")


@item("p4.torus_latent", weight=1)
def test_paths_stay_on_the_torus(pset1, pset1_training_probes):
    """After 2,000 steps, paths between random points stay on the surface, from end to end, in steps of fair length."""
    generator = secret_generator()
    cloud = learning.Cloud.draw(generator, turned=False)
    model = pset1.TorusVAE()
    plan = batches(len(cloud.train), len(cloud.train), learning.PATH_STEPS, generator)
    learn(pset1_training_probes.OwnTrainee(model, cloud.train, learning.LEARNING_RATE), plan)
    starts, ends = cloud.test[: learning.PATHS], cloud.test[learning.PATHS : 2 * learning.PATHS]
    found = pset1_training_probes.paths(model, starts, ends, learning.PATH_LENGTH)
    if type(found) not in (list, tuple) or len(found) != learning.PATHS:
        raise CheckFailed("path(start, end, steps) must return a tensor", got=describe_type(found))
    shape = (learning.PATH_LENGTH, 3)
    paths = torch.stack([assert_tensor(path, shape=shape, name="path(start, end, 50)").detach() for path in found])
    assert_learned(cloud.path_criteria(paths, starts, ends), "the paths")
