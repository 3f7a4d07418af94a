"""The VAE with known networks in the places of its own: what comes out tells which latent vectors went in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch.distributions import Normal

from autograder.checks import (
    CheckFailed,
    DiagonalGaussian,
    Watched,
    assert_close,
    assert_equals_monte_carlo_mean,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    describe_type,
    exceeds,
    falls_below,
    given,
    gradients,
    images,
    is_remote,
    item,
    seeds,
)

IMAGE = (3, 32, 32)
PIXELS = math.prod(IMAGE)
FEATURES = 12
MAX_FEATURES = 1_000_000


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
    """A VAE with the networks of ``world`` in it."""
    model = vae_solution.VAE(
        in_channels=3, decoder_features=4, encoder_features=4, z_dim=world.z_dim, input_size=32, device="cpu"
    )
    return vae_probes.plant(model, {**world.tensors, "bent": True, **replaced})


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


def assert_arrived(arriving, names, output):
    """Raise `CheckFailed` where training on ``output`` would leave something as it is."""
    for gradient, name in zip(arriving, names, strict=True):
        if gradient is None or not bool((gradient != 0).any()):
            raise CheckFailed(
                f"no gradient of {output} reaches {name}: it was cut off on the way (detached, or no_grad)"
            )


def assert_reached(output, leaves, name):
    """Raise `CheckFailed` where training on ``output`` would leave one of the leaves as it is."""
    assert_arrived(gradients(output, list(leaves.values())), leaves, name)


def pictures(batch: int, seed: int = 0) -> torch.Tensor:
    """Images (batch, 3, 32, 32) with values in [-1, 1]."""
    return torch.rand(batch, *IMAGE, generator=torch.Generator().manual_seed(seed)) * 2 - 1


# vae.encode


class KnownEncoder:
    """A model with known networks in it, whose heads see here what they are asked.

    ``biases`` are leaves of the heads. Code that takes a head's weights instead has those of the known ones.
    """

    def __init__(self, world, vae_solution, vae_probes):
        self.world, self.probes, self.sign, self.width = world, vae_probes, 1.0, 0
        self.biases = leaves_of(world, "mean_bias", "logvar_bias")
        self.model = build(vae_solution, vae_probes, world, **self.biases)
        self.first = Watched(self._features)
        self.heads = {name: Watched(partial(self._head, name)) for name in ("mean", "logvar")}
        for name, head in self.heads.items():
            vae_probes.answer_for(getattr(self.model, name), [world.z_dim], head.exposed)

    def _features(self, shape, x):
        if not FEATURES <= math.prod(shape) <= MAX_FEATURES or x.shape[1] != PIXELS:
            raise TypeError(f"the encoder needs images of {PIXELS} values, and must give {FEATURES} features or more")
        self.width = math.prod(shape)
        known = self.sign * x @ self.world.tensors["features"].to(x.dtype).T
        return torch.nn.functional.pad(known, (0, math.prod(shape) - FEATURES))

    def _head(self, name, shape, features):
        if features.shape[1] < FEATURES:
            raise TypeError(f"the {name} head needs {FEATURES} features or more")
        weight, bias = self.world.tensors[f"{name}_weight"], self.biases[f"{name}_bias"]
        return features[:, :FEATURES] @ weight.to(features.dtype).T + bias

    def posterior(self, x):
        """q(z|x) of the features that the heads got, and whether these are the known encoder's.

        A head that was not asked must have had the known encoder's features.
        """
        expected = x.double().flatten(1) @ self.world.tensors["features"].double().T
        got = [expected if (seen := head.seen_for(len(x))) is None else seen.double() for head in self.heads.values()]
        features = [part[:, :FEATURES] for part in got]
        known = not any(exceeds((part - expected).abs(), 1e-3 * (1 + expected.abs())) for part in features)
        mean, logvar = (self.world.posterior(x, part) for part in features)
        return DiagonalGaussian(mean.mean, logvar.logvar), known

    def gradients(self, output, x):
        """Of ``output`` with respect to x and to the biases of both heads, None where none arrives."""
        there = gradients(output, [x, *self.biases.values()])
        here = [None, *(leaf.grad for leaf in self.biases.values())]
        return [exposed if gradient is None else gradient for gradient, exposed in zip(there, here, strict=True)]

    def assert_used(self, x):
        """Raise `CheckFailed` unless features of another encoder come from the images by way of its first network."""
        self.probes.answer_for_first(self.model, self.first.exposed)
        features = []
        for self.sign in (1.0, -1.0):
            self.model.encode(x)
            asked = self.first.seen_for(len(x))
            if asked is None or not torch.equal(asked.double(), x.double().flatten(1)):
                raise CheckFailed("encode(x) does not ask its encoder about the images x")
            features.append([head.seen_for(len(x)) for head in self.heads.values()])
            if any(part is not None and part.shape[1] == self.width for part in features[-1]):
                raise CheckFailed("encode(x) changes the encoder's features before the heads get them")
        for before, after, name in zip(*features, self.heads, strict=True):
            if before is None or after is None or falls_below((after - before).abs().amax(1), 1e-6):
                raise CheckFailed(f"what self.{name} gets in encode(x) does not depend on what the encoder gives")


@item("vae.encode", weight=1)
def test_the_posterior_is_centred_and_as_wide_as_the_heads_say(vae_solution, vae_probes):
    """encode(x) has its mode at the mean head's output and scatters with the variance whose logarithm logvar gives."""
    x = pictures(64).requires_grad_()
    known = KnownEncoder(World(z_dim=40), vae_solution, vae_probes)
    found = distribution(known.model.encode(x), "encode(x)")
    q, usual = known.posterior(x.detach())
    assert_close(found.mode(), q.mean, name="the mode of encode(x)")
    sample = assert_tensor(found.sample(), shape=q.shape, name="a sample of encode(x)")
    assert_standard_normal(q.whiten(sample), name="a sample of encode(x), standardised,")
    assert_arrived(known.gradients(sample, x), ("x", "the mean head", "the logvar head"), "q(z|x)")
    if not usual:
        known.assert_used(x.detach())


# vae.decode


class KnownDecoder:
    """The grader's network in the place of the last that `decode` asks; ``bias`` is a leaf that gradients arrive at.

    It gives the image of a latent vector where it gets one; else that of a sketch of what it gets.
    """

    def __init__(self, world, vae_probes, model):
        self.world = world
        self.bias = world.tensors["decoder_bias"].clone().requires_grad_()
        self.last = Watched(lambda shape, inputs: self._image(inputs))
        vae_probes.answer_for_last(model, world.z_dim, self.last.exposed)

    def _image(self, inputs):
        weight = self.world.tensors["decoder_weight"].to(inputs.dtype)
        return self.bias + (self._sketch(inputs) @ weight.T).asinh()

    def _sketch(self, inputs):
        """As many numbers as a latent vector has: those, or sums of inputs with random signs."""
        size = self.world.z_dim
        if inputs.shape[1] == size:
            return inputs
        signs = torch.randint(2, inputs.shape[1:], generator=torch.Generator().manual_seed(self.world.seed)) * 2 - 1
        signed = torch.nn.functional.pad(inputs * signs, (0, -inputs.shape[1] % size))
        return signed.reshape(len(inputs), size, -1).sum(2)

    def assert_mode(self, mode, z):
        """Raise `CheckFailed` unless the mode is the decoder's image; return whether that got ``z`` itself."""
        inputs = self.last.seen_for(len(z))
        if inputs is None:
            raise CheckFailed("decode(z) does not ask its decoder for an image (batch, 3, 32, 32) of each z")
        direct = inputs.shape[1] == self.world.z_dim
        expected = self.world.decoded(z if direct else self._sketch(inputs))
        assert_close(mode, expected, name="the mode of decode(z)")
        if falls_below((expected - expected[:1]).flatten(1).abs().amax(1)[1:], 1e-9):
            raise CheckFailed("the mode of decode(z) is the same for different latent vectors")
        return direct


@item("vae.decode", weight=1)
def test_the_likelihood_is_centred_on_the_decoder_with_unit_variance(vae_solution, vae_probes):
    """decode(z) has its mode at the decoder's image, and its samples scatter about that with variance 1."""
    world = World(z_dim=7)
    z = torch.randn(4, 7, generator=torch.Generator().manual_seed(1)).requires_grad_()
    model = build(vae_solution, vae_probes, world)
    known = KnownDecoder(world, vae_probes, model)
    found = distribution(model.decode(z), "decode(z)")
    mode = found.mode()
    known.assert_mode(mode, z.detach())
    assert_reached(mode, {"z": z}, "decode(z)")
    sample = assert_tensor(found.sample(), shape=(4, *IMAGE), name="a sample of decode(z)")
    noise = sample.double() - mode.detach().double()
    assert_standard_normal(noise, name="a sample of decode(z), less its mode,")


# vae.sample


@item("vae.sample", weight=1)
def test_samples_are_decoded_from_the_prior(vae_solution, vae_probes):
    """sample(n) gives n images whose latent vectors are standard normal, as many numbers as z_dim says, all fresh."""
    world = World(z_dim=37)
    model = build(vae_solution, vae_probes, world)
    drawn = [image_tensor(model.sample(64), 64, "sample(64)") for _ in range(2)]
    latents = [world.latents(images, "sample(64)") for images in drawn]
    for z in latents:
        assert_standard_normal(z, name="z behind sample(64)")
    assert_independent(*latents, name="z of two calls of sample(64)")


@item("vae.sample", weight=0.5)
def test_a_batch_of_one_sample_is_still_a_batch(vae_solution, vae_probes):
    """sample(1) gives one image, decoded from a latent vector, in a tensor (1, 3, 32, 32)."""
    world = World(z_dim=5)
    model = build(vae_solution, vae_probes, world)
    for n in (2, 1):
        world.latents(image_tensor(model.sample(n), n, f"sample({n})"), f"sample({n})")


# vae.forward


@item("vae.forward", weight=1)
def test_forward_reconstructs_from_one_sample_per_image(vae_solution, vae_probes):
    """forward(x) returns mode, nll, kl; the mode is decoded from a fresh sample of q(z|x), one for each image."""
    world, x = World(z_dim=37), pictures(64)
    q = world.posterior(x)
    model = build(vae_solution, vae_probes, world)
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
    model = build(vae_solution, vae_probes, world, **heads, **decoder)
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
    model = build(vae_solution, vae_probes, world)
    for n in (2, 5, 10):
        name = f"interpolate(model, z_1, z_2, {n})"
        path = image_tensor(vae_solution.interpolate(model, *ends, n), n, name)
        z = world.latents(path, name)
        if (z[0] - ends[0, 0]).norm() > (z[0] - ends[1, 0]).norm():  # both directions are right
            z = z.flip(0)
        assert_close(z[[0, -1]], ends[:, 0], name=f"the first and the last latent vector of {name}")
        even = ((z[-1] - z[0]) / (n - 1)).expand(n - 1, -1)
        assert_close(z.diff(dim=0), even, name=f"the steps of {name}", scale=10.0)
