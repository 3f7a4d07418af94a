"""The quickest sign that a model learns: it can learn a little by heart."""

from __future__ import annotations

import torch

from autograder.checks import (
    CheckFailed,
    Criterion,
    Training,
    assert_learned,
    assert_tensor,
    describe_type,
    item,
    learn,
)

LEARNED = 0.3
"""Of the mean squared error of the circle's centre, which is what a model without a code would give."""


@item("p4.training", weight=1)
def test_the_vae_of_points_learns_a_circle(pset1, pset1_training_probes):
    """400 steps of Adam on the points of a circle bring the reconstructions near them."""
    angle = torch.linspace(0, 2 * torch.pi, 101)[:-1]
    circle = torch.stack([angle.cos(), angle.sin(), 0.5 * (2 * angle).sin()], dim=1)
    model, probes = pset1.PointVAE([32, 16, 8]), pset1_training_probes
    trainee = probes.trainee(model, pset1.loss_KL_wo_E, 1e-5)
    learn(trainee, [circle], torch.arange(100).repeat(400, 1), Training(400, 100, 2e-3))
    output = probes.output_of(model, circle)
    if type(output) is not dict or "imgs" not in output:
        raise CheckFailed('forward must return a dictionary with "imgs"', got=describe_type(output))
    found = assert_tensor(output["imgs"], shape=circle.shape, name='forward(x)["imgs"]').detach().float()
    error, trivial = (float((part - circle).double().square().mean()) for part in (found, circle.mean(0)))
    assert_learned([Criterion("reconstruction error", error, LEARNED * trivial)], "the VAE of points")


@item("p4.torus_latent", weight=1)
def test_a_path_has_the_length_that_was_asked_for(pset1, pset1_training_probes):
    """path(start, end, steps) is (steps, 3), and `loss` is one number that falls in a hundred steps."""
    start, end = torch.tensor([1.5, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.5])
    angles = 2 * torch.pi * torch.rand(2, 200, generator=torch.Generator().manual_seed(0))
    wide = 1 + 0.5 * angles[1].cos()
    points = torch.stack([wide * angles[0].cos(), wide * angles[0].sin(), 0.5 * angles[1].sin()], dim=1)
    model = pset1.TorusVAE()
    for steps in (5, 12):
        assert_tensor(model.path(start, end, steps), shape=(steps, 3), name=f"path(start, end, {steps})")
    trainee = pset1_training_probes.own_trainee(model)
    trainee.begin([points], 1e-3)
    losses = trainee.steps(torch.arange(len(points)).repeat(100, 1))
    losses = assert_tensor(losses, shape=(100,), name="the losses of 100 steps").detach()
    assert_learned([Criterion("loss after 100 steps", float(losses[-10:].mean()), float(losses[0]))], "the loss")
