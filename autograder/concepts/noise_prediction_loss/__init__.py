"""The training loss of a diffusion model: how far its prediction is from the target, for noisy images (p_losses).

A path mixes image and noise, x_t = a x_0 + b e; the target is another mixture, c x_0 + d e.

Ho, Jain and Abbeel, Denoising Diffusion Probabilistic Models (2020), equation 14; Salimans and Ho, Progressive
Distillation for Fast Sampling of Diffusion Models (2022), section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from autograder.checks import (
    AffineNoise,
    CheckFailed,
    Contract,
    NoisePredictor,
    Subject,
    assert_close,
    assert_gradients_close,
    assert_independent,
    assert_tensor,
    per_image,
    prop,
    teach,
)
from autograder.concepts.forward_noising import PIXELS, assert_noise_of_each_image, scaled, some_images

READ_OFF = 10.0
"""The scale of `assert_close` where noise is read off float32 images: of the noise at an early index a hundredth enters
the image; 1 - alpha-bar is 1e-4 there and off by 2 * 2**-24, so the noise by 6e-4 of itself = 10 * 2**-14."""
DISTANCES = ("squared", "absolute", "huber")
PARAMETRISATIONS = ("eps", "x0", "v", "score")
Readings = list[list[tuple[float, float]]]
TARGETS = {"eps": (0.0, 1.0), "x0": (1.0, 0.0)}
"""The shares of image and noise in a target that is one of them."""


class OffBy(NoisePredictor):
    """Knows image and noise, and so the target; predicts the target and an error of its own for each image."""

    def __init__(
        self, errors: Tensor, clean: Tensor, noise: Tensor | None, path: Tensor, target: Tensor, loss: Subject
    ) -> None:
        """Take errors (batch,), images, their noise (read off x_t where it is None), and the shares of image and noise
        in x_t and in the target, (batch, 2) each.
        """
        super().__init__(time=loss.options["time_name"], int64_times=loss.options["int64_times"])
        self.clean, self.noise, self.path, self.target = clean, noise, path, target
        self.errors = nn.Parameter(errors)

    def predict(self, x: Tensor, t: Tensor) -> Tensor:
        """The target, and the error."""
        signal, spread = (per_image(share, x) for share in self.path.unbind(1))
        of_image, of_noise = (per_image(share, x) for share in self.target.unbind(1))
        noise = (x - signal * self.clean) / spread if self.noise is None else self.noise
        return (of_image * self.clean + of_noise * noise + per_image(self.errors, x)).to(x.dtype)


def affine_model(loss: Subject, timesteps: int) -> AffineNoise:
    """A model whose prediction is known; its errors are below 1 at some entries, above 1 at others."""
    time, int64_times = loss.options["time_name"], loss.options["int64_times"]
    return AffineNoise(0.6, 3.0, -1.2, time_unit=float(timesteps), time=time, int64_times=int64_times)


def asked_about(model: NoisePredictor, images: Tensor, t: Tensor, loss: Subject) -> Tensor:
    """The images that the model saw last; raise `CheckFailed` unless it was asked about these times."""
    if not model.times:
        raise CheckFailed("the model is never asked: its prediction is what the loss is about")
    seen = model.asked_last(t)
    if seen is None:
        raise CheckFailed(
            loss.words("the model must get the times {t} as they are, one for each image"),
            expected=f"{loss.names['t']} = {t.tolist()}",
            got=f"{loss.names['t']} = {model.times[-1].tolist()}",
        )
    return assert_tensor(seen, shape=images.shape, name="the model's input")


def nearest_mixtures(readings: Readings, images: Tensor, noise: Tensor, seen: Tensor) -> Tensor:
    """Images with noise, each at its index, in float64: of the index's readings the nearest to what was seen."""
    mixtures = []
    for several, image, e, found in zip(readings, images.double(), noise.double(), seen.double(), strict=True):
        candidates = [signal * image + spread * e for signal, spread in several]
        mixtures.append(min(candidates, key=lambda mixture: float((found - mixture).abs().max())))
    return torch.stack(mixtures)


def stored_loss(loss: Subject, images: Tensor, model: NoisePredictor, noise: Tensor | None = None) -> Tensor:
    """The loss at the indices whose factors are stored."""
    t, steps = times_of(loss, list(loss.options["stored"])), loss.options["stored_timesteps"]
    value = loss(images, t, noise=noise, model=model.exposed, timesteps=steps)
    return assert_tensor(value, shape=(), name=loss.call)


def times_of(loss: Subject, indices: list[int]) -> Tensor:
    """The times of indices."""
    first: int = loss.options["first_time"]
    return torch.tensor(indices) + first


def assert_fresh_noise(loss: Subject, factors: dict[int, tuple[float, float]], timesteps: int | None) -> None:
    """Raise `CheckFailed` unless the model sees standard normal noise at these indices, independent in two calls."""
    channels, shares, noise = loss.options["channels"], torch.tensor(list(factors.values()), dtype=torch.float64), []
    images, t = some_images(len(factors), channels, -(-PIXELS // channels) // 40, 40), times_of(loss, list(factors))
    for _ in range(2):
        model = affine_model(loss, max(factors))
        assert_tensor(loss(images, t, model=model.exposed, timesteps=timesteps), shape=(), name=loss.call)
        noise.append(noise_in(asked_about(model, images, t, loss), images, shares))
    assert_noise_of_each_image(noise[0], name="the noise in the model's input")
    assert_independent(*noise, name="the noise of two calls")


def noise_in(seen: Tensor, images: Tensor, shares: Tensor) -> Tensor:
    """The noise in noisy images, in float64, from the shares (batch, 2) of image and noise."""
    return scaled(1 / shares[:, 1], seen - scaled(shares[:, 0], images))


def noise_of(images: Tensor) -> Tensor:
    """Noise of the shape of images."""
    return torch.randn(images.shape, generator=torch.Generator().manual_seed(1))


@prop(weight=1)
def known_errors_have_their_price(loss: Subject) -> None:
    """A model that is off by a known error costs what is stored here, a batch the average; the gradient arrives."""
    stored, prices = loss.options["stored"], loss.options["prices"]
    images = some_images(len(stored), loss.options["channels"], 6, 6)
    path = torch.tensor([several[0] for several in stored.values()])
    targets = loss.options["targets"] or dict.fromkeys(stored, TARGETS.get(loss.options["parametrisation"]))
    target = torch.tensor([targets[index] for index in stored])
    alone = [[error] * len(stored) for error in (*prices, 0.0)]
    for noise in [noise_of(images)] * loss.options["given"] + [None] * loss.options["draws"]:
        for errors in (*alone, [list(prices)[k % len(prices)] for k in range(len(stored))]):
            model = OffBy(torch.tensor(errors), images, noise, path, target, loss)
            value = stored_loss(loss, images, model, noise)
            costs, slopes = torch.tensor([prices.get(error, (0.0, 0.0)) for error in errors]).unbind(1)
            off = f"{errors[0]:g} everywhere" if len(set(errors)) == 1 else f"{errors}, image by image"
            drawn = loss.words(", without {noise}") if noise is None and loss.options["given"] else ""
            assert_close(value, costs.mean(), name=f"the loss of a model that is off by {off}{drawn}", scale=READ_OFF)
        arriving = teach(value, [model.errors])
        assert_gradients_close(arriving, [slopes / len(slopes)], ["the prediction"], of="the loss", scale=READ_OFF)


@prop(weight=0.5, needs="given")
def the_model_sees_noisy_images(loss: Subject) -> None:
    """The model gets the times {t} as they are, and each image with its part of {noise}, as its own time says."""
    stored = loss.options["stored"]
    images, model = some_images(len(stored), loss.options["channels"], 6, 6), affine_model(loss, max(stored))
    stored_loss(loss, images, model, noise_of(images))
    seen = asked_about(model, images, times_of(loss, list(stored)), loss)
    truth = nearest_mixtures(list(stored.values()), images, noise_of(images), seen)
    assert_close(seen, truth, name="the model's input")


@prop(weight=0.5, needs="draws")
def the_model_sees_fresh_noise(loss: Subject) -> None:
    """The model gets the times {t} as they are, and images with fresh standard normal noise of the right size."""
    factors = {index: several[0] for index, several in loss.options["stored"].items()}
    assert_fresh_noise(loss, factors, loss.options["stored_timesteps"])


def refused(options: Mapping[str, Any]) -> str:
    """What is wrong with the options of an assignment."""
    for key, known in {"distance": DISTANCES, "parametrisation": PARAMETRISATIONS}.items():
        if options[key] not in known:
            return f"{key} is one of {', '.join(known)}, not {options[key]!r}"
    if options["parametrisation"] not in TARGETS and options["targets"].keys() != options["stored"].keys():
        return f"{options['parametrisation']!r} needs targets, for the indices that are stored"
    if not options["prices"] or 0.0 in options["prices"]:
        return "prices are those of errors that are not 0, one at least"
    return "" if options["given"] or options["draws"] else "noise is given or drawn"


noise_prediction_loss = Contract(
    concept="noise_prediction_loss",
    version=1,
    inputs=("x_0", "t"),
    optional={"noise": None, "model": None, "timesteps": None},
    public=(known_errors_have_their_price, the_model_sees_noisy_images, the_model_sees_fresh_noise),
    options={
        "schedule": None,
        "stored": {},
        "stored_timesteps": None,
        "channels": 3,
        "distance": "",
        "delta": 1.0,
        "prices": {},
        "parametrisation": "eps",
        "targets": {},
        "given": True,
        "draws": False,
        "first_time": 0,
        "time_name": "t",
        "int64_times": False,
    },
    required=("schedule", "stored", "distance", "prices"),
    refuse=refused,
)
"""``(x_0, t, noise, model) -> loss``, a scalar, for images (batch, channels, height, width) and times (batch,).

The loss is the mean over all elements of a ``distance``: "squared", "absolute", or "huber" with its ``delta``. The
target is the ``parametrisation``'s: "eps", "x0", "v" or "score"; of the last two, ``targets`` has the shares of image
and noise in it, ``{index: (of_image, of_noise)}``. ``prices`` has the cost of some errors and the derivative there,
``{error: (cost, slope)}``, one in each branch at least. ``schedule``, ``stored``, ``stored_timesteps`` and ``channels``
are those of `forward_noising`.

``given`` says that the function takes noise, ``draws`` that it draws noise where none is given. ``first_time`` is the
time of index 0. The model is called as ``model(x_t, t)``; ``time_name`` is the name of its second argument, and with
``int64_times`` it takes nothing but int64. An adapter that makes an object around ``model``, for so many ``timesteps``,
does so in ``once``.
"""
