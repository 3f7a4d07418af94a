"""The forward pass of a VAE: encode, draw one sample for each input, decode it.

Kingma and Welling, Auto-Encoding Variational Bayes (2014), figure 1 and section 2.4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from autograder.checks import (
    CheckFailed,
    Contract,
    DiagonalGaussian,
    Subject,
    as_taken,
    assert_close,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    describe_type,
    exceeds,
    falls_below,
    gradients,
    is_remote,
    prop,
)

FEATURES = 12
BATCH, LATENT = 64, 37
"""2,368 numbers of codes: enough to see a mean off by .2, a spread off by a fifth (2,000 are needed)."""
LEAVES = ("mean_bias", "logvar_bias", "decoder_bias")


@dataclass(eq=False)
class KnownVae:
    """Known networks: affine features and heads, and a decoder whose images tell which codes they are of.

    With ``classes`` above 0 there is a one-hot class beside the image and beside the code.
    """

    latent: int
    classes: int
    image: tuple[int, ...]
    seed: int = 0
    leaves: dict[str, Tensor] = field(default_factory=dict)
    """Parameters that gradients can be taken with respect to; they take the places of those in `tensors`."""

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Weights and biases, float32."""
        generator, pixels = torch.Generator().manual_seed(self.seed), math.prod(self.image)

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator)

        encoder = 2 * normal(FEATURES, pixels) / math.sqrt(pixels)
        decoder = normal(pixels, self.latent) / math.sqrt(self.latent)
        return {
            "encoder_weight": torch.cat([encoder, normal(FEATURES, self.classes)], dim=1),
            "encoder_bias": normal(FEATURES),
            "mean_weight": normal(self.latent, FEATURES) / math.sqrt(FEATURES),
            "mean_bias": normal(self.latent),
            "logvar_weight": 0.5 * normal(self.latent, FEATURES) / math.sqrt(FEATURES),
            "logvar_bias": torch.linspace(-1.7, 0.8, self.latent),
            "decoder_weight": torch.cat([decoder, normal(pixels, self.classes)], dim=1) / 2,
            "decoder_bias": normal(pixels) / 2,
        }

    @cached_property
    def wide(self) -> dict[str, Tensor]:
        """The same in float64."""
        return {name: tensor.double() for name, tensor in self.tensors.items()}

    @property
    def is_exact(self) -> bool:
        """Whether gradients are those of these networks, and not of networks of the submission."""
        return True

    def with_leaves(self) -> dict[str, Tensor]:
        """All tensors for a model, `LEAVES` among them as leaves; they are kept in ``leaves``."""
        self.leaves = {name: self.tensors[name].clone().requires_grad_() for name in LEAVES}
        return {**self.tensors, **self.leaves}

    def heads(self, x: Tensor, *c: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), float64."""
        w = self.wide
        features = _beside(x.flatten(1), *c) @ w["encoder_weight"].T + w["encoder_bias"]
        mean, logvar = (features @ w[f"{head}_weight"].T + w[f"{head}_bias"] for head in ("mean", "logvar"))
        return mean, logvar

    def posterior(self, x: Tensor, *c: Tensor) -> DiagonalGaussian:
        """q(z|x), of what was encoded last."""
        return DiagonalGaussian(*self.heads(x, *c))

    def decoded(self, z: Tensor, *c: Tensor) -> Tensor:
        """The flat images of codes, float64."""
        pixels = _beside(z, *c) @ self.wide["decoder_weight"].T + self.wide["decoder_bias"]
        return torch.sigmoid(pixels)

    def codes(self, images: Tensor, *c: Tensor) -> Tensor:
        """The codes of decoded images; raise `CheckFailed` for images that no code gives."""
        w, pixels = self.wide, images.detach().double().flatten(1)
        if falls_below(pixels, 0.0) or exceeds(pixels, 1.0):
            low, high = float(pixels.min()), float(pixels.max())
            raise CheckFailed(f"the image has values from {low:.3g} to {high:.3g}, where the decoder gives 0 to 1")
        expected = pixels.logit(1e-7) - w["decoder_bias"]
        for classes in c:
            expected = expected - classes.double() @ w["decoder_weight"][:, self.latent :].T
        z: Tensor = torch.linalg.lstsq(w["decoder_weight"][:, : self.latent], expected.T).solution.T
        if exceeds((self.decoded(z, *c) - pixels).abs(), 1e-4):
            raise CheckFailed(
                f"the image is nothing that the decoder makes of a code{' beside the class' if c else ''}. Is another"
                " network at work, is something added to its image, or does it get something else?"
            )
        return z


def _beside(x: Tensor, *c: Tensor) -> Tensor:
    return torch.cat([x.double(), *(classes.double() for classes in c)], dim=1)


def example(forward: Subject, batch: int, latent: int, seed: int = 0) -> tuple[KnownVae, Tensor, list[Tensor]]:
    """Known networks, images with values in [0, 1], and their one-hot classes, if there are any."""
    image, classes = forward.options["image"], forward.options["classes"]
    x = torch.rand(batch, *image, generator=torch.Generator().manual_seed(seed))
    known: KnownVae = forward.options["known"](latent, classes, image, seed)
    c = [torch.eye(classes)[torch.arange(batch) % classes]] if classes else []
    if forward.options["flat_too"]:
        x = as_taken(lambda images: forward(images, known=known, c=c[0] if c else None), x)
    return known, x, c


def parts_of(forward: Subject, known: KnownVae, x: Tensor, c: Sequence[Tensor]) -> list[Tensor]:
    """Reconstruction, mean and log-variance, as they were returned for some inputs."""
    found, names = forward(x, known=known, c=c[0] if c else None), forward.options["results"]
    function = forward.words("{function}").removesuffix("()")
    if type(found) not in (tuple, list) or len(found) != len(names):
        kind = "an object" if is_remote(found) else describe_type(found)
        what = f"{', '.join(names[:-1])} and {names[-1]}"
        raise CheckFailed(f"{function} must return exactly three tensors, {what}, not {kind}", got=kind)
    heads = [
        assert_tensor(part, shape=(len(x), known.latent), name=f"the {name} that {function} returns")
        for part, name in zip(found[1:], names[1:], strict=True)
    ]
    name = f"the {names[0]} that {function} returns"
    image = assert_tensor(found[0], name=name)
    flat = image.shape[:1] == x.shape[:1] and image.numel() == x.numel() and forward.options["flat_too"]
    return [image if flat else assert_tensor(image, shape=x.shape, name=name), *heads]


@prop(weight=2)
def forward_encodes_samples_and_decodes(forward: Subject) -> None:
    """{call} gives mean and log-variance as encoded, and a decoded sample of q(z|x), fresh for each image and call."""
    known, x, c = example(forward, BATCH, LATENT)
    noise, seen, names = [], [], forward.options["results"]
    for _ in range(2):
        image, *heads = parts_of(forward, known, x, c)
        q = known.posterior(x, *c)
        for part, expected, name in zip(heads, (q.mean, q.logvar), names[1:], strict=True):
            assert_close(part, expected, name=forward.words(f"the {name} that {{function}} returns"))
        noise.append(q.whiten(known.codes(image, *c)))
        seen.append(image.detach())
    if falls_below((seen[0] - seen[1]).abs().max(), 1e-7):
        raise CheckFailed(f"{names[0]} is the same at every call: a fresh sample of q(z|x) must be decoded")
    code = forward.words(
        f"the code behind {names[0]} of {{function}}, less {names[1]} and over the standard deviation,"
    )
    for whitened in noise:
        assert_standard_normal(whitened, name=code)
    assert_independent(*noise, name=forward.words("the noise of two calls of {function}"))


@prop(weight=0.5)
def training_reaches_the_encoder(forward: Subject) -> None:
    """Gradients pass from each result to the image, and through the sample to all parts of the model."""
    known, x, c = example(forward, 3, 6, seed=1)
    x = x.requires_grad_()
    image, mean, logvar = names = forward.options["results"]
    # x_hat comes last: what is cut off before the heads is cut off from it as well
    ways = {mean: ("mean_bias",), logvar: ("logvar_bias",), image: LEAVES}
    for name, biases in ways.items():
        part = parts_of(forward, known, x, c)[names.index(name)]
        wanted = {bias: known.leaves[bias] for bias in biases if bias in known.leaves}
        for found, of in zip(gradients(part, [x, *wanted.values()]), ("the image", *wanted), strict=True):
            if found is None or not bool((found != 0).any()):
                raise CheckFailed(
                    f"no gradient of {name} reaches {of}: it was cut off on the way (detached, or no_grad)"
                )


vae_forward = Contract(
    concept="vae_forward",
    version=1,
    inputs=("x",),
    optional={"c": None, "known": None},
    public=(forward_encodes_samples_and_decodes, training_reaches_the_encoder),
    options={
        "image": (1, 28, 28),
        "classes": 0,
        "results": ("x_hat", "mean", "logvar"),
        "known": KnownVae,
        "flat_too": False,
        "min_batch": 1,
    },
    required=("results",),
)
"""``(x) -> (x_hat, mean, logvar)`` or ``(x, c) -> ...``, for images in [0, 1] and one-hot classes ``c``.

The adapter's ``once`` makes a model with the networks of ``known``, a `KnownVae`, in the places of its own: encoder,
heads and decoder, with ``known.with_leaves()`` as parameters. A sample must be drawn with noise that a check does not
know: by a stand-in with a generator of its own.

``image`` is the shape of one image, ``classes`` the width of ``c`` (0: there is none), ``results`` what messages call
the three results. ``flat_too`` says that images may be wanted flat, and x_hat may have any shape. ``known`` is another
class than `KnownVae` where the known parts are no networks, or code may go past them: ``posterior``, ``codes`` and
``is_exact`` say what happened then, for ``min_batch`` images or more.
"""
