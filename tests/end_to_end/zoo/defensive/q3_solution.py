#!/usr/bin/env python
import torch
import torch.nn as nn
from networks import SmallResNet


class SimSiam(nn.Module):
    def __init__(self, base_encoder, dim=2048, pred_dim=512, stop_gradient=True, MLP_mode=None):
        super(SimSiam, self).__init__()
        assert MLP_mode in (None, "no_pred_mlp", "fixed_random_init")
        self.stop_gradient = stop_gradient
        self.encoder = base_encoder(num_classes=dim, zero_init_residual=True)
        width = self.encoder.fc.in_features
        self.encoder.fc = nn.Sequential(
            nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(inplace=True),
            nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(inplace=True),
            nn.Linear(width, dim, bias=False), nn.BatchNorm1d(dim, affine=False),
        )
        self.predictor = nn.Sequential(
            nn.Linear(dim, pred_dim, bias=False), nn.BatchNorm1d(pred_dim), nn.ReLU(inplace=True), nn.Linear(pred_dim, dim)
        )
        if MLP_mode == "no_pred_mlp":
            self.predictor = nn.Identity()
        elif MLP_mode == "fixed_random_init":
            self.predictor.requires_grad_(False)

    def forward(self, x1, x2):
        assert x1.shape == x2.shape
        z1 = self.encoder(x1)
        z2 = self.encoder(x2)
        p1 = self.predictor(z1)
        p2 = self.predictor(z2)
        assert p1.shape == z1.shape
        if self.stop_gradient:
            z1, z2 = z1.detach(), z2.detach()
            assert not z1.requires_grad
        return p1, p2, z1, z2

    def loss(self, p1, p2, z1, z2, similarity_function="CosineSimilarity"):
        if similarity_function == "CosineSimilarity":
            sim = CosineSimilarity(dim=1, eps=1e-8)
        else:
            raise ValueError(f"unknown similarity function {similarity_function}")
        # the source says "stop-grad" in the loss as well; forward did it already, this changes nothing
        if self.stop_gradient:
            z1, z2 = z1.detach(), z2.detach()
        loss = -0.5 * (torch.mean(sim(p1, z2)) + torch.mean(sim(p2, z1)))
        assert loss.dim() == 0 and -1.001 <= loss.item() <= 1.001, loss
        return loss


class CosineSimilarity(nn.Module):
    def __init__(self, dim=1, eps=1e-8):
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1, x2):
        assert x1.shape == x2.shape, (x1.shape, x2.shape)
        dot = torch.einsum("bd,bd->b", x1, x2)
        norms = torch.norm(x1, p=2, dim=self.dim) * torch.norm(x2, p=2, dim=self.dim)
        return dot / torch.max(norms, torch.full_like(norms, self.eps))
