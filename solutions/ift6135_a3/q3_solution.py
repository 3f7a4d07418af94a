"""Problem 3: SimSiam on CIFAR10 (Chen and He 2021).

    python q3_solution.py --epochs 0          # a dry run of everything, to see that it works
    python q3_solution.py --small             # a minute or two on small pictures of digits: nothing to download
    python q3_solution.py                     # with and without stop-gradient, 100 epochs each
    python q3_solution.py identity fixed wide # other runs; curves and plots of all of them go to results/simsiam
    python q3_solution.py --resume            # each run from the last epoch that it finished before an interruption

Images are ``(batch, 3, 32, 32)`` float32 in [-1, 1]; f is the base encoder with its projector, h the predictor.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from networks import SmallResNet
from torch import Tensor, nn

SETTINGS = {
    "epochs": 100,
    "batch_size": 512,
    "lr": 0.03,  # for a batch of 256; scaled in proportion to the batch
    "width": 64,  # of the ResNet
    "dim": 2048,
    "pred_dim": 512,
    "neighbours": 200,  # of the kNN monitor
}
SMALL = {"epochs": 30, "batch_size": 128, "lr": 0.2, "width": 8, "dim": 64, "pred_dim": 16, "neighbours": 20}
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
MEASURED = 1000  # test images whose z is looked at for signs of collapse


@dataclass(frozen=True)
class Run:
    """One configuration: what its curves are called, and how it differs from the baseline."""

    label: str
    stop_gradient: bool = True
    mlp_mode: str | None = None
    widening: int = 1  # of the projector's last layer


RUNS = {
    "with": Run("with stop-gradient (baseline)"),
    "without": Run("without stop-gradient", stop_gradient=False),
    "identity": Run("identity as predictor", mlp_mode="no_pred_mlp"),
    "fixed": Run("fixed random predictor", mlp_mode="fixed_random_init"),
    "wide": Run("projector twice as wide", widening=2),
}
FIGURES = {"stop_gradient": ("with", "without"), "predictor": ("with", "identity", "fixed"), "width": ("with", "wide")}
CURVES = {
    "loss": "training loss",
    "knn": "kNN accuracy on the test set",
    "rank": "effective rank of z",
    "spread": "standard deviation of z/|z|, times sqrt(d)",
}


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
        ### BEGIN SOLUTION
        z1, z2 = self.encoder(x1), self.encoder(x2)
        p1, p2 = self.predictor(z1), self.predictor(z2)
        if self.stop_gradient:  # Chen and He 2021, equation 3: only the target side is a constant
            z1, z2 = z1.detach(), z2.detach()
        return p1, p2, z1, z2
        ### END SOLUTION

    def loss(
        self, p1: Tensor, p2: Tensor, z1: Tensor, z2: Tensor, similarity_function: str = "CosineSimilarity"
    ) -> Tensor:
        """simsiam.loss: the symmetric loss of two views, averaged over the batch; a scalar.

        All four are ``(batch, dim)``. The only similarity there is is "CosineSimilarity"; others raise ValueError.
        """
        if similarity_function != "CosineSimilarity":
            raise ValueError(f"similarity_function must be 'CosineSimilarity', got {similarity_function!r}")
        ### BEGIN SOLUTION
        # Chen and He 2021, equation 2; whether z carries a gradient was decided in forward.
        similarity = CosineSimilarity(dim=1)
        return -0.5 * (similarity(p1, z2).mean() + similarity(p2, z1).mean())
        ### END SOLUTION


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
        ### BEGIN SOLUTION
        product_of_norms = torch.linalg.vector_norm(x1, dim=self.dim) * torch.linalg.vector_norm(x2, dim=self.dim)
        return (x1 * x2).sum(dim=self.dim) / product_of_norms.clamp(min=self.eps)
        ### END SOLUTION


def train_epoch(
    model: SimSiam, loader: Iterable[tuple[tuple[Tensor, Tensor], Tensor]], optimizer: torch.optim.Optimizer
) -> float:
    """simsiam.training_report: train for one epoch on pairs of views; return the average loss.

    The loader yields ``(x1, x2), label``; self-supervision makes no use of the label. Graded in the report only.
    """
    from recipes import gradient_step

    model.train()
    ### BEGIN SOLUTION simsiam.training_report
    device = next(model.parameters()).device
    total, batches = 0.0, 0
    for (x1, x2), _ in loader:
        p1, p2, z1, z2 = model(x1.to(device), x2.to(device))
        total += gradient_step(model.loss(p1, p2, z1, z2), optimizer)
        batches += 1
    return total / batches
    ### END SOLUTION


def build(run: Run, options: argparse.Namespace) -> SimSiam:
    """Return the model of that configuration, on the CPU."""
    encoder = partial(SmallResNet, width=options.width)
    return SimSiam(encoder, run.widening * options.dim, options.pred_dim, run.stop_gradient, run.mlp_mode)


def train(name: str, options: argparse.Namespace) -> Path:
    """Train one configuration; after every epoch print and save its loss, kNN accuracy and signs of collapse."""
    from checkpoints import Checkpoint, settings_of
    from data import cifar10_loaders, cifar10_pairs, digit_pairs, digit_view_loaders
    from recipes import WallClock, prepare, progress, save_history

    device, folder = prepare(options, "simsiam")
    size = options.batch_size
    pairs = digit_pairs(size) if options.small else cifar10_pairs(options.data, size)
    plain = digit_view_loaders(size) if options.small else cifar10_loaders(options.data, size)
    save_views(pairs, folder)
    model = build(RUNS[name], options).to(device)
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trainable, lr=options.lr * size / 256, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(options.epochs, 1))

    clock, history = WallClock(), {key: [] for key in CURVES}
    # The learning rates depend on how many epochs there will be.
    settings = settings_of(options, apart_from=["runs"]) | {"epochs": options.epochs}
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
    checkpoint = Checkpoint(folder / f"{name}.pt", settings, history, **parts)
    for epoch in checkpoint.epochs(options.epochs, resume=options.resume):
        clock.start()
        history["loss"].append(train_epoch(model, progress(pairs, options.batches, f"epoch {epoch}"), optimizer))
        seconds = clock.stop()
        schedule.step()
        for key, value in measure(model, *plain, options).items():
            history[key].append(value)
        figures = ", ".join(f"{key} {values[-1]:.3f}" for key, values in history.items())
        print(f"{name}, epoch {epoch}: {figures}, {seconds:.1f} s", flush=True)
        save_history(history, folder / f"{name}.json")
    save_history(history, folder / f"{name}.json")
    return folder


def measure(
    model: SimSiam,
    bank: Iterable[tuple[Tensor, Tensor]],
    queries: Iterable[tuple[Tensor, Tensor]],
    options: argparse.Namespace,
) -> dict[str, float]:
    """Return the kNN accuracy on the encoder's features, and the effective rank and the spread of z, on test images."""
    from recipes import progress
    from simsiam_misc import backbone_features, effective_rank, embedding_spread, knn_accuracy, projections

    known, asked = (
        backbone_features(model.encoder, progress(each, options.batches, "kNN")) for each in (bank, queries)
    )
    z = projections(model.encoder, asked[0][:MEASURED])
    accuracy = knn_accuracy(*known, *asked, neighbours=options.neighbours)
    return {"knn": accuracy, "rank": effective_rank(z), "spread": embedding_spread(z)}


def save_views(pairs: Iterable[tuple[tuple[Tensor, Tensor], Tensor]], folder: Path) -> None:
    """Save the two views of eight pictures, so that one sees what the augmentation does."""
    from recipes import save_grid

    (x1, x2), _ = next(iter(pairs))
    title = "Two random views of each picture"
    save_grid(torch.cat([x1[:8], x2[:8]]), folder / "views.png", len(x1[:8]), title, rows=["view 1", "view 2"])


def save_comparisons(folder: Path) -> None:
    """Draw each comparison of which two runs or more are finished, those of earlier calls among them."""
    from recipes import compare_histories

    for figure, names in FIGURES.items():
        finished = {RUNS[name].label: path for name in names if (path := folder / f"{name}.json").is_file()}
        if len(finished) > 1:
            compare_histories(finished, CURVES, folder / f"{figure}.png")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train configurations on CIFAR10, or on small digits, and draw the comparisons that the report asks for."""
    from recipes import options_parser, read_options

    parser = options_parser(__doc__, SETTINGS, SMALL)
    parser.add_argument("runs", nargs="*", metavar="RUN", help=f"{', '.join(RUNS)}; default: with without")
    options = read_options(parser, SMALL, arguments)
    names = options.runs or list(FIGURES["stop_gradient"])
    if unknown := [name for name in names if name not in RUNS]:
        parser.error(f"there is no run {unknown[0]!r}; choose from {', '.join(RUNS)}")
    for name in names:
        folder = train(name, options)
        save_comparisons(folder)
    print(f"figures: {folder}")


if __name__ == "__main__":
    main()
