"""Both models, untrained: shapes for several sizes, codes of either sign, and a sigmoid where one is asked for."""

from __future__ import annotations

import torch

from autograder.checks import (
    CheckFailed,
    Watched,
    WatchedNetworks,
    assert_tensor,
    exceeds,
    falls_below,
    fetch,
    is_remote,
    item,
    secret_generator,
)
from autograder.checks.describing import describe_type

IMAGES_TO_TWO = (784, [128, 32, 16, 2])
SMALLER = (50, [40, 24, 12, 2])
MODELS = 24
"""Each sign of each code is a coin flip in an untrained network; 48 equal ones have a probability of 2**-47."""


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    """Standard normal values from a private generator."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def pictures(count: int, pixels: int, seed: int = 0) -> torch.Tensor:
    """Flat images (count, pixels) with values in [0, 1]."""
    return torch.rand(count, pixels, generator=torch.Generator().manual_seed(seed))


def several(pset1_probes, kind, sizes, count=MODELS):
    """Some new models: in an untrained one, ReLUs may be silent by chance."""
    return [pset1_probes.built(kind, sizes) for _ in range(count)]


def images_of(models, x):
    """The "imgs" that `forward` returns, of each model."""
    found = []
    for model in models:
        reply = model(x)
        if type(reply) is not dict and not is_remote(reply):
            raise CheckFailed('forward(x) must return a dictionary with "imgs"', got=describe_type(reply))
        found.append(reply.get("imgs"))
    return found


def decoded(models, z):
    """What `decode` makes of latent vectors, of each model."""
    return [model.decode(z) for model in models]


def decoded_far(pset1_probes, models, z):
    """The same for models with all weights and all latent vectors thirty times as large. The models are spent then."""
    pset1_probes.enlarge(models, z)
    return decoded(models, 30 * z)


def encoded(models, x):
    """What `encode` returns, of each model."""
    return [model.encode(x) for model in models]


def tensors_of(found, count, shape, name):
    """What each of ``count`` models gave: float tensors of this shape."""
    if type(found) not in (list, tuple) or len(found) != count:
        raise CheckFailed(f"{name} cannot be read", got="an object" if is_remote(found) else describe_type(found))
    return [assert_tensor(part, shape=shape, name=name).detach().double() for part in found]


def assert_varies(outputs, what, of):
    """Raise `CheckFailed` where no model's output differs between rows."""
    if all(bool(torch.allclose(output, output[:1].expand_as(output), rtol=1e-5, atol=1e-6)) for output in outputs):
        raise CheckFailed(f"{what} is the same for all {of}: does the network look at them?", got=f"equal {what}")


# p1.autoencoder


class KnownDecoder:
    """The grader's decoder in the place of an autoencoder's own, which keeps the codes that it gets here.

    Where `forward` goes past `decode`, a known map takes the place of the network that gets the code.
    """

    def __init__(self, pset1_probes, model, width):
        self.seed = int(torch.randint(2**31, (), generator=secret_generator()))
        self.model, self.width = model, width
        self.own_decode = fetch(model.decode)
        self.decoder, self.networks = Watched(self._decode), WatchedNetworks(secret_generator())
        pset1_probes.watched(model, width, self.decoder.lent, self.networks.lent)

    def _decode(self, shape, z):
        generator = torch.Generator().manual_seed(self.seed)
        return (z.double() @ torch.randn(z.shape[1], self.width, generator=generator, dtype=torch.float64)).sigmoid()

    def images(self, x, *constant):
        """What `forward` gives, where some networks give all images the same."""
        self.networks.constant = set(constant)
        (images,) = tensors_of(images_of([self.model], x), 1, x.shape, 'forward(x)["imgs"]')
        return images

    def codes(self, x):
        """The codes that the images of `forward` are made of, one row for each; None where they are of none."""
        self.decoder.seen.clear()
        self.networks.forget()
        images = self.images(x)
        if self.decoder.seen:
            z = self.decoder.seen_for(len(x))
            return z if z is not None and is_close(images, self._decode(None, z)) else None
        for number, z in self.networks.of_width(len(x), 2).items():
            level = self.images(x, number)
            self.networks.constant = set()
            (own,) = tensors_of([self.own_decode(z)], 1, x.shape, "decode(z)")
            if is_close(level, level[:1].expand_as(level)) and is_close(images, own):
                return z
        return None


def is_close(images, due):
    """Whether images are the same but for rounding."""
    return not exceeds((images - due).abs(), 1e-4 * (1 + due.abs()))


def codes_of(pset1_probes, models, x):
    """The two numbers for each image that every model's `forward` makes its images of; the models are spent then."""
    found = [KnownDecoder(pset1_probes, model, x.shape[1]).codes(x) for model in models]
    if any(code is None for code in found):
        raise CheckFailed(
            "the images of forward(x) are not those that decode makes of a code on the way",
            expected="forward(x) encodes x as two numbers for each image and decodes them",
            got="no two numbers for each image from which decode makes forward's images",
        )
    return tensors_of(found, len(models), (len(x), 2), "the code that forward decodes")


@item("p1.autoencoder", weight=2)
def test_shapes_of_reconstructions_and_of_decoded_codes(pset1, pset1_probes):
    """forward(x)["imgs"] has the shape of x, and decode(z) leads from two numbers to input_dim, for several widths."""
    for sizes in (IMAGES_TO_TWO, SMALLER):
        models = several(pset1_probes, pset1.AE, sizes, 6)
        x, z = pictures(5, sizes[0]), 3 * noise(7, 2)
        name = f'forward(x)["imgs"] of AE{sizes}'
        assert_varies(tensors_of(images_of(models, x), 6, x.shape, name), name, "images")
        codes_of(pset1_probes, several(pset1_probes, pset1.AE, sizes, 2), x)
        name = f"decode(z) of AE{sizes}"
        assert_varies(tensors_of(decoded(models, z), 6, (7, sizes[0]), name), name, "codes")


@item("p1.autoencoder", weight=3)
def test_codes_of_either_sign(pset1, pset1_probes):
    """The two numbers of a code can be negative and positive, and the decoder tells negative codes from each other."""
    models = several(pset1_probes, pset1.AE, SMALLER)
    z = -4 * pictures(6, 2) - 0.5
    name = "decode(z) for codes of negative numbers"
    assert_varies(tensors_of(decoded(models, z), MODELS, (6, SMALLER[0]), name), name, "of them")
    codes = torch.stack(codes_of(pset1_probes, models, pictures(6, SMALLER[0])))
    for sign, most in (("negative", -codes.min()), ("positive", codes.max())):
        if falls_below(most, 1e-9):
            raise CheckFailed(
                f"no code of {MODELS} untrained models has a {sign} number: what comes last in the encoder?",
                expected="numbers of either sign",
                got=f"numbers from {float(codes.min()):.3g} to {float(codes.max()):.3g}",
            )


@item("p1.autoencoder", weight=1)
def test_dark_and_bright_pixels_are_within_reach(pset1, pset1_probes):
    """With large weights and codes, decode(z) has values near 0 and near 1, or beyond: images have such pixels."""
    models, z = several(pset1_probes, pset1.AE, SMALLER, VAES), noise(8, 2)
    name = "decode(z) with large weights and large z"
    values = torch.stack(tensors_of(decoded_far(pset1_probes, models, z), VAES, (8, SMALLER[0]), name))
    low, high = float(values.min()), float(values.max())
    if exceeds(low, 0.25) or falls_below(high, 0.75):
        raise CheckFailed(
            f"{name} does not come near both 0 and 1: what comes last in the decoder?",
            expected="values near 0 and near 1, or beyond",
            got=f"values from {low:.3g} to {high:.3g}",
        )
    assert_sums_differ(values, name)


# p2.networks

IMAGES = (784, [128, 32, 16, 4])
OTHER = (30, [48, 40, 24, 10])
POINTS = (60, [32, 16, 8], 3, False)
"""What `PointVAE` makes of its base class: positional encoding in, coordinates out."""
VAES = 16


def z_size(sizes):
    """Half of the encoder's last width."""
    return sizes[1][-1] // 2


def pairs(found, count, shape):
    """Mean and logvar that `encode` of each of ``count`` models returned."""
    if type(found) not in (list, tuple) or len(found) != count:
        raise CheckFailed("what encode(x) returns cannot be read", got=describe_type(found))
    for pair in found:
        if type(pair) not in (tuple, list) or len(pair) != 2:
            kind = "an object" if is_remote(pair) else describe_type(pair)
            raise CheckFailed("encode(x) must return mean and logvar", expected="two tensors", got=kind)
    return [
        [assert_tensor(part, shape=shape, name=f"the {name} of encode(x)") for part in parts]
        for name, parts in (("mean", [mean for mean, _ in found]), ("logvar", [logvar for _, logvar in found]))
    ]


@item("p2.networks", weight=2)
def test_mean_and_logvar(pset1, pset1_probes):
    """encode(x) gives mean and logvar, each (B, z_size), z_size = hidden_dims[-1] // 2; both take either sign."""
    for sizes in (IMAGES, OTHER, POINTS):
        models, x, size = several(pset1_probes, pset1.VAE, sizes, VAES), pictures(6, sizes[0]), z_size(sizes)
        given = fetch(models[0].z_size)
        if given != size:
            raise CheckFailed(f"z_size of VAE{sizes} is wrong", expected=str(size), got=str(given)[:50])
        for name, parts in zip(("mean", "logvar"), pairs(encoded(models, x), VAES, (6, size)), strict=True):
            values = torch.stack([part.detach().double() for part in parts])
            assert_varies(values, f"the {name} of encode(x)", "images")
            if exceeds(values.min(), -1e-9) or falls_below(values.max(), 1e-9):
                raise CheckFailed(
                    f"the {name} of encode(x) has one sign only, for {VAES} untrained models and 6 images: what comes"
                    " last in the encoder?",
                    expected="numbers of either sign",
                    got=f"numbers from {float(values.min()):.3g} to {float(values.max()):.3g}",
                )


@item("p2.networks", weight=2)
def test_width_of_the_decoder(pset1, pset1_probes):
    """decode(z) has decode_dim numbers for each z, or input_dim where decode_dim is -1 or not given."""
    for sizes, width in ((IMAGES, 784), (OTHER, 30), ((*OTHER, -1), 30), ((*OTHER, 7), 7), (POINTS, 3)):
        models, z = several(pset1_probes, pset1.VAE, sizes, 6), 2 * noise(5, z_size(sizes))
        name = f"decode(z) of VAE{sizes}"
        assert_varies(tensors_of(decoded(models, z), 6, (5, width), name), name, "z")
        name, z = f"{name} for negative z", -4 * pictures(5, z_size(sizes)) - 0.5
        assert_varies(tensors_of(decoded(models, z), 6, (5, width), name), name, "of them")


@item("p2.networks", weight=2)
def test_a_sigmoid_where_it_is_asked_for(pset1, pset1_probes):
    """With use_sigmoid decode(z) stays in (0, 1) and reaches both ends; without it, values lie outside as well."""
    z = noise(8, z_size(OTHER))
    found = []
    for extra in ((), (-1, True), (5, True), (-1, False), (5, False)):
        models = several(pset1_probes, pset1.VAE, (*OTHER, *extra), VAES)
        found.append((extra, decoded(models, z), decoded_far(pset1_probes, models, z)))
    for extra, near, far in found:
        name, shape = f"decode(z) of VAE{(*OTHER, *extra)}", (8, 5 if extra[:1] == (5,) else OTHER[0])
        images = tensors_of(near, VAES, shape, name)
        assert_varies(images, name, "z")
        name += " with large weights and large z"
        values = torch.stack([*images, *tensors_of(far, VAES, shape, name)])
        assert_range(values, name, use_sigmoid=extra[1:] != (False,))


def assert_range(values, name, use_sigmoid):
    """Raise `CheckFailed` unless values lie all over (0, 1), each by itself; or not in there, without a sigmoid."""
    low, high = float(values.min()), float(values.max())
    got = f"values from {low:.3g} to {high:.3g}"
    if not use_sigmoid:
        if not falls_below(low, -1.0) and not exceeds(high, 1.0):
            raise CheckFailed(f"{name} is bounded without use_sigmoid", expected="values far beyond 1 and -1", got=got)
        return
    if falls_below(low, 0.0) or exceeds(high, 1.0):
        raise CheckFailed(f"{name} leaves (0, 1)", expected="values in (0, 1)", got=got)
    if exceeds(low, 0.05) or falls_below(high, 0.95):
        raise CheckFailed(f"{name} does not come near both 0 and 1", expected="values all over (0, 1)", got=got)
    assert_sums_differ(values, name)


def assert_sums_differ(values, name):
    """Raise `CheckFailed` where the values of each row are shares of 1."""
    if not exceeds((values.sum(-1) - 1).abs(), 1e-3):
        raise CheckFailed(f"the values of {name} add up to 1: each is to be a number of its own", got="sums of 1")
