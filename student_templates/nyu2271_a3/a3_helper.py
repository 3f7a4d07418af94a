"""What the notebook of Part A needs beside your models: data, one-hot classes, the training loop, pictures.

You hand in nothing of this file; grading uses its own copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from checkpoints import Checkpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader

BATCH_SIZE = 128
LEARNING_RATE = 1e-3
NUM_CLASSES = 10

Batches = Iterable[tuple[Tensor, Tensor]]
Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of that name; ``auto`` means the GPU if there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def mnist_loader(root: str = "data", batch_size: int = BATCH_SIZE, train: bool = True) -> DataLoader[Any]:
    """Return MNIST in batches: images ``(N, 1, 28, 28)`` in [0, 1] and digits ``(N,)``; downloaded on first use.

    The training loader shuffles and drops the last incomplete batch.
    """
    from torchvision import transforms
    from torchvision.datasets import MNIST

    data = MNIST(root, train=train, transform=transforms.ToTensor(), download=True)
    return DataLoader(data, batch_size, shuffle=train, drop_last=train)


def one_hot(labels: Tensor, num_classes: int = NUM_CLASSES) -> Tensor:
    """Turn digits ``(N,)`` into float vectors ``(N, num_classes)`` with a 1 at the digit and 0 elsewhere."""
    return torch.nn.functional.one_hot(labels.long(), num_classes).float()


def train_vae(
    model: nn.Module,
    loader: Batches,
    loss_function: Loss,
    *,
    epochs: int = 10,
    cond: bool = False,
    device: torch.device | str = "auto",
    checkpoint: Path | str | None = None,
    resume: bool = False,
) -> list[float]:
    """Train with Adam; return the average loss of each epoch. With ``cond`` the model also gets one-hot classes.

    The file `checkpoint` keeps the training after every epoch; with `resume` it goes on from there.
    """
    device = pick_device(str(device))
    model.to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    history: list[float] = []
    for epoch in _epochs(epochs, checkpoint, resume, history, model, optimizer):
        losses = []
        for images, labels in loader:
            images, classes = images.to(device), one_hot(labels).to(device)
            x_hat, mu, logvar = model(images, classes) if cond else model(images)
            loss = loss_function(x_hat, images, mu, logvar)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        history.append(sum(losses) / len(losses))
        print(f"epoch {epoch}: average loss {history[-1]:.1f}", flush=True)
    return history


def _epochs(
    total: int,
    path: Path | str | None,
    resume: bool,
    history: list[float],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> Iterable[int]:
    if path is None:
        return range(1, total + 1)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    settings = {"learning rate": LEARNING_RATE, "batch size": BATCH_SIZE}
    kept = Checkpoint(Path(path), settings, {"loss": history}, model=model, optimizer=optimizer)
    return kept.epochs(total, resume=resume)


def between(first: Tensor, last: Tensor, steps: int) -> Tensor:
    """Return ``(steps, Z)`` latent vectors at equal distances on the line from `first` ``(Z,)`` to `last`."""
    weight = torch.linspace(0, 1, steps, device=first.device)[:, None]
    return (1 - weight) * first + weight * last


def show_images(images: Tensor, columns: int = 10, title: str = "") -> None:
    """Draw images ``(n, 1, 28, 28)`` or ``(n, 784)`` with values in [0, 1], `columns` to a row."""
    import matplotlib.pyplot as plt

    pictures = images.detach().cpu().reshape(len(images), 28, 28)
    rows = -(-len(pictures) // columns)
    canvas = torch.ones(rows * columns, 28, 28)
    canvas[: len(pictures)] = pictures
    canvas = canvas.reshape(rows, columns, 28, 28).transpose(1, 2).reshape(rows * 28, columns * 28)
    plt.figure(figsize=(columns, rows + 0.4), layout="constrained")
    plt.imshow(canvas, cmap="gray", vmin=0, vmax=1)
    plt.title(title)
    plt.axis("off")
    plt.show()


def plot_losses(curves: dict[str, list[float]]) -> None:
    """Plot one line per name, one point per epoch."""
    import matplotlib.pyplot as plt

    plt.figure(figsize=(6, 4), layout="constrained")
    for name, values in curves.items():
        plt.plot(range(1, len(values) + 1), values, marker=".", label=name)
    plt.xlabel("epoch")
    plt.ylabel("average loss (nats per image)")
    plt.legend()
    plt.show()
