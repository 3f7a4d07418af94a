"""What the checks do with your models, beside your notebook: build them, and put known parts in the places of theirs.

Nothing here asks how a model is made. Where an inner part is needed, it is found by what happens when the model runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from autograder.sandbox.jailed.instruments import answer_for_all, grown_up, moved, with_weights


def built(kind: type[nn.Module], sizes: Sequence[object]) -> nn.Module:
    """A new model of one of your classes, in evaluation mode."""
    return kind(*_copies(sizes)).eval()


def made(kind: type[nn.Module], sizes: Sequence[object], weights: str, seed: int) -> nn.Module:
    """A new model of one of your classes, in evaluation mode, with new weights, or with moved or large ones."""
    model = built(kind, sizes)
    grown_up(model, lambda: model(torch.rand(3, sizes[0])))
    return with_weights(model, weights, seed)


def step(model: nn.Module) -> None:
    """A step of all parameters of your model, at random."""
    moved(model, 1000)


def watched(model: nn.Module, width: int, decode: Callable[..., Tensor], networks: Callable[..., Tensor]) -> None:
    """Let ``decode`` stand for the model's own, and ``networks`` for those that `forward` itself gives two numbers.

    ``width`` is that of the model's inputs and images.
    """
    object.__setattr__(model, "decode", lambda *args, **kwargs: decode([width], *args, **kwargs))
    answer_for_all(model.forward, networks, torch.rand(3, width), inputs=2)


def sampler(kind: type[nn.Module], z_size: int) -> nn.Module:
    """A VAE for its `reparameterize` alone, as in training; its constructor may be unfinished or wrong."""
    try:
        return kind(20, [16, 12, 8, 2 * z_size]).train()
    except Exception:  # the constructor is another matter
        model = kind.__new__(kind)
        nn.Module.__init__(model)
        model.z_size = z_size
        return model


def _copies(sizes: Sequence[object]) -> list[object]:
    """Constructors may change the lists that they are given."""
    return [list(size) if isinstance(size, (list, tuple)) else size for size in sizes]
