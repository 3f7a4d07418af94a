"""The device of the grader's own part of a training: ``--device auto|cpu|cuda``.

A GPU serves the trusted side alone: the models that are exposed, and what is measured on them. Workers have none, so a
verdict on a submission's code does not depend on the machine, and the driver's large interface stays closed to it.
"""

from __future__ import annotations

import torch

from autograder.checks.training.device import wake_cuda
from autograder.errors import UserError
from autograder.grading.options import Device


def choose_device(wanted: Device) -> torch.device:
    """Return the device to train on; to be called after workers can be forked, since this may initialise CUDA.

    Raises `UserError` where a GPU is asked for and there is none.
    """
    if wanted is Device.CPU:
        return torch.device("cpu")
    missing = _cuda_error()
    if missing and wanted is Device.CUDA:
        raise UserError(f"--device cuda: {missing}; leave the option out, and the CPU is used where there is no GPU")
    return torch.device("cpu" if missing else "cuda")


def _cuda_error() -> str:
    """Say why no GPU can be used here, "" where one can."""
    if torch.version.cuda is None:
        return "this PyTorch is built without CUDA"
    if not torch.cuda.is_available():
        return "PyTorch finds no GPU here (is there a driver, and what does CUDA_VISIBLE_DEVICES say?)"
    try:
        wake_cuda()
    except RuntimeError as error:
        return f"the GPU cannot be used: {str(error).partition(chr(10))[0]}"
    return ""
