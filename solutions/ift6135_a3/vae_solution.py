"""Problem 1: a variational autoencoder on SVHN (Kingma and Welling 2014).

    python vae_solution.py --epochs 0     # a dry run of everything, to see that it works
    python vae_solution.py --small        # a minute on small pictures of digits: nothing to download
    python vae_solution.py                # 30 epochs; pictures and plots go to results/vae
    python vae_solution.py --resume       # the same, from the last epoch that was finished before an interruption

Images are ``(batch, 3, 32, 32)`` float32 in [-1, 1]. The model has the prior p(z) = N(0, I), the approximate
posterior q(z|x) = N(mean(x), diag(exp(logvar(x)))) and the likelihood p(x|z) = N(decoder(z), I).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from networks import Decoder, Encoder
from torch import Tensor, nn

SETTINGS = {"epochs": 30, "batch_size": 64, "lr": 1e-4, "z_dim": 32}
SMALL = {"epochs": 20, "batch_size": 32, "lr": 5e-4}  # what --small changes
SAMPLE_EVERY = 5  # epochs
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
        ### BEGIN SOLUTION
        # A fixed function of the parameters and of noise that has none (Kingma and Welling 2014, section 2.4).
        standard_deviation = torch.exp(0.5 * self.logvar)
        return self.mean + standard_deviation * torch.randn_like(self.mean)
        ### END SOLUTION

    def kl(self) -> Tensor:
        """vae.kl: the KL divergence from this distribution to the standard normal, for ``(batch, z_dim)`` parameters.

        Returns a tensor ``(batch,)``, one number per entry of the batch.
        """
        ### BEGIN SOLUTION
        # Kingma and Welling 2014, appendix B: 1/2 sum(mean^2 + var - 1 - log var); expm1 keeps var - 1 exact near 1.
        return 0.5 * torch.sum(self.mean.square() + torch.expm1(self.logvar) - self.logvar, dim=1)
        ### END SOLUTION

    def nll(self, sample: Tensor, dims: Sequence[int] | int = (1, 2, 3)) -> Tensor:
        """vae.nll: the negative log-density of `sample`, which has the shape of the mean, summed over `dims`.

        `dims` is a list of dimensions or one dimension: the default suits images, ``[1]`` suits ``(batch, z_dim)``.
        Returns the shape that is left, ``(batch,)`` in both cases.
        """
        ### BEGIN SOLUTION
        # -log N(x; mean, var) = 1/2 (log 2 pi + log var + (x - mean)^2 / var), coordinate by coordinate.
        squared_distance = (sample - self.mean).square() * torch.exp(-self.logvar)
        return 0.5 * torch.sum(math.log(2.0 * math.pi) + self.logvar + squared_distance, dim=dims)
        ### END SOLUTION

    def mode(self) -> Tensor:
        """vae.mode: the most likely value, of the shape of the mean, through which gradients reach it."""
        ### BEGIN SOLUTION
        return self.mean
        ### END SOLUTION


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
        ### BEGIN SOLUTION
        features = self.encoder(x)  # (batch, out_features)
        return DiagonalGaussianDistribution(self.mean(features), self.logvar(features))
        ### END SOLUTION

    def decode(self, z: Tensor) -> DiagonalGaussianDistribution:
        """vae.decode: the likelihood p(x|z) of latent vectors ``(batch, z_dim)``, over ``(batch, 3, 32, 32)``.

        Uses `self.decoder`; the covariance is the identity.
        """
        ### BEGIN SOLUTION
        return DiagonalGaussianDistribution(self.decoder(z))
        ### END SOLUTION

    def sample(self, batch_size: int) -> Tensor:
        """vae.sample: new images ``(batch_size, 3, 32, 32)``: the mode of p(x|z) for z drawn from the prior."""
        ### BEGIN SOLUTION
        z = torch.randn(batch_size, self.z_dim, device=self.device)
        return self.decode(z).mode()
        ### END SOLUTION

    def log_likelihood(self, x: Tensor, K: int = 100) -> Tensor:
        """vae.log_likelihood: the importance-sampling estimate of log p(x) with K samples of q(z|x).

        Takes images ``(batch, 3, 32, 32)`` and returns ``(batch,)``. Must stay finite where p(x) itself underflows.
        """
        ### BEGIN SOLUTION
        # Burda et al. 2016, equation 8, kept in logarithms; one decoder pass per sample keeps memory flat in K.
        posterior = self.encode(x)
        log_weights = []
        for _ in range(K):
            z = posterior.sample()  # (batch, z_dim)
            prior = DiagonalGaussianDistribution(torch.zeros_like(z))
            log_joint = -self.decode(z).nll(x) - prior.nll(z, dims=[1])  # log p(x|z) + log p(z)
            log_weights.append(log_joint + posterior.nll(z, dims=[1]))  # ... - log q(z|x)
        return torch.logsumexp(torch.stack(log_weights), dim=0) - math.log(K)  # (K, batch) -> (batch,)
        ### END SOLUTION

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """vae.forward: encode images ``(batch, 3, 32, 32)``, draw one latent sample each, decode it.

        Returns exactly three tensors: the mode of p(x|z) ``(batch, 3, 32, 32)``, the negative log-likelihood of x
        under it ``(batch,)``, and the KL divergence of q(z|x) from the prior ``(batch,)``.
        """
        ### BEGIN SOLUTION
        posterior = self.encode(x)
        likelihood = self.decode(posterior.sample())
        return likelihood.mode(), likelihood.nll(x), posterior.kl()
        ### END SOLUTION


def interpolate(model: VAE, z_1: Tensor, z_2: Tensor, n_samples: int) -> Tensor:
    """vae.interpolate: images along the straight line between two latent vectors, both end points included.

    `z_1` and `z_2` are ``(1, z_dim)`` or ``(z_dim,)``. Returns the modes of p(x|z), ``(n_samples, 3, 32, 32)``.
    """
    ### BEGIN SOLUTION
    weight = torch.linspace(0.0, 1.0, n_samples, dtype=z_1.dtype, device=z_1.device)[:, None]  # (n_samples, 1)
    return model.decode((1.0 - weight) * z_1 + weight * z_2).mode()
    ### END SOLUTION


@torch.no_grad()
def latent_profile(model: VAE, loader: Iterable[tuple[Tensor, Tensor]], per_class: int = 500) -> Tensor:
    """vae.report.e_latent_profile: the average latent representation of each digit class, ``(10, z_dim)``.

    Takes `per_class` training images of each class (fewer if the loader has fewer). Graded in the report only.
    """
    ### BEGIN SOLUTION vae.report.e_latent_profile
    codes, digits = [], []
    for images, labels in loader:
        # The posterior mean: a random sample would only add noise of variance exp(logvar) to the average.
        codes.append(model.encode(images.to(model.device)).mode().cpu())
        digits.append(labels)
        if torch.cat(digits).bincount(minlength=10).min() >= per_class:
            break
    all_codes, all_digits = torch.cat(codes), torch.cat(digits)
    return torch.stack([all_codes[all_digits == digit][:per_class].mean(dim=0) for digit in range(10)])
    ### END SOLUTION


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
    pairs = list(zip(test_images.split(8), reconstructions.split(8), strict=True))
    save_grid(
        torch.cat([row for pair in pairs for row in pair]),
        folder / f"reconstructions_{epoch:03d}.png",
        title=f"Test images and their reconstructions after epoch {epoch}",
        rows=["test image", "reconstruction"] * len(pairs),
    )


@torch.no_grad()
def save_interpolations(model: VAE, folder: Path) -> None:
    """Save eight interpolations, each between two random latent vectors, one per row."""
    from recipes import save_grid

    model.eval()
    ends = torch.randn(8, 2, 1, model.z_dim, device=model.device)
    rows = [interpolate(model, z_1, z_2, n_samples=10) for z_1, z_2 in ends]
    title = "Interpolations from one latent vector (left) to another (right), one pair per row"
    save_grid(torch.cat(rows), folder / "interpolation.png", columns=10, title=title)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on SVHN, or on small digits, and leave behind what the report asks for."""
    from checkpoints import Checkpoint, settings_of
    from data import digit_loaders, svhn_loaders
    from recipes import WallClock, hardware, options_parser, plot_panels, plot_profiles, prepare, progress, read_options

    options = read_options(options_parser(__doc__, SETTINGS, SMALL), SMALL, arguments)
    device, folder = prepare(options, "vae")
    size = options.batch_size
    train, test = digit_loaders(size) if options.small else svhn_loaders(options.data, size)
    test_images = next(iter(test))[0][:32].to(device)
    model = VAE(z_dim=options.z_dim, device=device)
    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr)

    clock = WallClock()
    history = {"nll": [], "kl": [], "seconds": clock.seconds}
    checkpoint = Checkpoint(folder / "checkpoint.pt", settings_of(options), history, model=model, optimizer=optimizer)
    for epoch in checkpoint.epochs(options.epochs, resume=options.resume):
        clock.start()
        nll, kl = train_epoch(model, progress(train, options.batches, f"epoch {epoch}"), optimizer)
        seconds = clock.stop()
        print(f"epoch {epoch}: nll {nll:.1f}, kl {kl:.1f}, -ELBO {nll + kl:.1f} nats, {seconds:.1f} s", flush=True)
        history["nll"].append(nll)
        history["kl"].append(kl)
        if epoch % SAMPLE_EVERY == 0 or epoch == options.epochs:
            save_progress(model, test_images, folder, epoch)
    clock.plot(folder / "wall_clock.png", title=f"VAE training: {hardware(device)}")
    losses = {"nll": "reconstruction: -log p(x|z) (nats per image)", "kl": "KL divergence (nats per image)"}
    plot_panels({label: {"training": history[key]} for key, label in losses.items()}, folder / "loss.png")
    if options.epochs == 0:
        save_progress(model, test_images, folder, epoch=0)
    save_interpolations(model, folder)
    with torch.no_grad():
        estimate = model.eval().log_likelihood(test_images, K=100).mean().item()
    print(f"log p(x) of {len(test_images)} test images, K = 100: {estimate:.1f} nats")
    profile = latent_profile(model, progress(train, options.batches, "latent profile"))
    plot_profiles(profile, folder / "latent_profile.png")
    print(f"figures: {folder}")


if __name__ == "__main__":
    main()
