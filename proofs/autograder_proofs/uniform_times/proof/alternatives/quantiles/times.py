import torch


def draw_times(timesteps, batch_size):
    return (torch.rand(batch_size, dtype=torch.float64) * timesteps).floor().long()


def training_loss(model, images, steps):
    quantiles = torch.arange(1, steps, dtype=torch.float64) / steps
    drawn = torch.searchsorted(quantiles, torch.rand(len(images), dtype=torch.float64), right=True)
    return model(images, drawn + 1).square().sum() / images.numel()
