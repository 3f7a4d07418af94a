"""The worker's half of a session: it holds the submission's objects and does what the trusted side asks.

The same executor serves both backends: behind a socket in a jailed worker, or in process for trusted code. Whatever
it answers is checked on the trusted side; nothing here is a wall.
"""

from __future__ import annotations

import builtins
import linecache
import random
import sys
import traceback
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.random  # numpy itself imports it when it is first used: behind the walls
import torch

from autograder.sandbox.jailed import figures
from autograder.sandbox.jailed.loading import Loader, safe_text
from autograder.sandbox.jailed.questions import PLAIN, ExposedModule, Questions, Upcall, stand_in_of
from autograder.sandbox.jailed.scripts import packed
from autograder.sandbox.shared.gradients import paired
from autograder.sandbox.shared.values import Decoder, Encoder
from autograder.sandbox.shared.wire import MAX_SCRIPTS, Frame, Misbehaved

Reply = tuple[Any, list[memoryview]]

MAX_TEXT = 2000
MAX_NAME = 100


class Missing(Exception):
    """A name that the trusted side asked for does not exist; ``of`` is the object that lacks it."""

    def __init__(self, name: str, of: object = None) -> None:
        super().__init__(name)
        self.of = of


class Executor:
    """Answers requests one at a time; see the methods named ``_do_*`` for the operations."""

    def __init__(self, make_loader: Callable[[Mapping[str, Any]], Loader], upcall: Upcall) -> None:
        self._make_loader = make_loader
        self._questions = Questions(upcall, self._keep)
        self.loader: Loader | None = None
        self._objects: dict[int, Any] = {}
        self._leaves: dict[int, torch.Tensor] = {}
        self._next_handle = 1
        self._arguments: list[tuple[torch.Tensor, int]] = []
        self._stand_ins: list[dict[str, Any]] = []
        self._bound: dict[str, Any] = {}
        self._caught: tuple[BaseException | None, type | None] = (None, None)
        """What a constructor of the submission raised first in this example, where a probe went on, and its class."""
        self._seed, self._calls = 0, 0
        self._closed: list[Any] = []
        """Figures that the submission has closed since the example began."""

    def handle(self, frame: Frame) -> Reply:
        """Do what a frame asks; a submission's exceptions become part of the answer."""
        request = frame.header
        if "begin" in request:
            self._begin(request["begin"])
        self._arguments = []
        decoder = Decoder(frame.payload, self._decode_special, self._decode_tensor)
        try:
            return getattr(self, "_do_" + request["op"])(request, decoder)  # type: ignore[no-any-return]
        except Missing as error:
            return {"k": "missing", "name": str(error), "cause": self._cause(error.of)}, []
        except BaseException as error:  # the one boundary at which a submission's exceptions are caught
            return self._describe(error), []

    def forget(self) -> None:
        """Let go of an example's objects: by autograd's graph they may hold this executor, which no collector sees."""
        self._objects.clear()
        self._leaves.clear()
        self._arguments = []
        self._caught = None, None
        self._closed.clear()

    def _begin(self, seed: int) -> None:
        """Start an example: forget the last one's objects, restart all generators."""
        figures.close_all()  # which counts them as closed by the submission
        self.forget()
        self._seed, self._calls = seed, 0
        _restart_generators(seed)

    def _restart(self) -> None:
        """Restart all generators at a point that only the example and the number of calls in it decide."""
        mixed = (self._seed * 6364136223846793005 + self._calls * 1442695040888963407) % 2**63
        _restart_generators(mixed if self._calls else self._seed)

    # the operations

    def _do_ping(self, request: Any, decoder: Decoder) -> Reply:
        return self._answer(None)

    def _do_start(self, request: Any, decoder: Decoder) -> Reply:
        """Take the settings of the loader and the stand-ins; nothing is loaded yet."""
        self._stand_ins = [{**spec, "value": decoder.decode(spec["value"])} for spec in request["stand_ins"]]
        own = {
            "bind": self._bind,
            "on_caught": self._on_caught,
            "scripts": decoder.decode(request["scripts"]).tobytes(),
        }
        self.loader = self._make_loader({**request["loader"], **own})
        return self._answer(None)

    def _do_load(self, request: Any, decoder: Decoder) -> Reply:
        """Load a module; answer with what was skipped."""
        assert self.loader is not None
        try:
            self.loader.load(request["module"])
        except FileNotFoundError as error:
            raise Missing(str(error)) from None
        self._restart()  # what its statements drew must not matter
        report = self.loader.report
        skipped = [[s.file, s.line, s.error, s.message, s.slow] for s in report.skipped]
        return self._answer([skipped, [list(entry) for entry in report.inert]])

    def _do_scripts(self, request: Any, decoder: Decoder) -> Reply:
        """Answer with the bytes of all that was compiled here; none where they would be too many to keep."""
        assert self.loader is not None
        data = packed(self.loader.compiled_here)
        return self._answer(np.frombuffer(data if len(data) <= MAX_SCRIPTS else b"", np.uint8))

    def _do_call(self, request: Any, decoder: Decoder) -> Reply:
        target = self._resolve(request["base"], request["path"])
        self._calls += 1
        if isinstance(request["base"], int):  # what its constructor drew depends on its networks, and must not matter
            self._restart()
        args, kwargs = decoder.decode(request["args"]), decoder.decode(request["kwargs"])
        figures.remember_closed(self._closed)
        return self._answer(target(*args, **kwargs))

    def _do_get(self, request: Any, decoder: Decoder) -> Reply:
        return self._answer(self._resolve(request["base"], request["path"]))

    def _do_has(self, request: Any, decoder: Decoder) -> Reply:
        try:
            self._resolve(request["base"], request["path"])
        except Missing:
            return self._answer(False)
        return self._answer(True)

    def _do_set(self, request: Any, decoder: Decoder) -> Reply:
        owner, name = self._resolve(request["base"], request["path"][:-1]), request["path"][-1]
        of_class = isinstance(owner, torch.nn.Module) and hasattr(type(owner), name)
        # torch would make a part of an exposed model, and the method of that name would still be found first.
        (object.__setattr__ if of_class else setattr)(owner, name, decoder.decode(request["args"]))
        return self._answer(None)

    def _do_gradients(self, request: Any, decoder: Decoder) -> Reply:
        """Answer with d(sum of <output, cotangent>)/d(wrt), None where no gradient arrives."""
        outputs = decoder.decode(request["outputs"])
        cotangents = decoder.decode(request["cotangents"])
        wrt = decoder.decode(request["wrt"])
        live = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if o.requires_grad]
        wanted = [i for i, tensor in enumerate(wrt) if isinstance(tensor, torch.Tensor) and tensor.requires_grad]
        result: list[torch.Tensor | None] = [None] * len(wrt)
        if live and wanted:
            total = paired([o for o, _ in live], [c.reshape(o.shape) for o, c in live])
            found = torch.autograd.grad(total, [wrt[i] for i in wanted], retain_graph=True, allow_unused=True)
            for index, gradient in zip(wanted, found, strict=True):
                result[index] = gradient
        return self._answer(result)

    def _do_drawn(self, request: Any, decoder: Decoder) -> Reply:
        """Answer with what was drawn: the figures of an object, or all that are open."""
        handle = request["of"]
        result = self._resolve(*handle) if handle is not None else None
        return self._answer(figures.describe(result, self._closed, picture=request["picture"]))

    # references and values

    def _resolve(self, base: str | int, path: list[str]) -> Any:
        if isinstance(base, int):
            if base not in self._objects:
                raise Missing("an object of an earlier example")
            value = self._objects[base]
        else:
            assert self.loader is not None
            try:
                value = self.loader.load(base)
            except FileNotFoundError as error:
                raise Missing(str(error)) from None
        for depth, name in enumerate(path):
            try:
                value = getattr(value, name)
            except AttributeError:
                raise Missing(".".join(path[: depth + 1]), value) from None
        return value

    def _decode_special(self, tree: list[Any], decoder: Decoder) -> Any:
        if tree[0] == "R":
            return self._resolve(tree[1], tree[2])
        if tree[0] == "L":
            leaf = self._leaves[tree[1]]
            self._arguments.append((leaf, leaf._version))
            return leaf
        if tree[0] == "C":
            return ExposedModule(self._questions, tree[1])
        raise Misbehaved(f"a value has the unknown tag {tree[0]!r}")

    def _decode_tensor(self, value: torch.Tensor, info: Any) -> torch.Tensor:
        if info is not None:
            value.requires_grad_(True)
            self._leaves[info] = value
        self._arguments.append((value, value._version))
        return value

    def _keep(self, value: Any) -> int:
        handle = self._next_handle
        self._next_handle += 1
        self._objects[handle] = value
        return handle

    def _encode_special(self, value: Any, encoder: Encoder) -> Any:
        if isinstance(value, torch.Tensor):
            plain = type(value) in (torch.Tensor, torch.nn.Parameter)
            info = [self._keep(value), bool(value.requires_grad), str(value.device), plain]
            try:
                return encoder.tensor(value, info)
            except (TypeError, RuntimeError):
                return ["o", info[0], type(value).__name__]
        if isinstance(value, PLAIN) and not isinstance(value, np.ndarray | np.generic):
            return None
        if isinstance(value, np.ndarray | np.generic):
            try:
                return encoder.array(np.asarray(value))
            except TypeError:
                pass
        return ["o", self._keep(value), type(value).__name__]

    def _answer(self, value: Any) -> Reply:
        encoder = Encoder(self._encode_special)
        reply = {"k": "value", "v": encoder.encode(value)}
        changed = [
            [position, encoder.tensor(tensor, None)]
            for position, (tensor, version) in enumerate(self._arguments)
            if tensor._version != version
        ]
        if changed:
            reply["changed"] = changed
        return reply, encoder.buffers

    def _describe(self, error: BaseException) -> Any:
        described = self._describe_alone(error)
        # a name that is missing is what an unfinished constructor leaves behind
        cause = self._cause(getattr(error, "obj", None)) if isinstance(error, AttributeError) else None
        return {**described, "cause": cause}

    def _describe_alone(self, error: BaseException) -> dict[str, Any]:
        frames: list[tuple[str, int, str]] = [
            (self._shown(frame.f_code.co_filename), line, frame.f_code.co_qualname)
            for frame, line in traceback.walk_tb(error.__traceback__)
            if self._is_submitted(frame.f_code.co_filename)
        ]
        source = ""
        if frames and self.loader is not None:
            source = linecache.getline(str(self.loader.folder / frames[-1][0]), frames[-1][1]).strip()[:200]
        builtin = next((c.__name__ for c in type(error).__mro__ if vars(builtins).get(c.__name__) is c), "Exception")
        return {
            "k": "raised",
            "type": type(error).__name__[:100],
            "text": safe_text(error, MAX_TEXT),
            "builtin": builtin,
            "function": frames[0][2][:MAX_NAME] if frames else "",
            "where": [*frames[-1][:2], source] if frames else None,
        }

    def _cause(self, lacking: object) -> Any:
        """Describe what the constructor of an object had raised that lacks a name now; None if it raised nothing."""
        error, kind = self._caught
        return None if error is None or type(lacking) is not kind else self._describe_alone(error)

    def _on_caught(self) -> None:
        """Remember the exception that a probe is handling, where a constructor of the submission raised it."""
        error = sys.exc_info()[1]
        if error is None or self._caught[0] is not None:
            return
        frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
        first = next((frame for frame in frames if self._is_submitted(frame.f_code.co_filename)), None)
        if first is not None and first.f_code.co_name == "__init__" and first.f_code.co_argcount:
            self._caught = error, type(first.f_locals[first.f_code.co_varnames[0]])

    def _is_submitted(self, filename: str) -> bool:
        return self.loader is not None and filename.startswith(str(self.loader.folder))

    def _shown(self, filename: str) -> str:
        assert self.loader is not None
        return filename[len(str(self.loader.folder)) :].lstrip("/")

    # stand-ins

    def _bind(self, module: types.ModuleType) -> None:
        """Put the stand-ins of a module in their places, where those exist and hold something else."""
        for spec in self._stand_ins:
            stem, *owners, name = spec["path"].split(".")
            if stem != module.__name__:
                continue
            if self._is_from_elsewhere(getattr(module, (*owners, name)[0], None), module):
                continue
            owner: Any = module
            for part in owners:
                owner = getattr(owner, part, None)
            if not hasattr(owner, "__dict__") or vars(owner).get(name) is self._bound.get(spec["path"], self):
                continue
            asking = spec["kind"] != "canned"
            own = vars(owner).get(name)
            setattr(owner, name, stand_in_of(self._questions, spec, module, own) if asking else spec["value"])
            self._bound[spec["path"]] = vars(owner)[name]

    def _is_from_elsewhere(self, value: Any, module: types.ModuleType) -> bool:
        """Whether a module of the submission got a function or class by an import from another one of its modules."""
        home = getattr(value, "__module__", None)
        assert self.loader is not None
        return type(home) is str and home != module.__name__ and home in self.loader.modules


def _restart_generators(seed: int) -> None:
    # torch.manual_seed would queue a call for every CUDA device each time
    torch.default_generator.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)
