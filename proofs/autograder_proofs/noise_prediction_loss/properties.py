"""The loss and its gradients against float64 truths, and the noise that is drawn for it."""

from __future__ import annotations

import torch

from autograder.checks import NoisingProblem, Subject, assert_close, assert_gradients_close, assert_tensor, prop, teach
from autograder.concepts.forward_noising import scaled
from autograder.concepts.noise_prediction_loss import (
    READ_OFF,
    affine_model,
    asked_about,
    assert_fresh_noise,
    nearest_mixtures,
    noise_in,
    times_of,
)
from autograder_proofs.forward_noising.properties import factors_of, problems
from autograder_proofs.oracles.diffusion import at, mean_distance, target_shares


@prop(weight=1.5, drawn=problems, examples=8)
def loss_and_its_gradient(loss: Subject, problem: NoisingProblem) -> None:
    """The loss compares the prediction for the noisy images with its target, and trains the model."""
    known, timesteps = factors_of(loss.options["schedule"]), loss.options["schedule"].timesteps
    t = times_of(loss, problem.t.tolist())
    model, given = affine_model(loss, timesteps), problem.noise if loss.options["given"] else None
    value = loss(problem.images, t, noise=given, model=model.exposed, timesteps=timesteps)
    assert_tensor(value, shape=(), name=loss.call)
    seen, readings = asked_about(model, problem.images, t, loss), [known[index] for index in problem.t.tolist()]
    factors = torch.tensor([several[0] for several in readings], dtype=torch.float64)
    if given is None:
        noise = noise_in(seen, problem.images, factors)
    else:
        noise = given.double()
        assert_close(seen, nearest_mixtures(readings, problem.images, noise, seen), name="the model's input")
    shares = [target_shares(loss.options["parametrisation"], *pair) for pair in factors.tolist()]
    of_image, of_noise = torch.tensor(shares, dtype=torch.float64).unbind(1)
    target = scaled(of_image, problem.images) + scaled(of_noise, noise)
    distance, delta = loss.options["distance"], loss.options["delta"]
    parameters = [getattr(model, name).detach().double().requires_grad_() for name in ("gain", "tilt", "bias")]
    gain, tilt, bias = parameters
    predicted = gain * seen.double() + tilt * at(t / timesteps, torch.arange(len(seen)), seen) + bias
    expected = mean_distance(predicted - target, distance, delta)
    scale = READ_OFF if given is None else None
    assert_close(value, expected.detach(), name=loss.call, scale=scale)
    names = [f"the model's {name}" for name in ("gain", "tilt", "bias")]
    truth = torch.autograd.grad(expected, parameters)
    # the derivative of the prediction by each parameter is at most about 4 (the noisy image, a time, 1)
    found = teach(value, [model.gain, model.tilt, model.bias])
    assert_gradients_close(found, truth, names, of="the loss", scale=4 * READ_OFF if given is None else 4.0)


@prop(weight=0.5, needs="draws")
def noise_of_its_own(loss: Subject) -> None:
    """Where it is drawn, the noise is standard normal, and fresh in every call, for each image and each pixel."""
    known, last = factors_of(loss.options["schedule"]), loss.options["schedule"].timesteps - 1
    indices = (last - 1, 0, last // 3, 1, last, (2 * last) // 3)
    assert_fresh_noise(loss, {index: known[index][0] for index in indices}, last + 1)


HIDDEN = (loss_and_its_gradient, noise_of_its_own)
