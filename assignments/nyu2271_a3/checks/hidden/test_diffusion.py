"""Part B against truths in float64, with a model whose prediction is known."""

from __future__ import annotations

from typing import Any

from autograder_proofs.oracles.diffusion import (
    Tables,
    cosine_alphas,
)
from hypothesis import strategies as st
from nyu2271_a3.checks.public.test_diffusion import some_images, some_noise, start_of, times_of
from torch import Tensor

from autograder.checks import AffineNoise, CheckFailed, assert_independent, assert_standard_normal, given, item, seeds

T = 14
TABLES = Tables(1 - cosine_alphas(T))
MODEL = (0.6, 0.1, -0.8)  # gain, tilt and bias of the known model
# 1 - alphas_cumprod is 0.014 at index 0; float32 code is off by 2**-23 of 1 there, so what is divided by its root by
# 1e-5 of itself, within the tolerance of assert_close twice over. At the last index alphas_cumprod is 1e-5.


def built(diffusion: Any, diffusion_probes: Any, *, size: int = 6, channels: int = 2, timesteps: int = T, model=MODEL):
    """A Diffusion of the hand-in around a known model, and that model."""
    predictor = AffineNoise(*model, int64_times=True)
    return diffusion_probes.diffusion_of(diffusion.Diffusion, predictor.exposed, size, channels, timesteps), predictor


def seen_by(predictor: AffineNoise, t: Tensor) -> Tensor:
    """The images that the model saw last, after a look at the time indices that came with them."""
    seen = predictor.asked_last(t)
    if seen is None:
        raise CheckFailed("the model must be asked about the given time indices, one for each image")
    return seen


# diffusion.forward


@item("diffusion.forward", weight=1)
@given(examples=6, seed=seeds(), batch=st.integers(2, 6))
def test_the_loss_of_the_given_images_and_noise(diffusion, diffusion_probes, seed, batch):
    """The loss is that of the images and the noise that were given, at the times that were drawn."""
    images, noise = some_images(batch, 2, 6, seed), some_noise(batch, 2, 6, seed)
    model, predictor = built(diffusion, diffusion_probes)
    times_of(model, predictor, images, noise)


# diffusion.sample


@item("diffusion.sample", weight=1)
def test_samples_start_from_noise_of_the_right_shape(diffusion, diffusion_probes):
    """Sampling starts from fresh standard normal noise, (batch_size, channels, image_size, image_size)."""
    for batch, channels, size in ((3, 1, 24), (2, 5, 18)):
        starts = []
        for _ in range(2):
            model, predictor = built(diffusion, diffusion_probes, size=size, channels=channels, timesteps=1)
            starts.append(start_of(model, predictor, batch, (batch, channels, size, size)))
        assert_standard_normal(starts[0], name="the noise at the start", mean_effect=0.3, std_effect=1.3)
        assert_independent(*starts)
