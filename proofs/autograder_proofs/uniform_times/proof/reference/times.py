"""Random times for training: algorithm 1 of Ho et al. (2020)."""

import torch


def draw_times(timesteps, batch_size):
    """Time indices (batch_size,), int64, from 0."""
    ### BEGIN SOLUTION
    return torch.randint(0, timesteps, (batch_size,))
    ### END SOLUTION


def training_loss(model, images, steps):
    """A loss at random times from 1 to the number of steps, one for each image."""
    ### BEGIN SOLUTION
    t = torch.randint(1, steps + 1, (len(images),))
    return model(images, t).square().mean()
    ### END SOLUTION
