import torch
from torch import nn


class SimSiam(nn.Module):
    def __init__(self, base_encoder, dim=2048, pred_dim=512, stop_gradient=True, MLP_mode=None):
        super().__init__()
        self.stop_gradient = stop_gradient
        self.encoder = base_encoder(num_classes=dim, zero_init_residual=True)
        width = self.encoder.fc.in_features
        self.encoder.fc = nn.Sequential(
            nn.Linear(width, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, dim, bias=False),
            nn.BatchNorm1d(dim, affine=False),
        )
        self.predictor = nn.Sequential(
            nn.Linear(dim, pred_dim, bias=False), nn.BatchNorm1d(pred_dim), nn.ReLU(), nn.Linear(pred_dim, dim)
        )
        if MLP_mode == "no_pred_mlp":
            self.predictor = nn.Identity()
        elif MLP_mode == "fixed_random_init":
            for p in self.predictor.parameters():
                p.requires_grad = False

    def forward(self, x1, x2):
        outputs = []
        for x in (x1, x2):
            z = self.encoder(x)
            p = self.predictor(z)
            outputs.append((p, z))
        (p1, z1), (p2, z2) = outputs
        if self.stop_gradient == True:
            z1 = z1.data
            z2 = z2.data
        return p1, p2, z1, z2

    def loss(self, p1, p2, z1, z2, similarity_function="CosineSimilarity"):
        if similarity_function != "CosineSimilarity":
            raise ValueError("unknown similarity " + similarity_function)
        cos = CosineSimilarity(dim=1)
        total = 0
        n = p1.shape[0]
        s12, s21 = cos(p1, z2), cos(p2, z1)
        for i in range(n):
            total = total - 0.5 * s12[i] - 0.5 * s21[i]
        return total / n


class CosineSimilarity(nn.Module):
    def __init__(self, dim=1, eps=1e-8):
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1, x2):
        dot = (x1 * x2).sum(dim=self.dim)
        n1 = torch.linalg.norm(x1, ord=2, dim=self.dim)
        n2 = torch.linalg.norm(x2, ord=2, dim=self.dim)
        eps = torch.tensor(self.eps, device=x1.device, dtype=x1.dtype)
        return dot / torch.maximum(n1 * n2, eps)
