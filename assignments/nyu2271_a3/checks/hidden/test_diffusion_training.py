"""The diffusion model learns: network, optimiser and measurements are the grader's, the loss is the hand-in's."""

from __future__ import annotations

from nyu2271_a3.checks.hidden import diffusion_learning as learning

from autograder.checks import assert_learned, expose, item, placed, secret_generator, show_curves, show_images

SHOWN = 8


@item("diffusion.training", weight=3)
def test_a_network_learns_from_the_loss(diffusion, diffusion_probes, diffusion_training_probes):
    """After 300 steps on your loss, a small U-Net predicts the noise in new cats better than a simple denoiser."""
    generator = secret_generator()
    task = learning.Task.draw(generator)
    model = learning.new_model()
    denoiser = placed(model)
    exposed = expose(learning.checked(denoiser))
    trainee = diffusion_probes.diffusion_of(diffusion.Diffusion, exposed, learning.SIZE, 3, learning.TIMESTEPS)
    losses = []

    def learn(images, noise):
        told = diffusion_training_probes.learn(trainee, images, noise)
        losses.append(told if isinstance(told, float) else float("nan"))

    learning.train_on(model, task, learn, generator)
    show_curves("Loss of the diffusion model, as it tells it", {"loss": losses}, x="step")
    model.eval()
    images = task.samples(denoiser, SHOWN, generator)
    show_images("Cats", {"drawn": task.test[:SHOWN], "sampled by the trained network": images})
    assert_learned(task.criteria(task.error(denoiser)), "the diffusion model")
