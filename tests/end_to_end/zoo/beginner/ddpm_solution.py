"""Problem 2: a denoising diffusion probabilistic model on SVHN (Ho et al. 2020).

    python ddpm_solution.py --epochs 0    # a dry run of everything, to see that it works
    python ddpm_solution.py               # 30 epochs; pictures and plots go to results/ddpm

The text counts t = 1 .. T; the code counts from 0, so index 0 holds the coefficients of t = 1 and index T - 1 those of
t = T. Images are ``(batch, 3, 32, 32)`` float32 in [-1, 1].
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from networks import Unet
from torch import Tensor, nn
from tqdm.auto import tqdm

BATCH_SIZE = 64
LEARNING_RATE = 1e-4
EPOCHS = 30
SAMPLE_EVERY = 5
IMAGE_SIZE = 32
T = 1000


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
betas = linear_beta_schedule(0.0001, 0.02, T)
alphas = 1 - betas
sqrt_recip_alphas = torch.sqrt(1 / alphas)
alphas_cumprod = torch.tensor([alphas[: i + 1].prod() for i in range(T)])
sqrt_alphas_cumprod = torch.sqrt(alphas_cumprod)
sqrt_one_minus_alphas_cumprod = torch.sqrt(1 - alphas_cumprod)
alphas_cumprod_prev = torch.cat((torch.tensor([1.0]), alphas_cumprod[0 : T - 1]))
posterior_variance = (1 - alphas_cumprod_prev) / (1 - alphas_cumprod) * betas


def q_sample(x_start: Tensor, t: Tensor, noise: Tensor | None = None) -> Tensor:
    """ddpm.q_sample: draw x_t given x_0, for images ``(batch, 3, H, W)`` and time indices ``(batch,)``.

    `noise` has the shape of x_start and is standard normal; without it, it is drawn here. Returns the shape of x_start.
    """
    if noise is None:
        noise = torch.randn_like(x_start)
    a = extract(sqrt_alphas_cumprod, t, x_start.shape)
    b = extract(sqrt_one_minus_alphas_cumprod, t, x_start.shape)
    return a * x_start + b * noise


@torch.no_grad()
def p_sample(model: nn.Module, x: Tensor, t: Tensor, t_index: int) -> Tensor:
    """ddpm.p_sample: one reverse step, from images ``(batch, 3, H, W)`` at time t to the step before it.

    ``model(x, t)`` predicts the noise in x. `t` is ``(batch,)`` and holds `t_index` everywhere. The last step of the
    chain, index 0, returns the mean. Nothing is clamped, and no gradient is kept. Returns the shape of x.
    """
    beta = extract(betas, t, x.shape)
    b = extract(sqrt_one_minus_alphas_cumprod, t, x.shape)
    a = extract(sqrt_recip_alphas, t, x.shape)
    mean = a * (x - beta / b * model(x, t))
    if t_index == 0:
        return mean
    else:
        z = torch.randn_like(x)
        sigma = torch.sqrt(extract(posterior_variance, t, x.shape))
        return mean + sigma * z


@torch.no_grad()
def p_sample_loop(model: nn.Module, shape: Sequence[int], timesteps: int) -> Tensor:
    """ddpm.p_sample_loop: start from pure noise of `shape` and go through the reverse chain, step by step.

    Returns the images after every step, first step first, on the CPU: ``(timesteps, batch, 3, H, W)``. The last entry
    holds the finished samples.
    """
    device = device_of(model)
    x = torch.randn(shape, device=device)
    imgs = []
    for i in tqdm(range(timesteps - 1, -1, -1)):
        t = torch.full((shape[0],), i, device=device).long()
        x = p_sample(model, x, t, i)
        imgs.append(x.cpu())
    return torch.stack(imgs)


def sample(model: nn.Module, image_size: int, batch_size: int = 16, channels: int = 3) -> Tensor:
    """Return the whole reverse chain of `batch_size` samples, ``(T, batch_size, channels, S, S)``."""
    return p_sample_loop(model, shape=(batch_size, channels, image_size, image_size), timesteps=T)


def p_losses(denoise_model: nn.Module, x_start: Tensor, t: Tensor) -> Tensor:
    """ddpm.p_losses: how well the model predicts fresh noise that was added to x_start at time t; a scalar.

    Takes images ``(batch, 3, H, W)`` and time indices ``(batch,)``. The loss is the smooth L1 loss with threshold 1.
    """
    noise = torch.randn_like(x_start)
    x_t = q_sample(x_start, t, noise)
    pred = denoise_model(x_t, t)
    return F.smooth_l1_loss(pred, noise)


def t_sample(timesteps: int, batch_size: int) -> Tensor:
    """ddpm.t_sample: random time indices, uniform over all of them, int64 ``(batch_size,)``."""
    return torch.randint(0, timesteps, (batch_size,))


@torch.no_grad()
def reconstruct(model: nn.Module, x_start: Tensor, t_index: int) -> Tensor:
    """ddpm.report.c_reconstruction: add noise up to `t_index`, then run the reverse chain from there.

    Takes and returns images ``(batch, 3, H, W)``. Graded in the report only.
    """
    t = torch.full((len(x_start),), t_index, device=x_start.device)
    x = q_sample(x_start, t)
    for i in range(t_index, -1, -1):
        x = p_sample(model, x, torch.full((len(x),), i, device=x.device), i)
    return x


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


def save_samples(model: nn.Module, folder: Path, epoch: int) -> None:
    """Save 64 samples, and the way from noise to image of the first eight, with the epoch in name and title."""
    from recipes import save_grid

    model.eval()
    chain = sample(model, image_size=IMAGE_SIZE, batch_size=64)  # (T, 64, 3, 32, 32)
    save_grid(chain[-1], folder / f"samples_{epoch:03d}.png", title=f"DDPM samples after epoch {epoch}")
    stages = chain[torch.linspace(0, T - 1, 10).long(), :8]  # (10, 8, 3, 32, 32)
    title = f"From noise to image after epoch {epoch}"
    save_grid(stages.transpose(0, 1).flatten(0, 1), folder / f"chains_{epoch:03d}.png", columns=10, title=title)


def save_reconstructions(model: nn.Module, test_images: Tensor, levels: Sequence[int], folder: Path) -> None:
    """Save test images (first row) and what comes back from each noise level (one row per level)."""
    from recipes import save_grid

    model.eval()
    rows = [test_images] + [reconstruct(model, test_images, level - 1) for level in levels]
    title = "Test images, then reconstructions from t' = " + ", ".join(str(level) for level in levels)
    save_grid(torch.cat(rows), folder / "reconstructions.png", columns=len(test_images), title=title)


def main() -> None:
    """Train on SVHN and leave behind what the report asks for."""
    from data import svhn_loaders
    from recipes import WallClock, pick_device, plot_curves

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE)
    parser.add_argument("--dim", type=int, default=32, help="width of the U-Net")
    parser.add_argument("--lr", type=float, default=LEARNING_RATE)
    parser.add_argument("--levels", type=int, nargs="+", default=[50, 100, 200, 300, 400, 500, 600, 800])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data", default="data", help="where SVHN is, or is downloaded to")
    parser.add_argument("--results", type=Path, default=Path("results/ddpm"))
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    options.results.mkdir(parents=True, exist_ok=True)
    device = pick_device(options.device)
    train, test = svhn_loaders(options.data, options.batch_size, IMAGE_SIZE)
    test_images = next(iter(test))[0][:12].to(device)
    model = Unet(dim=options.dim, dim_mults=(1, 2, 4)).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr)

    clock, losses = WallClock(), []
    for epoch in range(1, options.epochs + 1):
        clock.start()
        losses.append(train_epoch(model, train, optimizer))
        print(f"epoch {epoch}: loss {losses[-1]:.4f}, {clock.stop():.1f} s", flush=True)
        if epoch % SAMPLE_EVERY == 0:
            save_samples(model, options.results, epoch)
    clock.plot(options.results / "wall_clock.png")
    plot_curves({"training": losses}, options.results / "loss.png", ylabel="smooth L1 loss of the noise")
    if options.epochs % SAMPLE_EVERY or not options.epochs:
        save_samples(model, options.results, options.epochs)
    save_reconstructions(model, test_images, options.levels, options.results)


if __name__ == "__main__":
    main()
