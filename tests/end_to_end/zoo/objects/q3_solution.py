"""SimSiam as a composition of small modules."""
import torch
import torch.nn as nn


def mlp(*widths, last_affine=True, last_norm=True):
    layers = []
    for i, (a, b) in enumerate(zip(widths[:-1], widths[1:])):
        last = i == len(widths) - 2
        if last and not last_norm:
            layers.append(nn.Linear(a, b))
            continue
        layers += [nn.Linear(a, b, bias=False), nn.BatchNorm1d(b, affine=last_affine or not last)]
        if not last:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


class StopGradient(nn.Module):
    def forward(self, *tensors):
        return tuple(t.detach() for t in tensors)


class KeepGradient(nn.Module):
    def forward(self, *tensors):
        return tensors


class SimSiam(nn.Module):
    def __init__(self, base_encoder, dim=2048, pred_dim=512, stop_gradient=True, MLP_mode=None):
        super().__init__()
        self.stop_gradient = stop_gradient
        self.target = StopGradient() if stop_gradient else KeepGradient()
        self.encoder = base_encoder(num_classes=dim, zero_init_residual=True)
        width = self.encoder.fc.in_features
        self.encoder.fc = mlp(width, width, width, dim, last_affine=False)
        if MLP_mode == "no_pred_mlp":
            self.predictor = nn.Identity()
        else:
            self.predictor = mlp(dim, pred_dim, dim, last_norm=False)
        if MLP_mode == "fixed_random_init":
            self.predictor.requires_grad_(False)

    def forward(self, x1, x2):
        z1 = self.encoder(x1)
        z2 = self.encoder(x2)
        return (self.predictor(z1), self.predictor(z2), *self.target(z1, z2))

    def loss(self, p1, p2, z1, z2, similarity_function="CosineSimilarity"):
        if similarity_function == "CosineSimilarity":
            D = NegativeCosine()
        else:
            raise ValueError(similarity_function)
        return 0.5 * D(p1, z2) + 0.5 * D(p2, z1)


class CosineSimilarity(nn.Module):
    def __init__(self, dim=1, eps=1e-8):
        super().__init__()
        self.dim = dim
        self.eps = eps
        self.cos = nn.CosineSimilarity(dim=dim, eps=eps)

    def forward(self, x1, x2):
        return self.cos(x1, x2)


class NegativeCosine(nn.Module):
    def __init__(self):
        super().__init__()
        self.similarity = CosineSimilarity()

    def forward(self, p, z):
        return -self.similarity(p, z).mean(dim=0)
