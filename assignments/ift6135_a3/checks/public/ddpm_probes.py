"""Stand-ins for the U-Net, with known parameters. They run beside your file and remember what they were asked."""

import torch
from torch import nn


class NoisePredictor(nn.Module):
    """Predicts ``gain * x + tilt * time / 1000 + bias``, entry by entry.

    ``images`` and ``times`` hold copies of what it was called with, one entry for each call.
    """

    def __init__(self, gain, tilt, bias):
        """Take three numbers; they become parameters."""
        super().__init__()
        self.gain, self.tilt, self.bias = (nn.Parameter(torch.tensor(float(value))) for value in (gain, tilt, bias))
        self.images, self.times = [], []

    def forward(self, x, time):
        """Predict the noise in images (batch, channels, height, width) at time indices (batch,)."""
        self.images.append(x.detach().clone())
        self.times.append(per_image(time, x).detach().clone().flatten())
        return self.gain * x + self.tilt * per_image(time, x) / 1000 + self.bias


class NearlyPerfect(nn.Module):
    """Knows the clean images, so that it can tell the noise exactly; then it adds ``offset`` to the right answer."""

    def __init__(self, clean, signal, spread, offset):
        """Take the clean images, and for each of them the factor of image and of noise and the error to make."""
        super().__init__()
        self.clean, self.signal, self.spread = clean, signal, spread
        self.offset = nn.Parameter(offset)

    def forward(self, x, time):
        """Predict the noise in images (batch, channels, height, width) at time indices (batch,)."""
        per_image(time, x)
        signal, spread, offset = (per_image(value, x) for value in (self.signal, self.spread, self.offset))
        return (x - signal * self.clean) / spread + offset


def per_image(values, x):
    """Shape one value for each image (batch,) so that it multiplies images; anything else is refused."""
    if not isinstance(values, torch.Tensor) or values.shape != (len(x),):
        found = f"of shape {tuple(values.shape)}" if isinstance(values, torch.Tensor) else type(values).__name__
        raise ValueError(f"model(x, t) needs one time index for each image: a tensor of shape ({len(x)},), not {found}")
    return values.reshape(-1, *[1] * (x.ndim - 1))
