"""Both views in one pass, a static loss that does not use the class, float64 inside the cosine."""

import torch
from torch import nn


class CosineSimilarity(nn.Module):
    def __init__(self, dim=1, eps=1e-8):
        super().__init__()
        self.options = {"dim": dim, "eps": eps}

    def forward(self, x1, x2):
        dim, eps = self.options["dim"], self.options["eps"]
        a, b = x1.double(), x2.double()
        squares = a.pow(2).sum(dim) * b.pow(2).sum(dim)
        return (a * b).sum(dim) / squares.clamp(min=eps**2).sqrt()


class SimSiam(nn.Module):
    def __init__(self, base_encoder, dim=2048, pred_dim=512, stop_gradient=True, MLP_mode=None):
        super().__init__()
        self.criterion = nn.CosineSimilarity(dim=1)
        self.net = base_encoder(num_classes=dim, zero_init_residual=True)
        width = self.net.fc.weight.shape[1]
        layers = [nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU()]
        self.net.fc = nn.Sequential(*layers, nn.Linear(width, dim), nn.BatchNorm1d(dim, affine=False))
        self.predictor = nn.Sequential(nn.Linear(dim, pred_dim), nn.ReLU(), nn.Linear(pred_dim, dim))
        if MLP_mode == "no_pred_mlp":
            self.predictor = nn.Sequential()
        if MLP_mode == "fixed_random_init":
            self.predictor.requires_grad_(False)
        self.target = torch.Tensor.detach if stop_gradient else nn.Identity()

    def forward(self, x1, x2):
        z = self.net(torch.cat([x1, x2]))
        return [*self.predictor(z).chunk(2), *self.target(z).chunk(2)]

    @staticmethod
    def loss(p1, p2, z1, z2, similarity_function="CosineSimilarity", weights=(0.5, 0.5)):
        assert similarity_function == "CosineSimilarity"
        unit = [nn.functional.normalize(part, dim=1) for part in (p1, p2, z1, z2)]
        return -weights[0] * (unit[0] * unit[3]).sum(1).mean() - weights[1] * (unit[1] * unit[2]).sum(1).mean()
