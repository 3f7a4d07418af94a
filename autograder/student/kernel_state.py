"""The state of a notebook's kernel around checks that run in it: known meanwhile, and as before afterwards."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch


@contextmanager
def borrowed_kernel() -> Iterator[None]:
    """Run a block in a state as that of a fresh process, and give the kernel back as it was.

    That is: generators (of CUDA too, where it is in use), default dtype and device, gradients, figures of pyplot and
    its settings, error handling of NumPy, the current folder. What is printed or displayed in the block is lost.
    """
    with ExitStack() as stack:
        for part in (_generators, _torch_defaults, _figures, _folder):
            stack.enter_context(part())
        stack.enter_context(np.errstate())
        stack.enter_context(_silence())
        yield


@contextmanager
def _generators() -> Iterator[None]:
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    of_cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])
        if of_cuda is not None:
            torch.cuda.set_rng_state_all(of_cuda)


@contextmanager
def _torch_defaults() -> Iterator[None]:
    dtype, gradients, device = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_default_device()
    anomalies = torch.is_anomaly_enabled()
    try:
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)
        torch.set_default_device("cpu")
        torch.autograd.set_detect_anomaly(False)
        yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(gradients)
        torch.set_default_device(None if device.type == "cpu" else device)
        torch.autograd.set_detect_anomaly(anomalies)


@contextmanager
def _figures() -> Iterator[None]:
    """Hide the open figures, and what shows new ones: the kernel would put them below the cell."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        yield
        return
    figures = pyplot._pylab_helpers.Gcf.figs
    before, show, close = dict(figures), pyplot.show, pyplot.close
    figures.clear()
    with pyplot.rc_context():
        pyplot.show = lambda *_, **__: None
        try:
            yield
        finally:
            pyplot.show, pyplot.close = show, close
            figures.clear()
            figures.update(before)


@contextmanager
def _folder() -> Iterator[None]:
    before, path = Path.cwd(), list(sys.path)
    try:
        yield
    finally:
        os.chdir(before)
        sys.path[:] = path


@contextmanager
def _silence() -> Iterator[None]:
    from IPython.utils.capture import capture_output

    with capture_output():
        yield
