"""Gradients of several outputs as that of one number, against those that autograd gives."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.sandbox.shared.gradients import paired


@settings(deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 3))
def test_they_are_those_of_autograd_to_the_bit(seed, count):
    generator = torch.Generator().manual_seed(seed)
    leaf = torch.randn(4, 3, generator=generator, requires_grad=True)
    outputs = [(leaf * k).exp().sin() if k else leaf.log() for k in range(count)]  # with NaN and infinities
    cotangents = [torch.randn(4, 3, generator=generator, dtype=torch.float64) for _ in outputs]
    for output, cotangent in zip(outputs, cotangents, strict=True):
        ours = torch.autograd.grad(paired([output], [cotangent]), leaf, retain_graph=True)[0]
        theirs = torch.autograd.grad([output], leaf, [cotangent.float()], retain_graph=True)[0]
        assert torch.equal(ours.nan_to_num(7.0), theirs.nan_to_num(7.0))
    ours = torch.autograd.grad(paired(outputs, cotangents), leaf, retain_graph=True)[0]
    theirs = torch.autograd.grad(outputs, leaf, [c.float() for c in cotangents])[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6, equal_nan=True)


def test_other_shapes_are_refused():
    with pytest.raises(RuntimeError, match="differ in shape"):
        paired([torch.ones(2, 3, requires_grad=True)], [torch.ones(3)])


def test_no_symbolic_algebra_is_imported():
    code = (
        "import sys, torch; from autograder.sandbox.shared.gradients import paired; x = torch.ones(3).requires_grad_();"
        " print(torch.autograd.grad(paired([2 * x], [x.detach()]), x)[0].tolist(), 'sympy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "[2.0, 2.0, 2.0] False"
