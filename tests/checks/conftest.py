"""What all tests of the tools of checks share."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(scope="module", autouse=True)
def _single_threaded() -> Iterator[None]:
    """Small tensors: a second thread would only wait for the first, and keep processes from being forked later."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
