"""The quickest sign that SimSiam learns: two views of a few pictures come to agree, and do not all become one."""

from __future__ import annotations

import torch

from autograder.checks import (
    CheckFailed,
    Criterion,
    agreement,
    assert_learned,
    assert_tensor,
    digits,
    exists,
    item,
    only_for_show,
    reported_losses,
    show_curves,
    spectrum,
)

IMAGES = 32
STEPS = 60
DIM = 32
AGREEMENT = 0.7
SAMENESS = 0.5
"""Most cosine between the projections of different pictures."""


def trained(q3_solution, simsiam_training_probes, views, *, stop_gradient):
    """p1, p2, z1, z2 of the views after training on them, and the losses on the way."""
    model = q3_solution.SimSiam(simsiam_training_probes.SmallEncoder, dim=DIM, pred_dim=16, stop_gradient=stop_gradient)
    loss = model.loss if exists(model.loss) or not exists(q3_solution.loss) else q3_solution.loss
    trainee = simsiam_training_probes.Trainee(model, loss, 0.1, STEPS)
    losses = reported_losses(trainee.steps(*(view.repeat(STEPS, 1, 1, 1, 1) for view in views)))
    model.eval()
    reply = model.forward(*views)
    if type(reply) not in (tuple, list) or len(reply) != 4:
        raise CheckFailed("forward(x1, x2) must return p1, p2, z1, z2")
    return [assert_tensor(value, shape=(IMAGES, DIM), name="each output") for value in reply], losses


def show(losses, spectra):
    """Draw the losses, and how the projections spread over their directions: a collapse leaves but a few."""
    show_curves("Loss of SimSiam", losses, x="step")
    shares = {name: z.tolist() for name, z in spectra.items()}
    show_curves("Spread of the projections over their directions", shares, x="direction", y="share")


@item("simsiam.training", weight=1)
def test_views_of_a_few_pictures_come_to_agree(q3_solution, simsiam_training_probes):
    """60 steps on the same pairs: predictions match the other view's projections, and different pictures stay apart."""
    generator = torch.Generator().manual_seed(0)
    images = digits(16).images[:IMAGES].repeat(1, 3, 1, 1)
    views = [images + 0.3 * torch.randn(images.shape, generator=generator) for _ in range(2)]
    (p1, p2, z1, z2), losses = trained(q3_solution, simsiam_training_probes, views, stop_gradient=True)
    told, spectra = {"with stop-gradient": losses}, {"with stop-gradient": spectrum(z1)}
    with only_for_show():
        (_, _, collapsed, _), losses = trained(q3_solution, simsiam_training_probes, views, stop_gradient=False)
        told["without"], spectra["without"] = losses, spectrum(collapsed)
    show(told, spectra)
    agree = (agreement(p1, z2) + agreement(p2, z1)) / 2
    criteria = [
        Criterion("agreement of two views", agree, AGREEMENT, at_least=True),
        Criterion("agreement of different pictures", agreement(z1, z1.roll(1, 0)), SAMENESS),
    ]
    assert_learned(criteria, "SimSiam")
