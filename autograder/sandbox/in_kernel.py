"""The backend of a notebook's kernel: modules that are there already, behind the same session and codec.

Only for a student's own code in a student's own process: nothing is jailed.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any

from autograder.sandbox.in_process import InProcessChannel
from autograder.sandbox.jailed.executor import Executor
from autograder.sandbox.jailed.loading import Loader


class KernelChannel(InProcessChannel):
    """Runs an executor in this process, on living modules by the names that checks know them by.

    ``is_cell`` tells whether a file name is that of code of the student's. What checks put into the modules is taken
    out again by `close`.
    """

    def __init__(self, modules: Mapping[str, types.ModuleType], is_cell: Callable[[str], bool]) -> None:
        self._living = dict(modules)
        self._before = {name: dict(vars(module)) for name, module in modules.items()}
        self._is_cell = is_cell
        super().__init__()
        self._modules.update(self._living)

    def close(self) -> None:
        """Forget everything that was loaded, and leave the modules as they were."""
        super().close()
        for name, module in self._living.items():
            for new in vars(module).keys() - self._before[name].keys():
                delattr(module, new)
            vars(module).update(self._before[name])

    def _make_executor(self) -> Executor:
        return _KernelExecutor(self._make_loader, self._upcall, self._is_cell)

    def _make_loader(self, settings: Mapping[str, Any]) -> Loader:
        loader = super()._make_loader(settings)
        loader.modules.update(self._living)
        return loader


class _KernelExecutor(Executor):
    """An executor that knows which code is the student's by what the kernel calls it."""

    def __init__(self, make_loader: Any, upcall: Any, is_cell: Callable[[str], bool]) -> None:
        super().__init__(make_loader, upcall)
        self._is_cell = is_cell

    def _is_submitted(self, filename: str) -> bool:
        if self.loader is not None and self.loader.is_extra(filename):  # probes lie in the student's folder, too
            return False
        return self._is_cell(filename) or super()._is_submitted(filename)

    def _shown(self, filename: str) -> str:
        return filename if self._is_cell(filename) else super()._shown(filename)
