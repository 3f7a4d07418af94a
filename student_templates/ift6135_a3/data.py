"""The data sets: SVHN for the generative models, two views of CIFAR10 for SimSiam. You hand in nothing of this file.

Both come through torchvision, which downloads them on first use (SVHN about 250 MB, CIFAR10 170 MB). Every picture is
float32 in [-1, 1], shape ``(3, 32, 32)``. torchvision is imported inside the functions, so that importing a solution
does not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, Dataset

Labelled = DataLoader[tuple[Tensor, Tensor]]
Paired = DataLoader[tuple[tuple[Tensor, Tensor], Tensor]]


def to_unit_range(image_size: int = 32) -> Callable[[Any], Tensor]:
    """Return the transform from a PIL picture to a tensor ``(3, image_size, image_size)`` in [-1, 1]."""
    from torchvision import transforms

    steps: list[Callable[..., Any]] = [] if image_size == 32 else [transforms.Resize(image_size)]
    steps += [transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))]
    return transforms.Compose(steps)


def svhn_loaders(
    root: str = "data", batch_size: int = 64, image_size: int = 32, workers: int = 2
) -> tuple[Labelled, Labelled]:
    """Return the (training, test) loaders of SVHN: images ``(batch, 3, S, S)`` and their digits ``(batch,)``.

    The cropped 32x32 pictures: 73,257 for training and 26,032 for testing (Netzer et al. 2011). The training loader
    shuffles and drops the last incomplete batch; the test loader keeps the order.
    """
    from torchvision.datasets import SVHN

    transform = to_unit_range(image_size)
    train = SVHN(root, split="train", transform=transform, download=True)
    test = SVHN(root, split="test", transform=transform, download=True)
    return _loaders(train, test, batch_size, workers)


class TwoCrops:
    """A transform that returns two independent random views of one picture."""

    def __init__(self, augment: Callable[[Any], Tensor]) -> None:
        self.augment = augment

    def __call__(self, picture: Any) -> tuple[Tensor, Tensor]:
        return self.augment(picture), self.augment(picture)


def simsiam_augmentation(image_size: int = 32) -> Callable[[Any], Tensor]:
    """Return the random view of SimSiam for small pictures: crop, flip, colour jitter, sometimes grey; no blur.

    Source: Chen and He 2021, section 3 and appendix D (CIFAR10).
    """
    from torchvision import transforms

    jitter = transforms.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(image_size, scale=(0.2, 1.0)),
            transforms.RandomHorizontalFlip(),
            transforms.RandomApply([jitter], p=0.8),
            transforms.RandomGrayscale(p=0.2),
            transforms.ToTensor(),
            transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        ]
    )


def cifar10_pairs(root: str = "data", batch_size: int = 512, workers: int = 2) -> Paired:
    """Return the training loader of SimSiam: ``(x1, x2), label`` with two views, each ``(batch, 3, 32, 32)``."""
    from torchvision.datasets import CIFAR10

    pairs = CIFAR10(root, train=True, transform=TwoCrops(simsiam_augmentation()), download=True)
    return DataLoader(pairs, batch_size, shuffle=True, drop_last=True, num_workers=workers)


def cifar10_loaders(root: str = "data", batch_size: int = 512, workers: int = 2) -> tuple[Labelled, Labelled]:
    """Return (training, test) loaders of CIFAR10 without augmentation: what the kNN monitor looks at.

    50,000 and 10,000 pictures of 10 classes (Krizhevsky 2009), images ``(batch, 3, 32, 32)``, labels ``(batch,)``.
    """
    from torchvision.datasets import CIFAR10

    transform = to_unit_range()
    train = CIFAR10(root, train=True, transform=transform, download=True)
    test = CIFAR10(root, train=False, transform=transform, download=True)
    return _loaders(train, test, batch_size, workers)


def _loaders(train: Dataset[Any], test: Dataset[Any], batch_size: int, workers: int) -> tuple[Labelled, Labelled]:
    return (
        DataLoader(train, batch_size, shuffle=True, drop_last=True, num_workers=workers),
        DataLoader(test, batch_size, shuffle=False, num_workers=workers),
    )
