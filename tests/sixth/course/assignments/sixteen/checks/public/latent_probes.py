"""Makes your models, with moved or known parameters. They hold no answer."""

import torch
from torch import nn

from autograder.sandbox.jailed.instruments import moved, with_weights


def built(kind, arguments, weights, seed):
    """A model of your class in evaluation mode, whose parameters are new, moved or large."""
    return with_weights(kind(*arguments).eval(), weights, seed)


def step(model):
    """A step of all parameters of your model."""
    moved(model, 1000)


class _Encoder(nn.Module):
    def __init__(self, known):
        super().__init__()
        self.known = known

    def forward(self, x):
        k = self.known
        found = x.flatten(1) @ k["encoder_weight"].T + k["encoder_bias"]
        return tuple(found @ k[f"{head}_weight"].T + k[f"{head}_bias"] for head in ("mean", "logvar"))


class _Decoder(nn.Module):
    def __init__(self, known, shape):
        super().__init__()
        self.known, self.shape = known, shape

    def forward(self, z):
        found = z @ self.known["decoder_weight"].T + self.known["decoder_bias"]
        return torch.sigmoid(found).reshape(len(z), *self.shape)


def known_vae(kind, known, shape):
    """Your VAE, around a known encoder and decoder."""
    return kind(_Encoder(known), _Decoder(known, shape))
