"""Steps of training for the checks of your diffusion model. They run beside your file."""

import torch


def learn(diffusion, images, noise):
    """Let the gradient of your loss on images (b, 3, h, w) flow to the model's parameters; return the loss."""
    loss = diffusion(images, noise)
    if loss.requires_grad:  # one that does not teaches nothing, which the measurement will show
        loss.backward()
    return float(loss.detach())


def overfit(diffusion, images, steps, learning_rate):
    """Train the model in a `Diffusion` of yours on the same few images again and again, with Adam; return the model."""
    optimizer = torch.optim.Adam(diffusion.model.parameters(), lr=learning_rate)
    for _ in range(steps):
        optimizer.zero_grad()
        learn(diffusion, images, torch.randn_like(images))
        optimizer.step()
    return diffusion.model.eval()
