import numpy as np
import torch


def draw_times(timesteps, batch_size):
    return torch.from_numpy(np.random.randint(0, timesteps, size=batch_size))


def training_loss(model, images, steps):
    return (model(images, torch.tensor(np.random.choice(steps, len(images)) + 1)) ** 2).mean()
