"""Shapes, and the quickest signs of learning: of Parts 1A, 2C and 2D."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from autograder.checks import (
    CheckFailed,
    Criterion,
    assert_learned,
    assert_tensor,
    exceeds,
    expose,
    falls_below,
    fetch,
    is_remote,
    item,
    reported_losses,
    secret_generator,
    show_bars,
    show_curves,
    show_images,
)

PICTURES = 100
EPOCHS = 200
BEATS = 0.95
"""Of the error of the best linear code."""
CELLS, CANVAS = 5, 40
"""A landscape has so many heights in a row, and is so many pixels wide."""

RADIUS, BLUR = 2.0, 0.1
STEPS = 3000
ALMOST_AFFINE = 0.95
"""Of the error of the best affine predictor; the hidden check asks for more, on another distribution."""
NEAR = 0.5
"""So far on average may x_0 be from the only point of the data: noise in the last step stays below that."""


def windows(n, generator):
    """Pictures ``(n, 1, 28, 28)`` in [0, 1]: a window that moves over one random landscape, two numbers for each."""
    heights = torch.rand(1, 1, CELLS, CELLS, generator=generator)
    canvas = F.interpolate(heights, size=(CANVAS, CANVAS), mode="bicubic", align_corners=True)
    canvas = (canvas - canvas.min()) / (canvas.max() - canvas.min())
    part = 28 / CANVAS
    frames = torch.zeros(n, 2, 3)
    frames[:, 0, 0] = frames[:, 1, 1] = part
    frames[:, :, 2] = (1 - part) * (2 * torch.rand(n, 2, generator=generator) - 1)
    grid = F.affine_grid(frames, (n, 1, 28, 28), align_corners=False)
    return F.grid_sample(canvas.expand(n, 1, CANVAS, CANVAS), grid, align_corners=False).clamp(0, 1)


def three_parts(reply):
    """The encoder, the decoder and the losses that `train_autoencoder` returned."""
    if type(reply) not in (tuple, list) or len(reply) != 3 or not is_remote(reply[0]) or not is_remote(reply[1]):
        raise CheckFailed("train_autoencoder(images, epochs) must return three things: encoder, decoder and losses")
    return reply


def model_and_losses(reply):
    """The model and the losses that `train_diffusion` returned."""
    if type(reply) not in (tuple, list) or len(reply) != 2 or not is_remote(reply[0]):
        raise CheckFailed("train_diffusion(sample_points, steps) must return two things: model and losses")
    return reply


def numbers(losses):
    """Losses for a picture, however they are kept."""
    if type(losses) in (list, tuple):
        return [float(value) for value in losses if isinstance(value, (int, float, torch.Tensor)) and _is_one(value)]
    return reported_losses(losses)


def _is_one(value):
    return not isinstance(value, torch.Tensor) or value.numel() == 1


# p1a.autoencoder


def output(ps3_probes, model, *inputs):
    """What a model gives in evaluation mode."""
    ps3_probes.evaluate(model)
    return model(*inputs)


@item("p1a.autoencoder", weight=1)
def test_shapes_of_encoder_and_decoder(ps3, ps3_probes):
    """Encoder() makes points (n, 2) of images (n, 1, 28, 28), and Decoder() makes images of points."""
    for n in (5, 2):
        images = windows(n, torch.Generator().manual_seed(n))
        points = output(ps3_probes, ps3.Encoder(), images)
        assert_tensor(points, shape=(n, 2), name="Encoder()(images)")
        decoded = output(ps3_probes, ps3.Decoder(), torch.randn(n, 2))
        assert_tensor(decoded, shape=(n, 1, 28, 28), name="Decoder()(points)")


@item("p1a.autoencoder", weight=1)
def test_a_hundred_pictures_learned_by_heart(ps3, ps3_probes):
    """After 200 epochs on a hundred pictures, they come back better than any linear code of two numbers allows."""
    images = windows(PICTURES, torch.Generator().manual_seed(0))
    encoder, decoder, losses = three_parts(ps3.train_autoencoder(images, EPOCHS))
    show_curves("Loss of the autoencoder, as it tells it", {"loss": numbers(losses)}, x="step")
    codes = assert_tensor(output(ps3_probes, encoder, images), shape=(PICTURES, 2), name="encoder(images)")
    given = assert_tensor(output(ps3_probes, decoder, codes), shape=images.shape, name="decoder(points)")
    show_images("Learned by heart", {"pictures": 2 * images[:8] - 1, "reconstructed": 2 * given[:8].float() - 1})
    error = float((given - images).double().square().mean())
    limit = BEATS * linear_error(images)
    assert_learned([Criterion("reconstruction error", error, limit)], "the autoencoder")


def linear_error(images):
    """Mean squared error of the best linear code of two numbers."""
    flat = images.flatten(1).double()
    left_out = torch.linalg.svdvals(flat - flat.mean(0))[2:]
    return float(left_out.square().sum() / flat.numel())


# p2c.training


def ring(n, generator):
    """Points on a blurred circle around the origin, ``(n, 2)``."""
    directions = torch.randn(n, 2, generator=generator)
    circle = directions / directions.norm(dim=1, keepdim=True)
    return RADIUS * circle + BLUR * torch.randn(n, 2, generator=generator)


@item("p2c.training", weight=1)
def test_the_noise_in_points_of_a_ring(ps3, ps3_probes):
    """After 3,000 steps on a ring, your model predicts noise better than any affine guess of each step."""
    generator = torch.Generator().manual_seed(0)
    model, losses = model_and_losses(ps3.train_diffusion(ps3_probes.Pool(ring(20_000, generator)), STEPS))
    show_curves("Loss of the diffusion model, as it tells it", {"loss": numbers(losses)}, x="step")
    T, alpha = int(fetch(ps3.T)), float(fetch(ps3.alpha))
    t = torch.randint(1, T + 1, (5000,), generator=generator)
    noise = torch.randn(5000, 2, generator=generator)
    share = (alpha ** t.double())[:, None]
    x_t = (share.sqrt() * ring(5000, generator) + (1 - share).sqrt() * noise).float()
    error = min_error(ps3_probes.predictions(model, x_t, t, T), noise)
    variance = RADIUS**2 / 2 + BLUR**2  # of each coordinate
    affine = float((share * variance / (share * variance + 1 - share)).mean())
    show_bars("Error of the predicted noise", {"best affine guess": affine, "your model": error}, y="squared error")
    assert_learned([Criterion("error of the predicted noise", error, ALMOST_AFFINE * affine)], "the diffusion model")


def min_error(replies, noise):
    """The mean squared error of predictions ``(n, 2)``, in that way of giving steps that suits the model best."""
    found = [assert_tensor(reply, shape=noise.shape, name="model(x_t, t)") for reply in replies]
    return min(float((predicted.double() - noise.double()).square().mean()) for predicted in found)


# p2d.sampling


class Steps:
    """Reads steps in whichever way they are given: a number, a tensor of any shape, or as parts t / T of the way."""

    def __init__(self, T):
        self.T = T
        self.parts = None  # told by the first call, which is about the end of the way

    def read(self, t):
        """The steps as a column, float64 ``(n, 1)``."""
        steps = torch.as_tensor(t).detach().double().reshape(-1, 1)
        if self.parts is None:
            self.parts = self.T > 1 and float(steps.max()) <= 1
        return self._whole(steps * self.T) if self.parts else steps

    @staticmethod
    def _whole(steps):
        """Steps as they were before they were divided, in float32, by T."""
        whole = steps.round()
        return torch.where((steps - whole).abs() < 1e-2, whole, steps)


class OnePoint:
    """The best of all models where the data are one single point, which knows the noise exactly; on the grader's side.

    ``exposed`` is what `sample` gets: the point is nowhere but in its replies.
    """

    def __init__(self, point, T, alpha):
        self.point, self.steps, self.alpha = point, Steps(T), alpha
        self.exposed = expose(self)

    def __call__(self, x_t, t):
        """The noise in points ``(n, 2)``; raise `TypeError` for anything else."""
        x = torch.as_tensor(x_t)
        if x.ndim != 2 or x.shape[1] != 2 or not x.is_floating_point():
            raise TypeError("the model takes points (n, 2)")
        share = self.alpha ** self.steps.read(t)  # (n, 1) or (1, 1)
        noise = (x - share.sqrt() * self.point) / (1 - share).sqrt().clamp_min(1e-6)
        return torch.where(share < 1, noise, 0).to(x.dtype)  # x_0 tells nothing of the noise


@item("p2d.sampling", weight=1)
def test_a_perfect_model_of_one_point_leads_there(ps3):
    """If all data are one point and the model knows it, all samples end near that point, and begin as noise."""
    T, alpha = int(fetch(ps3.T)), float(fetch(ps3.alpha))
    away, n = torch.randn(2, generator=secret_generator()), 200
    point = 1.7 * away / away.norm()
    paths = [steps_of(ps3.sample(OnePoint(point, T, alpha).exposed, n), T, n) for _ in range(2)]
    for path in paths:
        start, end = path[0].double(), path[-1].double()
        away, before = (float((stage - point).norm(dim=1).mean()) for stage in (end, start))
        if exceeds(away, NEAR):
            raise CheckFailed(
                "where the data are one point and the model is perfect, x_0 is far from that point",
                expected="the last entry near the point",
                got=f"{away:.3g} away on average; the first entry is {before:.3g} away",
            )
        if exceeds(start.mean(0).norm(), 0.6) or falls_below(start.std(), 0.7) or exceeds(start.std(), 1.3):
            raise CheckFailed(
                "the first entry must be x_T, standard normal noise",
                expected="mean 0 and standard deviation 1",
                got=f"mean {start.mean(0).tolist()}, standard deviation {float(start.std()):.3g}",
            )
        assert_on_the_way(path, point, T, alpha)
    if bool((paths[0][0] == paths[1][0]).all()):
        raise CheckFailed("two calls of sample start from the same noise: draw it anew in every call")


def half_way(T, alpha):
    """The step at which about half of the variance is signal."""
    return min(max(round(math.log(0.5) / math.log(alpha)), 1), T)


def assert_on_the_way(path, point, T, alpha):
    """Raise `CheckFailed` unless the stage half-way has half of the point in it, and noise in each coordinate."""
    step = half_way(T, alpha)
    stage, due = path[T - step].double(), alpha ** (step / 2) * point.double()
    if exceeds((stage.mean(0) - due).norm(), 0.6 * due.norm()):
        raise CheckFailed(
            "the stages between x_T and x_0 must lead from one to the other",
            expected=f"a mean of x_t at t = {step} near {[round(value, 2) for value in due.tolist()]}",
            got=f"{[round(value, 2) for value in stage.mean(0).tolist()]}",
        )
    if exceeds(torch.corrcoef(stage.T)[0, 1].abs(), 0.6):
        raise CheckFailed(
            "both coordinates of a point get the same noise: each needs its own",
            expected=f"coordinates of x_t at t = {step} that vary independently",
            got=f"a correlation of {float(torch.corrcoef(stage.T)[0, 1]):.2f}",
        )


def steps_of(reply, T, n):
    """A reverse process as one tensor ``(T + 1, n, 2)``; it may come as a list of its stages."""
    if type(reply) in (list, tuple) and reply and all(isinstance(stage, torch.Tensor) for stage in reply):
        if len({stage.shape for stage in reply}) == 1:
            reply = torch.stack([stage.detach() for stage in reply])
    elif not isinstance(reply, torch.Tensor) and hasattr(reply, "dtype"):
        reply = torch.as_tensor(reply)
    return assert_tensor(reply, shape=(T + 1, n, 2), name="sample(model, n)")
