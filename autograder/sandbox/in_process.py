"""The in-process backend: trusted code (reference, mutants, alternatives) behind the same session and codec."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from autograder.sandbox.jailed import compat
from autograder.sandbox.jailed.executor import Executor
from autograder.sandbox.jailed.loading import Loader
from autograder.sandbox.shared.wire import Closed, Deadline, Frame
from autograder.sandbox.trusted.channel import Serve
from autograder.sandbox.trusted.clock import Meter


def install_compat() -> None:
    """Treat the code that this process runs as a worker treats it; see `jailed.compat`."""
    compat.install()


@dataclass(frozen=True)
class _Generators:
    """The global generators of torch, NumPy and Python.

    NumPy's is passed on as it is: to copy its state would take longer than most calls. Its old functions forget then
    the second of two normal numbers, which they had drawn at once.
    """

    torch: torch.Tensor
    numpy: np.random.BitGenerator
    python: Any

    @classmethod
    def of_this_process(cls) -> _Generators:
        return cls(torch.default_generator.get_state(), np.random.mtrand.get_bit_generator(), random.getstate())

    def restore(self) -> None:
        torch.default_generator.set_state(self.torch)
        np.random.mtrand.set_bit_generator(self.numpy)
        random.setstate(self.python)


class InProcessChannel:
    """Runs an executor in this process. Its modules and its generators are kept apart from ours.

    ``arithmetic`` is active while the executor works, and may be entered again and again.
    """

    meter: Meter | None = None

    def __init__(self, arithmetic: AbstractContextManager[object] | None = None) -> None:
        self._arithmetic = arithmetic or nullcontext()
        self._serve: Serve | None = None
        self._executor: Executor | None = self._make_executor()
        self._generators = _Generators(torch.default_generator.get_state(), np.random.MT19937(0), random.getstate())
        self._modules: dict[str, Any] = {}

    def exchange(self, header: Any, buffers: list[memoryview], deadline: Deadline | None, serve: Serve) -> Frame:
        """Do a request at once; deadlines are not kept, since the code is trusted."""
        if self._executor is None:
            raise Closed
        self._serve = serve
        with self._activated(), self._arithmetic:
            answer, parts = self._executor.handle(Frame(header, bytearray(b"".join(buffers))))
        return Frame(answer, bytearray(b"".join(parts)))

    def close(self) -> None:
        """Forget everything that was loaded."""
        if self._executor is not None:
            self._executor.forget()
        self._executor = None
        self._modules.clear()

    def explain_end(self) -> str:
        """Say nothing: there is no process that could end."""
        return ""

    def _make_executor(self) -> Executor:
        return Executor(self._make_loader, self._upcall)

    def _make_loader(self, settings: Mapping[str, Any]) -> Loader:
        extra, notebooks = map(Path, settings["extra"]), settings.get("notebooks")
        loader = Loader(
            Path(settings["folder"]),
            bind=settings["bind"],
            on_caught=settings["on_caught"],
            extra=extra,
            notebooks=notebooks,
        )
        sys.meta_path.append(loader)
        return loader

    def _upcall(self, question: Any, buffers: list[memoryview]) -> Frame:
        assert self._serve is not None
        with self._deactivated():
            header, parts = self._serve(Frame(question, bytearray(b"".join(buffers))))
        return Frame(header, bytearray(b"".join(parts)))

    @contextmanager
    def _activated(self) -> Iterator[None]:
        self._enter()
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def _deactivated(self) -> Iterator[None]:
        self._leave()
        try:
            yield
        finally:
            self._enter()

    def _enter(self) -> None:
        self._outside = _Generators.of_this_process()
        self._generators.restore()
        sys.modules.update(self._modules)
        if self._executor is not None and self._executor.loader is not None:
            sys.meta_path.append(self._executor.loader)

    def _leave(self) -> None:
        self._generators = _Generators.of_this_process()
        self._outside.restore()
        loader = self._executor.loader if self._executor is not None else None
        if loader is not None:
            while loader in sys.meta_path:
                sys.meta_path.remove(loader)
            for name in [*loader.modules, *loader.inert]:
                if name in sys.modules:
                    self._modules[name] = sys.modules.pop(name)
