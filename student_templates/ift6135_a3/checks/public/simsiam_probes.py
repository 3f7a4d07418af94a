"""Stub models for the checks of SimSiam. They are built beside the submission, from given weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

STEM_FEATURES = 7
"""Width in front of ``.fc``. No check uses a model with ``dim=7``, so a projector is no map from dim to dim."""


class Stem(nn.Sequential):
    """Everything in front of a base encoder's last layer; marks where the base encoder went."""


class BaseEncoder(nn.Module):
    """The smallest base encoder: the two arguments of a ResNet, images ``(batch, 3, H, W)``, last layer ``.fc``."""

    def __init__(self, num_classes: int = 10, zero_init_residual: bool = False) -> None:
        super().__init__()
        self.stem = Stem(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, STEM_FEATURES))
        self.fc = nn.Linear(STEM_FEATURES, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.stem(x))


class Linear(nn.Module):
    """The linear map ``(batch, ...)`` to ``(batch, rows)`` with a given weight ``(rows, columns)``."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight.T


def put_known_parts(model: nn.Module, encoder_weight: Tensor, predictor_weight: Tensor | None = None) -> None:
    """Put linear maps in the places of f and h of a model; without ``predictor_weight``, h stays.

    f is the child that holds the base encoder; h is the child called ``predictor``, or else the last other one that
    maps dim features to dim features. Further children with weights (a projector of its own) become the identity.
    Raises `LookupError` where f or h is no child module.
    """
    children = dict(model.named_children())
    encoders = [name for name, child in children.items() if any(isinstance(part, Stem) for part in child.modules())]
    others = {name: child for name, child in children.items() if name not in encoders}
    predictor = _predictor(others, dim=encoder_weight.shape[0])
    if not encoders:
        raise LookupError("no child module of SimSiam holds the base encoder")
    if predictor is None and predictor_weight is not None:
        raise LookupError("no child module of SimSiam is a predictor")
    for name, child in others.items():
        if name == predictor and predictor_weight is not None:
            setattr(model, name, Linear(predictor_weight))
        elif name != predictor and any(True for _ in child.parameters()):
            setattr(model, name, nn.Identity())
    for name in encoders:
        setattr(model, name, Linear(encoder_weight))


def _predictor(children: dict[str, nn.Module], dim: int) -> str | None:
    if "predictor" in children:
        return "predictor"
    return next((name for name, child in reversed(children.items()) if _maps(child, dim)), None)


@torch.no_grad()
def _maps(child: nn.Module, dim: int) -> bool:
    try:
        return child(torch.ones(2, dim)).shape == (2, dim)
    except Exception:  # whatever else the child may be for
        return False
