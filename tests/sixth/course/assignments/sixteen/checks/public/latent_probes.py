"""Makes your models, with moved or known parameters, and trains them. They hold no answer."""

import torch
from torch import nn

from autograder.sandbox.jailed.instruments import moved, with_weights
from autograder.sandbox.jailed.trainee import Trainee


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


class _NewVae(nn.Module):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def posterior(self, x):
        mu, log_sigma = self.encoder(x)
        return mu, 2 * log_sigma

    def pictures(self, z):
        return torch.sigmoid(self.decoder(z))


def new_vae(encoder, decoder, codes):
    """A new encoder and decoder of yours, for codes of this size."""
    return _NewVae(encoder(codes, 16), decoder(codes, 16))


def trainee(model, draw, objective):
    """A VAE that learns by your functions."""

    def loss(x):
        mu, log_sigma = model.encoder(x)
        return objective(x, mu, log_sigma, model.decoder(draw(log_sigma, mu)))

    return Trainee(model, loss)
