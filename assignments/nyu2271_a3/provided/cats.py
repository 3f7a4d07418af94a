"""Small drawings of cats in the folder layout of AFHQ, to try everything out before the real data are there.

    python cats.py data/toy      # 256 drawings for training, 64 for testing

They are no substitute for the photographs: figures of the report come from the real data.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import torch
from torch import Tensor

SPLITS = {"train": 256, "test": 64}


def draw_cats(count: int, size: int = 32, *, generator: torch.Generator) -> Tensor:
    """Return drawings ``(count, 3, size, size)`` with values in [0, 1]: round face, two ears, two eyes, a nose.

    Position, size and colours differ from cat to cat.
    """
    grid = (torch.arange(size) + 0.5) / size * 2 - 1
    y, x = grid[None, :, None], grid[None, None, :]  # (1, size, 1), (1, 1, size)

    def vary(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, 1, 1, generator=generator)

    radius, left, down = vary(0.42, 0.62), vary(-0.2, 0.2), vary(-0.05, 0.25)
    u, v = (x - left) / radius, (y - down) / radius  # in units of the face, (count, size, size)
    soft = 3.0 / (size * radius)  # edges fade over three pixels
    fur, paper, iris = _colours(count, generator)
    picture = paper.expand(count, 3, size, size)
    for side in (-1.0, 1.0):
        ear = torch.maximum((u * side - 0.58).abs() * 1.8 - (v + 1.4), v + 0.4)  # a tip at the top, open below
        picture = _painted(picture, 0.7 * fur, ear, soft)
    picture = _painted(picture, fur, (u.square() + v.square()).sqrt() - 1, soft)
    for side in (-1.0, 1.0):
        eye = ((u - 0.4 * side).square() + ((v + 0.15) * 1.2).square()).sqrt()
        picture = _painted(picture, iris, eye - 0.24, soft)
        picture = _painted(picture, torch.zeros(count, 3, 1, 1), eye - 0.11, soft)
    nose = (u.abs() * 0.8 + (v - 0.35).abs()) - 0.14
    return _painted(picture, torch.tensor([0.85, 0.45, 0.5]).reshape(1, 3, 1, 1), nose, soft)


def _colours(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Colours of fur, background and iris, each ``(count, 3, 1, 1)``."""
    warm = torch.tensor([0.95, 0.7, 0.45])
    brightness = 0.35 + 0.65 * torch.rand(count, 1, generator=generator)
    greyness = torch.rand(count, 1, generator=generator)
    fur = brightness * (greyness * warm.mean() + (1 - greyness) * warm)
    paper = 0.2 + 0.6 * torch.rand(count, 3, generator=generator)
    iris = torch.tensor([0.5, 0.8, 0.3]) * (0.6 + 0.4 * torch.rand(count, 1, generator=generator))
    return fur[:, :, None, None], paper[:, :, None, None], iris[:, :, None, None]


def _painted(picture: Tensor, colour: Tensor, distance: Tensor, soft: Tensor) -> Tensor:
    """Cover what has a negative signed ``distance`` (count, size, size) with a colour."""
    cover = (0.5 - distance / soft).clamp(0, 1)[:, None]
    return picture * (1 - cover) + colour * cover


def write_toy_afhq(root: Path | str, *, size: int = 64, seed: int = 0, counts: dict[str, int] | None = None) -> Path:
    """Write ``root/train/cat/*.png`` and ``root/test/cat/*.png``, as the unpacked AFHQ has them; return ``root``."""
    from torchvision.utils import save_image

    root, generator = Path(root), torch.Generator().manual_seed(seed)
    for split, count in (counts or SPLITS).items():
        folder = root / split / "cat"
        folder.mkdir(parents=True, exist_ok=True)
        digits = math.ceil(math.log10(count + 1))
        for number, picture in enumerate(draw_cats(count, size, generator=generator)):
            save_image(picture, folder / f"drawn_{number:0{digits}d}.png")
    return root


if __name__ == "__main__":
    print(f"drawn cats are in {write_toy_afhq(sys.argv[1] if len(sys.argv) > 1 else 'data/toy')}")
