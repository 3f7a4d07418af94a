"""What the checks do with your models, beside your notebook: build them, and look at the codes on their way.

Nothing here asks how a model is made. Where an inner part is needed, it is found by what happens when the model runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


def built(kind: type[nn.Module], sizes: Sequence[object]) -> nn.Module:
    """A new model of one of your classes, in evaluation mode."""
    return kind(*_copies(sizes)).eval()


def images_of(models: Sequence[nn.Module], x: Tensor) -> list[Tensor]:
    """The "imgs" that `forward` returns, of each model."""
    return [model(x)["imgs"] for model in models]


def decoded(models: Sequence[nn.Module], z: Tensor) -> list[Tensor]:
    """What `decode` makes of latent vectors, of each model."""
    return [model.decode(z) for model in models]


@torch.no_grad()
def decoded_far(models: Sequence[nn.Module], z: Tensor) -> list[Tensor]:
    """The same for models with all weights and all latent vectors thirty times as large. The models are spent then."""
    for model in models:
        model.decode(z)  # lazy layers learn their sizes
        for parameter in model.parameters():
            if not isinstance(parameter, nn.parameter.UninitializedParameter):
                parameter.mul_(30)
    return [model.decode(30 * z) for model in models]


def encoded(models: Sequence[nn.Module], x: Tensor) -> list[object]:
    """What `encode` returns, of each model."""
    return [model.encode(x) for model in models]


@torch.no_grad()
def codes(models: Sequence[nn.Module], x: Tensor) -> list[Tensor] | None:
    """The latent vectors that `forward` hands to the decoder, of each model; None where they cannot be seen."""
    found = [_code(model, x) for model in models]
    return None if any(code is None for code in found) else found  # type: ignore[return-value]


def sampler(kind: type[nn.Module], z_size: int) -> nn.Module:
    """A VAE for its `reparameterize` alone, as in training; its constructor may be unfinished or wrong."""
    try:
        return kind(20, [16, 12, 8, 2 * z_size]).train()
    except Exception:  # the constructor is another matter
        model = kind.__new__(kind)
        nn.Module.__init__(model)
        model.z_size = z_size
        return model


def _code(model: nn.Module, x: Tensor) -> Tensor | None:
    """What reached `decode` or `decoder` first while `forward` ran; else what came by and decodes to the same."""
    handed: list[object] = []
    hooks = []
    if isinstance(decoder := getattr(model, "decoder", None), nn.Module):
        hooks.append(decoder.register_forward_pre_hook(lambda _, got: handed.append(got[0])))
    decode, results = model.decode, _Results()
    object.__setattr__(model, "decode", lambda z: handed.append(z) or decode(z))
    try:
        with results:
            images = model(x)["imgs"]
    finally:
        for hook in hooks:
            hook.remove()
        object.__delattr__(model, "decode")
    if handed and _is_rows(handed[0], len(x)):
        return handed[0].clone()  # type: ignore[attr-defined, no-any-return]
    codes = (value for value in results.kept if _is_rows(value, len(x)) and _decodes_to(model, value, images))
    return next(codes, None)  # type: ignore[arg-type]


class _Results(TorchFunctionMode):
    """Keeps what functions of PyTorch give while it is active."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[object] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.kept.append(result)
        return result


def _is_rows(value: object, count: int) -> bool:
    return isinstance(value, Tensor) and value.ndim == 2 and len(value) == count


def _decodes_to(model: nn.Module, code: object, images: Tensor) -> bool:
    try:
        found = model.decode(code)
        return found.shape == images.shape and bool(torch.allclose(found, images, atol=1e-5))
    except RuntimeError:  # of another width than a code
        return False


def _copies(sizes: Sequence[object]) -> list[object]:
    """Constructors may change the lists that they are given."""
    return [list(size) if isinstance(size, (list, tuple)) else size for size in sizes]
