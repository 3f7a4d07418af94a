"""Training the diffusion model, and the figures of Part B. You get this file and hand in nothing of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from checkpoints import Checkpoint
from torch import Tensor, nn
from tqdm.auto import tqdm
from utils import Batches, Distance, Pictures, fid, pick_device, save_curve, save_grid

FRACTIONS = (0.0, 0.25, 0.5, 0.75, 0.99)
"""The parts of the T steps at which the figures look."""
FID_IMAGES = 256


def indices(timesteps: int) -> list[int]:
    """Return the time indices at 0, 25, 50, 75 and 99 % of T."""
    return [int(fraction * timesteps) for fraction in FRACTIONS]


@torch.no_grad()
def forward_process(
    diffusion: nn.Module, x_0: Tensor, noise: Tensor | None = None, timesteps: int | None = None
) -> Tensor:
    """Return images ``(b, c, h, w)`` in [-1, 1], noised up to 0, 25, 50, 75, 99 % of T: ``(5, b, c, h, w)``.

    The same noise serves all five. T is that of the model unless it is given.
    """
    noise = torch.randn_like(x_0) if noise is None else noise
    panels = []
    for index in indices(diffusion.num_timesteps if timesteps is None else timesteps):
        t = torch.full((len(x_0),), index, dtype=torch.long, device=x_0.device)
        panels.append(diffusion.q_sample(x_0, t, noise))
    return torch.stack(panels)


@torch.no_grad()
def backward_process(diffusion: nn.Module, x_t: Tensor, timesteps: int | None = None) -> Tensor:
    """Denoise images ``(b, c, h, w)``; return them at 0, 25, 50, 75, 99 % of the way: ``(5, b, c, h, w)`` in [-1, 1].

    The first entry is `x_t` itself, for example the last image of the forward process.
    """
    timesteps = diffusion.num_timesteps if timesteps is None else timesteps
    wanted, panels, x = indices(timesteps), [], x_t
    for done in range(max(wanted) + 1):
        if done in wanted:
            panels += [x] * wanted.count(done)
        index = timesteps - 1 - done
        t = torch.full((len(x),), index, dtype=torch.long, device=x.device)
        x = diffusion.p_sample(x, t, index)
    return torch.stack(panels)


class Trainer:
    """Trains, and leaves a checkpoint (``model.pt``), samples, the loss and the distances in `save_folder`."""

    def __init__(
        self,
        diffusion: nn.Module,
        data_path: Path | str,
        *,
        save_folder: Path | str = "./results/",
        train_steps: int = 1000,
        save_and_sample_every: int = 100,
        fid: bool = False,
        resume: bool = False,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        dataloader_workers: int = 16,
        data_class: str = "cat",
        device: str = "auto",
    ) -> None:
        self.device = pick_device(device)
        self.diffusion = diffusion.to(self.device)
        self.pictures = Pictures(data_path, diffusion.image_size, data_class)
        self.batches = Batches(self.pictures, batch_size, dataloader_workers)
        self.folder = Path(save_folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.train_steps, self.every, self.fid, self.resume = train_steps, save_and_sample_every, fid, resume
        self.batch_size = batch_size
        self.optimizer = torch.optim.Adam(diffusion.parameters(), lr=learning_rate)
        self.losses: list[tuple[int, float]] = []
        self.distances: list[tuple[int, float, str]] = []
        settings = {
            "image_size": diffusion.image_size,
            "time_steps": diffusion.num_timesteps,
            "data_class": data_class,
            "pictures": len(self.pictures),
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "save_and_sample_every": save_and_sample_every,
            "fid": fid,
        }
        self.checkpoint = Checkpoint(
            self.folder / "model.pt",
            settings,
            {"loss": self.losses, "fid": self.distances},
            model=diffusion,
            optimizer=self.optimizer,
            batches=self.batches,
        )
        self.run = _wandb_run()

    def train(self) -> None:
        """Take the training steps that are left; save, sample and measure every so many of them."""
        # The bar is for terminals alone. The line at every milestone is for notebooks and files, too.
        with tqdm(total=self.train_steps, desc="training", disable=None) as bar:
            for step in self.checkpoint.epochs(self.train_steps, resume=self.resume, every=self.every):
                self._step(step)
                bar.update(step - bar.n)
                if step % self.every == 0 or step == self.train_steps:
                    bar.write(self._milestone(step))
        save_curve(self.losses, self.folder / "loss.png", "L1 loss")
        if self.distances:
            values = [(step, value) for step, value, _ in self.distances]
            save_curve(values, self.folder / "fid.png", self.distances[-1][2])
        history = {"loss": self.losses, "fid": self.distances}
        (self.folder / "history.json").write_text(json.dumps(history, indent=1), encoding="utf-8")

    def _step(self, step: int) -> None:
        self.diffusion.train()
        images = next(self.batches).to(self.device)
        loss = self.diffusion(images, torch.randn_like(images))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.losses.append((step, loss.item()))
        self._log({"loss": loss.item()}, step)

    def _milestone(self, step: int) -> str:
        """Sample, and measure the distance if asked to; return a line about it."""
        recent = [value for _, value in self.losses[-self.every :]]
        line = f"step {step} of {self.train_steps}: L1 loss {sum(recent) / len(recent):.4f}, average of {len(recent)}"
        samples = self.diffusion.sample(self.batch_size).cpu()
        save_grid(samples[:32], self.folder / f"samples_{step:05d}.png", title=f"samples after {step} steps")
        if self.fid:
            distance = self._distance()
            self.distances.append((step, distance.value, distance.label))
            self._log({"fid": distance.value}, step)
            line += f"; {distance.label} {distance.value:.2f}"
        return line

    def _distance(self) -> Distance:
        count = min(FID_IMAGES, len(self.pictures))
        real = torch.stack([self.pictures[i] for i in range(count)]) * 0.5 + 0.5
        rounds = -(-count // self.batch_size)
        generated = torch.cat([self.diffusion.sample(self.batch_size).cpu() for _ in range(rounds)])[:count]
        return fid(real, generated)

    def _log(self, values: dict[str, float], step: int) -> None:
        if self.run is not None:
            self.run.log(values, step=step)


def visualize(diffusion: nn.Module, images: Tensor, folder: Path) -> tuple[Tensor, Tensor]:
    """Save the figures of Parts 3 and 4; return the arrays that they show, each ``(5, b, c, h, w)`` in [-1, 1]."""
    diffusion.eval()
    forward = forward_process(diffusion, images)
    backward = backward_process(diffusion, forward[-1])
    titles = [f"{100 * fraction:.0f} %" for fraction in FRACTIONS]
    for name, panels in (("forward", forward), ("backward", backward)):
        shown = panels[:, :6].transpose(0, 1).flatten(0, 1) * 0.5 + 0.5  # one image in each row
        save_grid(shown, folder / f"{name}.png", columns=5, titles=titles, title=f"{name} process, part of T")
    return forward, backward


def _wandb_run() -> Any:
    """Return the wandb run that was started before, if any; nothing is started here."""
    import sys

    package = sys.modules.get("wandb")
    return getattr(package, "run", None) if package is not None else None
