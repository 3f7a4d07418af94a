"""Stand-ins on the trusted side for objects in the worker, and the verbs that act on them.

Attribute access on a `Remote` builds a path, a call is one round trip. Tensors and plain values come back by value (a
returned tensor remembers its handle), other objects as remotes. Remotes have no names of their own, so nothing
collides with a student's names; verbs are functions: `fetch`, `gradients`, `substitute`, `exists`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol, TypeGuard, TypeVar

import torch

from autograder.sandbox.shared.values import TensorInfo
from autograder.sandbox.trusted.stand_ins import HostModel
from autograder.submission.model import Executed

_T = TypeVar("_T")


class Owner(Protocol):
    """What remotes ask of the session that they belong to; see `Session`."""

    def call(self, base: str | int, path: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...
    def get(self, base: str | int, path: tuple[str, ...]) -> Any: ...
    def exists(self, base: str | int, path: tuple[str, ...]) -> bool: ...
    def assign(self, base: str | int, path: tuple[str, ...], value: Any) -> None: ...
    def drawn(self, result: Remote | None, picture: bool) -> Any: ...
    def executed(self, module: str) -> Executed | None: ...
    def fresh(self, *, same_numbers: bool = False) -> Owner: ...


class Remote:
    """An object in the worker. It has no value here: every operation but attribute access and call raises."""

    __slots__ = ("_Remote__state",)

    def __init__(self, session: Owner, base: str | int, path: tuple[str, ...] = (), kind: str = "") -> None:
        object.__setattr__(self, "_Remote__state", (session, base, path, kind))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        session, base, path, _ = state(self)
        return Remote(session, base, (*path, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        session, base, path, _ = state(self)
        return session.call(base, path, args, kwargs)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise TypeError(f"cannot assign {name!r} to a remote: use substitute(remote.{name}, value)")

    def __repr__(self) -> str:
        _, base, path, _ = state(self)
        kind = kind_of_remote(Remote(*state(self)[:2], (), state(self)[3]))
        start = base if isinstance(base, str) else f"<{kind or 'some'} object>"
        return "..." if is_ellipsis(self) else ".".join([start, *path])

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"{self!r} has no value on this side: use fetch(), or compare what it returns")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = __setitem__ = __index__ = _refuse
    __int__ = __float__ = __array__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __neg__ = __pow__ = __matmul__ = __rmatmul__ = __reduce__ = __reduce_ex__ = _refuse
    __hash__ = object.__hash__

    @classmethod
    def __torch_function__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("a remote has no value on this side: use fetch(), or compare what it returns")


def state(remote: Remote) -> tuple[Owner, str | int, tuple[str, ...], str]:
    """Return a remote's session, base, path and type name; for the sandbox's own use."""
    return object.__getattribute__(remote, "_Remote__state")  # type: ignore[no-any-return]


def is_remote(value: object) -> TypeGuard[Remote]:
    """Whether a value is a remote, without asking the value anything."""
    return type(value) is Remote


def kind_of_remote(remote: Remote) -> str:
    """Return the class name of the object that a remote stands for, as its worker says; "" where it was not said.

    It is a name, whatever the worker says; only public checks may show it.
    """
    _, _, path, kind = state(remote)
    return kind if not path and kind.isidentifier() else ""


def is_ellipsis(value: object) -> bool:
    """Whether a value is a remote that stands for ``...``."""
    return type(value) is Remote and kind_of_remote(value) == "ellipsis"


def fetch(remote: Any) -> Any:
    """Return the value that a remote stands for, such as a module's global; objects stay remote."""
    if type(remote) is not Remote:
        return remote
    session, base, path, _ = state(remote)
    return session.get(base, path)


def exists(remote: Remote) -> bool:
    """Whether the name that a remote stands for exists in the worker."""
    session, base, path, _ = state(remote)
    return session.exists(base, path)


def substitute(remote: Remote, value: Any) -> None:
    """Put a value or another remote in the place that a remote stands for, until the worker ends."""
    session, base, path, _ = state(remote)
    session.assign(base, path, value)


def fresh(*modules: Remote, same_numbers: bool = False) -> list[Remote]:
    """Return the same modules in one other worker of the same submission, which knows nothing of this one.

    It ends with the check. Its generators start at another point than this one's; with ``same_numbers`` its first call
    starts where this one's first call did, so that a training can be repeated. Raises `TypeError` for what is no
    module.
    """
    sessions = {id(state(module)[0]): state(module)[0] for module in modules}
    if len(sessions) != 1 or any(state(module)[2] or not isinstance(state(module)[1], str) for module in modules):
        raise TypeError("fresh() takes modules of one worker")
    other = next(iter(sessions.values())).fresh(same_numbers=same_numbers)
    return [Remote(other, state(module)[1]) for module in modules]


def expose(function: Callable[..., Any], *, pending: int = 4) -> HostModel:
    """Return a model of this side as something that can be an argument of a call; see `HostModel`.

    ``pending`` outputs are kept for their gradients, with all that a product with them needs.

    ``function`` must itself refuse inputs that it should not see, by raising: they are the submission's.
    """
    return HostModel(function, pending)


def gradients(
    outputs: torch.Tensor | Sequence[torch.Tensor],
    wrt: Sequence[torch.Tensor],
    cotangents: torch.Tensor | Sequence[torch.Tensor] | None = None,
) -> list[torch.Tensor | None]:
    """Return the gradient of ``sum <output, cotangent>`` with respect to every tensor of ``wrt``.

    ``outputs`` are tensors that came from the worker, ``wrt`` tensors that were sent with ``requires_grad`` in this
    example or came from the worker. None stands for "no gradient arrives". A cotangent of ones is the default. The
    products are computed in the worker: compare them with the truth, a lie is just a wrong value.
    """
    listed = [outputs] if isinstance(outputs, torch.Tensor) else list(outputs)
    if cotangents is None:
        cotangents = [torch.ones_like(output) for output in listed]
    elif isinstance(cotangents, torch.Tensor):
        cotangents = [cotangents]
    return info(listed[0]).session.gradients(listed, list(wrt), list(cotangents))  # type: ignore[no-any-return]


def info(tensor: torch.Tensor) -> TensorInfo:
    """Return what a tensor that came from a worker remembers; raise `TypeError` for any other tensor."""
    found = getattr(tensor, "remote", None)
    if not isinstance(found, TensorInfo):
        raise TypeError("this tensor did not come from the worker, or was changed since")
    return found


def is_from_worker(value: Any) -> bool:
    """Whether a value is a tensor as it came from a worker."""
    return isinstance(value, torch.Tensor) and isinstance(getattr(value, "remote", None), TensorInfo)
