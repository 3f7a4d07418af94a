"""A reference of reparameterised sampling."""

import torch


def sample(mean, logvar):
    """A sample of N(mean, exp(logvar)), element by element; Kingma and Welling (2014), section 2.4."""
    ### BEGIN SOLUTION
    std = torch.exp(0.5 * logvar)
    return mean + std * torch.randn_like(mean)
    ### END SOLUTION
