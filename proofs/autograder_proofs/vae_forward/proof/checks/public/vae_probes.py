"""Known affine networks for your code. They run beside your file, from given weights, and hold no answer."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


class Affine(nn.Module):
    """What comes, flat, to ``(batch, outputs)``; squashed into (0, 1) if asked."""

    def __init__(self, weight: Tensor, bias: Tensor, squashed: bool = False) -> None:
        super().__init__()
        self.weight, self.bias, self.squashed = weight, bias, squashed

    def forward(self, x: Tensor) -> Tensor:
        found = x.reshape(len(x), -1) @ self.weight.to(x.dtype).T + self.bias
        return found.sigmoid() if self.squashed else found


def model(kind: type[nn.Module], tensors: Mapping[str, Tensor]) -> nn.Module:
    """A model of your class, with known networks."""
    made = kind()
    for name, module in _networks(tensors).items():
        setattr(made, name, module)
    return made


def reconstruction(function, tensors: Mapping[str, Tensor], x: Tensor, c: Tensor):
    """Your function, for known networks."""
    networks = _networks(tensors)
    encoder, heads = networks["encoder"], (networks["mean_head"], networks["logvar_head"])
    return function(lambda rows: tuple(head(encoder(rows)) for head in heads), networks["decoder"], x, c)


def _networks(tensors: Mapping[str, Tensor]) -> dict[str, nn.Module]:
    parts = {"encoder": "encoder", "mean": "mean_head", "logvar": "logvar_head", "decoder": "decoder"}
    return {
        name: Affine(tensors[f"{part}_weight"], tensors[f"{part}_bias"], part == "decoder")
        for part, name in parts.items()
    }
