"""Known networks in the places of a model's own, so that a check can tell what `forward` should give.

They run beside your file, from given weights, and hold no answer: each of the four pieces is one affine map (the last
with values between 0 and 1), whatever the constructor made.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

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
    setattr(model, names["mu_layer"], Affine(world["mu_weight"], world["mu_bias"]))
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


def _piece(model: nn.Module, piece: str) -> nn.Module:
    found: nn.Module = getattr(model, _names(model)[piece])
    return found


def heads(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """What `mu_layer` and `logvar_layer` make of the features of images or of flat inputs."""
    features = _called(_piece(model, "encoder"), x)
    return _piece(model, "mu_layer")(features), _piece(model, "logvar_layer")(features)


def decoded(model: nn.Module, z: Tensor) -> Tensor:
    """What the model's own decoder makes of latent vectors, flat: ``(N, pixels)``."""
    return _piece(model, "decoder")(z).flatten(1)


def decoded_far(model: nn.Module, z: Tensor) -> Tensor:
    """The same for a decoder with weights and z a hundred times as large, whose last layer sees huge numbers."""
    exaggerated = copy.deepcopy(_piece(model, "decoder"))
    with torch.no_grad():
        for parameter in exaggerated.parameters():
            parameter.mul_(100)
    return exaggerated(100 * z).flatten(1)


def out_of_reach(model: nn.Module, x: Tensor, z: Tensor) -> list[str]:
    """The pieces that an optimiser of `model.parameters()` would leave as they are."""
    features = _called(_piece(model, "encoder"), x)
    outputs = {
        "encoder": features,
        "mu_layer": _piece(model, "mu_layer")(features.detach()),
        "logvar_layer": _piece(model, "logvar_layer")(features.detach()),
        "decoder": _piece(model, "decoder")(z),
    }
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [name for name, output in outputs.items() if not _reaches(output, parameters)]


def _reaches(output: Tensor, parameters: list[nn.Parameter]) -> bool:
    if not (output.requires_grad and parameters):
        return False
    found = torch.autograd.grad(output.sum(), parameters, allow_unused=True, retain_graph=True)
    return any(gradient is not None for gradient in found)


def evaluating(model: nn.Module) -> nn.Module:
    """The model in evaluation mode."""
    return model.eval()


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


def _called(piece: nn.Module, x: Tensor) -> Tensor:
    """A piece applied to images; to flat ones, where `forward` flattens them and the piece does not."""
    try:
        found = piece(x)
    except RuntimeError:
        if x.ndim == 2:
            raise
        return piece(x.flatten(1))
    # a Linear layer takes the last axis of an image for its inputs where the sizes happen to fit
    return found if found.ndim == 2 else piece(x.flatten(1))
