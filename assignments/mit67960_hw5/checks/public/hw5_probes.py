"""Helpers beside your notebook: they make your VAE, call its methods, and hold stub models. No answer is here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from autograder.sandbox.jailed.instruments import answer_for_all, grown_up, moved, with_weights, without_dropout

UNFIT = (RuntimeError, ValueError, IndexError, AssertionError)
"""What code raises that wants flat images and gets others."""


def built(kind: type[nn.Module], z_dims: int, image_size: int = 28, training: bool = False) -> nn.Module:
    """A VAE of your class, also where its constructor is not finished."""
    try:
        model = kind(z_dims=z_dims, image_size=image_size)
    except Exception:  # the layers are another matter; what the constructor is given is set here
        model = kind.__new__(kind)
        nn.Module.__init__(model)
        model.z_dims, model.image_size = z_dims, image_size
        model.nothing = nn.Parameter(torch.zeros(()))
    return _grown_up(model.eval(), z_dims, image_size).train(training)


def _grown_up(model: nn.Module, z_dims: int, image_size: int) -> nn.Module:
    images, codes = torch.zeros(2, 1, image_size, image_size), torch.zeros(2, z_dims)
    return grown_up(model, partial(shown, model.encode, images), partial(model.decode, codes))


def made(kind: type[nn.Module], sizes: Mapping[str, int], weights: str, seed: int) -> nn.Module:
    """A VAE of your class, in evaluation mode, with new weights, or with moved or large ones."""
    model = _grown_up(kind(**sizes).eval(), sizes.get("z_dims", 2), sizes.get("image_size", 28))
    return with_weights(model, weights, seed)


def subclass(kind: type[nn.Module]) -> type[nn.Module]:
    """A class that is yours but for what is put in place there."""
    return type(kind.__name__, (kind,), {"__module__": kind.__module__})


def step(model: nn.Module) -> None:
    """A step of all parameters of your VAE, at random."""
    moved(model, 1000)


def shown(method: Callable[..., Any], x: Tensor) -> Any:
    """What a method gives for images ``(B, 1, H, W)``, or for flat ones where it wants these."""
    try:
        return method(x)
    except UNFIT:
        return method(x.flatten(1))


def encoded(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """`encode` of images."""
    return shown(model.encode, x)


def answered(model: nn.Module, answer: Callable[..., Tensor], x: Tensor) -> None:
    """Let ``answer`` give what the networks give that `forward` asks itself; layers of dropout let all pass."""
    without_dropout(model)
    answer_for_all(lambda images: shown(model.forward, images), answer, x)


def loss_of(vae_loss: Callable[..., Tensor], x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """`vae_loss` for images ``(B, 1, H, W)``, or for flat ones where it wants these."""
    try:
        return vae_loss(x_hat, x, mu, logvar)
    except UNFIT:
        return vae_loss(x_hat, x.flatten(1), mu, logvar)


class Revealing(nn.Module):
    """A decoder whose images tell which code they are of: an affine map, squashed into (0, 1) unless it is a layer."""

    def __init__(self, weight: Tensor, bias: Tensor, squashed: bool = True) -> None:
        super().__init__()
        self.weight, self.bias, self.squashed = nn.Parameter(weight), nn.Parameter(bias), squashed

    def forward(self, z: Tensor) -> Tensor:
        values = z.to(self.weight.dtype) @ self.weight.T + self.bias
        return values.sigmoid() if self.squashed else values


def revealing(kind: type[nn.Module], z_dims: int, image_size: int, weight: Tensor, bias: Tensor) -> nn.Module:
    """A VAE of your class that decodes by a known map: ``weight`` is (pixels, z_dims), ``bias`` (pixels,)."""
    model = built(kind, z_dims, image_size)
    object.__setattr__(model, "decode", Revealing(weight, bias))
    return model


def revealing_layer(
    plot: Callable, kind: type[nn.Module], sizes: tuple[int, int], known: tuple[Tensor, Tensor], squashed: bool, *which
):
    """`plot` of a VAE whose first layer that gets codes is the known map; None where there is no such layer.

    ``sizes`` are z_dims and image_size. This is for plots that go past `decode`.
    """
    model, names = built(kind, *sizes), []

    def keep(name: str) -> Callable:
        def hook(layer: nn.Module, inputs: tuple) -> None:
            if inputs and isinstance(inputs[0], Tensor) and inputs[0].shape[-1:] == sizes[:1]:
                names.append(name)

        return hook

    hooks = [layer.register_forward_pre_hook(keep(name)) for name, layer in model.named_modules() if name]
    plot(model, *which)
    for hook in hooks:
        hook.remove()
    if not names:
        return None
    parent, _, child = names[0].rpartition(".")
    setattr(model.get_submodule(parent), child, Revealing(*known, squashed))
    return plot(model, *which)


def snapshots(plot: Callable, stages: Tensor):
    """`plot_snapshots` of all stages; of one image only, or of numpy arrays, where it wants these."""
    import matplotlib.pyplot as plt

    first: Exception | None = None
    for given in (stages, stages[:, :1], stages.numpy(), stages[:, :1].numpy()):
        plt.close("all")
        try:
            return plot(given)
        except Exception as error:  # only the first one is about what the handout promises
            first = first or error
    assert first is not None
    raise first
