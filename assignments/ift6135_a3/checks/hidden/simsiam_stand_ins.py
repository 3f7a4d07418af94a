"""Trusted stand-ins for the blanks that an item of SimSiam is not about."""

from __future__ import annotations

import torch
from _oracles.similarity import cosine_similarity

from autograder.checks import Callback, StandIns


def similarity(x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
    """The similarity of rows, (batch, dim) twice to (batch,), in the arguments' precision."""
    return cosine_similarity(x1, x2, dim=1).to(x1.dtype)


STAND_INS: dict[str, StandIns] = {
    "simsiam.loss": {"q3_solution.CosineSimilarity.forward": Callback(similarity, fields=())},
}
