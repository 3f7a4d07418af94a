"""Known networks in the places of a VAE's own, so that a check can tell what every method should give.

They are built beside the submission, from given weights, and hold no answer: each is one affine map (the decoder may
bend its pixels), and each stands where the constructor put a network of the same kind. None of them tells what it saw:
where a check needs to know that, the grader's own network answers in the place of one of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from autograder.sandbox.jailed.instruments import answer_for, asked_by

IMAGE = (3, 32, 32)


class Known(nn.Module):
    """A network with known weights; code that asks its parameters for their device gets an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.empty = nn.Parameter(torch.empty(0))


class Encoder(Known):
    """Images ``(batch, 3, 32, 32)`` to features ``(batch, *shape)``: those of the given weight, then zeros."""

    def __init__(self, weight: Tensor, shape: torch.Size) -> None:
        super().__init__()
        self.weight = weight
        self.shape = shape
        self.out_features = shape.numel()

    def forward(self, x: Tensor) -> Tensor:
        known = x.reshape(len(x), -1) @ self.weight.T
        zeros = known.new_zeros(len(x), self.shape.numel() - known.shape[1])
        return torch.cat([known, zeros], dim=1).reshape(len(x), *self.shape)


class Head(Known):
    """Features to ``(batch, z_dim)``, from the first of the features.

    Its weight has zeros for the other features, so that it is as wide as that of the layer which it stands for.
    """

    def __init__(self, weight: Tensor, bias: Tensor, inputs: int) -> None:
        super().__init__()
        self.known = weight.shape[1]
        self.weight = nn.functional.pad(weight, (0, max(0, inputs - self.known)))
        self.bias = bias
        self.out_features, self.in_features = self.weight.shape

    def forward(self, features: Tensor) -> Tensor:
        return features.reshape(len(features), -1)[:, : self.known] @ self.weight[:, : self.known].T + self.bias


class Decoder(Known):
    """Latent vectors ``(batch, z_dim)`` to images ``(batch, *shape)``; ``bent`` makes the map a curved one."""

    def __init__(self, weight: Tensor, bias: Tensor, bent: bool, shape: torch.Size) -> None:
        super().__init__()
        self.weight = weight
        self.bias = bias
        self.bent = bent
        self.shape = shape

    def forward(self, z: Tensor) -> Tensor:
        pixels = z.reshape(len(z), self.weight.shape[1]) @ self.weight.T
        return (self.bias + (pixels.asinh() if self.bent else pixels)).reshape(len(z), *self.shape)


def plant(model: nn.Module, world: Mapping[str, Any], decode: Callable[..., Tensor] | None = None) -> nn.Module:
    """Put known networks into ``model``, in evaluation mode, and return it.

    Encoder and decoder are looked for by name, or else by what they do: one of them stays as it is where no single
    module does its work. ``world`` is kept on the model, each value as an attribute ``world_...``. ``decode`` answers
    in the decoder's place, if it is given.
    """
    model.eval()
    features, latent = world["features"], world["decoder_weight"].shape[1]
    encoder = _find(model, "encoder", lambda part: _features(model, part, features.shape[0]))
    decoder = _find(model, "decoder", lambda part: _image(part, latent))
    planted = {}
    if encoder is not None:
        planted[encoder[0]] = Encoder(features, encoder[1])
    if decoder is not None:
        planted[decoder[0]] = Decoder(world["decoder_weight"], world["decoder_bias"], world["bent"], decoder[1])
    for path, network in planted.items():
        owner, _, name = path.rpartition(".")
        setattr(model.get_submodule(owner), name, network)
        if isinstance(network, Decoder) and decode is not None:
            answer_for(network, network.shape, decode)
    for name in ("mean", "logvar"):
        inputs = getattr(getattr(model, name, None), "in_features", 0)
        setattr(model, name, Head(world[f"{name}_weight"], world[f"{name}_bias"], inputs))
    for name, value in world.items():
        setattr(model, f"world_{name}", value)
    return model


def answer_for_first(model: nn.Module, answer: Callable[..., Tensor]) -> None:
    """Let ``answer`` give what the first network gives that `encode` asks."""
    for part, _, shape in asked_by(model.encode, torch.zeros(2, *IMAGE))[:1]:
        answer_for(part, shape, answer)


def answer_for_last(model: nn.Module, z_dim: int, answer: Callable[..., Tensor]) -> None:
    """Let ``answer`` give what the last network gives that `decode` asks for an image."""
    asked = asked_by(model.decode, torch.zeros(2, z_dim))
    for part, _, shape in [entry for entry in asked if entry[2].numel() == torch.Size(IMAGE).numel()][-1:]:
        answer_for(part, shape, answer)


def _find(
    model: nn.Module, usual: str, output_shape: Callable[[nn.Module], torch.Size | None]
) -> tuple[str, torch.Size] | None:
    """The path of the outermost part that does the work, and the shape of one of its outputs."""
    parts = dict(model.named_modules())
    for path in (usual, *parts):
        if path and path in parts and (shape := output_shape(parts[path])) is not None:
            return path, shape
    return None


@torch.no_grad()
def _features(model: nn.Module, part: nn.Module, least: int) -> torch.Size | None:
    try:
        found = part(torch.zeros(2, *IMAGE))
        model.mean(found.flatten(1))
        fits = len(found) == 2 and found[0].numel() >= least and tuple(found[0].shape) != IMAGE
        return found[0].shape if fits else None
    except Exception:  # whatever else the part may be for
        return None


@torch.no_grad()
def _image(part: nn.Module, latent: int) -> torch.Size | None:
    try:
        found = part(torch.zeros(2, latent))
        return found[0].shape if len(found) == 2 and found[0].numel() == torch.Size(IMAGE).numel() else None
    except Exception:  # whatever else the part may be for
        return None
