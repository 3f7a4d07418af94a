"""The quickest sign that a model learns: it can learn a little by heart."""

from __future__ import annotations

import torch

from autograder.checks import (
    CheckFailed,
    Criterion,
    assert_learned,
    assert_tensor,
    describe_type,
    digits,
    item,
    show_images,
)

IMAGES = 8
STEPS = 400
LEARNING_RATE = 2e-3
REMAINDER = 0.5
"""Of the mean squared error of the mean of what was shown: what a model without a code would give."""


def pictures():
    """Eight digits, flat, in [0, 1]."""
    return (digits(28).images[:IMAGES].flatten(1) + 1) / 2


def trained(probes, model, inputs, *regulariser):
    """The model after some hundred steps on the same inputs again and again."""
    trainee = probes.Trainee(model, inputs, LEARNING_RATE, *regulariser)
    trainee.steps(torch.arange(len(inputs)).repeat(STEPS, 1))
    return model


def assert_overfits(probes, model, inputs, what, remainder=REMAINDER):
    """Raise `CheckFailed` unless `forward` gives the inputs back by and large."""
    output = probes.output_of(model, inputs)
    if type(output) is not dict or "imgs" not in output:
        raise CheckFailed('forward must return a dictionary with "imgs"', got=describe_type(output))
    found = assert_tensor(output["imgs"], shape=inputs.shape, name='forward(x)["imgs"]').detach().float()
    if inputs.shape[1] == 784:
        rows = {"digits": inputs, "reconstructed": found}
        show_images("Learned by heart", {name: 2 * row.reshape(-1, 1, 28, 28) - 1 for name, row in rows.items()})
    error = float((found - inputs).double().square().mean())
    trivial = float((inputs - inputs.mean(0)).double().square().mean())
    assert_learned([Criterion("reconstruction error", error, remainder * trivial)], what)


@item("p1.training", weight=1)
def test_the_autoencoder_learns_a_few_digits_by_heart(pset1, pset1_training_probes):
    """400 steps of Adam on eight digits are enough to tell them from each other."""
    model = pset1.AE(784, [128, 32, 16, 2])
    trained(pset1_training_probes, model, pictures())
    assert_overfits(pset1_training_probes, model, pictures(), "the autoencoder")


@item("p3.training", weight=1)
def test_the_vae_learns_a_few_digits_by_heart(pset1, pset1_training_probes):
    """400 steps of Adam on eight digits, with either loss, leave less than the digits' own spread."""
    for name in ("loss_SGVB", "loss_KL_wo_E"):
        model = pset1.VAE(784, [256, 64, 4])
        trained(pset1_training_probes, model, pictures(), getattr(pset1, name), 1e-3)
        assert_overfits(pset1_training_probes, model, pictures(), f"the VAE trained with {name}", 0.8)


@item("p4.training", weight=1)
def test_the_vae_of_points_learns_a_circle(pset1, pset1_training_probes):
    """400 steps of Adam on the points of a circle bring the reconstructions near them."""
    angle = torch.linspace(0, 2 * torch.pi, 101)[:-1]
    circle = torch.stack([angle.cos(), angle.sin(), 0.5 * (2 * angle).sin()], dim=1)
    model = pset1.PointVAE([32, 16, 8])
    trained(pset1_training_probes, model, circle, pset1.loss_KL_wo_E, 1e-5)
    assert_overfits(pset1_training_probes, model, circle, "the VAE of points", 0.3)


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
    trainee = pset1_training_probes.OwnTrainee(model, points, 1e-3)
    losses = trainee.steps(torch.arange(len(points)).repeat(100, 1))
    losses = assert_tensor(losses, shape=(100,), name="the losses of 100 steps").detach()
    assert_learned([Criterion("loss after 100 steps", float(losses[-10:].mean()), float(losses[0]))], "the loss")
