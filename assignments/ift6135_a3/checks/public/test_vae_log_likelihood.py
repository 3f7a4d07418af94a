"""The importance-sampled log-likelihood in a linear-Gaussian world, where p(x) and p(z|x) are known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.distributions import LowRankMultivariateNormal

from autograder.checks import (
    CheckFailed,
    DiagonalGaussian,
    Watched,
    asked_by_stand_ins,
    assert_close,
    assert_standard_normal,
    assert_tensor,
    exceeds,
    given,
    item,
    secret_generator,
    seeds,
)

IMAGE = (3, 32, 32)
PIXELS = math.prod(IMAGE)
Z_DIM = 5


@dataclass(frozen=True, eq=False)
class KnownLikelihood:
    """p(z) = N(0, I) and p(x|z) = N(W z + b, I), with orthogonal columns of W, so that p(z|x) has independent entries.

    q(z|x) is p(z|x), but for a last entry that is ``widening`` times as wide, and for a mean that is off by ``shift``
    standard deviations in every entry.
    """

    seed: int = 0
    widening: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(self.seed)
        *directions, aside = torch.linalg.qr(torch.randn(PIXELS, Z_DIM + 1, generator=generator).double()).Q.T
        directions = torch.stack(directions, dim=1)
        gains = torch.linspace(0.8, 3.0, Z_DIM, dtype=torch.float64)
        bias = torch.rand(PIXELS, generator=generator, dtype=torch.float64) * 2 - 1
        for name, value in {"directions": directions, "aside": aside, "gains": gains}.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "bias", self._without_aside(bias))

    def _without_aside(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels (..., PIXELS) without their part along ``aside``, a direction that nothing in this world has."""
        return pixels - (pixels @ self.aside)[..., None] * self.aside

    def networks(self) -> dict[str, object]:
        """Weights of the known networks: the heads give q(z|x), the decoder W z + b."""
        variance = 1 / (1 + self.gains**2)
        narrow_to_wide = torch.ones(Z_DIM, dtype=torch.float64)
        narrow_to_wide[-1] = self.widening
        regression = variance * self.gains
        weights = {
            "features": self.directions.T,
            "mean_weight": regression.diag(),
            "mean_bias": self.shift * variance.sqrt() - regression * (self.bias @ self.directions),
            "logvar_weight": torch.zeros(Z_DIM, Z_DIM),
            "logvar_bias": (variance * narrow_to_wide**2).log(),
            "decoder_weight": self.directions * self.gains,
            "decoder_bias": self.bias,
        }
        return {**{name: weight.float() for name, weight in weights.items()}, "bent": False}

    def decoded(self, z: torch.Tensor) -> torch.Tensor:
        """The mean of p(x|z), (batch, pixels), for latent vectors (batch, Z_DIM)."""
        return self.bias.to(z.dtype) + z @ (self.directions * self.gains).T.to(z.dtype)

    def posterior(self, x: torch.Tensor) -> DiagonalGaussian:
        """q(z|x), as the heads give it."""
        weights = {name: weight for name, weight in self.networks().items() if name != "bent"}
        h = x.flatten(1).double() @ weights["features"].double().T
        mean = h @ weights["mean_weight"].double().T + weights["mean_bias"].double()
        return DiagonalGaussian(mean, weights["logvar_bias"].double().expand_as(mean))

    def images(self, batch: int) -> torch.Tensor:
        """Images from latent vectors of length about 5, far from the prior's centre, and a little noise."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        z = torch.randn(batch, Z_DIM, generator=generator, dtype=torch.float64)
        z = 5 * z / z.norm(dim=1, keepdim=True)
        noise = self._without_aside(0.2 * torch.randn(batch, PIXELS, generator=generator, dtype=torch.float64))
        return (z * self.gains @ self.directions.T + self.bias + noise).float().reshape(batch, *IMAGE)

    def log_likelihood(self, x: torch.Tensor) -> torch.Tensor:
        """log p(x), exactly: (batch,)."""
        factor = self.directions * self.gains
        marginal = LowRankMultivariateNormal(self.bias, factor, torch.ones(PIXELS, dtype=torch.float64))
        return marginal.log_prob(x.double().flatten(1))


DEFAULT_K = 100


@dataclass(frozen=True, eq=False)
class Decoded:
    """What the grader's decoder was asked for one estimate: K latent vectors for each image, in either order.

    Each decoded image was off by a secret amount, along a direction that x does not have. So p(x|z) was smaller by a
    ``factor`` that only the grader knows, and that only code knows which uses what it has decoded.
    """

    z: torch.Tensor
    factor: torch.Tensor

    def orders(self, batch: int) -> list[Decoded]:
        """Latent vectors (K, batch, Z_DIM) and factors (K, batch), for rows sample by sample and image by image."""
        apart = self.z.reshape(-1, batch, Z_DIM), self.factor.reshape(-1, batch)
        within = self.z.reshape(batch, -1, Z_DIM).transpose(0, 1), self.factor.reshape(batch, -1).T
        return [Decoded(*apart), Decoded(*within)]


class SecretDecoder:
    """The decoder of a world, whose images are off by amounts drawn in secret; one for all with ``alike``."""

    def __init__(self, world, alike):
        self.world, self.alike, self.offsets = world, alike, []
        self.one = self._draw(1)
        self.watched = Watched(self._decode)

    def _draw(self, count):
        return 1 + 2.5 * torch.rand(count, generator=secret_generator())

    def _decode(self, shape, z):
        if z.shape[1] != Z_DIM or math.prod(shape) != PIXELS:
            raise TypeError(f"the decoder makes images of latent vectors (batch, {Z_DIM})")
        offsets = self.one.expand(len(z)) if self.alike else self._draw(len(z))
        self.offsets.append(offsets.double())
        return self.world.decoded(z) + (offsets[:, None] * self.world.aside).to(z.dtype)

    def last(self, count):
        """What the last ``count`` rows were; raise `CheckFailed` where there were fewer."""
        z = self.watched.seen_for(count)
        if z is None:
            raise CheckFailed(
                "log_likelihood(x, K) must decode K latent vectors for each image",
                expected=f"{count} latent vectors",
                got=f"{sum(map(len, self.offsets))} latent vectors",
            )
        return Decoded(z.double(), (-torch.cat(self.offsets)[-count:].square() / 2).exp())


def estimate(vae_solution, vae_probes, world, x, K=None, *, alike=False):
    """What `log_likelihood` of a VAE with the known networks returns, (batch,), and what it has decoded for that."""
    options, K = ({}, DEFAULT_K) if K is None else ({"K": K}, K)
    model = vae_solution.VAE(
        in_channels=3, decoder_features=4, encoder_features=4, z_dim=Z_DIM, input_size=32, device="cpu"
    )
    decoder = SecretDecoder(world, alike)
    vae_probes.plant(model, world.networks(), decoder.watched.exposed)
    with asked_by_stand_ins(decoder.watched):
        got = assert_tensor(model.log_likelihood(x, **options), shape=(len(x),), name="log_likelihood(x)")
    return got, decoder.last(K * len(x))


def nearest(got, truths):
    """The truth that is nearest to what came, in parts of itself: images may be far from the model."""
    return min(truths, key=lambda expected: float((got.detach().double() / expected - 1).abs().max()))


def moved(world, x, decoded):
    """log p(x) where q(z|x) is p(z|x), next to what was decoded: moved by the mean of the secret factors, (batch,)."""
    return [world.log_likelihood(x) + order.factor.mean(0).log() for order in decoded.orders(len(x))]


@item("vae.log_likelihood", weight=1)
@given(examples=2, seed=seeds())
def test_the_estimate_is_exact_where_the_posterior_is(vae_solution, vae_probes, seed):
    """Where q(z|x) is the true posterior, every weight is p(x), but for a secret factor of what was decoded."""
    world = KnownLikelihood(seed)
    x = world.images(batch=3)
    for K in (3, 1, 12):
        got, decoded = estimate(vae_solution, vae_probes, world, x, K)
        assert_close(got, nearest(got, moved(world, x, decoded)), name=f"log_likelihood(x, K={K})", scale=0.0)


WIDENING = 4.0
"""q(z|x) is p(z|x) with one standard deviation so many times as wide: a weight over p(x) is between 0 and this."""
VARIANCE = WIDENING**2 / math.sqrt(2 * WIDENING**2 - 1) - 1
"""Of a weight over p(x)."""
ALPHA = 1e-9


@item("vae.log_likelihood", weight=3)
def test_the_weights_are_averaged_not_their_logarithms(vae_solution, vae_probes):
    """With a q(z|x) that is too wide, the average of K weights is near p(x), closer than any one of them.

    Each weight is a random multiple of p(x), from 0 to four times, whose mean is 1. By Bernstein's inequality the mean
    of n of them is off by e with probability at most 2 exp(-n e^2 / (2 variance + 2 e)).
    """
    batch, K = 20, 64
    world = KnownLikelihood(widening=WIDENING)
    x = world.images(batch)
    got, decoded = estimate(vae_solution, vae_probes, world, x, K, alike=True)
    q = world.posterior(x)
    noise = min((q.whiten(order.z) for order in decoded.orders(batch)), key=lambda drawn: float(drawn.square().mean()))
    assert_standard_normal(noise, name="the latent vectors that are decoded, in standard units of q(z|x),")
    ratios = (got.detach().double() - world.log_likelihood(x)).exp() / decoded.factor.mean()
    rare = math.log(4 / ALPHA) / (batch * K)
    allowed = rare + math.sqrt(rare**2 + 2 * VARIANCE * rare)
    mean = float(ratios.mean())
    if exceeds(abs(mean - 1), allowed):
        raise CheckFailed(
            f"over {batch} images, the estimates of p(x) (not of its logarithm) are {mean:.3g} times the truth",
            expected=f"1, give or take {allowed:.2g} by chance",
            got=f"{mean:.3g}",
        )
    # For one image, the average of K weights is off by more than 0.75 with probability at most 0.004; 6 such: 2e-10.
    # A single weight is with probability 0.803, so that 5 such or fewer, where one z is used K times, have 2e-7.
    far = sum(exceeds(off, 0.75) for off in (ratios - 1).abs())
    if exceeds(far, 5):
        raise CheckFailed(
            f"the estimate of {far} of {batch} images is as uncertain as a single weight, though K is {K}",
            expected=f"the average of {K} weights with a z of its own each",
            got=f"{far} estimates of p(x) more than three quarters of it off",
        )
