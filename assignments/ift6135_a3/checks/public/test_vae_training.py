"""The quickest sign that a VAE learns: it can learn a few pictures by heart."""

from __future__ import annotations

import torch

from autograder.checks import (
    CheckFailed,
    Criterion,
    assert_learned,
    assert_tensor,
    coloured_digits,
    is_remote,
    item,
    only_for_show,
    reported_losses,
    show_curves,
    show_images,
)

IMAGES = 8
STEPS = 300
REMAINDER = 0.5
"""Of the mean squared error of the pictures' mean, which is what a model without a code would give; networks of your
own, with PyTorch's initial weights, come to about .36 in these few steps."""


@item("vae.training", weight=1)
def test_a_few_pictures_learned_by_heart(vae_solution, vae_training_probes):
    """300 steps of Adam on nll + kl of eight pictures are enough to give them back by and large."""
    images = coloured_digits(32, generator=torch.Generator().manual_seed(0)).images[:IMAGES]
    model = vae_solution.VAE(
        in_channels=3, decoder_features=8, encoder_features=8, z_dim=16, input_size=32, device="cpu"
    )
    trainee = vae_training_probes.Trainee(model, images, 3e-3)
    losses = reported_losses(trainee.steps(torch.arange(IMAGES).repeat(STEPS, 1)))
    show_curves("Loss while eight pictures are learned", {"mean of nll + kl": losses}, x="step", y="nats")
    given = model(images)
    if type(given) not in (tuple, list) or len(given) != 3 or is_remote(given[0]):
        raise CheckFailed("forward(x) must return three tensors: mode, nll and kl")
    reconstructions = assert_tensor(given[0], shape=images.shape, name="the mode that forward returns")
    show_images("Learned by heart", {"pictures": images, "reconstructed": reconstructions})
    with only_for_show():
        samples = assert_tensor(model.sample(IMAGES), shape=images.shape, name="what sample(8) returns")
        show_images("Samples of this model", {"sampled": samples})
    error = float((reconstructions - images).double().square().mean())
    trivial = float((images - images.mean(0)).double().square().mean())
    assert_learned([Criterion("reconstruction error", error, REMAINDER * trivial)], "the VAE")
