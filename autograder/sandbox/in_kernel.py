"""The backend of a notebook's kernel: modules that are there already, behind the same session and codec.

Only for a student's own code in a student's own process: nothing is jailed.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from autograder.sandbox.in_process import InProcessChannel
from autograder.sandbox.jailed.executor import Executor
from autograder.sandbox.jailed.loading import Loader


class KernelChannel(InProcessChannel):
    """Runs an executor in this process, on living modules by the names that checks know them by.

    ``is_cell`` tells whether a file name is that of code of the student's. What checks put into the modules is taken
    out again by `close`. Modules of ``folder`` that the kernel has imported are hidden while the executor works, which
    reads their files anew, and are what they were for the kernel afterwards.
    """

    def __init__(self, modules: Mapping[str, types.ModuleType], is_cell: Callable[[str], bool], folder: Path) -> None:
        self._living = dict(modules)
        self._imported = [name for name, module in list(sys.modules.items()) if _is_of(module, folder)]
        self._hidden: dict[str, types.ModuleType] = {}
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

    def _enter(self) -> None:
        self._hidden = {name: sys.modules.pop(name) for name in self._imported if name in sys.modules}
        super()._enter()

    def _leave(self) -> None:
        super()._leave()
        sys.modules.update(self._hidden)

    def _make_executor(self) -> Executor:
        return _KernelExecutor(self._make_loader, self._upcall, self._is_cell)

    def _make_loader(self, settings: Mapping[str, Any]) -> Loader:
        loader = super()._make_loader(settings)
        loader.modules.update(self._living)
        return loader


def _is_of(module: types.ModuleType, folder: Path) -> bool:
    """Whether a module was read from a file in the folder, and not from an environment in it."""
    path = getattr(module, "__file__", None)
    return isinstance(path, str) and path.startswith(f"{folder}/") and "site-packages" not in path


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
