"""Both models, untrained: shapes for several sizes, codes of either sign, and a sigmoid where one is asked for."""

from __future__ import annotations

import torch

from autograder.checks import (
    CheckFailed,
    Digits,
    Sizes,
    Training,
    Watched,
    WatchedNetworks,
    assert_tensor,
    assert_varies,
    describe_type,
    exceeds,
    falls_below,
    fetch,
    is_remote,
    item,
    secret_generator,
    shuffled_negatives,
)
from autograder.concepts.vae_decoder import vae_decoder
from autograder.concepts.vae_encoder import vae_encoder
from autograder.concepts.vae_training import Vae, vae_training

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


def tensors_of(found, count, shape, name):
    """What each of ``count`` models gave: float tensors of this shape."""
    if type(found) not in (list, tuple) or len(found) != count:
        raise CheckFailed(f"{name} cannot be read", got="an object" if is_remote(found) else describe_type(found))
    return [assert_tensor(part, shape=shape, name=name).detach().double() for part in found]


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
        pset1_probes.watched(model, width, self.decoder.exposed, self.networks.exposed)

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


def is_close(images, expected):
    """Whether images are the same but for rounding."""
    return not exceeds((images - expected).abs(), 1e-4 * (1 + expected.abs()))


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
def test_shapes_of_reconstructions(pset1, pset1_probes):
    """forward(x)["imgs"] has the shape of x, of two numbers for each image, for several widths."""
    for sizes in (IMAGES_TO_TWO, SMALLER):
        models, x = several(pset1_probes, pset1.AE, sizes, 6), pictures(5, sizes[0])
        name = f'forward(x)["imgs"] of AE{sizes}'
        assert_varies(tensors_of(images_of(models, x), 6, x.shape, name), name, "images")
        codes_of(pset1_probes, several(pset1_probes, pset1.AE, sizes, 2), x)


@item("p1.autoencoder", weight=3)
def test_codes_of_either_sign(pset1, pset1_probes):
    """The two numbers of a code can be negative and positive."""
    models = several(pset1_probes, pset1.AE, SMALLER)
    codes = torch.stack(codes_of(pset1_probes, models, pictures(6, SMALLER[0])))
    for sign, most in (("negative", -codes.min()), ("positive", codes.max())):
        if falls_below(most, 1e-9):
            raise CheckFailed(
                f"no code of {MODELS} untrained models has a {sign} number: what comes last in the encoder?",
                expected="numbers of either sign",
                got=f"numbers from {float(codes.min()):.3g} to {float(codes.max()):.3g}",
            )


def ae_with_weights(pset1, pset1_probes, sizes, weights, model):
    """An autoencoder with new weights, or with others."""
    return pset1_probes.made(pset1.AE, sizes.arguments, weights, model)


def sizes_of(kind, latent, outputs, probabilities, arguments):
    """A model of these arguments."""
    name = f"{kind}({', '.join(map(str, arguments))})"
    return Sizes(arguments, latent, arguments[:1], outputs, probabilities=probabilities, model=name)


@vae_decoder(
    "p1.autoencoder",
    call="decode(z)",
    once=ae_with_weights,
    sizes=tuple(sizes_of("AE", 2, sizes[0], None, sizes) for sizes in (IMAGES_TO_TWO, SMALLER)),
    result="decode(z)",
    weights={
        "each_code_has_numbers_of_its_own": 0.8,
        "numbers_reach_all_of_their_range": 0.8,
        "the_decoder_can_be_trained": 0.2,
        "a_code_is_decoded_by_itself": 0.2,
    },
)
def test_decoder(pset1_probes, made, z, step):
    if step:
        pset1_probes.step(made)
    return made.decode(z)


# p2.networks

IMAGES = (784, [128, 32, 16, 4])
OTHER = (30, [48, 40, 24, 10])
POINTS = (60, [32, 16, 8], 3, False)
"""What `PointVAE` makes of its base class: positional encoding in, coordinates out."""
VAES = (
    sizes_of("VAE", 4, 3, False, POINTS),
    sizes_of("VAE", 2, 784, True, IMAGES),
    sizes_of("VAE", 5, 30, True, (*OTHER, -1)),
    sizes_of("VAE", 5, 5, True, (*OTHER, 5, True)),
    sizes_of("VAE", 5, 30, False, (*OTHER, -1, False)),
    sizes_of("VAE", 5, 7, False, (*OTHER, 7, False)),
    sizes_of("VAE", 5, 30, True, OTHER),
)


def moved_vae(pset1, pset1_probes, sizes, model):
    """A VAE whose weights have moved."""
    return vae_with_weights(pset1, pset1_probes, sizes, "moved", model)


def vae_with_weights(pset1, pset1_probes, sizes, weights, model):
    """A VAE with new weights, or with others; z_size = hidden_dims[-1] // 2."""
    made = pset1_probes.made(pset1.VAE, sizes.arguments, weights, model)
    if (size := fetch(made.z_size)) != sizes.latent:
        raise CheckFailed(f"z_size of {sizes.model} is wrong", expected=str(sizes.latent), got=str(size)[:50])
    return made


@vae_encoder(
    "p2.networks",
    call="encode(x)",
    once=moved_vae,
    sizes=(VAES[0], VAES[1], VAES[-1]),
    results=("the mean of encode(x)", "the logvar of encode(x)"),
    weights={
        "each_input_has_a_mean_and_a_logvar": 1,
        "the_encoder_can_be_trained": 0.25,
        "an_input_is_encoded_by_itself": 0.25,
    },
)
def test_encode(pset1_probes, made, x, step):
    if step:
        pset1_probes.step(made)
    return made.encode(x)


@vae_decoder(
    "p2.networks",
    call="decode(z)",
    once=vae_with_weights,
    sizes=VAES,
    result="decode(z)",
    weights={
        "each_code_has_numbers_of_its_own": 2,
        "numbers_reach_all_of_their_range": 2,
        "the_decoder_can_be_trained": 0.25,
        "a_code_is_decoded_by_itself": 0.25,
    },
)
def test_decode(pset1_probes, made, z, step):
    if step:
        pset1_probes.step(made)
    return made.decode(z)


# p1.training, p3.training

LEARNED = {"pictures": Digits(shuffled_negatives, flat=True), "call": "loss"}


def entries(output, *names):
    """Entries of the dictionary that `forward` returned."""
    if type(output) is not dict or not all(name in output for name in names):
        raise CheckFailed(f"forward must return a dictionary with {', '.join(names)}", got=describe_type(output))
    return [output[name] for name in names]


@vae_training(
    "p1.training",
    **LEARNED,
    few=Training(400, 8, 2e-3),
    training=Training(1500, 256, 1e-3),
    error_below={"mean image": 0.9, 2: 0.9},
)
def test_autoencoder_training(pset1, pset1_probes, pset1_training_probes):
    model = pset1.AE(*IMAGES_TO_TWO)
    return Vae(
        pset1_training_probes.trainee(model),
        encode=lambda x: (codes_of(pset1_probes, [model], x)[0], None),
        decode=lambda z: pset1_training_probes.decoded(model, z),
        reconstruct=lambda x: entries(pset1_training_probes.output_of(model, x), "imgs")[0],
    )


def vae_with(pset1, pset1_training_probes, size, loss):
    """A VAE that learns by one of the two losses, and the ways to ask it."""
    model, probes = pset1.VAE(784, size), pset1_training_probes
    return Vae(
        probes.trainee(model, loss, COEFF),
        encode=lambda x: entries(probes.output_of(model, x), "mean", "logvar"),
        decode=lambda z: probes.decoded(model, z),
        reconstruct=lambda x: entries(probes.output_of(model, x), "imgs")[0],
    )


COEFF = 1e-3
VAE_LEARNED = {
    **LEARNED,
    "few": Training(400, 8, 2e-3, size=[256, 64, 4]),
    "remainder": 0.8,
    "training": Training(1500, 256, 4e-3, size=[128, 32, 16, 4], one_cycle=True),
    "likelihood": "mean_square",
    "kl_weight": COEFF,
    "bound_below": {"mean image": 0.85},
}


@vae_training(
    "p3.training",
    **VAE_LEARNED,
    weights={"a_few_pictures_are_learned_by_heart": 0.5, "held_out_pictures_come_back": 2},
)
def test_training_with_loss_sgvb(pset1, pset1_training_probes, size):
    return vae_with(pset1, pset1_training_probes, size, pset1.loss_SGVB)


@vae_training(
    "p3.training",
    **VAE_LEARNED,
    weights={"a_few_pictures_are_learned_by_heart": 0.5, "held_out_pictures_come_back": 1.5},
)
def test_training_with_loss_kl_wo_e(pset1, pset1_training_probes, size):
    return vae_with(pset1, pset1_training_probes, size, pset1.loss_KL_wo_E)
