"""SimSiam learns with the stop-gradient and collapses without: measured on embeddings, while labels stay here."""

from __future__ import annotations

import torch
from autograder_proofs.oracles.similarity import simsiam_loss
from ift6135_a3.checks.hidden import simsiam_learning as learning

from autograder.checks import (
    CheckFailed,
    assert_learned,
    assert_tensor,
    batches,
    exists,
    expose,
    in_chunks,
    item,
    reported_losses,
    secret_generator,
    show_curves,
    spectrum,
)

CHUNK = 25


def embedded(q3_solution, simsiam_training_probes, task, generator, *, stop_gradient):
    """The embeddings of a trained model, and the losses that it told."""
    model = q3_solution.SimSiam(
        simsiam_training_probes.SmallEncoder,
        dim=learning.DIM,
        pred_dim=learning.PRED_DIM,
        stop_gradient=stop_gradient,
    )
    # what stop_gradient=False changes is forward; a loss that takes its targets as constants is right all the same
    loss = loss_of(q3_solution, model) if stop_gradient else expose(of_pairs)
    trainee = simsiam_training_probes.Trainee(model, loss, learning.LEARNING_RATE, learning.STEPS)
    plan = batches(len(task.train), learning.BATCH, learning.STEPS, generator)
    losses = []
    for chunk in in_chunks(len(plan), CHUNK):
        pairs = [[task.views(task.train.images[batch], generator) for batch in plan[chunk]] for _ in range(2)]
        losses += reported_losses(trainee.steps(*map(torch.stack, pairs)))
    what = "with stop-gradient" if stop_gradient else "without"
    show_curves("Loss of SimSiam", {what: losses}, x="step")
    model.eval()
    p1, z1, p2, z2 = one_view_at_a_time(model, task, generator)
    bank = task.views(task.train.images, generator)
    return learning.Embeddings(p1, p2, z1, z2, four(model.forward(bank, bank), len(task.train))[2])


def one_view_at_a_time(model, task, generator):
    """p1, z1 of one view and p2, z2 of another, each beside views of other images: neither can be made of the other."""
    images, count = task.test.images, len(task.test)

    def beside_others(order):
        views = task.views(images[order], generator), task.views(images[order.roll(1)], generator)
        return four(model.forward(*views), count)

    p1, _, z1, _ = beside_others(torch.arange(count))
    order = torch.randperm(count, generator=generator)  # the second call cannot tell which images these are, either
    p2, _, z2, _ = (part[order.argsort()] for part in beside_others(order))
    return p1, z1, p2, z2


def loss_of(q3_solution, model):
    """The loss, which may be a method of SimSiam or a function of the module."""
    return model.loss if exists(model.loss) or not exists(q3_solution.loss) else q3_solution.loss


def of_pairs(p1, p2, z1, z2):
    """The loss of one batch; anything else is refused."""
    shapes = [part.shape if isinstance(part, torch.Tensor) else None for part in (p1, p2, z1, z2)]
    if shapes != [(learning.BATCH, learning.DIM)] * 4:
        raise TypeError(f"p1, p2, z1 and z2 must each be a tensor ({learning.BATCH}, {learning.DIM})")
    return simsiam_loss(p1, p2, z1, z2).float()


def four(reply, count):
    """The four tensors of a forward pass."""
    if type(reply) not in (tuple, list) or len(reply) != 4:
        raise CheckFailed("forward(x1, x2) must return p1, p2, z1, z2")
    names = ("p1", "p2", "z1", "z2")
    shape = (count, learning.DIM)
    return [assert_tensor(t, shape=shape, name=n).detach().float() for t, n in zip(reply, names, strict=True)]


def judge(q3_solution, simsiam_training_probes, *, stop_gradient, what):
    """Train, measure, compare with the thresholds."""
    generator = secret_generator()
    task = learning.Task.draw(generator)
    found = embedded(q3_solution, simsiam_training_probes, task, generator, stop_gradient=stop_gradient)
    shares = spectrum(found.z1).tolist()
    show_curves("Spread of the projections over their directions", {what: shares}, x="direction", y="share")
    assert_learned(learning.criteria(task, found, stop_gradient=stop_gradient), f"SimSiam {what}")


@item("simsiam.training", weight=2)
def test_with_stop_gradient_views_agree_and_nothing_collapses(q3_solution, simsiam_training_probes):
    """With stop-gradient, two noisy views agree, while projections keep many directions and tell digits apart."""
    judge(q3_solution, simsiam_training_probes, stop_gradient=True, what="with stop-gradient")


@item("simsiam.training", weight=1)
def test_without_stop_gradient_directions_are_lost(q3_solution, simsiam_training_probes):
    """Without stop-gradient, on a loss of the grader's, two views agree, but projections keep few directions."""
    judge(q3_solution, simsiam_training_probes, stop_gradient=False, what="without stop-gradient")
