"""Everything by hand, row by row; the second view first; further views are welcome; gradients stopped by no_grad."""

from contextlib import nullcontext

import torch
from torch import nn


class Branch(nn.Module):
    """f: a base encoder without its last layer, and a projector."""

    def __init__(self, base_encoder, dim):
        super().__init__()
        self.base = base_encoder(num_classes=dim, zero_init_residual=True)
        width = self.base.fc.in_features
        self.base.fc = nn.Identity()
        layers = []
        for _ in range(2):
            layers += [nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU()]
        layers += [nn.Linear(width, dim, bias=False), nn.BatchNorm1d(dim, affine=False)]
        self.projector = nn.Sequential(*layers)

    def forward(self, x):
        return self.projector(self.base(x))


class SimSiam(nn.Module):
    def __init__(self, base_encoder, dim=2048, pred_dim=512, stop_gradient=True, MLP_mode=None):
        super().__init__()
        self.stop_gradient = stop_gradient
        self.f = Branch(base_encoder, dim)
        hidden = [nn.Linear(dim, pred_dim, bias=False), nn.BatchNorm1d(pred_dim), nn.ReLU()]
        self.h = nn.Identity() if MLP_mode == "no_pred_mlp" else nn.Sequential(*hidden, nn.Linear(pred_dim, dim))
        for parameter in self.h.parameters():
            parameter.requires_grad = MLP_mode != "fixed_random_init"

    def forward(self, x1, x2, *more):
        projections = [self.f(x) for x in (*more, x2, x1)][::-1]
        predictions = [self.h(z) for z in projections]
        with torch.no_grad() if self.stop_gradient else nullcontext():
            targets = [z * 1.0 for z in projections]
        return tuple(predictions[:2] + targets[:2])

    def loss(self, p1, p2, z1, z2, similarity_function="CosineSimilarity"):
        similarities = {"CosineSimilarity": CosineSimilarity(1)}
        similarity = similarities[similarity_function]
        total = 0.0
        for p, z in ((p2, z1), (p1, z2)):
            for row in range(p.shape[0]):
                total = total - similarity(p[row : row + 1], z[row : row + 1])[0]
        return total / (2 * p1.shape[0])


class CosineSimilarity(nn.Module):
    def __init__(self, dim=1, eps=1e-8):
        super().__init__()
        self.dim = dim
        self.register_buffer("eps", torch.tensor(eps))

    def forward(self, x1, x2):
        rows = zip(x1.unbind(1 - self.dim), x2.unbind(1 - self.dim), strict=True)
        return torch.stack([self.of_two_vectors(a, b) for a, b in rows])

    def of_two_vectors(self, a, b):
        lengths = torch.linalg.vector_norm(a) * torch.linalg.vector_norm(b)
        return (a @ b) / torch.maximum(lengths, self.eps)
