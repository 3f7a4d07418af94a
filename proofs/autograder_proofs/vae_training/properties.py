"""What training comes to on held-out pictures, against methods that learn next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.checks import (
    CLASSES,
    Criterion,
    Disguised,
    Subject,
    assert_learned,
    batches,
    learn,
    prop,
    secret_generator,
    show_curves,
    show_images,
)
from autograder.concepts.vae_training import (
    NEEDS_CLASSES,
    NEEDS_COLOURS,
    SHOWN,
    Vae,
    decoder_elsewhere,
    drawn,
    images_like,
    one_hot,
    posterior,
)
from autograder_proofs.oracles.bernoulli import cross_entropy
from autograder_proofs.oracles.gaussian import kl_to_standard_normal
from autograder_proofs.oracles.training import principal_components

SAMPLES = 50
"""Of each class."""
RIDGE = 10.0
"""Penalty on the weights of the classifier, which is right on 93 % of the held-out digits."""
MIN_PROBABILITY = 1e-6
"""Probabilities are read as no nearer to 0 and 1 than this: float32 rounds a Sigmoid's to either."""
OFF_EDGES = 0.01
"""Projections, which may leave [0, 1], are kept so far within, where they serve as probabilities."""
Decode = Callable[[Tensor], Tensor]


def squares(images: Tensor, expected: Tensor) -> Tensor:
    """Squared differences, float64, flat."""
    return (images - expected).double().square().flatten(1)


COSTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "gaussian": lambda images, expected: squares(images, expected).sum(1) / 2,
    "mean_square": lambda images, expected: squares(images, expected).mean(1),
    "bernoulli": lambda images, expected: cross_entropy(
        images.double().clamp(MIN_PROBABILITY, 1 - MIN_PROBABILITY), expected
    ),
}
"""What each image costs as a reconstruction, ``(n,)``, up to a constant."""


@dataclass(frozen=True)
class Measured:
    """Error per pixel, bound, and the part of the samples in which what was asked for is recognised."""

    error: float
    bound: float
    recognised: float = 1.0


@dataclass(frozen=True, eq=False)
class Task:
    """Pictures in disguise, and what an assignment asks of a training on them."""

    data: Disguised
    options: Mapping[str, Any]
    _tried: dict[str | int, Tensor] = field(default_factory=dict)

    @classmethod
    def draw(cls, options: Mapping[str, Any], generator: torch.Generator) -> Task:
        """Draw the disguise."""
        return cls(options["pictures"].draw(generator), options)

    def error(self, images: Tensor) -> float:
        """Mean squared error per pixel of reconstructions of the held-out images."""
        return float(squares(images, self.data.test.images).mean())

    def cost(self, images: Tensor) -> float:
        """What they cost on average, without a code."""
        return float(COSTS[self.options["likelihood"]](images, self.data.test.images).mean())

    def bound(self, mean: Tensor, logvar: Tensor, decode: Decode, generator: torch.Generator) -> float:
        """The bound of the held-out images at a code for each that is drawn here."""
        divergence = kl_to_standard_normal(mean, logvar.clamp(-30, 20)).mean()
        return self.cost(decode(drawn(mean, logvar, generator))) + self.options["kl_weight"] * float(divergence)

    @cached_property
    def limits(self) -> dict[str, float]:
        """Thresholds of error and bound, where an assignment asks for them."""
        measures = {"error_below": self.error, "bound_below": self.cost}
        return {
            name: min(share * measure(self.trivial(method)) for method, share in self.options[name].items())
            for name, measure in measures.items()
            if self.options[name]
        }

    def trivial(self, method: str | int) -> Tensor:
        """Reconstructions of the held-out images by a method of the contract."""
        if method not in self._tried:  # principal components take a while
            self._tried[method] = self._by(method)
        return self._tried[method]

    def _by(self, method: str | int) -> Tensor:
        test, isometry = self.data.test.images, self.data.isometry
        if isinstance(method, int):
            images = principal_components(self.data.train.images, test, method)
            return images.clamp(OFF_EDGES, 1 - OFF_EDGES) if self.options["likelihood"] == "bernoulli" else images
        if method == NEEDS_COLOURS:
            return isometry.put_on(isometry.take_off(test).mean((2, 3), keepdim=True).expand_as(test))
        return self.of_class(method, self.data.test.labels)

    def of_class(self, method: str, labels: Tensor) -> Tensor:
        """Images that know nothing but the class, or not even that."""
        train = self.data.train
        if method == NEEDS_CLASSES:
            return torch.stack([train.images[train.labels == label].mean(0) for label in range(CLASSES)])[labels]
        if method == "training image":
            return torch.stack([train.images[train.labels == label][0] for label in range(CLASSES)])[labels]
        mean = train.images.mean() if method == "mean grey" else train.images.mean(0)
        return mean.expand(len(labels), *train.images.shape[1:])

    def criteria(self, found: Measured) -> list[Criterion]:
        """Judge what was measured."""
        known = {
            "error_below": ("reconstruction error of held-out images", found.error),
            "bound_below": ("negative ELBO of held-out images", found.bound),
        }
        criteria = [Criterion(*known[name], limit) for name, limit in self.limits.items()]
        if self.options["classes"]:
            name = "part of the samples that is recognised"
            criteria.append(Criterion(name, found.recognised, self.options["recognised"], at_least=True))
        return criteria

    def recognised(self, images: Tensor, labels: Tensor) -> float:
        """The part of the images in which a linear classifier, fitted to the training images, sees what was asked for.

        Ridge regression of the one-hot classes on the pixels (Hastie, Tibshirani and Friedman 2009, section 4.2).
        """
        seen = _with_ones(self.data.train.images)
        normal = seen.T @ seen + RIDGE * torch.eye(seen.shape[1], dtype=seen.dtype)
        weights = torch.linalg.solve(normal, seen.T @ one_hot(self.data.train.labels).double())
        return float(((_with_ones(images) @ weights).argmax(1) == labels).double().mean())


def _with_ones(images: Tensor) -> Tensor:
    """Flat pixels and a 1 for each image, float64."""
    return F.pad(images.double().flatten(1), (0, 1), value=1.0)


# trivial methods

OF_CLASSES = ("mean image", NEEDS_CLASSES, "training image")


def trivial_methods(options: Mapping[str, Any]) -> dict[str, Callable[[int], bool]]:
    """Methods whose code is free, by name: whether one would pass."""

    @lru_cache(maxsize=1)
    def task(seed: int) -> Task:
        """All methods have the same data."""
        return Task.draw(options, torch.Generator().manual_seed(seed))

    if options["classes"]:
        return {
            name: partial(_passes_for_classes, task, name) for name in ("mean image", "class mean", "training image")
        }
    named = [*options["error_below"], *options["bound_below"], "mean image", "mean grey"]
    return {_called(method): partial(_passes, task, method) for method in dict.fromkeys(named)}


def _called(method: str | int) -> str:
    return method if isinstance(method, str) else f"principal components: {method}"


def _passes(task: Callable[[int], Task], method: str | int, seed: int) -> bool:
    of_seed = task(seed)
    images = of_seed.trivial(method)
    found = Measured(of_seed.error(images), of_seed.cost(images))
    return all(criterion.holds for criterion in of_seed.criteria(found))


def _passes_for_classes(task: Callable[[int], Task], method: str, seed: int) -> bool:
    of_seed = task(seed)
    images = of_seed.of_class(method, of_seed.data.test.labels)
    asked = torch.arange(CLASSES).repeat(SAMPLES)
    recognised = of_seed.recognised(of_seed.of_class(method, asked), asked)
    found = Measured(of_seed.error(images), of_seed.cost(images), recognised)
    return all(criterion.holds for criterion in of_seed.criteria(found))


# the property


@prop(weight=3, trivial=trivial_methods)
def held_out_pictures_come_back(vae: Subject) -> None:
    """After {training.steps} steps, new pictures come back from their codes, better than by any trivial method."""
    training, generator = vae.options["training"], secret_generator()
    task = Task.draw(vae.options, generator)
    data = task.data
    c, c_test = ([one_hot(part.labels)] if vae.options["classes"] else [] for part in (data.train, data.test))
    learner: Vae = vae(size=training.size)
    plan = batches(len(data.train), training.batch, training.steps, generator)
    losses = learn(learner.trainee, [data.train.images, *c], plan, training)
    show_curves("Loss of the model, as it tells it", {vae.call: losses}, x="step")
    decode = decoder_elsewhere(vae, learner, training.size)
    mean, logvar = posterior(learner, data.test.images, c_test)

    def decoded(code: Tensor) -> Tensor:
        return images_like(decode(code, *c_test), data.test.images, "what is decoded")

    images = decoded(mean if logvar is not None else drawn(mean, None, generator))
    show(task, {"held-out": data.test.images, "reconstructed": images}, SHOWN)
    bound = task.cost(images) if logvar is None else task.bound(mean, logvar, decoded, generator)
    found = Measured(task.error(images), bound)
    if c_test:
        found = Measured(found.error, found.bound, recognised_samples(task, decode, mean.shape[1], generator))
    assert_learned(task.criteria(found), "the model")


def recognised_samples(task: Task, decode: Callable[..., Tensor], latent: int, generator: torch.Generator) -> float:
    """The part of samples of all classes that is recognised."""
    asked = torch.arange(CLASSES).repeat(SAMPLES)
    codes = task.options["temperature"] * torch.randn((len(asked), latent), generator=generator)
    expected = task.data.train.images[:1].expand(len(asked), *task.data.train.images.shape[1:])
    samples = images_like(decode(codes, one_hot(asked)), expected, "what is decoded")
    show(task, {str(k): samples[k * CLASSES :] for k in range(3)}, CLASSES)
    return task.recognised(samples, asked)


def show(task: Task, rows: Mapping[str, Tensor], count: int) -> None:
    """Show pictures without their disguise."""
    pictures, isometry = task.options["pictures"], task.data.isometry
    show_images("Pictures", {name: pictures.as_shown(isometry.take_off(row[:count])) for name, row in rows.items()})


HIDDEN = (held_out_pictures_come_back,)
