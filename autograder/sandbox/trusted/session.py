"""The trusted half of a session with one worker: asks, waits no longer than it may, trusts nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from autograder.sandbox.shared.values import Decoder, Encoder, TensorInfo
from autograder.sandbox.shared.wire import MAX_SCRIPTS, Closed, DeadlinePassed, Frame, Misbehaved
from autograder.sandbox.trusted.callbacks import Callbacks, kind_of
from autograder.sandbox.trusted.channel import RUN_IS_OVER, Channel, Deadlines
from autograder.sandbox.trusted.clock import Over, Wait
from autograder.sandbox.trusted.example import Asked, Call, Example, ProbeWords, Raised
from autograder.sandbox.trusted.faults import AuthorError, NotEnoughTime, SubmissionFault, SubmissionRaised, WorkerLost
from autograder.sandbox.trusted.remote import Remote, is_remote, state
from autograder.sandbox.trusted.signatures import Signatures
from autograder.sandbox.trusted.stand_ins import Callback, HostModel, StandIns
from autograder.submission.model import Executed

MAX_TEXT = 2000
MAX_NAME = 100

BUILTIN_EXCEPTIONS = frozenset(
    name
    for name, value in vars(__import__("builtins")).items()
    if isinstance(value, type) and issubclass(value, BaseException)
)


TOO_BUSY = (
    "this machine was too busy to say: the code had less processor time than it asked for, and the time was over;"
    " grade it again"
)


OpenAnother = Callable[[], "Session"]


@dataclass(frozen=True)
class Context:
    """What a session knows of the submission that its worker runs, and of other workers."""

    executed: Callable[[str], Executed | None] = lambda module: None
    """Says how the notebook of a module had been run."""
    place: Callable[[str, int], str] = lambda file, line: f"{file}, line {line}"
    """Says where a line of the copy was in what was handed in."""
    probe_words: Mapping[str, ProbeWords] = field(default_factory=dict)
    """What functions of probes are called in reports, by module and name."""
    signatures: Signatures = field(default_factory=lambda: Signatures(dict))
    """What the submission calls the arguments of its functions."""
    scripts: bytes = b""
    """What another worker compiled of the submission (`Session.scripts`), for this one."""
    open_another: OpenAnother | None = None
    """Opens a session with a fresh worker of the same submission; None where there is none."""


class Session:
    """One worker, from its start to its end. Not thread-safe."""

    def __init__(
        self,
        channel: Channel,
        *,
        loader: Mapping[str, Any],
        stand_ins: StandIns | None = None,
        deadlines: Deadlines | None = None,
        load_seconds: float | None = None,
        context: Context | None = None,
    ) -> None:
        self._channel = channel
        self.context = context or Context()
        self._deadlines = deadlines or Deadlines()
        self._load_seconds = load_seconds
        self.callbacks = Callbacks(self._decode_special)
        self._others: list[Session] = []
        self._loaded: dict[str, Any] = {}
        self._begin: int | None = None
        self._seed = 0
        self._sent: list[tuple[str, torch.Tensor]] = []
        self._doing = ""
        self.example = Example()
        if self._deadlines.check is not None and channel.meter is not None:
            self._deadlines.check.workers.append(channel.meter)
        self._start(loader, stand_ins or {})

    def module(self, name: str) -> Remote:
        """Return the remote of a module; it is loaded when it is first used."""
        return Remote(self, name)

    def begin(self, seed: int, *, enough: int | None = None) -> None:
        """Start an example: both sides restart their generators, the objects of the last one are forgotten.

        It ends with `EnoughReplies` once there are more than ``enough`` replies.
        """
        self._begin = self._seed = seed % 2**63
        self.example = Example(enough=enough)
        self.callbacks.begin()
        torch.default_generator.manual_seed(self._begin)

    def fresh(self, *, same_numbers: bool = False) -> Session:
        """Return a session with another worker, which ends with this one; see `fresh` in `remote`."""
        if self.context.open_another is None:
            raise AuthorError("there are no further workers here")
        other = self.context.open_another()
        apart = 0 if same_numbers else len(self._others) + 1
        other._begin = (self._seed + apart) % 2**63  # this side's generators go on as they are
        self._others.append(other)
        return other

    def executed(self, module: str) -> Executed | None:
        """Return how the notebook of a module had been run, None where it was none."""
        return self.context.executed(module)

    def close(self) -> None:
        """End the worker, and those that were opened from here; forget what the last example kept.

        A reply that has a gradient holds the session, where no garbage collector sees it.
        """
        for other in self._others:
            other.close()
        self._channel.close()
        self.example = Example()
        self.callbacks.begin()

    def load(self, name: str) -> tuple[list[list[Any]], list[list[Any]]]:
        """Load a module and return what was skipped in it and what inert stand-ins took the place of."""
        if name not in self._loaded:
            self._doing = f"loading {name}"
            report = self._ask({"op": "load", "module": name}, [], seconds=self._load_seconds)
            if not (isinstance(report, list) and len(report) == 2 and all(isinstance(part, list) for part in report)):
                raise WorkerLost("the worker did not say what it loaded")
            self._loaded[name] = report
        return self._loaded[name][0], self._loaded[name][1]

    def scripts(self) -> bytes:
        """Return what the worker compiled: bytes that only another worker of the same submission may read."""
        found = self._ask({"op": "scripts"}, [])
        return found.tobytes() if isinstance(found, np.ndarray) and found.nbytes <= MAX_SCRIPTS else b""

    def call(self, base: str | int, path: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call what is at a path and return its value."""
        self._ready(base)
        name = self._name(base, path)
        origin = self.example.origins.get(base) if isinstance(base, int) else None
        place = ".".join((base if isinstance(base, str) else origin.place if origin is not None else "", *path))
        probe = self.context.probe_words.get(place)
        labels = [*((f"argument {i + 1}", value) for i, value in enumerate(args)), *kwargs.items()]
        arguments = tuple((label, _frozen(value)) for label, value in labels)
        call = Call(name, arguments, origin, place, probe, self.context.signatures)
        self.example.calls.append(call)
        encoder = Encoder(self._encode_special)
        self._sent = []
        request = {
            "op": "call",
            "base": base,
            "path": list(path),
            "args": ["t", *[self._labelled(label, value, encoder) for label, value in labels[: len(args)]]],
            "kwargs": ["d", *[[key, self._labelled(key, value, encoder)] for key, value in labels[len(args) :]]],
        }
        self._doing = f"{name}()" if probe is None else f"{name}() in {probe.file}"
        value = self._ask(request, encoder.buffers)
        if is_remote(value):
            self.example.origins[state(value)[1]] = call  # type: ignore[index]
        return value

    def get(self, base: str | int, path: tuple[str, ...]) -> Any:
        """Return the value at a path."""
        self._ready(base)
        self._doing = self._name(base, path)
        value = self._ask({"op": "get", "base": base, "path": list(path)}, [])
        if isinstance(base, str) and len(path) == 1 and (number := _number(value)) is not None:
            self.example.constants[base, path[0]] = number
        return value

    def exists(self, base: str | int, path: tuple[str, ...]) -> bool:
        """Whether there is anything at a path."""
        self._ready(base)
        return self._ask({"op": "has", "base": base, "path": list(path)}, []) is True

    def assign(self, base: str | int, path: tuple[str, ...], value: Any) -> None:
        """Put a value at a path."""
        self._ready(base)
        encoder = Encoder(self._encode_special)
        self._sent = []
        self._doing = self._name(base, path)
        self._ask({"op": "set", "base": base, "path": list(path), "args": encoder.encode(value)}, encoder.buffers)

    def gradients(
        self, outputs: list[torch.Tensor], wrt: list[torch.Tensor], cotangents: list[torch.Tensor]
    ) -> list[torch.Tensor | None]:
        """Return gradients as `autograder.sandbox.trusted.remote.gradients` says, plain and of the right shape."""
        encoder = Encoder(self._encode_special)
        self._sent = []
        request = {
            "op": "gradients",
            "outputs": encoder.encode(outputs),
            "cotangents": encoder.encode([cotangent.detach() for cotangent in cotangents]),
            "wrt": encoder.encode(wrt),
        }
        self._doing = "backward()"
        found = self._ask(request, encoder.buffers)
        if not isinstance(found, list) or len(found) != len(wrt):
            raise WorkerLost("the worker gave no list of gradients")
        for gradient, tensor in zip(found, wrt, strict=True):
            if gradient is not None and not (isinstance(gradient, torch.Tensor) and gradient.shape == tensor.shape):
                raise WorkerLost("the worker gave a gradient of another shape than its tensor")
        return found

    def drawn(self, result: Remote | None, picture: bool) -> Any:
        """Return what was drawn, as the worker says; see `autograder.sandbox.trusted.captured_figures.drawn`."""
        of = None if result is None else [state(result)[1], list(state(result)[2])]
        self._doing = "what was drawn"
        return self._ask({"op": "drawn", "of": of, "picture": picture}, [])

    # one round trip

    def _start(self, loader: Mapping[str, Any], stand_ins: StandIns) -> None:
        encoder = Encoder()
        specs = []
        for path, stand_in in stand_ins.items():
            if isinstance(stand_in, Callback):
                number = self.callbacks.number(stand_in)
                fields = None if stand_in.fields is None else list(stand_in.fields)
                names = _names_of(stand_in)
                detail = {"number": number, "fields": fields, "construct": stand_in.construct, "names": names}
                specs.append({"kind": "callback", "path": path, "value": None, **detail})
            else:
                specs.append({"kind": "canned", "path": path, "value": encoder.encode(stand_in.value)})
        self._doing = "the start"
        scripts = encoder.encode(np.frombuffer(self.context.scripts, np.uint8))
        self._ask({"op": "start", "loader": dict(loader), "stand_ins": specs, "scripts": scripts}, encoder.buffers)

    def _ready(self, base: str | int) -> None:
        if isinstance(base, str):
            self.load(base)

    def _ask(self, request: dict[str, Any], buffers: list[memoryview], seconds: float | None = None) -> Any:
        if self._begin is not None:
            request["begin"], self._begin = self._begin, None
        wait = self._deadlines.wait(self._channel.meter, seconds)
        try:
            reply = self._believe(self._channel.exchange(request, buffers, wait, self.callbacks.serve))
        except SubmissionFault as fault:
            self.example.remember(Raised(fault.summary, fault.unwritten))
            raise
        except DeadlinePassed:
            self._channel.close()
            assert wait is not None
            raise self._out_of_time(wait) from None
        except Closed:
            raise WorkerLost(f"the process ended during {self._doing}{self._channel.explain_end()}") from None
        except Misbehaved:
            self._channel.close()
            raise WorkerLost(f"the answer to {self._doing} cannot be read") from None
        if request["op"] in ("call", "get", "gradients", "drawn"):
            self.example.remember(reply)
        elif request["op"] == "has":
            self.example.remember(Asked(reply is True))
        return reply

    def _out_of_time(self, wait: Wait) -> BaseException:
        """Say whose fault it is that a wait is over: the submission's, or nobody's."""
        assert wait.ended is not None
        span, why = wait.ended
        if why in (Over.BUSY, Over.RUN):
            return NotEnoughTime(TOO_BUSY if why is Over.BUSY else RUN_IS_OVER)
        if why is Over.PROCESSOR:
            limit = f"stopped: it used more than {span.seconds:g} s of processor time"
            return WorkerLost(limit, limit=limit)
        if span is self._deadlines.check:
            limit = f"stopped: the check took longer than the {span.seconds:g} s that it may take"
            return WorkerLost(f"stopped: the check's time was over: {self._doing} did not return", limit=limit)
        limit = f"stopped: a call took longer than the {span.seconds:g} s that it may take"
        return WorkerLost(f"stopped after {span.seconds:g} s: {self._doing} did not return", limit=limit)

    def _believe(self, frame: Frame) -> Any:
        """Read an answer; whatever surprises in it is misbehaviour, never an error of the grader."""
        try:
            return self._read(frame)
        except (SubmissionFault, AuthorError):
            raise
        except Exception as error:
            raise Misbehaved(f"{type(error).__name__} while an answer was read") from error

    def _read(self, frame: Frame) -> Any:
        header, kind = frame.header, kind_of(frame)
        decoder = Decoder(frame.payload, self._decode_special, self._decode_tensor)
        if kind == "value":
            value = decoder.decode(header.get("v"))
            self._check_changes(header.get("changed"), decoder)
            return value
        if kind == "missing":
            self._raise_missing(header)
        if kind == "raised":
            self._raise_raised(header)
        raise Misbehaved("an answer of an unknown kind")

    def _raise_missing(self, header: dict[str, Any]) -> None:
        name = f"there is no `{_text(header.get('name'))[:200]}`"
        if isinstance(cause := header.get("cause"), dict):
            raise self._raised(cause, then=name)
        skipped = [entry for report in self._loaded.values() for entry in report[0] if isinstance(entry, list)]
        why = ""
        if skipped and len(skipped[0]) == 5:
            file, line, error, message = (_text(part) for part in skipped[0][:4])
            why = f"; line {line} of {file} did not run: {error}: {message}"
        raise SubmissionRaised(f"{name}{why}", builtin="AttributeError")

    def _raise_raised(self, header: dict[str, Any]) -> None:
        raised = self._raised(header)
        cause = header.get("cause")
        raise self._raised(cause, then=raised.summary) if isinstance(cause, dict) else raised

    def _raised(self, header: dict[str, Any], then: str = "") -> SubmissionRaised:
        """Return what an answer says of an exception; ``then`` is what came of it, where a probe had gone on."""
        kind, text, builtin = (_text(header.get(key)) for key in ("type", "text", "builtin"))
        where = header.get("where")
        at = ""
        if isinstance(where, list) and len(where) == 3:
            file, line, source = map(_text, where)
            at = f"{self.context.place(file, int(line) if line.isdecimal() else 0)}: {source}"
        if builtin not in BUILTIN_EXCEPTIONS:
            builtin = "Exception"
        doing = self._done_by(header.get("function"), known=not then)
        after = f"; after that, {then}" if then else ""
        if kind == "NotImplementedError":
            return SubmissionRaised(f"{doing} is not implemented yet{after}", got=at, builtin=builtin, unwritten=True)
        raised = f"{kind}: {text}" if text else kind
        return SubmissionRaised(f"{doing} raised {raised}{after}", got=at, builtin=builtin)

    def _done_by(self, function: Any, *, known: bool) -> str:
        """Name the submission's own function that raised; what was asked for (where it is ``known``) may be a probe."""
        name = function if isinstance(function, str) else ""
        plain = name[:MAX_NAME].replace(".<locals>", "")
        if not all(part.isidentifier() for part in plain.split(".")):
            return self._doing
        asked = self._doing.removesuffix("()").rpartition(".")[2]
        return self._doing if known and asked in plain.split(".") else f"{plain}()"

    def _check_changes(self, changed: Any, decoder: Decoder) -> None:
        if changed is not None and not isinstance(changed, list):
            raise Misbehaved("a list of changed arguments is not plain")
        values = Decoder(decoder._payload)  # one for all: no byte is decoded twice
        for entry in changed or []:
            if not (isinstance(entry, list) and len(entry) == 2 and type(entry[0]) is int):
                raise Misbehaved("a list of changed arguments is not plain")
            if not 0 <= entry[0] < len(self._sent):
                continue
            label, before = self._sent[entry[0]]
            after = values.decode(entry[1])
            if not (isinstance(after, torch.Tensor) and _identical(after, before.detach())):
                raise SubmissionFault(
                    f"{self._doing} changes its argument in place ({label}); it must leave it as it was"
                )

    # values in both directions

    def _labelled(self, label: str, value: Any, encoder: Encoder) -> Any:
        before = len(self._sent)
        tree = encoder.encode(value)
        self._sent[before:] = [(label, tensor) for _, tensor in self._sent[before:]]
        return tree

    def _encode_special(self, value: Any, encoder: Encoder) -> Any:
        if is_remote(value):
            session, base, path, _ = state(value)
            if session is not self:
                raise AuthorError(f"{value!r} belongs to another worker")
            self._ready(base)
            return ["R", base, list(path)]
        if isinstance(value, HostModel):
            return ["C", self.callbacks.number(value)]
        if not isinstance(value, torch.Tensor):
            return None
        known = getattr(value, "remote", None)
        if isinstance(known, TensorInfo) and known.session is self:
            return ["R", known.handle, []]
        self._sent.append(("", value))
        if not value.requires_grad:
            return encoder.tensor(value, None)
        if id(value) in self.example.leaves:
            return ["L", self.example.leaves[id(value)][1]]
        number = len(self.example.leaves)
        self.example.leaves[id(value)] = (value, number)
        return encoder.tensor(value, number)

    def _decode_special(self, tree: list[Any], decoder: Decoder) -> Any:
        if tree[0] == "o" and len(tree) == 3 and type(tree[1]) is int and isinstance(tree[2], str):
            return Remote(self, tree[1], (), tree[2][:100])
        raise Misbehaved(f"a value has the unknown tag {tree[0][:20]!r}")

    def _decode_tensor(self, value: torch.Tensor, info: Any) -> torch.Tensor:
        shapes = (int, bool, str, bool)
        if not (isinstance(info, list) and [type(part) for part in info] == list(shapes)):
            raise Misbehaved("a tensor says nothing of where it came from")
        value.remote = TensorInfo(info[0], self, info[1], info[2][:20], info[3])  # type: ignore[attr-defined]
        return value

    def _name(self, base: str | int, path: tuple[str, ...]) -> str:
        return ".".join(path) if path else str(base)


def _names_of(stand_in: Callback) -> list[str] | None:
    """Return the names of the arguments that a callback takes; None where it takes any."""
    try:
        parameters = inspect.signature(stand_in.function).parameters.values()
    except ValueError:  # a function of torch's own
        return None
    if any(parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) for parameter in parameters):
        return None
    return [parameter.name for parameter in parameters][len(stand_in.fields or ()) :]


def _number(value: Any) -> int | float | None:
    """Return a plain number, also where it is a tensor without dimensions; None for anything else."""
    plain = value.item() if isinstance(value, torch.Tensor) and value.ndim == 0 else value
    return plain if type(plain) in (int, float) else None


def _text(value: Any) -> str:
    """Return a part of an answer as a text of bounded length; what is neither a text nor a number becomes "?"."""
    plain = isinstance(value, str) or type(value) is int
    return str(value)[:MAX_TEXT] if plain else "?"


def _identical(after: torch.Tensor, before: torch.Tensor) -> bool:
    """Whether two tensors hold the same values; NaN is NaN."""
    if after.shape != before.shape or after.dtype != before.dtype:
        return False
    return bool(((after == before) | ((after != after) & (before != before))).all())


def _frozen(value: Any) -> Any:
    return value.detach() if isinstance(value, torch.Tensor) else value
