"""Dummies for packages that the grader lacks and for what only a notebook has: usable, and without effect."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import types
from collections.abc import Iterator
from typing import Any


class Inert:
    """Stands for anything out of a module that the grader lacks; it can be used and does nothing."""

    def __init__(self, name: str) -> None:
        self.__dict__["_name"] = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Inert(f"{self._name}.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__[name] = value

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and (isinstance(args[0], (types.FunctionType, type))):
            return args[0]  # as a decorator it must not lose what it decorates
        return Inert(f"{self._name}()")

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()

    def __getitem__(self, key: object) -> Inert:
        return self

    def __or__(self, other: object) -> Inert:
        return self

    __ror__ = __or__

    def __enter__(self) -> Inert:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"<{self._name}: not installed here>"


class InertModule(types.ModuleType):
    """Takes the place of a package that the grader lacks, so that functions which do not need it can be graded."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Inert(f"{self.__name__}.{name}")


class InertEntry(importlib.abc.Loader):
    """Lets a function import a package that is not here."""

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return InertModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def show_nothing(*values: object, **options: object) -> None:
    """Stand for the `display` that every notebook has."""
