# -*- coding: utf-8 -*-
"""q3_solution.ipynb"""

from google.colab import drive
drive.mount('/content/drive')
%cd /content/drive/MyDrive/ift6135/hw3

import torch
from torch import nn
import torch.nn.functional as F
from networks import SmallResNet
import pandas as pd
from utils import AverageMeter, accuracy

device = 'cuda' if torch.cuda.is_available() else 'cpu'

class SimSiam(nn.Module):
    def __init__(self, base_encoder, dim=2048, pred_dim=512, stop_gradient=True, MLP_mode=None):
        super().__init__()
        self.stop_gradient = stop_gradient
        self.MLP_mode = MLP_mode
        self.encoder = base_encoder(num_classes=dim, zero_init_residual=True)
        width = self.encoder.fc.in_features
        self.encoder.fc = nn.Sequential(
            nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Linear(width, dim, bias=False), nn.BatchNorm1d(dim, affine=False),
        )
        self.predictor = nn.Sequential(
            nn.Linear(dim, pred_dim, bias=False), nn.BatchNorm1d(pred_dim), nn.ReLU(), nn.Linear(pred_dim, dim)
        )
        if MLP_mode == "no_pred_mlp":
            self.predictor = nn.Identity()
        elif MLP_mode == "fixed_random_init":
            self.predictor.requires_grad_(False)

    def forward(self, x1, x2):
        z1, z2 = self.encoder(x1), self.encoder(x2)
        p1, p2 = self.predictor(z1), self.predictor(z2)
        if self.stop_gradient:
            z1 = z1.detach()
            z2 = z2.detach()
        return p1, p2, z1, z2

    def loss(self, p1, p2, z1, z2, similarity_function="CosineSimilarity"):
        sim = eval(similarity_function)()
        D1 = -sim(p1, z2).mean()
        D2 = -sim(p2, z1).mean()
        return D1 / 2 + D2 / 2

class CosineSimilarity(nn.Module):
    def __init__(self, dim=1, eps=1e-8):
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1, x2):
        return F.cosine_similarity(x1, x2, dim=self.dim, eps=self.eps)

# In[7]:
if __name__ == '__main__':
    model = SimSiam(SmallResNet).to(device)
    print(model)
