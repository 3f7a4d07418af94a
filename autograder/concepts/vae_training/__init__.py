"""The training of a VAE: pictures come back from their codes.

Kingma and Welling, Auto-Encoding Variational Bayes (2014), section 3; Sohn, Lee and Yan, Learning Structured Output
Representation using Deep Conditional Generative Models (2015), for VAEs that are given the class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.checks import (
    CLASSES,
    CheckFailed,
    Contract,
    Criterion,
    Remote,
    Subject,
    assert_learned,
    assert_tensor,
    blurred,
    checked_weights,
    describe_type,
    learn,
    only_for_show,
    prop,
    secret_generator,
    show_curves,
    show_images,
)

SHOWN = 8
LIKELIHOODS = ("gaussian", "bernoulli", "mean_square")
NEEDS_CLASSES, NEEDS_COLOURS = "class mean", "best colour"
METHODS = ("mean image", NEEDS_CLASSES, NEEDS_COLOURS)


@dataclass(frozen=True)
class Vae:
    """How a VAE of an assignment is trained and asked. One that is given classes gets them one-hot, behind the input.

    ``encode`` gives mean and log-variance ``(n, latent)`` of images, and None for the latter where codes are no
    distributions; ``decode`` gives images of codes, in any shape. ``reconstruct``, from images to images, is what the
    public check measures; without it, codes are drawn and decoded where only they are known. ``sample`` gives n images,
    to be shown.
    """

    trainee: Remote
    """A `Trainee` (`autograder.sandbox.jailed.trainee`) around a new model."""
    encode: Callable[..., Sequence[Tensor | None]]
    decode: Callable[..., Tensor]
    reconstruct: Callable[..., Tensor] | None = None
    sample: Callable[[int], Tensor] | None = None


def one_hot(labels: Tensor) -> Tensor:
    """Return classes ``(n, 10)``, float32."""
    return F.one_hot(labels, CLASSES).float()


def posterior(vae: Vae, images: Tensor, c: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
    """Return what `encode` gives: float32 mean and log-variance of one shape."""
    mean, logvar = vae.encode(images, *c)
    mean = assert_tensor(mean, name="the mean of the codes").detach().float()
    if mean.ndim != 2 or len(mean) != len(images):
        raise CheckFailed(
            f"the mean of the codes must be (n, latent), for {len(images)} images", got=describe_type(mean)
        )
    if logvar is None:
        return mean, None
    return mean, assert_tensor(logvar, shape=mean.shape, name="the log-variance of the codes").detach().float()


def drawn(mean: Tensor, logvar: Tensor | None, generator: torch.Generator) -> Tensor:
    """Return codes to be decoded: a sample of each posterior, or codes with hardly any noise where those are none."""
    if logvar is None:
        return blurred(mean, generator)
    noise = torch.randn(mean.shape, generator=generator, dtype=torch.float64)
    return (mean.double() + (0.5 * logvar.double().clamp(-30, 20)).exp() * noise).float()


def images_like(found: Any, expected: Tensor, name: str) -> Tensor:
    """Return images in the shape of others, float32; raise `CheckFailed` for another number of pixels."""
    images = assert_tensor(found, name=name).detach().float()
    if len(images) != len(expected) or images.numel() != expected.numel():
        raise CheckFailed(f"{name} must have the shape {tuple(expected.shape)}", got=describe_type(found))
    return images.reshape(expected.shape)


def decoder_elsewhere(vae: Subject, trained: Vae, size: Any) -> Callable[..., Tensor]:
    """Return `decode` of the same weights in a worker that knows nothing else; the model itself is done with training.

    The weights leave before held-out images come.
    """
    weights = checked_weights(trained.trainee.weights())
    other = vae.elsewhere()(size=size)
    other.trainee.load(weights)
    trained.trainee.load(weights)
    return other.decode  # type: ignore[no-any-return]


@prop(weight=1)
def a_few_pictures_are_learned_by_heart(vae: Subject) -> None:
    """{few.steps} steps of Adam on {few.batch} pictures are enough to give them back by and large."""
    few, pictures = vae.options["few"], vae.options["pictures"]
    shown = pictures.plain(torch.Generator().manual_seed(0))
    images = shown.images[: few.batch]
    c = [one_hot(shown.labels[: few.batch])] if vae.options["classes"] else []
    learner: Vae = vae(size=few.size)
    losses = learn(learner.trainee, [images, *c], torch.arange(few.batch).repeat(few.steps, 1), few)
    show_curves("Loss while a few pictures are learned", {vae.call: losses}, x="step", y="nats")
    found = _reconstructed(vae, learner, images, c)
    rows = {"pictures": images, "reconstructed": found}
    show_images("Learned by heart", {name: pictures.as_shown(row) for name, row in rows.items()})
    with only_for_show():
        if learner.sample is not None:
            samples = images_like(learner.sample(few.batch), images, "the samples")
            show_images("Samples of this model", {"sampled": pictures.as_shown(samples)})
    error = float((found - images).double().square().mean())
    trivial = float((images - images.mean(0)).double().square().mean())
    assert_learned([Criterion("reconstruction error", error, vae.options["remainder"] * trivial)], "the model")


def _reconstructed(vae: Subject, learner: Vae, images: Tensor, c: Sequence[Tensor]) -> Tensor:
    if learner.reconstruct is not None:
        return images_like(learner.reconstruct(images, *c), images, "the reconstructions")
    decode = decoder_elsewhere(vae, learner, vae.options["few"].size)
    code = drawn(*posterior(learner, images, c), secret_generator())
    return images_like(decode(code, *c), images, "what is decoded")


def _refuse(options: Mapping[str, Any]) -> str:
    if options["likelihood"] not in LIKELIHOODS:
        return f"likelihood is one of {', '.join(LIKELIHOODS)}, not {options['likelihood']!r}"
    beaten = {**options["error_below"], **options["bound_below"]}
    if not beaten:
        return "error_below or bound_below must name a trivial method that is to be beaten"
    if wrong := [name for name in beaten if name not in METHODS and type(name) is not int]:
        return f"trivial methods are {', '.join(METHODS)}, and a number of principal components, not {wrong[0]!r}"
    if NEEDS_CLASSES in beaten and not options["classes"]:
        return f"{NEEDS_CLASSES!r} is for models that are given classes"
    return ""


vae_training = Contract(
    concept="vae_training",
    version=1,
    inputs=(),
    optional={"size": None},
    public=(a_few_pictures_are_learned_by_heart,),
    options={
        "pictures": None,
        "few": None,
        "training": None,
        "remainder": 0.5,
        "likelihood": "gaussian",
        "kl_weight": 1.0,
        "error_below": {},
        "bound_below": {},
        "classes": False,
        "recognised": 0.7,
        "temperature": 0.7,
    },
    required=("pictures", "few", "training"),
    refuse=_refuse,
)
"""``(size) -> Vae``: a new model of this size, with the ways to train and to ask it.

``pictures`` (see `autograder.checks.training.disguised_digits`) says what is learned. ``few`` and ``training``
(`Training`) say how the public check trains on a few pictures, whose error must then be ``remainder`` of that of their
mean or less, and how the hidden one trains.

What is measured on held-out pictures is an error per pixel at the mean of each code, and a bound: what the likelihood
says of a decoded sample of each code, without its constant, plus ``kl_weight`` times the KL divergence to N(0, I).
``likelihood`` is "gaussian" (half the squared distance, nats), "bernoulli" (cross entropy, nats) or "mean_square" (mean
squared distance per pixel). ``error_below`` and ``bound_below`` give, for trivial methods, the part of what that method
has which must be reached. Methods are the "mean image", the "class mean", the "best colour" of each image, and the
projection on a number of principal components of the training pictures.

With ``classes`` the model is given what pictures show. Then samples, with codes of standard deviation ``temperature``,
must be recognised in the part ``recognised`` by a linear classifier.
"""
