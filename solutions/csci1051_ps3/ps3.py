# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 3: image embeddings, and diffusion of points
#
# You write everything here from scratch. What is given are names, arguments and results, because the grader calls your
# functions by them; how you get there (layers, optimiser, number of steps) is yours. Replace each `raise
# NotImplementedError(...)` or `...` by your code and each *Your answer here* by your words. Add cells, functions and
# arguments with defaults as you like.
#
# Only your definitions are graded by the machine: imports, functions, classes, constants. It does not run the cells
# that train and plot. Those are for you, and for the people who read the PDF of this notebook.
#
# A good place to write and run this is Google Colab: upload the notebook there; it has all packages that are imported
# below, and a run of the whole takes some minutes, also without a GPU.

# %%
import math
import os
from pathlib import Path

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

# %% tags=["editable"]
# With SMALL_DATA, a dry run of Problem 1 on 600 small digits, in seconds.
SMALL_DATA = os.environ.get("SMALL_DATA", "").lower() not in ("", "0", "no", "false")
TRY_EXTRA_CREDIT = False  # True: train and look at the variational autoencoder
RESUME = False  # True: every training goes on from its checkpoint in results/


# %%
def load_images(train: bool = True) -> tuple[Tensor, Tensor]:
    """Images ``(n, 1, 28, 28)`` in [0, 1] and labels ``(n,)``: MNIST, or a few small digits for a dry run."""
    if SMALL_DATA:
        from sklearn.datasets import load_digits

        digits = load_digits()
        pixels = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
        images = F.interpolate(pixels, size=28, mode="bilinear", align_corners=False)
        part = slice(0, 600) if train else slice(600, 900)
        return images[part], torch.tensor(digits.target)[part]
    from torchvision.datasets import MNIST

    data = MNIST("data", train=train, download=True)
    part = slice(0, 5000)  # enough for a picture, and 200 epochs take a minute
    return data.data[part, None].float() / 255, data.targets[part]


# %% [markdown]
# ## Checkpoints
#
# A session on a lent GPU or on Colab can end at any time. The training functions below have an argument `checkpoint`,
# the path of a file in which a training keeps its state; the grader leaves it out. You write the loops, so it is for
# you to use it: in the place of `for epoch in range(epochs):` write
#
#     settings, curves = {"count": len(images)}, {"loss": losses}
#     for epoch in resumable(epochs, checkpoint, settings, curves, every=10, net=net, optimizer=optimizer):
#
# with everything that has a state (networks, optimiser, schedule) by name. It counts from 1, and prints a line after
# every tenth epoch. After an interruption set `RESUME = True` above and run the notebook from the top: trainings that
# were finished are loaded, and the interrupted one goes on as if nothing had happened (without the pictures that it
# had drawn before). Where your code has changed in between, train anew: `RESUME = False`.


# %%
def resumable(total, path, settings, history, every=1, **parts):
    """Yield the epochs that are left, of 1 to `total`; after `every` so many, and the last, print a line and save.

    Saved in the file `path` (nothing where it is None) are the `parts`, such as model and optimiser, the curves in
    `history`, a dictionary of lists to which the loop appends, and the state of torch's random numbers. `RESUME` puts
    them back first; ValueError where they do not fit, or where the `settings` were others.
    """
    path = None if path is None else Path(path)
    done = load_checkpoint(path, settings, history, parts) if RESUME and path is not None else 0
    for epoch in range(done + 1, total + 1):
        yield epoch
        if epoch % every == 0 or epoch in (1, total):
            print(f"epoch {epoch}: " + ", ".join(f"{name} {values[-1]:.4f}" for name, values in history.items()))
            if path is not None:
                save_checkpoint(path, epoch, settings, history, parts)


def save_checkpoint(path, epoch, settings, history, parts):
    """Write the state of a training after `epoch`; what an earlier training left there is kept beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if epoch == 1 and path.exists():
        path.replace(path.with_suffix(".previous.pt"))
    state = {"epoch": epoch, "settings": settings, "history": history, "random": torch.get_rng_state()}
    state["parts"] = {name: part.state_dict() for name, part in parts.items()}
    state["random_cuda"] = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    torch.save(state, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").replace(path)  # an interruption leaves the old file or the new one, whole


def load_checkpoint(path, settings, history, parts):
    """Put the saved state of a training in place; return its epoch, 0 where there is no file."""
    if not path.exists():
        print(f"{path}: no checkpoint, so the training starts from the beginning")
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    if state["settings"] != settings:
        raise ValueError(
            f"{path} was made with {state['settings']}, not {settings}: change them back, or RESUME = False"
        )
    for name, part in parts.items():
        try:
            part.load_state_dict(state["parts"][name])
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                f"{path}: its {name} does not fit yours, so train anew (RESUME = False): {error}"
            ) from None
    for name, values in history.items():
        values[:] = state["history"][name]
    torch.set_rng_state(state["random"])
    if state["random_cuda"] and torch.cuda.device_count() == len(state["random_cuda"]):
        torch.cuda.set_rng_state_all(state["random_cuda"])
    print(f"{path}: going on after epoch {state['epoch']}")
    return state["epoch"]


# %% [markdown]
# ## Problem 1: image embeddings

# %% [markdown]
# **Collaborators on Problem 1:**
#
# ### BEGIN SOLUTION p1.collaborators
# None. (Names, or "none": the statement must be there, what it says is not graded.)
# ### END SOLUTION

# %% [markdown]
# ### Part A: an autoencoder (3 points)
#
# The encoder maps an image to a point of the plane, the decoder maps the point back to an image. Three layers or so
# each, with activations between them, trained on the reconstruction error.


# %%
class Encoder(nn.Module):
    """p1a.autoencoder: images ``(n, 1, 28, 28)`` in [0, 1] to points ``(n, 2)``. No required arguments."""

    def __init__(self, hidden: int = 128) -> None:
        ### BEGIN SOLUTION
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(28 * 28, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 2),
        )
        ### END SOLUTION

    def forward(self, images: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        return self.layers(images)
        ### END SOLUTION


class Decoder(nn.Module):
    """p1a.autoencoder: points ``(n, 2)`` to images ``(n, 1, 28, 28)``. No required arguments."""

    def __init__(self, hidden: int = 128) -> None:
        ### BEGIN SOLUTION
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 28 * 28),
            nn.Sigmoid(),  # pixels lie in [0, 1]
            nn.Unflatten(1, (1, 28, 28)),
        )
        ### END SOLUTION

    def forward(self, points: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        return self.layers(points)
        ### END SOLUTION


# %%
def train_autoencoder(images: Tensor, epochs: int, checkpoint=None) -> tuple[nn.Module, nn.Module, list[float]]:
    """p1a.autoencoder: train a new `Encoder` and a new `Decoder` on images ``(n, 1, 28, 28)`` in [0, 1].

    Returns both, trained, and the losses on the way. The grader calls it with a few hundred small pictures and 200
    epochs, without a checkpoint.
    """
    ### BEGIN SOLUTION
    encoder, decoder = Encoder(), Decoder()
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=2e-3)
    losses = []
    parts = {"encoder": encoder, "decoder": decoder, "optimizer": optimizer}
    for _ in resumable(epochs, checkpoint, {"images": len(images)}, {"loss": losses}, every=10, **parts):
        for batch in torch.randperm(len(images)).split(64):
            target = images[batch]
            reconstruction = decoder(encoder(target))
            loss = F.mse_loss(reconstruction, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return encoder, decoder, losses
    ### END SOLUTION


# %% tags=["editable"]
images, labels = load_images()
encoder, decoder, losses = train_autoencoder(images, 20 if SMALL_DATA else 200, checkpoint="results/autoencoder.pt")

plt.figure(figsize=(5, 3))
plt.plot(losses)
plt.xlabel("step")
plt.ylabel("reconstruction error")
plt.show()

# %% [markdown]
# ### Part B: clusters (1 point for what your function draws, 1 point for the figure)


# %%
def plot_clusters(encoder: nn.Module, images: Tensor, labels: Tensor) -> plt.Figure:
    """p1b.clusters: a scatter plot with one point for each image, where its embedding lies, coloured by its label.

    images ``(n, 1, 28, 28)``, labels ``(n,)`` int64. Returns the figure (or its axes).
    """
    ### BEGIN SOLUTION
    with torch.no_grad():
        points = encoder(images)
    figure, axes = plt.subplots(figsize=(6, 5))
    dots = axes.scatter(points[:, 0], points[:, 1], c=labels, cmap="tab10", s=8)
    figure.colorbar(dots, label="label")
    axes.set(xlabel="first latent dimension", ylabel="second latent dimension")
    return figure
    ### END SOLUTION


# %% tags=["editable"]
plot_clusters(encoder, images[:2000], labels[:2000])
plt.show()

# %% [markdown]
# What do you see? Say in two or three sentences which classes have a place of their own and which share one.
#
# ### BEGIN SOLUTION p1b.clusters_report
# **Worked answer.** Each image is one dot. Ones form a thin arm of their own far from the rest, zeros a cluster at the
# other end: they differ from all others in where the ink is. Fours and nines lie on top of each other, and threes,
# fives and eights overlap at their borders: in two dimensions the reconstruction error gains little by telling such
# pairs apart. Nobody told the network the labels: clusters come from similar pixels alone, and nothing keeps the
# clouds round, centred or of one scale, because no term of the loss asks for it.
#
# **Grading.** 1 point: a scatter plot of encoded training images, coloured by label with a legend or a colour bar, and
# a sentence that reads it. Half a point: the plot without colours' meaning, or without the reading.
# ### END SOLUTION

# %% [markdown]
# ### Part C: a grid of decoded points (1 point for what your function draws, 1 point for the figure)


# %%
def plot_grid(decoder: nn.Module, xs: Tensor, ys: Tensor) -> plt.Figure:
    """p1c.grid: the decoded image of every point (x, y) of a grid, arranged by x and y.

    xs and ys are the coordinates of about ten columns and rows, 1-D tensors. Returns the figure (or its axes).
    """
    ### BEGIN SOLUTION
    figure, panels = plt.subplots(len(ys), len(xs), figsize=(7, 7), squeeze=False)
    for row, y in enumerate(reversed(ys)):  # large y on top, as in the scatter plot
        with torch.no_grad():
            decoded = decoder(torch.stack([xs, y.expand(len(xs))], dim=1))
        for panel, image in zip(panels[row], decoded, strict=True):
            panel.imshow(image[0], cmap="gray", vmin=0, vmax=1)
            panel.axis("off")
    return figure
    ### END SOLUTION


# %% tags=["editable"]
with torch.no_grad():
    embedded = encoder(images[:2000])
low, high = embedded.quantile(0.02, dim=0), embedded.quantile(0.98, dim=0)
xs, ys = (torch.linspace(float(low[k]), float(high[k]), 10) for k in range(2))
plot_grid(decoder, xs, ys)
plt.show()

# %% [markdown]
# What do you see? Say in two or three sentences how the images change along the grid, and what lies between clusters.
#
# ### BEGIN SOLUTION p1c.grid_report
# **Worked answer.** Neighbours on the grid are alike, and where the scatter plot has a cluster the grid has clear
# images of that class. Between two clusters one digit turns into the other: the images there are averages, blurred,
# and some are no digit at all, because the decoder was never trained on points of the gaps. Slant and thickness change
# inside a cluster. The range is that of the embeddings: far outside of it the images hardly change any more.
#
# **Grading.** 1 point: about 10 by 10 images at their latent positions, in the range of Part B's points, and a sentence
# that reads them. Half a point: a range that has nothing to do with Part B, or an order that mixes up the positions.
# ### END SOLUTION

# %% [markdown]
# ### Extra credit: a variational autoencoder (1 point for its parts, 1 point for the figures)
#
# The encoder gives a mean and a standard deviation for each image, the code is drawn from that Gaussian, and a second
# term of the loss holds the Gaussians near the prior. The problem set writes that term as $\sum_i -\log\sigma_i +
# \sigma_i^2 + \mu_i^2$. The divergence from a standard normal is similar but not the same: work it out. Both are
# accepted in `kl_loss`, and the report says which of them yours is. Set `TRY_EXTRA_CREDIT = True` at the top to train
# and to see the plots; without it the rest of the notebook runs from top to bottom.


# %%
class VariationalEncoder(nn.Module):
    """ec.vae: images ``(n, 1, 28, 28)`` to mu and sigma, both ``(n, 2)``, sigma > 0. No required arguments."""

    def __init__(self, hidden: int = 128) -> None:
        ### BEGIN SOLUTION
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, hidden), nn.ReLU(), nn.Linear(hidden, 4))
        ### END SOLUTION

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        ### BEGIN SOLUTION
        mu, log_sigma = self.layers(images).chunk(2, dim=1)
        sigma = log_sigma.exp()
        return mu, sigma
        ### END SOLUTION


def kl_loss(mu: Tensor, sigma: Tensor) -> Tensor:
    """ec.vae: the variational term for means and standard deviations ``(n, 2)``, one number for the batch."""
    ### BEGIN SOLUTION
    terms = 0.5 * (sigma.square() + mu.square() - 1) - sigma.log()
    return terms.sum(dim=1).mean()
    ### END SOLUTION


def sample_latent(mu: Tensor, sigma: Tensor) -> Tensor:
    """ec.vae: one draw from N(mu, diag sigma^2) for each row, ``(n, 2)``, through which gradients pass."""
    ### BEGIN SOLUTION
    epsilon = torch.randn_like(sigma)
    return mu + sigma * epsilon
    ### END SOLUTION


# %%
def train_vae(images: Tensor, epochs: int, checkpoint=None) -> tuple[nn.Module, nn.Module, list[float]]:
    """Train a `VariationalEncoder` and a `Decoder`, and return both with the losses on the way."""
    ### BEGIN SOLUTION ec.vae_report
    encoder, decoder = VariationalEncoder(), Decoder()
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    losses = []
    parts = {"encoder": encoder, "decoder": decoder, "optimizer": optimizer}
    for _ in resumable(epochs, checkpoint, {"images": len(images)}, {"loss": losses}, every=10, **parts):
        for batch in torch.randperm(len(images)).split(64):
            target = images[batch]
            mu, sigma = encoder(target)
            reconstruction = decoder(sample_latent(mu, sigma))
            error = F.mse_loss(reconstruction, target, reduction="sum") / len(target)
            loss = error + 0.5 * kl_loss(mu, sigma)  # both are sums over an image's numbers
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return encoder, decoder, losses
    ### END SOLUTION


# %% tags=["editable"]
class Means(nn.Module):
    """The means of a `VariationalEncoder`: where an image lies in the plot of clusters."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: Tensor) -> Tensor:
        return self.encoder(images)[0]


if TRY_EXTRA_CREDIT:
    vae_encoder, vae_decoder, vae_losses = train_vae(images, 20 if SMALL_DATA else 100, checkpoint="results/vae.pt")
    plot_clusters(Means(vae_encoder), images[:2000], labels[:2000])
    plt.show()
    plot_grid(vae_decoder, torch.linspace(-2, 2, 10), torch.linspace(-2, 2, 10))
    plt.show()

# %% [markdown]
# Compare both plots with those of the autoencoder in two or three sentences.
#
# ### BEGIN SOLUTION ec.vae_report
# **Worked answer.** All means now lie within two or three units of the origin, in one cloud without large gaps, and the
# clusters touch: the variational term pulls every Gaussian towards the prior. So a grid from -2 to 2 needs no look at
# the data, and nearly every image on it is a digit. The price is blur: noise in the code forbids to place details too
# close together. With the problem set's own form of the term, $-\log\sigma+\sigma^2+\mu^2$, the optimum without any
# reconstruction is $\sigma^2=1/2$: up to a constant it is the divergence from $\mathcal N(0, I/2)$, which is then the
# prior to draw new codes from. (It is no cross entropy.)
#
# **Grading.** 1 point: a trained variational autoencoder with both plots. Half a point: one of them, or both without
# training on both terms.
# ### END SOLUTION

# %% [markdown]
# ## Problem 2: diffusion

# %% [markdown]
# **Collaborators on Problem 2:**
#
# ### BEGIN SOLUTION p2.collaborators
# None. (Names, or "none": the statement must be there, what it says is not graded.)
# ### END SOLUTION

# %% [markdown]
# ### Part A: points (2 points)


# %%
def sample_points(n: int) -> Tensor:
    """p2a.points: n new points ``(n, 2)`` in every call, of a simple distribution that one recognises, no Gaussian."""
    ### BEGIN SOLUTION
    angle = 2 * math.pi * torch.rand(n)
    circle = torch.stack([angle.cos(), angle.sin()], dim=1)
    return 2 * circle + 0.1 * torch.randn(n, 2)
    ### END SOLUTION


# %% tags=["editable"]
points = sample_points(1000)
plt.figure(figsize=(4, 4))
plt.scatter(points[:, 0], points[:, 1], s=4)
plt.axis("equal")
plt.show()

# %% [markdown]
# ### Part B: T and alpha (2 points for the code, 1 point for the plot)
#
# $\mathbf x_t=\sqrt{\alpha^t}\,\mathbf x_0+\sqrt{1-\alpha^t}\,\mathbf z$ with $\mathbf z\sim\mathcal N(\mathbf 0,
# \mathbf I)$. Here $\alpha^t$ is a power of the number $\alpha$.

# %%
T = 100  # SOLUTION
alpha = 0.96  # SOLUTION


# %%
def noise_points(x0: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """p2b.noising: points x_t ``(n, 2)`` at steps t ``(n,)``, int64 from 0 to T, and the noise z ``(n, 2)`` in them."""
    ### BEGIN SOLUTION
    share = (alpha**t)[:, None]  # of the signal, (n, 1)
    z = torch.randn_like(x0)
    x_t = share.sqrt() * x0 + (1 - share).sqrt() * z
    return x_t, z
    ### END SOLUTION


# %% [markdown]
# Plot $\mathbf x_0$ to $\mathbf x_T$ (about ten of them), and say why your $T$ and $\alpha$ are a good choice.


# %%
def plot_noising(points: Tensor) -> None:
    """Plot points at about ten steps from 0 to T."""
    ### BEGIN SOLUTION p2b.noising_report
    _, panels = plt.subplots(2, 5, figsize=(12, 5), sharex=True, sharey=True)
    for panel, step in zip(panels.flat, torch.linspace(0, T, 10).round().long(), strict=True):
        noisy, _ = noise_points(points, step.expand(len(points)))
        panel.scatter(noisy[:, 0], noisy[:, 1], s=2)
        panel.set_title(f"$t={step}$")
    plt.show()
    ### END SOLUTION


# %% tags=["editable"]
plot_noising(points)

# %% [markdown]
# ### BEGIN SOLUTION p2b.noising_report
# **Worked answer.** $T=100$ and $\alpha=0.96$: $\alpha^T\approx 0.017$, so a point keeps a factor of
# $\sqrt{0.017}\approx 0.13$ of itself at the end, and $\mathbf x_T$ cannot be told from standard normal noise by eye.
# One step takes away 4 per cent of the variance, so neighbouring plots differ little: the ring blurs, its hole closes
# at about $t=30$, and the rest of the steps make the cloud round. With $\alpha$ nearer to 1 more steps are needed; with
# a much smaller one the reverse steps are too large for a Gaussian to describe them.
#
# **Grading.** 1 point: plots from $\mathbf x_0$ to $\mathbf x_T$ in which points turn slowly into noise. Half a point:
# the last one still shows the shape, or all noise comes in the first few steps.
# ### END SOLUTION

# %% [markdown]
# ### Part C: training (4 points)
#
# The network gets points $(n, 2)$ and their steps $(n,)$, and gives back a guess of the noise $(n, 2)$. It must see the
# step: the same point is nearly all noise at the end and nearly none at the beginning.


# %%
class NoisePredictor(nn.Module):
    """p2c.training: the noise ``(n, 2)`` in points x_t ``(n, 2)`` at steps t ``(n,)``. Yours may look different."""

    def __init__(self, hidden: int = 128) -> None:
        ### BEGIN SOLUTION
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 + 8, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, 2),
        )
        ### END SOLUTION

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        phase = math.pi * t[:, None] / T * torch.arange(1, 5)  # (n, 4)
        time = torch.cat([phase.sin(), phase.cos()], dim=1)
        return self.layers(torch.cat([x_t, time], dim=1))
        ### END SOLUTION


# %%
def train_diffusion(sample_points, steps: int, watch=None, checkpoint=None) -> tuple[nn.Module, list[float]]:
    """p2c.training: train a new network for so many steps on points that ``sample_points(n)`` gives.

    Returns ``model``, for which ``model(x_t, t)`` predicts the noise ``(n, 2)``, and the losses on the way. The grader
    calls it with points of its own and 3,000 steps. ``watch(step, model)`` is called on the way, if it is given.
    """
    ### BEGIN SOLUTION
    model = NoisePredictor()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    losses = []
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
    for step in resumable(steps, checkpoint, {"T": T, "steps": steps}, {"loss": losses}, every=500, **parts):
        x0 = sample_points(256)
        t = torch.randint(1, T + 1, (len(x0),))
        x_t, z = noise_points(x0, t)
        loss = F.mse_loss(model(x_t, t), z)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if watch is not None:
            watch(step, model)
    return model, losses
    ### END SOLUTION


# %% [markdown]
# ### Part D: the reverse process (3 points for the code, 1 point for the plots)


# %%
@torch.no_grad()
def sample(model: nn.Module, n: int) -> Tensor:
    """p2d.sampling: n points on their way from noise to data, ``(T + 1, n, 2)``: first x_T, last x_0."""
    ### BEGIN SOLUTION
    x = torch.randn(n, 2)  # x_T
    path = [x]
    for step in range(T, 0, -1):
        share, next_share = alpha**step, alpha ** (step - 1)
        z = model(x, torch.full((n,), step))
        mean = (x - (1 - alpha) / math.sqrt(1 - share) * z) / math.sqrt(alpha)  # Ho et al. 2020, equation 11
        variance = (1 - alpha) * (1 - next_share) / (1 - share)  # equation 7: 0 in the last step
        x = mean + math.sqrt(variance) * torch.randn_like(x)
        path.append(x)
    return torch.stack(path)
    ### END SOLUTION


# %% [markdown]
# Train, and plot the reverse process every so often on the way, so that you see your model learn.

# %% tags=["editable"]
STEPS = 5000


# %%
def show_reverse_process(step: int, model: nn.Module) -> None:
    """Plot a few stages of the reverse process, ten times during training, and return at once at all other steps."""
    ### BEGIN SOLUTION p2d.sampling_report
    if step % (STEPS // 10):
        return
    path = sample(model, 500)
    _, panels = plt.subplots(1, 6, figsize=(14, 2.5), sharex=True, sharey=True)
    for panel, index in zip(panels, torch.linspace(0, T, 6).round().long().tolist(), strict=True):
        panel.scatter(path[index, :, 0], path[index, :, 1], s=2)
        panel.set_title(f"$t={T - index}$")
    panels[0].set_ylabel(f"after {step} steps")
    plt.show()
    ### END SOLUTION


# %% tags=["editable"]
model, losses = train_diffusion(sample_points, STEPS, show_reverse_process, checkpoint="results/diffusion.pt")

plt.figure(figsize=(5, 3))
plt.plot(losses)
plt.xlabel("step")
plt.ylabel("loss")
plt.show()

# %% [markdown]
# Does your model learn the distribution? Say in two or three sentences what changes during training.
#
# ### BEGIN SOLUTION p2d.sampling_report
# **Worked answer.** Each row starts from the same kind of cloud. After a tenth of the training the last panel is a
# smaller cloud with a dent in the middle: the network has learned mean and spread, that is what an affine guess of the
# noise gives. Then the hole opens, and from about a third on the samples lie on the ring; later rows only make it
# thinner and more even. The loss falls quickly at first and hardly at all afterwards, while the samples still improve:
# most of it is noise that nobody can predict, and what distinguishes a ring from a blob is a small part of the rest.
#
# **Grading.** 1 point: plots of the reverse process from several moments of training, of which the last shows the
# distribution of Part A. Half a point: only the end of training, or only x_0.
# ### END SOLUTION
