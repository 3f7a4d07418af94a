"""Problem 3, with einops."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import einsum
from torch import Tensor, nn


class SimSiam(nn.Module):
    def __init__(self, base_encoder, dim=2048, pred_dim=512, stop_gradient=True, MLP_mode=None):
        super().__init__()
        self.stop_gradient = stop_gradient
        self.encoder = base_encoder(num_classes=dim, zero_init_residual=True)
        width = self.encoder.fc.in_features
        layers = []
        for out in (width, width, dim):
            layers += [nn.Linear(width, out, bias=False), nn.BatchNorm1d(out, affine=out is not dim), nn.ReLU()]
        self.encoder.fc = nn.Sequential(*layers[:-1])
        self.predictor = nn.Sequential(
            nn.Linear(dim, pred_dim, bias=False), nn.BatchNorm1d(pred_dim), nn.ReLU(), nn.Linear(pred_dim, dim)
        )
        if MLP_mode == "no_pred_mlp":
            self.predictor = nn.Identity()
        elif MLP_mode == "fixed_random_init":
            self.predictor.requires_grad_(False)

    def forward(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        z1, z2 = map(self.encoder, (x1, x2))
        p1, p2 = map(self.predictor, (z1, z2))
        stop = torch.Tensor.detach if self.stop_gradient else nn.Identity()
        return p1, p2, stop(z1), stop(z2)

    def loss(self, p1: Tensor, p2: Tensor, z1: Tensor, z2: Tensor, similarity_function: str = "CosineSimilarity"):
        cosine = globals()[similarity_function](dim=1)
        return -(cosine(p1, z2) + cosine(p2, z1)).mean() / 2


class CosineSimilarity(nn.Module):
    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        a, b = (F.normalize(x, dim=self.dim, eps=self.eps) for x in (x1, x2))
        if self.dim in (1, -1) and x1.ndim == 2:
            return einsum(a, b, "b d, b d -> b")
        return (a * b).sum(dim=self.dim)
