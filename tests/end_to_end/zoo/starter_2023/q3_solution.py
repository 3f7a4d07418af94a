import torch
import torch.nn as nn
from q3_misc import TwoCropsTransform, knn_monitor
import torchvision.transforms as transforms
import torchvision.datasets as datasets
import torchvision.models as models


class SimSiam(nn.Module):
    """
    Build a SimSiam model.
    """
    def __init__(self, base_encoder, dim=2048, pred_dim=512, stop_gradient=True, MLP_mode=None):
        """
        dim: feature dimension (default: 2048)
        pred_dim: hidden dimension of the predictor (default: 512)
        stop_gradient: flag to specify stop gradient
        MLP_mode: None: normal, no_pred_mlp, fixed_random_init
        """
        super(SimSiam, self).__init__()

        self.stop_gradient = stop_gradient
        self.encoder = base_encoder(num_classes=dim, zero_init_residual=True)

        # build a 3-layer projector
        prev_dim = self.encoder.fc.weight.shape[1]
        self.encoder.fc = nn.Sequential(nn.Linear(prev_dim, prev_dim, bias=False),
                                        nn.BatchNorm1d(prev_dim),
                                        nn.ReLU(inplace=True), # first layer
                                        nn.Linear(prev_dim, prev_dim, bias=False),
                                        nn.BatchNorm1d(prev_dim),
                                        nn.ReLU(inplace=True), # second layer
                                        self.encoder.fc,
                                        nn.BatchNorm1d(dim, affine=False)) # output layer
        self.encoder.fc[6].bias.requires_grad = False # hack: not use bias as it is followed by BN

        # build a 2-layer predictor
        if MLP_mode == "no_pred_mlp":
            self.predictor = nn.Identity()
        else:
            self.predictor = nn.Sequential(nn.Linear(dim, pred_dim, bias=False),
                                           nn.BatchNorm1d(pred_dim),
                                           nn.ReLU(inplace=True), # hidden layer
                                           nn.Linear(pred_dim, dim)) # output layer
            if MLP_mode == "fixed_random_init":
                for param in self.predictor.parameters():
                    param.requires_grad = False

    def forward(self, x1, x2):
        """
        Input:
            x1: first views of images
            x2: second views of images
        Output:
            p1, p2, z1, z2: predictors and targets of the network
        """
        # compute features for one view
        z1 = self.encoder(x1) # NxC
        z2 = self.encoder(x2) # NxC

        p1 = self.predictor(z1) # NxC
        p2 = self.predictor(z2) # NxC

        if self.stop_gradient:
            return p1, p2, z1.detach(), z2.detach()
        return p1, p2, z1, z2

    def loss(self, p1, p2, z1, z2, similarity_function='CosineSimilarity'):
        if similarity_function == 'CosineSimilarity':
            criterion = CosineSimilarity(dim=1)
        else:
            raise NotImplementedError(similarity_function)
        loss = -(criterion(p1, z2).mean() + criterion(p2, z1).mean()) * 0.5
        return loss


class CosineSimilarity(nn.Module):
    """
    Returns cosine similarity between x_1 and x_2, computed along dim.
    """
    def __init__(self, dim=1, eps=1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1, x2):
        num = torch.sum(x1 * x2, dim=self.dim)
        denom = torch.norm(x1, dim=self.dim) * torch.norm(x2, dim=self.dim)
        return num / torch.clamp(denom, min=self.eps)


def main():
    device = torch.device("cuda:0")
    aug = transforms.Compose([transforms.RandomResizedCrop(32, scale=(0.2, 1.)), transforms.ToTensor()])
    train = datasets.CIFAR10("./data", train=True, download=True, transform=TwoCropsTransform(aug))
    loader = torch.utils.data.DataLoader(train, batch_size=512, shuffle=True, num_workers=4, drop_last=True)
    model = SimSiam(models.resnet18).to(device)
    opt = torch.optim.SGD(model.parameters(), 0.03, momentum=0.9, weight_decay=5e-4)
    for epoch in range(100):
        for (x1, x2), _ in loader:
            p1, p2, z1, z2 = model(x1.to(device), x2.to(device))
            loss = model.loss(p1, p2, z1, z2)
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(epoch, loss.item(), knn_monitor(model.encoder, loader, loader))


if __name__ == "__main__":
    main()
