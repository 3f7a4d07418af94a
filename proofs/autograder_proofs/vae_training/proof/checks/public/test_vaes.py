"""The contract on a VAE, a conditional one, and an autoencoder, with each of the data, likelihoods and schedules."""

from __future__ import annotations

from functools import partial

from autograder.checks import ColouredDigits, Digits, Training, shuffled_negatives, tiling
from autograder.concepts.vae_training import Vae, vae_training


@vae_training(
    "gaussian",
    call="loss(x)",
    pictures=ColouredDigits(16, background=0.3),
    few=Training(300, 8, 3e-3, size=16),
    training=Training(800, 64, 3e-3, size=16, one_cycle=True),
    error_below={"mean image": 0.9, "best colour": 0.9, 3: 0.9},
    bound_below={3: 1.3},
)
def test_gaussian(vaes, vaes_probes, size):
    model = vaes.ColourVAE(size)
    return Vae(vaes_probes.trainee(model), model.encode, model.decode)


@vae_training(
    "classes",
    call="loss(x, c)",
    pictures=Digits(partial(tiling, tile=2), size=14),
    few=Training(300, 8, 3e-3, size=8),
    training=Training(800, 64, 4e-3, size=8, one_cycle=True),
    likelihood="bernoulli",
    classes=True,
    bound_below={"class mean": 0.99},
)
def test_classes(vaes, vaes_probes, size):
    model = vaes.ClassVAE(size)

    def decode(z, c):
        return model.decode(z, c).sigmoid()

    return Vae(vaes_probes.trainee(model), model.encode, decode, lambda x, c: decode(model.encode(x, c)[0].detach(), c))


@vae_training(
    "autoencoder",
    call="loss(x)",
    pictures=Digits(shuffled_negatives, size=14, flat=True),
    few=Training(300, 8, 3e-3, size=2),
    training=Training(800, 64, 3e-3, size=2, one_cycle=True),
    error_below={"mean image": 0.9, 2: 0.9},
)
def test_autoencoder(vaes, vaes_probes, size):
    model = vaes.Autoencoder(size)
    return Vae(vaes_probes.trainee(model), lambda x: (model.encode(x), None), model.decode)
