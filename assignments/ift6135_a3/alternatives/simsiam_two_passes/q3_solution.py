"""Targets from a second pass without gradients; a projector and a head of other names; the loss is a function."""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Outputs(NamedTuple):
    p1: Tensor
    p2: Tensor
    z1: Tensor
    z2: Tensor


class SimSiam(nn.Module):
    def __init__(self, base_encoder, dim=2048, pred_dim=512, stop_gradient=True, MLP_mode=None):
        super().__init__()
        self.backbone = base_encoder(num_classes=dim, zero_init_residual=True)
        width = self.backbone.fc.in_features
        self.backbone.fc = nn.Identity()
        self.projection = nn.Sequential(
            nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Linear(width, dim, bias=False), nn.BatchNorm1d(dim, affine=False),
        )  # fmt: skip
        self.head = nn.Sequential(
            nn.Linear(dim, pred_dim), nn.BatchNorm1d(pred_dim), nn.ReLU(), nn.Linear(pred_dim, dim)
        )
        self.constant_targets = stop_gradient
        self.mode = MLP_mode
        if MLP_mode == "fixed_random_init":
            self.head.requires_grad_(False)

    def f(self, x: Tensor) -> Tensor:
        return self.projection(self.backbone(x))

    def h(self, z: Tensor) -> Tensor:
        return z if self.mode == "no_pred_mlp" else self.head(z)

    def forward(self, x1: Tensor, x2: Tensor) -> Outputs:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.constant_targets):
            z1, z2 = self.f(x1), self.f(x2)
        return Outputs(self.h(self.f(x1)), self.h(self.f(x2)), z1, z2)


class CosineSimilarity:
    def __init__(self, dim: int = 1, eps: float = 1e-8):
        self.axis, self.smallest = dim, eps

    def __call__(self, x1: Tensor, x2: Tensor) -> Tensor:
        return self.forward(x1, x2)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Unit vectors first, then their product."""
        u1 = x1 / x1.norm(dim=self.axis, keepdim=True).clamp_min(self.smallest)
        u2 = x2 / x2.norm(dim=self.axis, keepdim=True).clamp_min(self.smallest)
        return torch.einsum("bd,bd->b", u1, u2)


def loss(p1, p2, z1, z2, similarity_function="CosineSimilarity"):
    similarity = {"CosineSimilarity": CosineSimilarity()}[similarity_function]
    return -torch.stack([similarity(p1, z2.detach()), similarity(p2, z1.detach())]).mean()
