"""Checkpoints: a training that was interrupted goes on as if it had not been. You hand in nothing of this file.

A checkpoint is written on the way; ``--resume`` goes on from the last one. It holds the weights, the state of the
optimiser, the curves so far and the states of the random number generators, so on a CPU the outcome is the same number
by number.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, Protocol

import numpy as np
import torch

WITHOUT_INFLUENCE = ("data", "device", "epochs", "out", "resume")
"""Options that may change between two parts of one training."""


class Stateful(Protocol):
    """A model, an optimiser, a schedule of learning rates."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any: ...


class Checkpoint:
    """The state of one training in one file: where it is, and what belongs to it."""

    def __init__(
        self, path: Path, settings: Mapping[str, Any], history: Mapping[str, list[Any]], **parts: Stateful
    ) -> None:
        """Name the file, the `settings` that both parts of a training must share, the curves and the `parts`."""
        self.path = path
        self.settings = dict(settings)
        self.history = history
        self.parts = parts

    def epochs(self, total: int, *, resume: bool, every: int = 1) -> Iterator[int]:
        """Yield the numbers of the epochs (or steps) that are left, up to `total`.

        Saves after every `every`-th and the last, when the body of the loop is done with it. With `resume` the state of
        the checkpoint is put in place first, if there is one. Without, an older checkpoint is kept under another name.
        Leaves with one line (SystemExit) where a checkpoint does not belong to this run.
        """
        done = self.load() if resume else 0
        for epoch in range(done + 1, total + 1):
            yield epoch
            if epoch % every == 0 or epoch == total:
                if done == 0 and self.path.exists():
                    self._set_aside()
                self.save(epoch)
                done = epoch

    def save(self, epoch: int) -> None:
        """Write the state after `epoch`. An interruption at any moment leaves the old file or the new one, whole."""
        state = {
            "settings": self.settings,
            "epoch": epoch,
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
            "history": {name: list(values) for name, values in self.history.items()},
            "random": random_states(),
        }
        unfinished = self.path.with_suffix(".tmp")
        with unfinished.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.path)

    def load(self) -> int:
        """Put the saved state in place, the curves too; return the number of its epoch, 0 if there is no checkpoint."""
        if not self.path.exists():
            print(f"{self.path}: no checkpoint, so the training starts from the beginning", flush=True)
            return 0
        state = self._read()
        for name in sorted(self.settings.keys() | state["settings"].keys()):
            before, now = state["settings"].get(name), self.settings.get(name)
            if before != now:
                self._leave(f"it was made with {name} = {before}, and this run has {name} = {now}")
        for name, part in self.parts.items():
            try:
                part.load_state_dict(state["parts"][name])
            except (KeyError, RuntimeError, ValueError) as error:
                self._leave(f"its {name} does not fit yours ({' '.join(str(error).split())[:200]})")
        for name, values in self.history.items():
            values[:] = state["history"][name]
        set_random_states(state["random"])
        print(f"{self.path}: going on after number {state['epoch']}", flush=True)
        return int(state["epoch"])

    def _read(self) -> dict[str, Any]:
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError):
            state = None
        if not isinstance(state, dict) or not {"settings", "epoch", "parts", "history", "random"} <= state.keys():
            self._leave("it cannot be read as a checkpoint")
        return state

    def _leave(self, reason: str) -> NoReturn:
        raise SystemExit(f"{self.path}: {reason}. Give the same options as before, or start anew without --resume.")

    def _set_aside(self) -> None:
        kept = self.path.with_suffix(".previous.pt")
        self.path.replace(kept)
        print(f"{kept}: the checkpoint that was here (--resume would have gone on from it)", flush=True)


def settings_of(options: argparse.Namespace, apart_from: Collection[str] = ()) -> dict[str, Any]:
    """Return the options that shape a training, without those that do not and the names in `apart_from`."""
    return {name: value for name, value in vars(options).items() if name not in (*WITHOUT_INFLUENCE, *apart_from)}


def random_states() -> dict[str, Any]:
    """Return the states of all random number generators as tensors, lists and numbers."""
    version, words, gauss = random.getstate()
    name, keys, *rest = np.random.get_state()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": [version, list(words), gauss],
        "numpy": [str(name), [int(key) for key in keys], *rest],
    }


def set_random_states(states: Mapping[str, Any]) -> None:
    """Put back what `random_states` returned; states of GPUs only where there are as many of them."""
    torch.set_rng_state(states["torch"])
    if states["cuda"] and torch.cuda.is_available() and torch.cuda.device_count() == len(states["cuda"]):
        torch.cuda.set_rng_state_all(states["cuda"])
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
