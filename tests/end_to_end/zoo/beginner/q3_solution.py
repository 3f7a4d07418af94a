"""Problem 3: SimSiam on CIFAR10 (Chen and He 2021).

    python q3_solution.py --name with                         # 100 epochs; curves go to results/simsiam
    python q3_solution.py --name without --no-stop-gradient
    python q3_solution.py --compare with without              # both runs in one plot

Images are ``(batch, 3, 32, 32)`` float32 in [-1, 1]; f is the base encoder with its projector, h the predictor.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from networks import SmallResNet
from torch import Tensor, nn

BATCH_SIZE = 512
EPOCHS = 100
LEARNING_RATE = 0.03  # for a batch of 256; scaled in proportion to the batch
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4


class SimSiam(nn.Module):
    """Two branches with shared weights, a predictor on one of them, and a stopped gradient on the other."""

    def __init__(
        self,
        base_encoder: Callable[..., nn.Module],
        dim: int = 2048,
        pred_dim: int = 512,
        stop_gradient: bool = True,
        MLP_mode: str | None = None,
    ) -> None:
        """Build f and h. `base_encoder` takes `num_classes=` and `zero_init_residual=`, and its last layer is `.fc`.

        `dim` is the width of the projections z and predictions p, `pred_dim` that of the predictor's bottleneck.
        `MLP_mode` is None (a trained predictor), "no_pred_mlp" (the identity) or "fixed_random_init" (never trained).
        Source: Chen and He 2021, section 3, "Baseline settings".
        """
        super().__init__()
        if MLP_mode not in (None, "no_pred_mlp", "fixed_random_init"):
            raise ValueError(f"MLP_mode must be None, 'no_pred_mlp' or 'fixed_random_init', got {MLP_mode!r}")
        self.stop_gradient = stop_gradient
        self.MLP_mode = MLP_mode
        self.encoder = base_encoder(num_classes=dim, zero_init_residual=True)
        width = self.encoder.fc.in_features
        self.encoder.fc = nn.Sequential(  # the projector; no bias in front of a BatchNorm, which would remove it
            nn.Linear(width, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, dim, bias=False),
            nn.BatchNorm1d(dim, affine=False),
        )
        self.predictor: nn.Module = nn.Sequential(
            nn.Linear(dim, pred_dim, bias=False), nn.BatchNorm1d(pred_dim), nn.ReLU(), nn.Linear(pred_dim, dim)
        )
        if MLP_mode == "no_pred_mlp":
            self.predictor = nn.Identity()
        elif MLP_mode == "fixed_random_init":
            self.predictor.requires_grad_(False)

    def forward(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """simsiam.forward: predictions and projections of two views, each ``(batch, 3, 32, 32)``.

        Returns p1, p2, z1, z2 in this order, each ``(batch, dim)``. The flag `self.stop_gradient` says whether the
        targets of the loss are constants.
        """
        z1 = self.encoder(x1)
        z2 = self.encoder(x2)
        p1 = self.predictor(z1)
        p2 = self.predictor(z2)
        if self.stop_gradient:
            z1 = z1.detach()
            z2 = z2.detach()
        return p1, p2, z1, z2

    def loss(
        self, p1: Tensor, p2: Tensor, z1: Tensor, z2: Tensor, similarity_function: str = "CosineSimilarity"
    ) -> Tensor:
        """simsiam.loss: the symmetric loss of two views, averaged over the batch; a scalar.

        All four are ``(batch, dim)``. The only similarity there is is "CosineSimilarity"; others raise ValueError.
        """
        if similarity_function != "CosineSimilarity":
            raise ValueError(f"similarity_function must be 'CosineSimilarity', got {similarity_function!r}")
        cos = CosineSimilarity()
        loss = -0.5 * cos(p1, z2).mean() - 0.5 * cos(p2, z1).mean()
        return loss


class CosineSimilarity(nn.Module):
    """The cosine of the angle between two batches of vectors."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        """Compare along dimension `dim`; `eps` bounds the denominator from below."""
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """simsiam.cosine_similarity: the similarity along `self.dim`, ``(batch, d)`` twice to ``(batch,)``.

        Zero vectors give 0, not NaN. A batch of one keeps its dimension.
        """
        top = torch.sum(x1 * x2, self.dim)
        bottom = torch.sqrt(torch.sum(x1**2, self.dim)) * torch.sqrt(torch.sum(x2**2, self.dim))
        return top / torch.clamp(bottom, min=self.eps)


def train_epoch(
    model: SimSiam, loader: Iterable[tuple[tuple[Tensor, Tensor], Tensor]], optimizer: torch.optim.Optimizer
) -> float:
    """simsiam.training_report: train for one epoch on pairs of views; return the average loss.

    The loader yields ``(x1, x2), label``; self-supervision makes no use of the label. Graded in the report only.
    """
    from recipes import gradient_step

    model.train()
    losses = []
    for (x1, x2), _ in loader:
        device = next(model.parameters()).device
        p1, p2, z1, z2 = model(x1.to(device), x2.to(device))
        losses.append(gradient_step(model.loss(p1, p2, z1, z2), optimizer))
    return sum(losses) / len(losses)


def run(options: argparse.Namespace) -> None:
    """Train one configuration; after every epoch print and save its loss and kNN accuracy."""
    from data import cifar10_loaders, cifar10_pairs
    from recipes import pick_device, save_history
    from simsiam_misc import backbone_features, embedding_spread, knn_accuracy

    torch.manual_seed(options.seed)
    device = pick_device(options.device)
    pairs = cifar10_pairs(options.data, options.batch_size)
    plain_train, plain_test = cifar10_loaders(options.data, options.batch_size)
    model = SimSiam(SmallResNet, options.dim, stop_gradient=not options.no_stop_gradient, MLP_mode=options.mlp_mode).to(
        device
    )
    trainable = [p for p in model.parameters() if p.requires_grad]
    lr = LEARNING_RATE * options.batch_size / 256
    optimizer = torch.optim.SGD(trainable, lr=lr, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(options.epochs, 1))

    history: dict[str, list[float]] = {"loss": [], "knn": [], "spread": []}
    for epoch in range(1, options.epochs + 1):
        history["loss"].append(train_epoch(model, pairs, optimizer))
        schedule.step()
        bank = backbone_features(model.encoder, plain_train)
        queries = backbone_features(model.encoder, plain_test)
        history["knn"].append(knn_accuracy(*bank, *queries))
        history["spread"].append(embedding_spread(queries[0]))
        print(
            f"epoch {epoch}: " + ", ".join(f"{name} {values[-1]:.4f}" for name, values in history.items()), flush=True
        )
        save_history(history, options.results / f"{options.name}.json")


def main() -> None:
    """Train one configuration on CIFAR10, or draw the curves of several finished runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="with", help="what the curves of this run are called")
    parser.add_argument("--compare", nargs="+", metavar="NAME", help="draw these finished runs and stop")
    parser.add_argument("--no-stop-gradient", action="store_true")
    parser.add_argument("--mlp-mode", choices=["no_pred_mlp", "fixed_random_init"])
    parser.add_argument("--dim", type=int, default=2048, help="width of the projector's last layer")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data", default="data", help="where CIFAR10 is, or is downloaded to")
    parser.add_argument("--results", type=Path, default=Path("results/simsiam"))
    options = parser.parse_args()

    options.results.mkdir(parents=True, exist_ok=True)
    if options.compare is None:
        run(options)
        return
    from recipes import compare_histories

    runs = [options.results / f"{name}.json" for name in options.compare]
    compare_histories(runs, "loss", options.results / "loss.png", ylabel="training loss")
    compare_histories(runs, "knn", options.results / "knn.png", ylabel="kNN accuracy on the test set")


if __name__ == "__main__":
    main()
