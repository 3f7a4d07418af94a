"""Forward noising: images at any step of a diffusion at once, from clean images and noise (q_sample).

Ho, Jain and Abbeel, Denoising Diffusion Probabilistic Models (2020), equation 4.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from autograder.checks import (
    Contract,
    Subject,
    Unit,
    assert_close,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    prop,
)

Factors = tuple[float, float]
PIXELS = 3600
"""Numbers of each image in checks of random ones: enough to see in one image a mean off by .2, a spread off by a fifth
(3372 are needed)."""
assert_noise_of_each_image = partial(assert_standard_normal, mean_effect=0.2, std_effect=1.2, unit=Unit.ROW)


def some_images(*shape: int) -> Tensor:
    """Images with values in [-1, 1]."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def scaled(factors: Tensor, images: Tensor) -> Tensor:
    """Multiply each image by its own factor, in float64."""
    return torch.einsum("b,bchw->bchw", factors.double(), images.double())


def nearest(readings: list[list[Factors]], shares: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the factors of images and noise, (batch,) each: of an index's readings the nearest to a share."""
    chosen = [
        min(several, key=lambda pair: float((share - pair[0] * image).abs().max()))
        for several, share, image in zip(readings, shares.detach().double(), images.double(), strict=True)
    ]
    signal, spread = torch.tensor(chosen, dtype=torch.float64).unbind(1)
    return signal, spread


@prop(weight=1)
def image_and_noise_have_their_own_factor(noised: Subject) -> None:
    """With {noise} given, the share of {x_0} and that of {noise} are right at each time index, and they add up."""
    readings, t = list(noised.options["stored"].values()), torch.tensor(list(noised.options["stored"]))
    images, steps = some_images(len(t), noised.options["channels"], 6, 6), noised.options["stored_timesteps"]
    noise, nothing = torch.randn(images.shape, generator=torch.Generator().manual_seed(1)), torch.zeros_like(images)
    of_images = assert_tensor(
        noised(images, t, noise=nothing, timesteps=steps), shape=images.shape, name="the image's share (noise of zeros)"
    )
    signal, spread = nearest(readings, of_images, images)
    assert_close(of_images, scaled(signal, images), name="the image's share (noise of zeros)")
    of_noise = noised(nothing, t, noise=noise, timesteps=steps)
    assert_close(of_noise, scaled(spread, noise), name="the noise's share (images of zeros)")
    both = noised(images, t, noise=noise, timesteps=steps)
    assert_close(both, scaled(signal, images) + scaled(spread, noise), name="the result for images and noise")


@prop(weight=0.5, needs="draws")
def noise_is_drawn_where_none_is_given(noised: Subject) -> None:
    """Without {noise}, standard normal noise is added, of its own for each image and pixel, fresh at every call."""
    stored, channels = noised.options["stored"], noised.options["channels"]
    t, height = torch.tensor(list(stored)), -(-PIXELS // channels) // 40
    images, steps = some_images(len(t), channels, height, 40), noised.options["stored_timesteps"]
    factors = torch.tensor([several[0] for several in stored.values()], dtype=torch.float64)
    draws = [assert_tensor(noised(images, t, timesteps=steps), shape=images.shape).detach() for _ in range(2)]
    noise = [scaled(1 / factors[:, 1], draw - scaled(factors[:, 0], images)) for draw in draws]
    assert_noise_of_each_image(noise[0], name="the noise in the result")
    assert_independent(*noise, name="the noise of two calls")


forward_noising = Contract(
    concept="forward_noising",
    version=1,
    inputs=("x_0", "t"),
    optional={"noise": None, "timesteps": None},
    public=(image_and_noise_have_their_own_factor, noise_is_drawn_where_none_is_given),
    options={"schedule": None, "stored": {}, "stored_timesteps": None, "channels": 3, "draws": True},
    required=("schedule", "stored"),
)
"""``(x_0, t, noise=None) -> x_t`` for images (batch, channels, height, width), time indices (batch,) from 0, int64.

``schedule`` is the assignment's, as in `noise_schedule`. ``stored`` has for some time indices, in no
order, the factors of image and noise, ``{index: [(signal, spread)]}``, in float64 and rounded, several where the index
can be read in several ways; they are of ``stored_timesteps`` steps where a model can be made for a number of them (the
adapter's ``timesteps``). ``draws`` says whether noise is drawn where none is given; it needs factors of noise above 0.
"""
