"""The grader's own models on the device of training: the same numbers as on the CPU, whatever the device."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from autograder.checks import assert_close, placed
from autograder.checks.training.device import CPU, training_on, wake_cuda

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_GPU = not torch.cuda.is_available()
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(WITHOUT_GPU, reason="there is no GPU here"))]


@pytest.fixture
def unet(monkeypatch):
    """The network that learns in an item of training."""
    monkeypatch.syspath_prepend(str(ROOT / "assignments/ift6135_a3/provided"))
    monkeypatch.delitem(sys.modules, "networks", raising=False)
    import networks

    torch.manual_seed(0)
    model = networks.Unet(16, dim_mults=(1, 2, 4))
    for layer in model.modules():
        if isinstance(layer, torch.nn.Linear):  # the embedding of time stays float32 where the network is float64
            layer.register_forward_pre_hook(lambda layer, inputs: (inputs[0].to(layer.weight.dtype),))
    yield model
    del sys.modules["networks"]


@pytest.mark.parametrize("device", DEVICES)
def test_a_network_predicts_injected_noise_alike_on_every_device(unet, device):
    """Float32 on the device against float64 on the CPU, within what roundings explain (see `closeness`)."""
    if device == "cuda":
        wake_cuda()
    generator = torch.Generator().manual_seed(1)
    x, noise = torch.randn(2, 8, 3, 16, 16, generator=generator)
    t = torch.arange(8) * 125
    mixed = (0.5**0.5 * (x + noise)).requires_grad_()
    exact = mixed.detach().double().requires_grad_()
    truth = unet.double()(exact, t)
    (truth - noise).square().mean().backward()
    with training_on(torch.device(device)):
        predicted = placed(unet.float())(mixed, t)
    (predicted - noise).square().mean().backward()
    assert predicted.device == CPU
    assert_close(predicted.detach(), truth.detach(), name="the prediction")
    assert_close(mixed.grad, exact.grad, name="the gradient of its error")


def test_a_model_is_moved_and_its_inputs_follow():
    """The meta device stands for one that is not the CPU: it computes shapes alone."""
    model = torch.nn.Linear(3, 2)
    with training_on(torch.device("meta")):
        call = placed(model)
    assert model.weight.device.type == "meta"
    with pytest.raises(NotImplementedError, match="meta tensor"):  # the output is on its way back to the CPU
        call(torch.ones(1, 3))


def test_the_cpu_is_where_training_runs_unless_told_otherwise():
    model = torch.nn.Linear(3, 2)
    with training_on(torch.device("meta")):
        pass
    assert torch.equal(placed(model)(torch.ones(1, 3)), model(torch.ones(1, 3)))
    assert model.weight.device == CPU
