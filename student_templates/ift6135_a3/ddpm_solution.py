"""Problem 2: a denoising diffusion probabilistic model on SVHN (Ho et al. 2020).

    python ddpm_solution.py --epochs 0    # a dry run of everything, to see that it works
    python ddpm_solution.py --small       # a minute or two on small pictures of digits: nothing to download
    python ddpm_solution.py               # 30 epochs; pictures and plots go to results/ddpm
    python ddpm_solution.py --resume      # the same, from the last epoch that was finished before an interruption
    python ddpm_solution.py --resume --levels 240 260 280  # the trained model comes back from other steps t'
    python ddpm_solution.py --timesteps 500                # another length of the chain, for the optional 2.3(a)

The text counts t = 1 .. T; the code counts from 0, so index 0 holds the coefficients of t = 1 and index T - 1 those of
t = T. Images are ``(batch, 3, 32, 32)`` float32 in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from networks import Unet
from torch import Tensor, nn
from tqdm.auto import tqdm  # a progress bar, for long loops: `for step in tqdm(steps, disable=None)`

T = 1000
if __name__ == "__main__":  # here, because the coefficients below are tables of length T
    from recipes import read_timesteps

    T = read_timesteps(T)

SETTINGS = {
    "timesteps": T,
    "epochs": 30,
    "batch_size": 64,
    "lr": 1e-4,
    "dim": 32,  # width of the U-Net
    "image_size": 32,
    "samples": 64,  # pictures in each grid of samples
    "levels": [T * share // 100 for share in (5, 10, 20, 30, 40, 50, 60, 80, 100)],  # the steps t' to come back from
}
SMALL = {
    "epochs": 10,
    "batch_size": 32,
    "lr": 2e-3,
    "dim": 16,
    "image_size": 16,
    "samples": 16,
    "levels": [T * share // 100 for share in (10, 20, 30, 45, 60, 100)],
}
SAMPLE_EVERY = 5  # epochs


def linear_beta_schedule(beta_start: float, beta_end: float, timesteps: int) -> Tensor:
    """Return `timesteps` equally spaced variances from `beta_start` to `beta_end`, both included, ``(timesteps,)``."""
    return torch.linspace(beta_start, beta_end, timesteps)


def extract(a: Tensor, t: Tensor, x_shape: Sequence[int]) -> Tensor:
    """Return the entries of `a` ``(T,)``, which stays on the CPU, at the indices `t` ``(batch,)``.

    The result is ``(batch, 1, 1, 1)`` for images of shape `x_shape`, on the device of t: one factor per image.
    """
    picked = a.gather(-1, t.cpu())
    return picked.reshape(len(t), *([1] * (len(x_shape) - 1))).to(t.device)


def device_of(model: nn.Module) -> torch.device:
    """Return where the model's parameters are; the CPU if it has none."""
    parameter = next(iter(model.parameters()), None) if isinstance(model, nn.Module) else None
    return torch.device("cpu") if parameter is None else parameter.device


# ddpm.coefficients: eight tensors of shape (T,) on the CPU. Names and meaning are listed in the handout.
betas = ...  # ddpm.coefficients (4 points): your code
alphas = ...  # ddpm.coefficients (4 points): your code
sqrt_recip_alphas = ...  # ddpm.coefficients (4 points): your code
alphas_cumprod = ...  # ddpm.coefficients (4 points): your code
sqrt_alphas_cumprod = ...  # ddpm.coefficients (4 points): your code
sqrt_one_minus_alphas_cumprod = ...  # ddpm.coefficients (4 points): your code
alphas_cumprod_prev = ...  # ddpm.coefficients (4 points): your code
posterior_variance = ...  # ddpm.coefficients (4 points): your code


def q_sample(x_start: Tensor, t: Tensor, noise: Tensor | None = None) -> Tensor:
    """ddpm.q_sample: draw x_t given x_0, for images ``(batch, 3, H, W)`` and time indices ``(batch,)``.

    `noise` has the shape of x_start and is standard normal; without it, it is drawn here. Returns the shape of x_start.
    """
    raise NotImplementedError("ddpm.q_sample (4 points): Sampling from q(x_t|x_0)")


@torch.no_grad()
def p_sample(model: nn.Module, x: Tensor, t: Tensor, t_index: int) -> Tensor:
    """ddpm.p_sample: one reverse step, from images ``(batch, 3, H, W)`` at time t to the step before it.

    ``model(x, t)`` predicts the noise in x. `t` is ``(batch,)`` and holds `t_index` everywhere. The last step of the
    chain, index 0, returns the mean. Nothing is clamped, and no gradient is kept. Returns the shape of x.
    """
    raise NotImplementedError("ddpm.p_sample (4 points): One reverse step p(x_{t-1}|x_t)")


@torch.no_grad()
def p_sample_loop(model: nn.Module, shape: Sequence[int], timesteps: int) -> Tensor:
    """ddpm.p_sample_loop: start from pure noise of `shape` and go through the reverse chain, step by step.

    Returns the images after every step, first step first, on the CPU: ``(timesteps, batch, 3, H, W)``. The last entry
    holds the finished samples.
    """
    raise NotImplementedError("ddpm.p_sample_loop (2 points): The reverse chain from noise to images")


def sample(model: nn.Module, image_size: int, batch_size: int = 16, channels: int = 3) -> Tensor:
    """Return the whole reverse chain of `batch_size` samples, ``(T, batch_size, channels, S, S)``."""
    return p_sample_loop(model, shape=(batch_size, channels, image_size, image_size), timesteps=T)


def p_losses(denoise_model: nn.Module, x_start: Tensor, t: Tensor) -> Tensor:
    """ddpm.p_losses: how well the model predicts fresh noise that was added to x_start at time t; a scalar.

    Takes images ``(batch, 3, H, W)`` and time indices ``(batch,)``. The loss is the smooth L1 loss with threshold 1.
    """
    raise NotImplementedError("ddpm.p_losses (4 points): The noise-prediction loss")


def t_sample(timesteps: int, batch_size: int) -> Tensor:
    """ddpm.t_sample: random time indices, uniform over all of them, int64 ``(batch_size,)``."""
    raise NotImplementedError("ddpm.t_sample (2 points): Random time steps")


@torch.no_grad()
def reconstruct(model: nn.Module, x_start: Tensor, t_index: int) -> Tensor:
    """ddpm.report.c_reconstruction: add noise up to `t_index`, then run the reverse chain from there.

    Takes and returns images ``(batch, 3, H, W)``. Graded in the report only.
    """
    raise NotImplementedError("ddpm.report.c_reconstruction (6 points): Reconstruction from t' and the break-down t* (2.2c)")


def train_epoch(model: nn.Module, loader: Iterable[tuple[Tensor, Tensor]], optimizer: torch.optim.Optimizer) -> float:
    """Train for one epoch on random time steps; return the average loss."""
    from recipes import gradient_step

    model.train()
    device = device_of(model)
    losses = []
    for images, _ in loader:
        t = t_sample(T, len(images)).to(device)
        losses.append(gradient_step(p_losses(model, images.to(device), t), optimizer))
    return sum(losses) / len(losses)


def save_samples(model: nn.Module, image_size: int, count: int, folder: Path, epoch: int) -> None:
    """Save samples, and the way from noise to image of the first eight, with the epoch in name and title."""
    from recipes import save_grid

    model.eval()
    chain = sample(model, image_size, batch_size=count)  # (T, count, 3, S, S)
    save_grid(chain[-1], folder / f"samples_{epoch:03d}.png", title=f"DDPM samples after epoch {epoch}")
    stages = chain[torch.linspace(0, T - 1, 10).long(), :8]  # (10, 8, 3, S, S)
    title = f"From noise to image after epoch {epoch}: every {T // 9}th step, one sample per row"
    save_grid(stages.transpose(0, 1).flatten(0, 1), folder / f"chains_{epoch:03d}.png", columns=10, title=title)


def save_reconstructions(model: nn.Module, test_images: Tensor, levels: Sequence[int], folder: Path) -> None:
    """Save test images and what comes back from each noise level t', one row per level, and how far it is off."""
    from recipes import plot_panels, progress, save_grid

    model.eval()
    rows = [test_images]
    rows += [reconstruct(model, test_images, level - 1) for level in progress(levels, description="reconstructing")]
    shown = torch.cat([row[:12] for row in rows])
    names = ["test image", *(f"t' = {level}" for level in levels)]
    title = "Test images, and what comes back from step t'"
    save_grid(shown, folder / "reconstructions.png", columns=len(shown) // len(rows), title=title, rows=names)
    own, others, kept = zip(*(faithfulness(test_images, row) for row in rows[1:]), strict=True)
    panels = {
        "mean squared distance to": {"its own test image": own, "the other test images": others},
        "share nearest to its own test image": {"share": kept},
    }
    title = f"What comes back from step t', {len(test_images)} test images"
    plot_panels(panels, folder / "breakdown.png", title=title, xlabel="t'", x=levels)


def faithfulness(originals: Tensor, returned: Tensor) -> tuple[float, float, float]:
    """Compare pictures with their originals, both ``(n, 3, H, W)``.

    Returns the mean squared distance to the own original and to the others, and the share nearest to the own one.
    """
    distance = torch.cdist(returned.flatten(1), originals.flatten(1)).square() / originals[0].numel()  # (n, n)
    own = torch.eye(len(originals), dtype=torch.bool, device=originals.device)
    kept = own[range(len(own)), distance.argmin(dim=1)].float().mean()
    return distance[own].mean().item(), distance[~own].mean().item(), kept.item()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on SVHN, or on small digits, and leave behind what the report asks for."""
    from checkpoints import Checkpoint, settings_of
    from data import digit_loaders, svhn_loaders
    from recipes import WallClock, hardware, options_parser, plot_curves, prepare, progress, read_options

    parser = options_parser(__doc__, SETTINGS, SMALL)
    options = read_options(parser, SMALL, arguments)
    if not options.timesteps == T == len(betas):
        parser.error(f"--timesteps {options.timesteps}, but T is {T} and `betas` has {len(betas)} entries")
    if wrong := [level for level in options.levels if not 1 <= level <= T]:
        parser.error(f"--levels {wrong[0]}: there are the steps 1 to {T}")
    device, folder = prepare(options, "ddpm" if T == 1000 else f"ddpm_{T}")
    size = (options.batch_size, options.image_size)
    # Strong tints take a network of this size longer to learn than --small has.
    train, test = digit_loaders(*size, tint=0.2) if options.small else svhn_loaders(options.data, *size)
    test_images = next(iter(test))[0][: options.samples].to(device)
    model = Unet(dim=options.dim, dim_mults=(1, 2, 4)).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr)

    clock, losses = WallClock(), []
    checkpoint = Checkpoint(
        folder / "checkpoint.pt",
        settings_of(options, apart_from=("samples", "levels")),
        {"loss": losses, "seconds": clock.seconds},
        model=model,
        optimizer=optimizer,
    )
    for epoch in checkpoint.epochs(options.epochs, resume=options.resume):
        clock.start()
        losses.append(train_epoch(model, progress(train, options.batches, f"epoch {epoch}"), optimizer))
        print(f"epoch {epoch}: loss {losses[-1]:.4f}, {clock.stop():.1f} s", flush=True)
        if epoch % SAMPLE_EVERY == 0 or epoch == options.epochs:
            save_samples(model, options.image_size, options.samples, folder, epoch)
    clock.plot(folder / "wall_clock.png", title=f"DDPM training: {hardware(device)}")
    plot_curves({"training": losses}, folder / "loss.png", ylabel="smooth L1 loss of the noise")
    if options.epochs == 0:
        save_samples(model, options.image_size, options.samples, folder, epoch=0)
    save_reconstructions(model, test_images, options.levels, folder)
    print(f"figures: {folder}")


if __name__ == "__main__":
    main()
