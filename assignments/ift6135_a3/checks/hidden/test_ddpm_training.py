"""The DDPM learns: the network, its optimiser and all measurements are the grader's, the loss is the submission's."""

from __future__ import annotations

from ift6135_a3.checks.hidden import ddpm_learning as learning

from autograder.checks import assert_learned, expose, item, placed, secret_generator, show_curves, show_images

SHOWN = 16
STEPS_COUNT = len(learning.TABLES.betas)


@item("ddpm.training", weight=3)
def test_a_network_learns_from_the_loss(ddpm_solution, ddpm_training_probes):
    """After 300 steps on your loss, a small U-Net predicts noise that you never saw, and its samples near the data."""
    generator = secret_generator()
    task = learning.Task.draw(generator)
    model = learning.new_model()
    denoiser = placed(model)
    exposed = expose(learning.checked(denoiser))
    losses = []

    def learn(images):
        told = ddpm_training_probes.learn(ddpm_solution.p_losses, ddpm_solution.t_sample, exposed, images, STEPS_COUNT)
        losses.append(told if isinstance(told, float) else float("nan"))

    learning.train_on(model, task, learn, generator)
    show_curves("Loss of the DDPM, as it tells it", {"p_losses": losses}, x="step")
    model.eval()
    images = task.samples(denoiser, generator)
    show_images("Samples", {"data": task.test[:SHOWN], "samples": images[:SHOWN]})
    error = task.noised.error(denoiser)
    assert_learned(task.criteria(error, task.distance(images), generator), "the DDPM")
