"""Models of noise whose prediction is known, exposed to a submission from the trusted side, which records every call.

What a model was asked is evidence: it is recorded where the submission reaches nothing, and never told by the worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import Parameter, Signature
from typing import Any

import torch
from torch import Tensor, nn

from autograder.sandbox.trusted.remote import expose, info

MAX_RECORDED_BYTES = 256 * 2**20
"""What the calls of one model may make this side remember: how often it is asked is up to the submission."""


class NoisePredictor(nn.Module):
    """A model of noise in images ``(batch, channels, height, width)``, one time index for each image ``(batch,)``.

    Give ``exposed`` to the submission in its place. ``images`` and ``times`` hold copies of the arguments, one entry
    for each call. What a call lacks is a `TypeError` of the submission. A subclass says in `predict` what is
    predicted; gradients of its parameters are those that `teach` lets flow back.
    """

    def __init__(self, *, time: str = "t", int64_times: bool = False) -> None:
        """``time`` is the name of the second argument; with ``int64_times`` no other type of time is taken."""
        super().__init__()
        kind = Parameter.POSITIONAL_OR_KEYWORD
        self._signature = Signature([Parameter(name, kind) for name in ("x", time)])
        self._int64_times = int64_times
        self._recorded_bytes = 0
        self.images: list[Tensor] = []
        self.times: list[Tensor] = []
        self.exposed = expose(self)

    def predict(self, x: Tensor, t: Tensor) -> Tensor:
        """The noise in images, given times of shape ``(batch, 1, ...)``; differentiable."""
        raise NotImplementedError

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Record a call, and answer it."""
        x, t = self._signature.bind(*args, **kwargs).arguments.values()
        if not isinstance(x, Tensor) or x.ndim == 0 or not x.is_floating_point():
            raise TypeError(f"model(x, t) needs images: a tensor of floats, not {_described(x)}")
        if not isinstance(t, Tensor) or t.shape != x.shape[:1]:
            raise TypeError(
                f"model(x, t) needs one time index for each image: a tensor of shape ({len(x)},), not {_described(t)}"
            )
        if self._int64_times and t.dtype != torch.int64:
            raise TypeError(f"model(x, t) needs time indices of type int64, not {t.dtype}")
        self._record(x.detach().clone(), t.detach().clone())
        return self.predict(x, per_image(t, x))

    def asked_last(self, t: Tensor) -> Tensor | None:
        """The images of the last call, None where there was no call or its times were not ``t``."""
        return self.images[-1] if self.times and self.times[-1].tolist() == t.tolist() else None

    def _record(self, x: Tensor, t: Tensor) -> None:
        self._recorded_bytes += x.nbytes + t.nbytes
        if self._recorded_bytes > MAX_RECORDED_BYTES:
            raise TypeError("the model was asked about more images than any check needs")
        self.images.append(x)
        self.times.append(t)


class AffineNoise(NoisePredictor):
    """Predicts ``gain * x + tilt * t / time_unit + bias``, entry by entry; the three numbers are its parameters."""

    def __init__(self, gain: float, tilt: float, bias: float, *, time_unit: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.gain, self.tilt, self.bias = (nn.Parameter(torch.tensor(float(value))) for value in (gain, tilt, bias))
        self._time_unit = time_unit

    def predict(self, x: Tensor, t: Tensor) -> Tensor:
        """The known prediction, in the precision of the images."""
        return (self.gain * x + self.tilt * t / self._time_unit + self.bias).to(x.dtype)


def teach(loss: Tensor, parameters: Sequence[Tensor]) -> list[Tensor | None]:
    """Let a loss that came from the worker flow back there; return what arrives at parameters of exposed models, here.

    None stands for "no gradient arrives". Earlier gradients are forgotten first.
    """
    for parameter in parameters:
        parameter.grad = None
    told = info(loss)
    if told.requires_grad:
        ones = () if loss.numel() == 1 else (torch.ones_like(loss),)  # with it, torch first imports symbolic algebra
        told.session.call(told.handle, ("backward",), ones, {"retain_graph": True})
    return [parameter.grad for parameter in parameters]


def per_image(values: Tensor, x: Tensor) -> Tensor:
    """Shape one value for each image, ``(batch,)``, so that it multiplies images."""
    return values.reshape(-1, *[1] * (x.ndim - 1))


def _described(value: object) -> str:
    if isinstance(value, Tensor):
        return f"of shape {tuple(value.shape)}, {value.dtype}"
    return type(value).__name__
