"""Measures of embeddings: labels of neighbours, directions in use, agreement of two views."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def nearest_neighbour_accuracy(
    bank: Tensor, bank_labels: Tensor, queries: Tensor, labels: Tensor, *, neighbours: int = 20
) -> float:
    """Return the share of queries whose label is the most frequent among their nearest neighbours by cosine.

    Embeddings are ``(n, dim)``, labels ``(n,)``. Of labels that are equally frequent, the smallest counts.
    """
    similarity = F.normalize(queries.double(), dim=1) @ F.normalize(bank.double(), dim=1).T
    nearest = bank_labels[similarity.topk(neighbours, dim=1).indices]  # (queries, neighbours)
    votes = F.one_hot(nearest, int(bank_labels.max()) + 1).sum(1)
    return float((votes.argmax(1) == labels).double().mean())


def spectrum(embeddings: Tensor) -> Tensor:
    """Return the shares of the directions in the spread of the unit-length rows of ``(n, dim)``, largest first.

    These are the normalised singular values of the centred rows; all 0 if every row points the same way.
    """
    unit = F.normalize(embeddings.double(), dim=1)
    values = torch.linalg.svdvals(unit - unit.mean(0))
    total = values.sum()
    return values / total if float(total) > 1e-9 * len(unit) else torch.zeros_like(values)


def effective_rank(embeddings: Tensor) -> float:
    """Return how many directions embeddings ``(n, dim)`` really use: exp of the entropy of `spectrum`, 0 to dim.

    Roy and Vetterli, The effective rank (2007), of the centred rows of unit length.
    """
    shares = spectrum(embeddings)
    return float(torch.special.entr(shares).sum().exp()) if float(shares.sum()) > 0 else 0.0


def agreement(first: Tensor, second: Tensor) -> float:
    """Return the mean cosine between the rows of two sets of embeddings ``(n, dim)``."""
    return float(F.cosine_similarity(first.double(), second.double(), dim=1).mean())
