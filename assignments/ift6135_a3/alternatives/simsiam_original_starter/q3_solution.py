"""In the manner of the course's own starter code: library calls, the projector inside ``encoder.fc``."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision.models as models  # noqa: F401


class SimSiam(nn.Module):
    def __init__(self, base_encoder, dim=2048, pred_dim=512, stop_gradient=True, MLP_mode=None):
        super().__init__()
        self.stop_gradient = stop_gradient
        self.MLP_mode = MLP_mode
        self.encoder = base_encoder(num_classes=dim, zero_init_residual=True)
        prev_dim = self.encoder.fc.weight.shape[1]
        self.encoder.fc = nn.Sequential(
            nn.Linear(prev_dim, prev_dim, bias=False),
            nn.BatchNorm1d(prev_dim),
            nn.ReLU(inplace=True),
            nn.Linear(prev_dim, prev_dim, bias=False),
            nn.BatchNorm1d(prev_dim),
            nn.ReLU(inplace=True),
            self.encoder.fc,
            nn.BatchNorm1d(dim, affine=False),
        )
        self.encoder.fc[6].bias.requires_grad = False
        self.predictor = nn.Sequential(
            nn.Linear(dim, pred_dim, bias=False),
            nn.BatchNorm1d(pred_dim),
            nn.ReLU(inplace=True),
            nn.Linear(pred_dim, dim),
        )
        if self.MLP_mode == "no_pred_mlp":
            self.predictor = nn.Identity()
        elif self.MLP_mode == "fixed_random_init":
            for param in self.predictor.parameters():
                param.requires_grad = False

    def forward(self, x1, x2):
        z1 = self.encoder(x1)
        p1 = self.predictor(z1)
        z2 = self.encoder(x2)
        p2 = self.predictor(z2)
        if self.stop_gradient == True:  # noqa: E712
            return p1, p2, z1.detach(), z2.detach()
        return p1, p2, z1, z2

    def loss(self, p1, p2, z1, z2, similarity_function="CosineSimilarity"):
        if similarity_function == "CosineSimilarity":
            criterion = CosineSimilarity(dim=1)
            loss = -(criterion(p1, z2).mean() + criterion(p2, z1).mean()) * 0.5
        return loss


class CosineSimilarity(nn.Module):
    def __init__(self, dim=1, eps=1e-8):
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1, x2):
        return F.cosine_similarity(x1, x2, dim=self.dim, eps=self.eps)


if __name__ == "__main__":
    torch.manual_seed(0)
