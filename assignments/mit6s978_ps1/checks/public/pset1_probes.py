"""What the checks do with your models, beside your notebook: build them, and put known parts in the places of theirs.

Nothing here asks how a model is made. Where an inner part is needed, it is found by what happens when the model runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from autograder.sandbox.jailed.instruments import answer_for_all


def built(kind: type[nn.Module], sizes: Sequence[object]) -> nn.Module:
    """A new model of one of your classes, in evaluation mode."""
    return kind(*_copies(sizes)).eval()


@torch.no_grad()
def enlarge(models: Sequence[nn.Module], z: Tensor) -> None:
    """Make all weights of models thirty times as large; lazy layers of their decoders learn their sizes first."""
    for model in models:
        model.decode(z)
        for parameter in model.parameters():
            if not isinstance(parameter, nn.parameter.UninitializedParameter):
                parameter.mul_(30)


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
