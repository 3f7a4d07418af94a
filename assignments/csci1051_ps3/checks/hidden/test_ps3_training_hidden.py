"""Parts 1A, 2C and 2D, measured on what a submission has not seen."""

from __future__ import annotations

import torch
from csci1051_ps3.checks.hidden import autoencoder_learning, points_learning
from csci1051_ps3.checks.public.test_ps3_training import (
    Steps,
    half_way,
    model_and_losses,
    numbers,
    output,
    steps_of,
    three_parts,
)

from autograder.checks import (
    CheckFailed,
    SubmissionFault,
    assert_learned,
    assert_tensor,
    blurred,
    checked_weights,
    expose,
    fetch,
    fresh,
    item,
    secret_generator,
    show_curves,
    show_images,
)

SHOWN = 8


# p1a.autoencoder


@item("p1a.autoencoder", weight=4)
def test_held_out_pictures_come_back(ps3, ps3_probes):
    """Trained for 200 epochs, the autoencoder gives new pictures back better than mean and two linear numbers can."""
    generator = secret_generator()
    task = autoencoder_learning.Task.draw(generator)
    encoder, decoder, losses = three_parts(ps3.train_autoencoder(task.train, autoencoder_learning.EPOCHS))
    show_curves("Loss of the autoencoder, as it tells it", {"loss": numbers(losses)}, x="step")
    weights = weights_of(ps3_probes, decoder)  # they leave before the held-out pictures come
    codes = output(ps3_probes, encoder, task.test)
    codes = assert_tensor(codes, shape=(len(task.test), 2), name="encoder(images)").detach().float()
    codes = blurred(codes, generator)

    def judge(decoder_elsewhere, probes):
        images = assert_tensor(output(probes, decoder_elsewhere, codes), shape=task.test.shape, name="decoder(points)")
        rows = {"held-out": task.test[:SHOWN], "reconstructed": images[:SHOWN].detach().float()}
        show_images("Reconstructions", {name: 2 * row - 1 for name, row in rows.items()})
        error = float((images - task.test).double().square().mean())
        assert_learned(task.criteria(error), "the autoencoder")

    # the decoder's worker never sees the held-out pictures
    try:
        other, other_probes = fresh(ps3, ps3_probes)
        judge(other_probes.with_weights(other.Decoder(), weights), other_probes)
    except SubmissionFault:  # a decoder of other arguments or with more than weights: the same training again
        other, other_probes = fresh(ps3, ps3_probes, same_numbers=True)
        again = three_parts(other.train_autoencoder(task.train, autoencoder_learning.EPOCHS))
        judge(again[1], other_probes)


def weights_of(ps3_probes, model):
    """The weights of a model; none, where they cannot be read."""
    try:
        return checked_weights(ps3_probes.weights(model))
    except SubmissionFault:
        return {}


# p2c.training


def schedule_of(ps3):
    """T and alpha."""
    return points_learning.Schedule.read(fetch(ps3.T), fetch(ps3.alpha))


def trained(ps3, ps3_probes, points, generator):
    """A model that was trained on points, and the losses that it told."""
    pool = ps3_probes.Pool(points.draw(points_learning.POOL, generator))
    return model_and_losses(ps3.train_diffusion(pool, points_learning.STEPS))


@item("p2c.training", weight=3)
def test_the_noise_in_held_out_points(ps3, ps3_probes):
    """After 3,000 steps, the model's error of the predicted noise is 10 % below that of the best affine predictors."""
    generator = secret_generator()
    points, schedule = points_learning.two_clusters(generator), schedule_of(ps3)
    model, losses = trained(ps3, ps3_probes, points, generator)
    show_curves("Loss of the diffusion model, as it tells it", {"loss": numbers(losses)}, x="step")
    held_out = points_learning.NoisedPoints.draw(points, schedule, generator)
    replies = ps3_probes.predictions(model, held_out.x_t, held_out.t, schedule.T)
    found = [assert_tensor(reply, shape=held_out.noise.shape, name="model(x_t, t)") for reply in replies]
    if not found:
        raise CheckFailed("model(x_t, t) gives no prediction")
    error = min(held_out.error(predicted) for predicted in found)
    assert_learned(held_out.criteria(error, points, schedule), "the diffusion model")


# p2d.sampling


@item("p2d.sampling", weight=3)
def test_samples_have_the_distribution_of_the_data(ps3, ps3_probes):
    """Samples are at most half as far from new points (energy distance) as those of the Gaussian that fits best."""
    generator = secret_generator()
    points, schedule = points_learning.two_clusters(generator), schedule_of(ps3)
    ideal = points_learning.ideal(points, schedule, Steps(schedule.T).read)

    def sampled(model):
        return steps_of(ps3.sample(model, points_learning.SAMPLES), schedule.T, points_learning.SAMPLES)

    try:
        path = sampled(expose(ideal))
    except SubmissionFault:  # a process that wants more of a model than its replies
        path = sampled(own_kind(ps3, ps3_probes, ideal))
    show_images("With the best of all models", {"x_T to x_0": stages(path)})
    criteria = points_learning.sampling_criteria(path, points, generator)
    if schedule.is_fine:
        step = half_way(schedule.T, schedule.alpha)
        criteria.append(points_learning.clusters_criterion(path, points, generator))
        criteria.append(points_learning.middle_criterion(path, points, schedule, step, generator))
    assert_learned(criteria, "the reverse process", when="with the best of all models")


def own_kind(ps3, ps3_probes, ideal):
    """A model of the submission's kind, which has seen noise alone, and for which the best of all models answers."""
    noise = ps3_probes.Pool(torch.randn(points_learning.POOL, 2))
    model, _ = model_and_losses(ps3.train_diffusion(noise, points_learning.FEW_STEPS))
    return ps3_probes.answered(model, expose(lambda shape, x, t: ideal(x, t)))


def stages(path):
    """A few stages of a reverse process as pictures, ``(6, 1, 64, 64)`` in [-1, 1]: how many points lie where."""
    chosen = torch.linspace(0, len(path) - 1, 6).round().long()
    edges = [torch.linspace(-4, 4, 65, dtype=torch.float64)] * 2
    counts = [torch.histogramdd(path[k].detach().double(), edges).hist.T.flip(0) for k in chosen]
    return torch.stack([2 * (count / 5).clamp(0, 1).float() - 1 for count in counts])[:, None]
