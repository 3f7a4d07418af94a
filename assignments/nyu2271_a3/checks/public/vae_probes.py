"""Known networks in the places of a model's own, so that a check can tell what `forward` should give.

They run beside your file, from given weights, and hold no answer: each of the four pieces is one affine map (the last
with values between 0 and 1), whatever the constructor made.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from autograder.sandbox.jailed.instruments import moved, with_weights

IMAGE = (1, 28, 28)
PIXELS = 784
PIECES = ("encoder", "mu_layer", "logvar_layer", "decoder")


class Known(nn.Module):
    """A network with known weights; code that asks its parameters for their device gets an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.empty = nn.Parameter(torch.empty(0))


class Affine(Known):
    """What comes, flat, to ``(N, outputs)``."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.weight = weight
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), -1) @ self.weight.T + self.bias


class Decoder(Affine):
    """Latent vectors, perhaps with a class behind each, to values between 0 and 1, ``(N, *shape)``."""

    def __init__(self, weight: Tensor, bias: Tensor, shape: tuple[int, ...]) -> None:
        super().__init__(weight, bias)
        self.shape = shape

    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z).sigmoid().reshape(len(z), *self.shape)


def known_model(kind: type[nn.Module], sizes: Mapping[str, int], world: Mapping[str, Tensor]) -> nn.Module:
    """A model of a class of yours with known networks as encoder, mu_layer, logvar_layer and decoder.

    Its constructor may be unfinished or wrong. The decoder gives images, or flat ones where `forward` shapes them.
    """
    model = _constructed(kind, sizes)
    names = _names(model)
    setattr(model, names["encoder"], Affine(world["encoder_weight"], world["encoder_bias"]))
    setattr(model, names["mu_layer"], Affine(world["mean_weight"], world["mean_bias"]))
    setattr(model, names["logvar_layer"], Affine(world["logvar_weight"], world["logvar_bias"]))
    for shape in (IMAGE, (PIXELS,), IMAGE):
        setattr(model, names["decoder"], Decoder(world["decoder_weight"], world["decoder_bias"], shape))
        if _gives_images(model, sizes):
            break
    return model


def _names(model: nn.Module) -> dict[str, str]:
    """The names of the four pieces in this model: where one is missing, and one other network is there, it is that."""
    children = dict(model.named_children())
    missing = [piece for piece in PIECES if piece not in children]
    others = [name for name in children if name not in PIECES]
    renamed = dict(zip(missing, others, strict=True)) if len(missing) == len(others) == 1 else {}
    return {piece: renamed.get(piece, piece) for piece in PIECES}


def made(kind: type[nn.Module], sizes: Mapping[str, int], weights: str, seed: int) -> nn.Module:
    """A model of a class of yours in evaluation mode, with new weights, or with moved or large ones."""
    return with_weights(ready(kind(PIXELS, **sizes)), weights, seed)


def ready(model: nn.Module) -> nn.Module:
    """The model in evaluation mode, with a piece of another name under its usual one as well."""
    for piece, name in _names(model).items():
        if piece != name:
            setattr(model, piece, getattr(model, name))
    return model.eval()


def step(model: nn.Module) -> None:
    """A step of all parameters of your model, at random."""
    moved(model, 1000)


def _constructed(kind: type[nn.Module], sizes: Mapping[str, int]) -> nn.Module:
    try:
        return kind(**sizes).eval()
    except Exception:  # the constructor is another matter; the attributes that it is given with are set here
        model = kind.__new__(kind)
        nn.Module.__init__(model)
        for name, size in sizes.items():
            setattr(model, name, size)
        return model.eval()


@torch.no_grad()
def _gives_images(model: nn.Module, sizes: Mapping[str, int]) -> bool:
    inputs = [torch.zeros(2, *IMAGE)]
    if "num_classes" in sizes:
        inputs.append(torch.zeros(2, sizes["num_classes"]))
    try:
        return tuple(model(*inputs)[0].shape) == (2, *IMAGE)
    except Exception:  # what is wrong will show in the check
        return False
