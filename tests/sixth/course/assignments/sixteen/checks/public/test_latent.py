"""What the functions and models of latent.py do."""

from functools import partial

from autograder.checks import Digits, Sizes, Spread, Training, turned_negatives
from autograder.concepts.elbo_loss import Likelihood, elbo_loss
from autograder.concepts.gaussian_kl import gaussian_kl
from autograder.concepts.gaussian_log_density import gaussian_log_density
from autograder.concepts.reparameterization import reparameterization
from autograder.concepts.vae_decoder import vae_decoder
from autograder.concepts.vae_encoder import vae_encoder
from autograder.concepts.vae_forward import vae_forward
from autograder.concepts.vae_training import Vae, vae_training

PICTURE = (1, 16, 16)
MU_LOG_SIGMA = ("mu", "log_sigma")


@reparameterization("latent.draw", call="draw(log_sigma, mu)", names=MU_LOG_SIGMA, spread=Spread.LOG_STD)
def test_draw(latent, mean, logvar):
    return latent.draw(logvar, mean)


@gaussian_kl("latent.divergence", call="divergence(mu, log_sigma)", spread=Spread.LOG_STD)
def test_divergence(latent, mean, logvar):
    return latent.divergence(mean, logvar)


@gaussian_log_density(
    "latent.log_density",
    call="log_density(picture, centre, log_sigma)",
    spread=Spread.LOG_STD,
    dims={4: (None,)},
    default=(1, 2, 3),
)
def test_log_density(latent, sample, mean, logvar):
    return latent.log_density(sample, mean, logvar)


@elbo_loss(
    "latent.objective",
    call="objective(pictures, mu, log_sigma, logits)",
    names=("logits", "pictures", *MU_LOG_SIGMA),
    likelihood=Likelihood.LOGITS,
    shape=PICTURE,
    spread=Spread.LOG_STD,
)
def test_objective(latent, x_hat, x, mean, logvar):
    return latent.objective(x, mean, logvar, x_hat)


def encoder_of(latent, latent_probes, sizes, model):
    """An encoder of these sizes."""
    return latent_probes.built(latent.Encoder, sizes.arguments, "moved", model)


@vae_encoder(
    "latent.encoder",
    call="forward(pictures)",
    once=encoder_of,
    sizes=(Sizes((), 6, PICTURE, model="Encoder()"), Sizes((9, 12), 9, (1, 12, 12), model="Encoder(9, 12)")),
    results=("mu", "log_sigma"),
    spread=Spread.LOG_STD,
)
def test_encoder(latent_probes, made, x, step):
    if step:
        latent_probes.step(made)
    return made(x)


def decoder_of(latent, latent_probes, sizes, weights, model):
    """A decoder of these sizes."""
    return latent_probes.built(latent.Decoder, sizes.arguments, weights, model)


@vae_decoder(
    "latent.decoder",
    call="forward(z)",
    once=decoder_of,
    sizes=(
        Sizes((), 6, outputs=256, probabilities=False, model="Decoder()"),
        Sizes((9, 12), 9, outputs=144, probabilities=False, model="Decoder(9, 12)"),
    ),
    result="forward(z)",
    images_too=True,
)
def test_decoder(latent_probes, made, z, step):
    if step:
        latent_probes.step(made)
    return made(z)


def vae_of(latent, latent_probes, known):
    """A VAE with known networks."""
    return latent_probes.known_vae(latent.PictureVae, known.with_leaves(), PICTURE)


@vae_forward(
    "latent.forward",
    call="forward(pictures)",
    once=vae_of,
    image=PICTURE,
    results=("logits", "mu", "log_sigma"),
    spread=Spread.LOG_STD,
)
def test_forward(made, x):
    found = made(x)
    return (found[2], *found[:2]) if len(found) == 3 else found


@vae_training(
    "latent.training",
    call="objective(pictures, mu, log_sigma, logits)",
    pictures=Digits(partial(turned_negatives, block=4), size=16),
    few=Training(600, 8, 8e-3, size=8, one_cycle=True),
    training=Training(1200, 64, 8e-3, size=10, one_cycle=True),
    likelihood="bernoulli",
    bound_below={"mean image": 0.95},
)
def test_training(latent, latent_probes, size):
    model = latent_probes.new_vae(latent.Encoder, latent.Decoder, size)
    trainee = latent_probes.trainee(model, latent.draw, latent.objective)
    return Vae(trainee, encode=model.posterior, decode=model.pictures)
