"""The losses of one trained VAE agree, and the VAEs of points learn: measured on held-out data."""

from __future__ import annotations

import torch
from mit6s978_ps1.checks.hidden import pset1_learning as learning
from mit6s978_ps1.checks.public.test_pset1_models import COEFF, VAE_LEARNED, entries

from autograder.checks import (
    CheckFailed,
    assert_learned,
    assert_tensor,
    batches,
    checked_weights,
    describe_type,
    fresh,
    item,
    learn,
    secret_generator,
    show_curves,
)


@item("p3.training", weight=0.5)
def test_both_losses_agree(pset1, pset1_training_probes):
    """On one model that was trained with loss_KL_wo_E, both losses agree, as far as chance allows."""
    generator, training, probes = secret_generator(), VAE_LEARNED["training"], pset1_training_probes
    data = VAE_LEARNED["pictures"].draw(generator)
    model = pset1.VAE(784, training.size)
    plan = batches(len(data.train), training.batch, training.steps, generator)
    learn(probes.trainee(model, pset1.loss_KL_wo_E, COEFF), [data.train.images], plan, training)
    x = data.test.images.repeat(learning.REPEATED, 1)
    output = probes.output_of(model, x)
    z, mean, logvar = (
        assert_tensor(part, name="z, mean and logvar") for part in entries(output, "z", "mean", "logvar")
    )
    if not z.shape == mean.shape == logvar.shape or len(z) != len(x):
        raise CheckFailed("z, mean and logvar must have one shape")
    sampled, closed = (
        assert_tensor(loss(output), shape=(len(x),), name="the loss of an output").detach()
        for loss in (pset1.loss_SGVB, pset1.loss_KL_wo_E)
    )
    assert_learned([learning.agreement(sampled, closed, mean, logvar)], "the two forms of the divergence")


@item("p4.training", weight=3)
def test_the_vae_reconstructs_a_torus(pset1, pset1_training_probes):
    """After 1,000 epochs on points of a torus, new points come back as a torus: near it, and all over it."""
    generator, how = secret_generator(), learning.POINTS_TRAINING
    cloud = learning.Cloud.draw(generator)
    model = pset1.PointVAE(how.size)
    plan = batches(len(cloud.train), how.batch, how.steps, generator)
    trainee = pset1_training_probes.trainee(model, pset1.loss_KL_wo_E, learning.POINT_COEFF)
    show_curves(
        "Loss of the VAE of points, as it tells it", {"loss": learn(trainee, [cloud.train], plan, how)}, x="epoch"
    )
    weights = checked_weights(trainee.weights())
    trainee.load(weights)
    (mean,) = entries(pset1_training_probes.output_of(model, cloud.test), "mean")
    mean = assert_tensor(mean, name='forward(x)["mean"]').detach().float()
    other, other_probes = fresh(pset1, pset1_training_probes)
    again = other.PointVAE(how.size)
    other_probes.trainee(again).load(weights)
    points = assert_tensor(other_probes.decoded(again, mean), shape=cloud.test.shape, name="the reconstructed points")
    assert_learned(cloud.criteria(points.detach()), "the VAE of points")


@item("p4.torus_latent", weight=1)
def test_paths_stay_on_the_torus(pset1, pset1_training_probes):
    """After 2,000 steps, paths between random points stay on the surface, from end to end, in steps of fair length."""
    generator, how = secret_generator(), learning.PATHS_TRAINING
    cloud = learning.Cloud.draw(generator, turned=False)
    model = pset1.TorusVAE()
    plan = batches(len(cloud.train), how.batch, how.steps, generator)
    learn(pset1_training_probes.own_trainee(model), [cloud.train], plan, how)
    starts, ends = cloud.test[: learning.PATHS], cloud.test[learning.PATHS : 2 * learning.PATHS]
    found = pset1_training_probes.paths(model, starts, ends, learning.PATH_LENGTH)
    if type(found) not in (list, tuple) or len(found) != learning.PATHS:
        raise CheckFailed("path(start, end, steps) must return a tensor", got=describe_type(found))
    shape = (learning.PATH_LENGTH, 3)
    paths = torch.stack([assert_tensor(path, shape=shape, name="path(start, end, 50)").detach() for path in found])
    assert_learned(cloud.path_criteria(paths, starts, ends), "the paths")
