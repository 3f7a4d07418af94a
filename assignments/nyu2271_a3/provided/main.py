"""Train or look at the diffusion model on your own machine; the notebook calls the same two functions.

python main.py --data_path data/train --train_steps 1000
python main.py --data_path data/train --train_steps 1000 --resume
python main.py --data_path data/train --visualize
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusion import Diffusion
from torch import Tensor
from trainer import Trainer, visualize
from unet import Unet
from utils import Pictures, pick_device

DEFAULTS: dict[str, Any] = {"image_size": 32, "time_steps": 50, "unet_dim": 16, "unet_dim_mults": (1, 2, 4, 8)}


def build(
    image_size: int = 32, time_steps: int = 50, unet_dim: int = 16, unet_dim_mults: Sequence[int] = (1, 2, 4, 8)
) -> Diffusion:
    """Return an untrained model."""
    unet = Unet(unet_dim, unet_dim_mults)
    return Diffusion(unet, image_size=image_size, timesteps=time_steps)


def train_diffusion(
    data_path: str,
    train_steps: int = 1000,
    save_and_sample_every: int = 100,
    fid: bool = False,
    resume: bool = False,
    save_folder: str = "./results/",
    dataloader_workers: int = 16,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    data_class: str = "cat",
    device: str = "auto",
    **model: Any,
) -> Trainer:
    """Train; what the report needs lies in `save_folder` afterwards. ``model`` are options of `build`."""
    trainer = Trainer(
        build(**{**DEFAULTS, **model}),
        data_path,
        save_folder=save_folder,
        train_steps=train_steps,
        save_and_sample_every=save_and_sample_every,
        fid=fid,
        resume=resume,
        batch_size=batch_size,
        learning_rate=learning_rate,
        dataloader_workers=dataloader_workers,
        data_class=data_class,
        device=device,
    )
    trainer.train()
    return trainer


def visualize_diffusion(
    data_path: str,
    load_path: str = "./results/model.pt",
    save_folder: str = "./results/",
    batch_size: int = 32,
    data_class: str = "cat",
    device: str = "auto",
    **model: Any,
) -> tuple[Tensor, Tensor]:
    """Load a trained model and save the figures of Parts 3 and 4; return their arrays, ``(5, b, 3, S, S)`` each."""
    diffusion = build(**{**DEFAULTS, **model}).to(pick_device(device))
    checkpoint = torch.load(load_path, map_location=pick_device(device), weights_only=True)
    diffusion.load_state_dict(checkpoint["parts"]["model"])
    pictures = Pictures(data_path, diffusion.image_size, data_class)
    first = torch.stack([pictures[i] for i in range(min(batch_size, len(pictures)))]).to(pick_device(device))
    return visualize(diffusion, first, Path(save_folder))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_path", default="./data/train", help="folder that holds cat/, dog/ and wild/")
    parser.add_argument("--data_class", default="cat")
    parser.add_argument("--train_steps", type=int, default=1000)
    parser.add_argument("--save_and_sample_every", type=int, default=100)
    parser.add_argument("--fid", action="store_true", help="measure the FID as well")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in save_folder")
    parser.add_argument("--save_folder", default="./results/")
    parser.add_argument("--load_path", default="./results/model.pt")
    parser.add_argument("--dataloader_workers", type=int, default=16)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--learning_rate", type=float, default=1e-3)
    parser.add_argument("--image_size", type=int, default=32)
    parser.add_argument("--time_steps", type=int, default=50)
    parser.add_argument("--unet_dim", type=int, default=16)
    parser.add_argument("--unet_dim_mults", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--visualize", action="store_true", help="draw the figures of a trained model")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks for."""
    options = vars(_options().parse_args(arguments))
    training = ("train_steps", "save_and_sample_every", "fid", "resume", "dataloader_workers", "learning_rate")
    if options.pop("visualize"):
        visualize_diffusion(**{name: value for name, value in options.items() if name not in training})
    else:
        options.pop("load_path")
        train_diffusion(**options)


if __name__ == "__main__":
    main()
