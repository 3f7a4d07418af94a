"""Problem 1: a variational autoencoder on SVHN (Kingma and Welling 2014).

    python vae_solution.py --epochs 0     # a dry run of everything, to see that it works
    python vae_solution.py                # 30 epochs; pictures and plots go to results/vae

Images are ``(batch, 3, 32, 32)`` float32 in [-1, 1]. The model has the prior p(z) = N(0, I), the approximate
posterior q(z|x) = N(mean(x), diag(exp(logvar(x)))) and the likelihood p(x|z) = N(decoder(z), I).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from networks import Decoder, Encoder
from torch import Tensor, nn

BATCH_SIZE = 64
Z_DIM = 32
LEARNING_RATE = 1e-4
EPOCHS = 30
SAMPLE_EVERY = 5
CUDA = torch.device("cuda:0")


class DiagonalGaussianDistribution:
    """Normal distributions with diagonal covariance, one per entry of the batch.

    `mean` and `logvar` have one shape, ``(batch, z_dim)`` for latent vectors or ``(batch, channels, H, W)`` for images.
    """

    def __init__(self, mean: Tensor, logvar: Tensor | None = None) -> None:
        """Keep the parameters; without `logvar` the variance is one. The clamp keeps exp(logvar) finite."""
        self.mean = mean
        self.logvar = torch.zeros_like(mean) if logvar is None else torch.clamp(logvar, -30.0, 20.0)

    def sample(self) -> Tensor:
        """vae.sample_gaussian: draw one sample with the reparameterisation trick, so that gradients pass through it.

        Returns a tensor of the shape of the mean.
        """
        return self.mean + torch.randn_like(self.mean) * self.logvar.exp() ** 0.5

    def kl(self) -> Tensor:
        """vae.kl: the KL divergence from this distribution to the standard normal, for ``(batch, z_dim)`` parameters.

        Returns a tensor ``(batch,)``, one number per entry of the batch.
        """
        return (self.logvar.exp() + self.mean**2 - self.logvar - 1).sum(-1) / 2

    def nll(self, sample: Tensor, dims: Sequence[int] | int = (1, 2, 3)) -> Tensor:
        """vae.nll: the negative log-density of `sample`, which has the shape of the mean, summed over `dims`.

        `dims` is a list of dimensions or one dimension: the default suits images, ``[1]`` suits ``(batch, z_dim)``.
        Returns the shape that is left, ``(batch,)`` in both cases.
        """
        return ((((sample - self.mean) ** 2) / self.logvar.exp() + self.logvar + math.log(2 * math.pi)) / 2).sum(dims)

    def mode(self) -> Tensor:
        """vae.mode: the most likely value, of the shape of the mean."""
        return self.mean


class VAE(nn.Module):
    """A convolutional VAE for square images whose side `input_size` is a multiple of 16."""

    def __init__(
        self,
        in_channels: int = 3,
        decoder_features: int = 32,
        encoder_features: int = 32,
        z_dim: int = 100,
        input_size: int = 32,
        device: torch.device | str = CUDA,
    ) -> None:
        """Build the networks on `device`; `self.mean` and `self.logvar` map the encoder's features to z_dim numbers."""
        super().__init__()
        self.z_dim = z_dim
        self.in_channels = in_channels
        self.device = torch.device(device)
        self.encoder = Encoder(in_channels, encoder_features, input_size)
        self.mean = nn.Linear(self.encoder.out_features, z_dim)
        self.logvar = nn.Linear(self.encoder.out_features, z_dim)
        self.decoder = Decoder(in_channels, decoder_features, z_dim, input_size)
        self.to(self.device)

    def encode(self, x: Tensor) -> DiagonalGaussianDistribution:
        """vae.encode: the approximate posterior q(z|x) of images ``(batch, 3, 32, 32)``, over ``(batch, z_dim)``.

        Uses `self.encoder`, `self.mean` and `self.logvar`.
        """
        return DiagonalGaussianDistribution(self.mean(h := self.encoder(x)), self.logvar(h))

    def decode(self, z: Tensor) -> DiagonalGaussianDistribution:
        """vae.decode: the likelihood p(x|z) of latent vectors ``(batch, z_dim)``, over ``(batch, 3, 32, 32)``.

        Uses `self.decoder`; the covariance is the identity.
        """
        return DiagonalGaussianDistribution(self.decoder(z))

    def sample(self, batch_size: int) -> Tensor:
        """vae.sample: new images ``(batch_size, 3, 32, 32)``: the mode of p(x|z) for z drawn from the prior."""
        return self.decode(torch.randn(batch_size, self.z_dim).to(self.device)).mode()

    def log_likelihood(self, x: Tensor, K: int = 100) -> Tensor:
        """vae.log_likelihood: the importance-sampling estimate of log p(x) with K samples of q(z|x).

        Takes images ``(batch, 3, 32, 32)`` and returns ``(batch,)``. Must stay finite where p(x) itself underflows.
        """
        q = self.encode(x)
        z = q.mean + torch.randn(K, *q.mean.shape, device=x.device) * torch.exp(0.5 * q.logvar)  # (K, B, z_dim)
        p = self.decode(z.flatten(0, 1))
        log_px = -p.nll(x.repeat(K, 1, 1, 1)).view(K, -1)
        log_pz = -DiagonalGaussianDistribution(torch.zeros_like(z)).nll(z, dims=2)
        return torch.logsumexp(log_px + log_pz + q.nll(z, dims=[2]), 0) - math.log(K)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """vae.forward: encode images ``(batch, 3, 32, 32)``, draw one latent sample each, decode it.

        Returns exactly three tensors: the mode of p(x|z) ``(batch, 3, 32, 32)``, the negative log-likelihood of x
        under it ``(batch,)``, and the KL divergence of q(z|x) from the prior ``(batch,)``.
        """
        return (p := self.decode((q := self.encode(x)).sample())).mode(), p.nll(x), q.kl()


def interpolate(model: VAE, z_1: Tensor, z_2: Tensor, n_samples: int) -> Tensor:
    """vae.interpolate: images along the straight line between two latent vectors, both end points included.

    `z_1` and `z_2` are ``(1, z_dim)`` or ``(z_dim,)``. Returns the modes of p(x|z), ``(n_samples, 3, 32, 32)``.
    """
    return model.decode(torch.stack([torch.lerp(z_1.flatten(), z_2.flatten(), w) for w in torch.linspace(0, 1, n_samples)])).mode()


@torch.no_grad()
def latent_profile(model: VAE, loader: Iterable[tuple[Tensor, Tensor]], per_class: int = 500) -> Tensor:
    """vae.report.e_latent_profile: the average latent representation of each digit class, ``(10, z_dim)``.

    Takes `per_class` training images of each class (fewer if the loader has fewer). Graded in the report only.
    """
    raise NotImplementedError("vae.report.e_latent_profile (6 points): Latent profile of each class (1.3e)")


def train_epoch(
    model: VAE, loader: Iterable[tuple[Tensor, Tensor]], optimizer: torch.optim.Optimizer
) -> tuple[float, float]:
    """Train for one epoch on the negative ELBO; return its two parts, averaged: reconstruction and KL, in nats."""
    from recipes import gradient_step

    model.train()
    nll_sum, kl_sum, batches = 0.0, 0.0, 0
    for images, _ in loader:
        _, nll, kl = model(images.to(model.device))
        gradient_step((nll + kl).mean(), optimizer)
        nll_sum, kl_sum, batches = nll_sum + nll.mean().item(), kl_sum + kl.mean().item(), batches + 1
    return nll_sum / batches, kl_sum / batches


@torch.no_grad()
def save_progress(model: VAE, test_images: Tensor, folder: Path, epoch: int) -> None:
    """Save 64 samples, and 32 test images with their reconstructions below, with the epoch in name and title."""
    from recipes import save_grid

    model.eval()
    save_grid(model.sample(64), folder / f"samples_{epoch:03d}.png", title=f"VAE samples after epoch {epoch}")
    reconstructions, _, _ = model(test_images)
    rows = [row for pair in zip(test_images.split(8), reconstructions.split(8), strict=True) for row in pair]
    title = f"Test images (odd rows) and reconstructions (even rows) after epoch {epoch}"
    save_grid(torch.cat(rows), folder / f"reconstructions_{epoch:03d}.png", title=title)


@torch.no_grad()
def save_final_figures(model: VAE, train: Iterable[tuple[Tensor, Tensor]], test_images: Tensor, folder: Path) -> None:
    """Save interpolations between random latent vectors and the profile of each class; print log p(x) of test data."""
    from recipes import plot_profiles, save_grid

    model.eval()
    ends = torch.randn(8, 2, 1, model.z_dim, device=model.device)
    rows = [interpolate(model, z_1, z_2, n_samples=10) for z_1, z_2 in ends]
    save_grid(torch.cat(rows), folder / "interpolation.png", columns=10, title="One interpolation per row")
    plot_profiles(latent_profile(model, train), folder / "latent_profile.png")
    estimate = model.log_likelihood(test_images, K=100).mean().item()
    print(f"log p(x) of {len(test_images)} test images, K = 100: {estimate:.1f} nats")


def main() -> None:
    """Train on SVHN and leave behind what the report asks for."""
    from data import svhn_loaders
    from recipes import WallClock, pick_device, plot_curves

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE)
    parser.add_argument("--z-dim", type=int, default=Z_DIM)
    parser.add_argument("--lr", type=float, default=LEARNING_RATE)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data", default="data", help="where SVHN is, or is downloaded to")
    parser.add_argument("--results", type=Path, default=Path("results/vae"))
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    options.results.mkdir(parents=True, exist_ok=True)
    device = pick_device(options.device)
    train, test = svhn_loaders(options.data, options.batch_size)
    test_images = next(iter(test))[0][:32].to(device)
    model = VAE(z_dim=options.z_dim, device=device)
    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr)

    clock, nlls, kls = WallClock(), [], []
    for epoch in range(1, options.epochs + 1):
        clock.start()
        nll, kl = train_epoch(model, train, optimizer)
        print(f"epoch {epoch}: nll {nll:.1f}, kl {kl:.1f}, -ELBO {nll + kl:.1f} nats, {clock.stop():.1f} s", flush=True)
        nlls.append(nll)
        kls.append(kl)
        if epoch % SAMPLE_EVERY == 0:
            save_progress(model, test_images, options.results, epoch)
    clock.plot(options.results / "wall_clock.png")
    plot_curves({"reconstruction": nlls, "KL": kls}, options.results / "loss.png", ylabel="nats per image")
    save_progress(model, test_images, options.results, options.epochs)
    save_final_figures(model, train, test_images, options.results)


if __name__ == "__main__":
    main()
