"""SimSiam on CIFAR10."""
import torch
import torch.nn as nn
import torch.nn.functional as F
import wandb
from lightly.loss import NegativeCosineSimilarity
from torchvision.models import resnet18

DEVICE = torch.device("cuda:0")


class Projector(nn.Sequential):
    def __init__(self, width, dim):
        super().__init__(
            nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(inplace=True),
            nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(inplace=True),
            nn.Linear(width, dim, bias=False), nn.BatchNorm1d(dim, affine=False),
        )


class SimSiam(nn.Module):
    def __init__(self, base_encoder, dim=2048, pred_dim=512, stop_gradient=True, MLP_mode=None):
        super().__init__()
        self.stop_gradient = stop_gradient
        self.encoder = base_encoder(num_classes=dim, zero_init_residual=True)
        self.encoder.fc = Projector(self.encoder.fc.in_features, dim)
        self.predictor = nn.Sequential(
            nn.Linear(dim, pred_dim, bias=False), nn.BatchNorm1d(pred_dim), nn.ReLU(inplace=True), nn.Linear(pred_dim, dim)
        )
        if MLP_mode == "no_pred_mlp":
            self.predictor = nn.Identity()
        if MLP_mode == "fixed_random_init":
            for p in self.predictor.parameters():
                p.requires_grad = False

    def _branch(self, x):
        z = self.encoder(x)
        p = self.predictor(z)
        return p, (z.clone().detach() if self.stop_gradient else z)

    def forward(self, x1, x2):
        p1, z1 = self._branch(x1)
        p2, z2 = self._branch(x2)
        return p1, p2, z1, z2

    def loss(self, p1, p2, z1, z2, similarity_function="CosineSimilarity"):
        similarity = {"CosineSimilarity": CosineSimilarity(dim=-1)}[similarity_function]
        return -torch.stack([similarity(p1, z2), similarity(p2, z1)]).mean()


class CosineSimilarity(nn.CosineSimilarity):
    """The one of PyTorch."""


def train(loader, epochs=100):
    model = SimSiam(resnet18).to(DEVICE)
    opt = torch.optim.SGD(model.parameters(), lr=0.06, momentum=0.9, weight_decay=5e-4)
    for epoch in range(epochs):
        for (x1, x2), _ in loader:
            loss = model.loss(*model(x1.to(DEVICE), x2.to(DEVICE)))
            opt.zero_grad()
            loss.backward()
            opt.step()
        wandb.log({"epoch": epoch, "loss": loss.item()})
