"""VAE and CVAE learn: measured on held-out digits, which are decoded where only their codes are known."""

from __future__ import annotations

from typing import Any

import torch
from nyu2271_a3.checks.hidden import vae_learning as learning
from nyu2271_a3.checks.public.test_vae_models import flat_images, three_tensors
from torch import Tensor

from autograder.checks import (
    assert_learned,
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

CHUNK = 30
SHOWN = 8


def new_model(vae: Any, *, conditional: bool) -> Any:
    """A VAE or CVAE of the size that is trained here."""
    kind = vae.CVAE if conditional else vae.VAE
    return kind(learning.SIZE**2, latent_size=learning.LATENT_SIZE)


class Trained:
    """A model of the hand-in after training; its decoder runs in a worker of its own, on its weights."""

    def __init__(
        self, remotes: tuple[Any, Any, Any], task: learning.Task, generator: torch.Generator, *, conditional: bool
    ) -> None:
        vae, probes, pieces = remotes
        model = new_model(vae, conditional=conditional)
        classes = learning.one_hot(task.train_labels) if conditional else None
        # the loss is an item of its own, and this one is the grader's: a mistake there costs nothing here
        loss = expose(learning.trusted_loss)
        trainee = probes.Trainee(model, loss, task.train, classes, learning.LEARNING_RATE)
        plan = batches(len(task.train), learning.BATCH, learning.STEPS, generator)
        self.losses: list[float] = []
        for chunk in in_chunks(len(plan), CHUNK):
            self.losses += reported_losses(trainee.steps(plan[chunk]))
        # the weights leave before the held-out pictures come, and the decoder's worker never sees those
        weights = checked_weights(probes.weights(model))
        other, other_probes, other_pieces = fresh(*remotes)
        self.decoder = new_model(other, conditional=conditional)
        other_probes.load(self.decoder, weights)
        other_pieces.ready(self.decoder)
        self.model = model
        probes.load(model, weights)
        pieces.ready(model)

    def decode(self, codes: Tensor) -> Tensor:
        """Images ``(n, 1, 28, 28)`` of codes, which may have classes behind them."""
        flat = flat_images(self.decoder.decoder(codes), len(codes), "decoder(...)")
        return flat.detach().float().reshape(-1, 1, learning.SIZE, learning.SIZE)

    def posterior(self, images: Tensor, classes: Tensor | None) -> tuple[Tensor, Tensor]:
        """mu and logvar ``(n, LATENT_SIZE)``."""
        result = self.model.forward(images) if classes is None else self.model.forward(images, classes)
        _, mean, logvar = three_tensors(result, len(images), learning.LATENT_SIZE)
        return mean.detach().float(), logvar.detach().float()


@item("vae.training", weight=2)
def test_the_vae_learns(vae, vae_training_probes, vae_probes):
    """After a short training on digits, the loss on new ones is 10 % below that of the best constant image."""
    generator = secret_generator()
    task = learning.Task.draw(generator)
    trained = Trained((vae, vae_training_probes, vae_probes), task, generator, conditional=False)
    mean, logvar = trained.posterior(task.test, None)
    loss = learning.measured_loss(task, mean, logvar, trained.decode, generator)
    rows = {"held-out": task.test[:SHOWN], "reconstructed": trained.decode(mean[:SHOWN])}
    show_curves("Loss of the VAE, as it tells it", {"loss": trained.losses}, x="step", y="nats")
    show_images("Reconstructions of the VAE", {name: as_shown(task, row) for name, row in rows.items()})
    assert_learned(task.criteria(loss), "the VAE")


@item("vae.training", weight=2)
def test_the_cvae_learns_to_draw_what_it_is_told(vae, vae_training_probes, vae_probes):
    """After a short training, the CVAE draws digits that are recognised, and knows new ones better than by class."""
    generator = secret_generator()
    task = learning.Task.draw(generator)
    trained = Trained((vae, vae_training_probes, vae_probes), task, generator, conditional=True)
    classes = learning.one_hot(task.test_labels)
    mean, logvar = trained.posterior(task.test, classes)

    def decode(codes):
        return trained.decode(torch.cat([codes, classes], dim=1))

    loss = learning.measured_loss(task, mean, logvar, decode, generator)
    asked = torch.arange(learning.CLASSES).repeat(learning.SAMPLES)
    codes = learning.TEMPERATURE * torch.randn((len(asked), learning.LATENT_SIZE), generator=generator)
    samples = trained.decode(torch.cat([codes, learning.one_hot(asked)], dim=1))
    show_curves("Loss of the CVAE, as it tells it", {"loss": trained.losses}, x="step", y="nats")
    drawn = samples[: 3 * learning.CLASSES].split(learning.CLASSES)
    show_images("Samples of the CVAE, 0 to 9", {str(k + 1): as_shown(task, row) for k, row in enumerate(drawn)})
    assert_learned(task.conditional_criteria(loss, task.recognised(samples, asked)), "the CVAE")


def as_shown(task: learning.Task, images: Tensor) -> Tensor:
    """Images without the disguise, in [-1, 1]."""
    return 2 * task.tiling.take_off(images) - 1
