"""Watching SimSiam: features of the base encoder, the kNN monitor, two measures of collapse. Nothing to fill in."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@torch.no_grad()
def backbone_features(encoder: nn.Module, loader: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Return what enters ``encoder.fc``, ``(n, features)``, and the labels ``(n,)``, both on the CPU.

    The projector sits in ``.fc`` and is thrown away after pre-training, so the monitor looks in front of it. The
    encoder is in evaluation mode meanwhile and in its old mode afterwards.
    """
    device = next(encoder.parameters()).device
    caught: list[Tensor] = []
    hook = encoder.fc.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0].float().cpu()))
    training = encoder.training
    encoder.eval()
    try:
        labels = []
        for images, batch_labels in loader:
            encoder(images.to(device))
            labels.append(batch_labels)
    finally:
        hook.remove()
        encoder.train(training)
    return torch.cat(caught), torch.cat(labels)


@torch.no_grad()
def projections(encoder: nn.Module, features: Tensor) -> Tensor:
    """Return z, ``(n, d)`` on the CPU: what the projector, ``encoder.fc``, makes of features when evaluated."""
    device = next(encoder.parameters()).device
    training = encoder.training
    encoder.eval()
    z = encoder.fc(features.to(device)).float().cpu()
    encoder.train(training)
    return z


@torch.no_grad()
def knn_accuracy(
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    test_labels: Tensor,
    neighbours: int = 200,
    temperature: float = 0.1,
    chunk: int = 512,
) -> float:
    """Return the share of test points whose weighted nearest neighbours vote for their label.

    The features are ``(n, features)``, the labels ``(n,)``; a neighbour votes with exp(cosine / temperature).
    Source: Wu et al. 2018 (instance discrimination), section 3.4.
    """
    neighbours = min(neighbours, len(train_features))
    classes = int(train_labels.max()) + 1
    bank = F.normalize(train_features, dim=1)  # (train, features)
    correct = 0
    for queries, truth in zip(test_features.split(chunk), test_labels.split(chunk), strict=True):
        similarity, index = (F.normalize(queries, dim=1) @ bank.T).topk(neighbours, dim=1)  # (chunk, neighbours)
        votes = torch.zeros(len(queries), classes)
        votes.scatter_add_(1, train_labels[index], (similarity / temperature).exp())
        correct += int((votes.argmax(dim=1) == truth).sum())
    return correct / len(test_labels)


def embedding_spread(z: Tensor) -> float:
    """Return the standard deviation of the unit-length rows of ``(n, d)``, averaged over d, times sqrt(d).

    About 1 when the directions fill the sphere, 0 when they are all one. Source: Chen and He 2021, section 4.1.
    """
    unit = F.normalize(z.detach().double(), dim=1)
    return float(unit.std(dim=0).mean() * z.shape[1] ** 0.5)


def effective_rank(z: Tensor) -> float:
    """Return how many directions the centred, unit-length rows of ``(n, d)`` really use, between 0 and d.

    The exponential of the entropy of the normalised singular values; 0 if all rows point the same way.
    Source: Roy and Vetterli 2007.
    """
    unit = F.normalize(z.detach().double(), dim=1)
    singular_values = torch.linalg.svdvals(unit - unit.mean(dim=0))
    total = singular_values.sum()
    if total <= 1e-9 * len(z):
        return 0.0
    share = singular_values / total
    return float(torch.special.entr(share).sum().exp())
