"""The quickest sign that the diffusion model learns: it can learn a few pictures by heart."""

import torch

from autograder.checks import Criterion, assert_learned, assert_tensor, item, show_images

COUNT = 8
STEPS = 100
T = 10
# At each index an image is multiplied by SIGNAL, noise by SPREAD.
SIGNAL = (0.9859476, 0.948001, 0.8870798, 0.8046603, 0.7027401, 0.583789, 0.45069, 0.3066686, 0.1552151, 0.004908332)
SPREAD = (0.1670547, 0.3182673, 0.4616162, 0.5937355, 0.7114467, 0.8119054, 0.8926805, 0.9518164, 0.9878807, 0.999988)
ERROR = 0.35
"""Mean distance (L1) of the predicted noise, averaged over all time indices; always predicting 0 gives 0.8."""


@item("diffusion.training", weight=1)
def test_a_few_pictures_learned_by_heart(diffusion, diffusion_probes, diffusion_training_probes, unet, cats):
    """100 steps on your loss, for eight drawn cats, and a small U-Net predicts much of fresh noise in them."""
    images = 2 * assert_tensor(cats.draw_cats(COUNT, 16, generator=None), shape=(COUNT, 3, 16, 16)) - 1
    model = diffusion_probes.diffusion_of(diffusion.Diffusion, unet.Unet(8, (1, 2)), 16, 3, T)
    trained = diffusion_training_probes.overfit(model, images, STEPS, 5e-3)
    t = torch.arange(COUNT * T) % T
    noise = torch.randn((len(t), 3, 16, 16), generator=torch.Generator().manual_seed(0))
    signal, spread = (torch.tensor(table)[t].reshape(-1, 1, 1, 1) for table in (SIGNAL, SPREAD))
    noisy = signal * images.repeat_interleave(T, 0) + spread * noise
    predicted = assert_tensor(trained(noisy, t), shape=noise.shape, name="the predicted noise").detach()
    cleaned = (noisy - spread * predicted) / signal
    show_images("Noise taken out at index 4", {"cats": images, "noisy": noisy[4::T], "cleaned": cleaned[4::T]})
    error = float((predicted - noise).double().abs().mean())
    assert_learned([Criterion("error of the predicted noise", error, ERROR)], "the diffusion model")
