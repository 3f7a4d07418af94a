"""The data sets: SVHN for the generative models, two views of CIFAR10 for SimSiam. You hand in nothing of this file.

Both come through torchvision, which downloads them on first use (SVHN about 250 MB, CIFAR10 170 MB). With ``--small``
the scanned digits that scikit-learn brings along take their place: real pictures, too, and nothing to download.
Every picture is float32 in [-1, 1], shape ``(3, S, S)``. torchvision and scikit-learn are imported inside the
functions, so that importing a solution does not wait for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset, default_collate

Labelled = DataLoader[tuple[Tensor, Tensor]]
Paired = DataLoader[tuple[tuple[Tensor, Tensor], Tensor]]

# ----------------------------------------------------------------------------------------------------- SVHN, CIFAR10


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
    train = _fetch(SVHN, root, split="train", transform=transform)
    test = _fetch(SVHN, root, split="test", transform=transform)
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

    pairs = _fetch(CIFAR10, root, train=True, transform=TwoCrops(simsiam_augmentation()))
    return DataLoader(pairs, batch_size, shuffle=True, drop_last=True, num_workers=workers)


def cifar10_loaders(root: str = "data", batch_size: int = 512, workers: int = 2) -> tuple[Labelled, Labelled]:
    """Return (training, test) loaders of CIFAR10 without augmentation: what the kNN monitor looks at.

    50,000 and 10,000 pictures of 10 classes (Krizhevsky 2009), images ``(batch, 3, 32, 32)``, labels ``(batch,)``.
    """
    from torchvision.datasets import CIFAR10

    transform = to_unit_range()
    train = _fetch(CIFAR10, root, train=True, transform=transform)
    test = _fetch(CIFAR10, root, train=False, transform=transform)
    return _loaders(train, test, batch_size, workers)


def _fetch(data_set: Callable[..., Dataset[Any]], root: str, **options: Any) -> Dataset[Any]:
    """Return the data set, downloaded if it is not in `root`; where that fails, leave with one line that helps.

    torchvision compares each file with the md5 sum of the original, so a broken download is noticed.
    """
    try:
        return data_set(root, download=True, **options)
    except (OSError, RuntimeError) as error:  # no connection; a file that is not what it should be
        name = getattr(data_set, "__name__", "the data set")
        reason = " ".join(str(error).split())
        raise SystemExit(
            f"{name}: not found in {root!r}, and the download failed ({reason}). Connect to the internet, or say with"
            " --data where it is, or try the small data with --small."
        ) from None


def _loaders(train: Dataset[Any], test: Dataset[Any], batch_size: int, workers: int) -> tuple[Labelled, Labelled]:
    return (
        DataLoader(train, batch_size, shuffle=True, drop_last=True, num_workers=workers),
        DataLoader(test, batch_size, shuffle=False, num_workers=workers),
    )


# -------------------------------------------------------------------------------------------- small: scanned digits

TINTS = 2  # of each digit for training
TINT = 0.2  # standard deviation of contrast and brightness, for each colour, in a view for SimSiam
NOISE = 0.4  # standard deviation of the noise in a view for SimSiam: clean digits are too easy to tell apart
LARGEST_SHIFT = 1  # of a view for SimSiam, in pixels


def digit_loaders(batch_size: int = 64, image_size: int = 32, tint: float = 0.4) -> tuple[Labelled, Labelled]:
    """Return (training, test) loaders of tinted digits: images ``(batch, 3, S, S)``, labels ``(batch,)``.

    2 x 1,437 pictures for training, each digit in two random tints, and 360 of other digits for testing. `tint` is the
    standard deviation of contrast and brightness of each colour.
    """
    ink, labels = _digits(image_size, held_out=False)
    train = TensorDataset(_tinted(ink.repeat(TINTS, 1, 1, 1), tint).clamp(-1.0, 1.0), labels.repeat(TINTS))
    ink, labels = _digits(image_size, held_out=True)
    return _loaders(train, TensorDataset(_tinted(ink, tint).clamp(-1.0, 1.0), labels), batch_size, workers=0)


def digit_pairs(batch_size: int = 128, image_size: int = 16) -> Paired:
    """Return the training loader of SimSiam on digits: ``(x1, x2), label``, each view ``(batch, 3, S, S)``.

    The views differ in tint, in noise, and in where the digit lies.
    """

    def two_views(digits: list[tuple[Tensor, Tensor]]) -> tuple[tuple[Tensor, Tensor], Tensor]:
        ink, labels = default_collate(digits)
        return (digit_view(ink), digit_view(ink)), labels

    digits = TensorDataset(*_digits(image_size, held_out=False))
    return DataLoader(digits, batch_size, shuffle=True, drop_last=True, collate_fn=two_views)


def digit_view_loaders(batch_size: int = 128, image_size: int = 16) -> tuple[Labelled, Labelled]:
    """Return (training, test) loaders of one fixed view of each digit: what the kNN monitor looks at."""
    (train_ink, train_labels), (test_ink, test_labels) = (_digits(image_size, held_out=h) for h in (False, True))
    train = TensorDataset(digit_view(train_ink), train_labels)
    return _loaders(train, TensorDataset(digit_view(test_ink), test_labels), batch_size, workers=0)


def digit_view(ink: Tensor) -> Tensor:
    """Return one random view ``(n, 3, S, S)`` of digits ``(n, 1, S, S)``: moved, tinted, with noise."""
    size, reach = ink.shape[-1], 2 * LARGEST_SHIFT + 1
    padded = F.pad(ink, [LARGEST_SHIFT] * 4)
    windows = padded.unfold(2, size, 1).unfold(3, size, 1)  # (n, 1, reach, reach, S, S): all shifts
    rows, columns = torch.randint(reach, (2, len(ink)))
    tinted = _tinted(windows[torch.arange(len(ink)), :, rows, columns], TINT)
    return (tinted + NOISE * torch.randn_like(tinted)).clamp(-1.0, 1.0)


def _digits(image_size: int, *, held_out: bool) -> tuple[Tensor, Tensor]:
    """Return the ink in [0, 1], ``(n, 1, S, S)``, and the labels ``(n,)``; every fifth digit is held out for testing.

    1,797 scans of 8x8 grey values, drawn larger (Alpaydin and Kaynak 1998; `sklearn.datasets.load_digits`).
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    chosen = (torch.arange(len(found.target)) % 5 == 0) == held_out
    ink = torch.as_tensor(found.images, dtype=torch.float32)[chosen, None] / 16
    larger = F.interpolate(ink, size=(image_size, image_size), mode="bilinear", align_corners=False)
    return larger, torch.as_tensor(found.target, dtype=torch.int64)[chosen]


def _tinted(ink: Tensor, tint: float) -> Tensor:
    """Draw ``(n, 1, S, S)`` light on dark, ``(n, 3, S, S)``, with contrast and brightness of each colour at random."""
    contrast, brightness = tint * torch.randn(2, len(ink), 3, 1, 1)
    return (1.0 + contrast) * (1.4 * ink - 0.7) + brightness
