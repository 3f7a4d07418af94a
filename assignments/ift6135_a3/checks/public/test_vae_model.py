"""The VAE with known networks in the places of its own: what comes out tells which latent vectors went in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch.distributions import Normal

from autograder.checks import (
    CheckFailed,
    DiagonalGaussian,
    assert_close,
    assert_equals_monte_carlo_mean,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    exceeds,
    fetch,
    given,
    gradients,
    images,
    is_remote,
    item,
    seeds,
)
from autograder.checks.describing import describe_type

IMAGE = (3, 32, 32)
PIXELS = math.prod(IMAGE)
FEATURES = 12


@dataclass(frozen=True, eq=False)
class World:
    """Known networks: affine features and heads, and a decoder that bends an affine image pixel by pixel.

    A posterior depends on the image in its means and in its variances. No two latent vectors have the same image.
    """

    z_dim: int
    seed: int = 0

    @cached_property
    def tensors(self) -> dict[str, torch.Tensor]:
        """The weights, float32: features (features, pixels), heads (z_dim, features), decoder (pixels, z_dim)."""
        generator = torch.Generator().manual_seed(self.seed)

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(shape, generator=generator)

        return {
            "features": 2 * normal(FEATURES, PIXELS) / math.sqrt(PIXELS),
            "mean_weight": 2 * normal(self.z_dim, FEATURES) / math.sqrt(FEATURES),
            "mean_bias": normal(self.z_dim),
            "logvar_weight": 0.5 * normal(self.z_dim, FEATURES) / math.sqrt(FEATURES),
            "logvar_bias": torch.linspace(-1.7, 0.8, self.z_dim),
            "decoder_weight": 1.5 * normal(PIXELS, self.z_dim) / math.sqrt(self.z_dim),
            "decoder_bias": normal(PIXELS),
        }

    def posterior(self, x: torch.Tensor, features: torch.Tensor | None = None) -> DiagonalGaussian:
        """q(z|x) of images, or of features that were seen in their place."""
        w = {name: tensor.double() for name, tensor in self.tensors.items()}
        h = x.double().flatten(1) @ w["features"].T if features is None else features.double()
        mean, logvar = (h @ w[f"{head}_weight"].T + w[f"{head}_bias"] for head in ("mean", "logvar"))
        return DiagonalGaussian(mean, logvar)

    def decoded(self, z: torch.Tensor) -> torch.Tensor:
        """The decoder's images (batch, 3, 32, 32) of latent vectors (batch, z_dim)."""
        affine = z.double() @ self.tensors["decoder_weight"].double().T
        return (self.tensors["decoder_bias"].double() + affine.asinh()).reshape(-1, *IMAGE)

    def latents(self, images: torch.Tensor, name: str) -> torch.Tensor:
        """The latent vectors of decoded images; raise `CheckFailed` for images that no latent vector gives."""
        affine = (images.detach().double().flatten(1) - self.tensors["decoder_bias"].double()).sinh()
        z = torch.linalg.lstsq(self.tensors["decoder_weight"].double(), affine.T).solution.T
        if exceeds((self.decoded(z) - images).abs(), 1e-3 * (1 + images.abs())):  # the noise of p(x|z) has size 1
            raise CheckFailed(
                f"{name}: no latent vector has these images as the mode of p(x|z). Is noise added to them, is another"
                " network at work, or are images mixed instead of latent vectors?"
            )
        return z


def build(vae_solution, vae_probes, world, **replaced):
    """A VAE with the networks of ``world`` in it, and the names of the parts that are known."""
    model = vae_solution.VAE(
        in_channels=3, decoder_features=4, encoder_features=4, z_dim=world.z_dim, input_size=32, device="cpu"
    )
    return model, vae_probes.plant(model, {**world.tensors, "bent": True, **replaced})


def distribution(value, name):
    """``value``, if it can be an object of a class; raise `CheckFailed` otherwise."""
    if not is_remote(value):
        kind = describe_type(value)
        raise CheckFailed(f"{name} gives {kind}, where a DiagonalGaussianDistribution is due", got=kind)
    return value


def image_tensor(value, batch, name):
    """``value``, if it is a tensor of images (batch, 3, 32, 32)."""
    if is_remote(value):
        raise CheckFailed(f"{name} is an object, where a tensor of images is due: is .mode() missing?")
    return assert_tensor(value, shape=(batch, *IMAGE), name=name)


def three_tensors(result, batch):
    """Image, nll and kl that `forward` returned."""
    if type(result) not in (tuple, list) or len(result) != 3:
        kind = describe_type(result)
        raise CheckFailed(f"forward(x) must return exactly three tensors, mode, nll and kl, not {kind}", got=kind)
    mode, *terms = result
    return [
        image_tensor(mode, batch, "the mode that forward returns"),
        *(
            assert_tensor(term, shape=(batch,), name=f"the {name} that forward returns")
            for term, name in zip(terms, ("nll", "kl"), strict=True)
        ),
    ]


def leaves_of(world, *names):
    """Copies of some weights of a world that gradients can be taken with respect to."""
    return {name: world.tensors[name].clone().requires_grad_() for name in names}


def assert_reached(output, leaves, name):
    """Raise `CheckFailed` where training on ``output`` would leave one of the leaves as it is."""
    found = gradients(output, list(leaves.values()))
    for gradient, leaf in zip(found, leaves, strict=True):
        if gradient is None or not bool((gradient != 0).any()):
            raise CheckFailed(f"no gradient of {name} reaches {leaf}: it was cut off on the way (detached, or no_grad)")


def pictures(batch: int, seed: int = 0) -> torch.Tensor:
    """Images (batch, 3, 32, 32) with values in [-1, 1]."""
    return torch.rand(batch, *IMAGE, generator=torch.Generator().manual_seed(seed)) * 2 - 1


# vae.encode


def posterior_of(model, parts, world, x):
    """The true posterior; where no single module is the encoder, from the features that reached the heads."""
    return world.posterior(x, None if "encoder" in parts else fetch(model.mean.seen))


@item("vae.encode", weight=1)
def test_the_posterior_is_centred_and_as_wide_as_the_heads_say(vae_solution, vae_probes):
    """encode(x) has its mode at the mean head's output and scatters with the variance whose logarithm logvar gives."""
    world, x = World(z_dim=40), pictures(64).requires_grad_()
    leaves = leaves_of(world, "mean_bias", "logvar_bias")
    model, parts = build(vae_solution, vae_probes, world, **leaves)
    found = distribution(model.encode(x), "encode(x)")
    q = posterior_of(model, parts, world, x.detach())
    assert_close(found.mode(), q.mean, name="the mode of encode(x)")
    sample = assert_tensor(found.sample(), shape=q.shape, name="a sample of encode(x)")
    assert_standard_normal(q.whiten(sample), name="a sample of encode(x), standardised,")
    assert_reached(
        sample, {"x": x, "the mean head": leaves["mean_bias"], "the logvar head": leaves["logvar_bias"]}, "q(z|x)"
    )


# vae.decode


def assert_decoded(image, parts, world, z):
    """Raise `CheckFailed` unless ``image`` is that of the decoder; an unknown one must tell latent vectors apart."""
    name = "the mode of decode(z)"
    if "decoder" in parts:
        assert_close(image, world.decoded(z), name=name)
        return
    assert_tensor(image, shape=(len(z), *IMAGE), name=name)
    if len(z) > 1 and bool(((image - image[:1]).flatten(1).abs().amax(1)[1:] == 0).any()):
        raise CheckFailed(f"{name} is the same for different latent vectors")


@item("vae.decode", weight=1)
def test_the_likelihood_is_centred_on_the_decoder_with_unit_variance(vae_solution, vae_probes):
    """decode(z) has its mode at the decoder's image, and its samples scatter about that with variance 1."""
    world = World(z_dim=7)
    z = torch.randn(4, 7, generator=torch.Generator().manual_seed(1)).requires_grad_()
    model, parts = build(vae_solution, vae_probes, world)
    found = distribution(model.decode(z), "decode(z)")
    mode = found.mode()
    assert_decoded(mode, parts, world, z.detach())
    assert_reached(mode, {"z": z}, "decode(z)")
    sample = assert_tensor(found.sample(), shape=(4, *IMAGE), name="a sample of decode(z)")
    noise = sample.double() - mode.detach().double()
    assert_standard_normal(noise, name="a sample of decode(z), less its mode,")


# vae.sample


@item("vae.sample", weight=1)
def test_samples_are_decoded_from_the_prior(vae_solution, vae_probes):
    """sample(n) gives n images whose latent vectors are standard normal, as many numbers as z_dim says, all fresh."""
    world = World(z_dim=37)
    model, _ = build(vae_solution, vae_probes, world)
    drawn = [image_tensor(model.sample(64), 64, "sample(64)") for _ in range(2)]
    latents = [world.latents(images, "sample(64)") for images in drawn]
    for z in latents:
        assert_standard_normal(z, name="z behind sample(64)")
    assert_independent(*latents, name="z of two calls of sample(64)")


@item("vae.sample", weight=0.5)
def test_a_batch_of_one_sample_is_still_a_batch(vae_solution, vae_probes):
    """sample(1) gives one image, decoded from a latent vector, in a tensor (1, 3, 32, 32)."""
    world = World(z_dim=5)
    model, _ = build(vae_solution, vae_probes, world)
    for n in (2, 1):
        world.latents(image_tensor(model.sample(n), n, f"sample({n})"), f"sample({n})")


# vae.forward


@item("vae.forward", weight=1)
def test_forward_reconstructs_from_one_sample_per_image(vae_solution, vae_probes):
    """forward(x) returns mode, nll, kl; the mode is decoded from a fresh sample of q(z|x), one for each image."""
    world, x = World(z_dim=37), pictures(64)
    q = world.posterior(x)
    model, _ = build(vae_solution, vae_probes, world)
    modes = [three_tensors(model.forward(x), 64)[0] for _ in range(2)]
    noise = [q.whiten(world.latents(mode, "forward(x)")) for mode in modes]
    for whitened in noise:
        assert_standard_normal(whitened, name="z in forward(x), less the mean of q(z|x), over its standard deviation,")
    assert_independent(*noise, name="the noise of two calls of forward(x)")


@item("vae.forward", weight=1)
@given(examples=5, x=images(), seed=seeds())
def test_forward_returns_both_terms_of_the_elbo(vae_solution, vae_probes, x, seed):
    """nll is that of the image under p(x|z) at the mode returned; kl is that of q(z|x); both can be trained on."""
    world = World(z_dim=6, seed=seed)
    heads, decoder = leaves_of(world, "mean_bias", "logvar_bias"), leaves_of(world, "decoder_bias")
    model, _ = build(vae_solution, vae_probes, world, **heads, **decoder)
    mode, nll, kl = three_tensors(model.forward(x), len(x))
    log_densities = Normal(mode.detach().double(), 1.0).log_prob(x.double()).flatten(1)
    assert_close(nll, -log_densities.sum(1), name="the nll that forward returns")
    ratios = world.posterior(x).log_ratio_to_standard_normal
    assert_equals_monte_carlo_mean(kl, samples=ratios, name="the kl that forward returns")
    world.latents(mode, "forward(x)")
    assert_reached(nll, {**heads, **decoder}, "the nll that forward returns")
    assert_reached(kl, heads, "the kl that forward returns")


# vae.interpolate


@item("vae.interpolate", weight=1)
@given(examples=5, seed=seeds())
def test_the_path_is_straight_and_includes_both_ends(vae_solution, vae_probes, seed):
    """interpolate decodes evenly spaced points of the line from one latent vector to the other, ends included."""
    world = World(z_dim=6, seed=seed)
    ends = torch.randn(2, 1, 6, generator=torch.Generator().manual_seed(seed))
    model, _ = build(vae_solution, vae_probes, world)
    for n in (2, 5, 10):
        name = f"interpolate(model, z_1, z_2, {n})"
        path = image_tensor(vae_solution.interpolate(model, *ends, n), n, name)
        z = world.latents(path, name)
        if (z[0] - ends[0, 0]).norm() > (z[0] - ends[1, 0]).norm():  # both directions are right
            z = z.flip(0)
        assert_close(z[[0, -1]], ends[:, 0], name=f"the first and the last latent vector of {name}")
        even = ((z[-1] - z[0]) / (n - 1)).expand(n - 1, -1)
        assert_close(z.diff(dim=0), even, name=f"the steps of {name}", scale=10.0)
