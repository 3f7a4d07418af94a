"""The quickest sign that VAE and CVAE learn: they can learn a few digits by heart."""

import torch

from autograder.checks import CheckFailed, Criterion, assert_learned, assert_tensor, digits, item, show_images

IMAGES = 8
STEPS = 600
REMAINDER = 0.5
"""Of the mean squared error of the digits' mean, which is what a model without a code would give."""


@item("vae.training", weight=1)
def test_a_few_digits_learned_by_heart(vae, vae_training_probes, vae_probes):
    """600 steps of Adam on eight digits are enough to give them back, by and large, from mu alone."""
    chosen = digits(28)
    images = (chosen.images[:IMAGES] + 1) / 2
    classes = torch.nn.functional.one_hot(chosen.labels[:IMAGES], 10).float()
    plan = torch.arange(IMAGES).repeat(STEPS, 1)
    shown = {"digits": 2 * images - 1}
    criteria = []
    for name, kind, given in (("VAE", vae.VAE, None), ("CVAE", vae.CVAE, classes)):
        model = kind(784, latent_size=15)
        vae_training_probes.Trainee(model, vae.loss_function, images, given, 1e-3).steps(plan)
        vae_probes.ready(model)
        reply = model.forward(images) if given is None else model.forward(images, given)
        if type(reply) not in (tuple, list) or len(reply) != 3:
            raise CheckFailed("forward must return x_hat, mu and logvar")
        codes = assert_tensor(reply[1], shape=(IMAGES, 15), name="mu").detach()
        codes = codes if given is None else torch.cat([codes, given], dim=1)
        drawn = assert_tensor(model.decoder(codes), name="decoder(mu)").detach().flatten(1)
        assert_tensor(drawn, shape=(IMAGES, 784), name="decoder(mu), flat,")
        shown[name] = 2 * drawn.reshape(images.shape) - 1
        error = float((drawn.reshape(images.shape) - images).double().square().mean())
        trivial = float((images - images.mean(0)).double().square().mean())
        criteria.append(Criterion(f"reconstruction error of the {name}", error, REMAINDER * trivial))
    show_images("Learned by heart", shown)
    assert_learned(criteria, "the model")
