"""Your `Diffusion` around a model, for the checks."""

from torch import nn


def diffusion_of(kind, model, image_size, channels, timesteps):
    """A `Diffusion` of your class around a model, also where its constructor is not finished."""
    try:
        diffusion = kind(model, image_size=image_size, channels=channels, timesteps=timesteps)
    except Exception:  # the coefficients are another matter; what is given in the constructor is set here
        diffusion = kind.__new__(kind)
        nn.Module.__init__(diffusion)
        diffusion.model, diffusion.image_size, diffusion.channels = model, image_size, channels
        diffusion.num_timesteps = timesteps
    diffusion.known_timesteps = timesteps
    return diffusion
