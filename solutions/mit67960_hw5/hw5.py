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
# # Homework 5: VAE and DDPM on FashionMNIST
#
# The questions are numbered as in the handout, and so are the items of the rubric. Replace each *Your answer here* by
# your answer, and each `raise NotImplementedError(...)` by your code. Keep the names of functions and classes, the
# order of arguments and the order of results. Add cells, functions and attributes as you like.
#
# Only your definitions are graded: imports, functions, classes, constants. The grader does not run your training and
# your plots; they are for you, and for the people who read your report. Name your collaborators in the report.
#
# Training takes some minutes on a GPU and about an hour without one. Google Colab lends one: upload this notebook there
# and choose a GPU under "Runtime > Change runtime type". It has all packages that the notebook needs.

# %%
import math
import os
from pathlib import Path

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

# %% tags=["editable"]
# With SMALL_DATA, a dry run on 1,797 small digits, in a minute.
SMALL_DATA = os.environ.get("SMALL_DATA", "").lower() not in ("", "0", "no", "false")
RESUME = False  # True: every training goes on from its checkpoint in results/

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %% [markdown]
# ## Data
#
# `load_images` gives images `(n, 1, 28, 28)`, float32, with values in $[0, 1]$: FashionMNIST, or the handwritten
# digits that come with scikit-learn if the environment variable `SMALL_DATA` is set.


# %%
def load_images(train: bool = True) -> Tensor:
    """Images ``(n, 1, 28, 28)`` in [0, 1]: FashionMNIST, or a few small digits for a dry run."""
    if SMALL_DATA:
        from sklearn.datasets import load_digits

        digits = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 16
        digits = F.interpolate(digits, size=28, mode="bilinear", align_corners=False)
        return digits[:1500] if train else digits[1500:]
    from torchvision.datasets import FashionMNIST

    return FashionMNIST("data", train=train, download=True).data[:, None].float() / 255


# %% [markdown]
# ## Checkpoints
#
# A session on a lent GPU can end at any time. Each training below keeps its state in a file of its own in `results/`.
# To go on after an interruption, set `RESUME = True` above and run the notebook from the top: trainings that were
# finished are loaded, the interrupted one goes on, and the outcome is what it would have been without the
# interruption. Where your code has changed in between, train anew: `RESUME = False`.


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
# ## Part 1: variational autoencoders (14 points)
#
# An image $\mathbf x$ goes into the encoder, which gives a mean and a variance for each latent variable; a code
# $\mathbf z$ is drawn from that Gaussian; the decoder turns the code into an image again.
#
# ### Question 1 (1 point)
#
# The evidence lower bound that a VAE maximises is
#
# $$\mathcal L_{\mathrm{ELBO}}=\mathbb E_{q_\phi(\mathbf z\mid\mathbf x)}[\log p_\theta(\mathbf x\mid\mathbf z)]
# -D_{\mathrm{KL}}(q_\phi(\mathbf z\mid\mathbf x)\,\Vert\,p(\mathbf z)),\qquad p(\mathbf z)=\mathcal N(\mathbf 0,\mathbf
# I).$$
#
# In a few sentences: what does each of its two terms reward?

# %% [markdown]
# ### BEGIN SOLUTION q1
# **Worked answer.** *First term.* It is the average log-likelihood of the image under the decoder, when the code is
# drawn from the encoder's distribution for that image: it rewards codes that carry enough about $\mathbf x$, and a
# decoder that puts $\mathbf x$ together from them. For Bernoulli pixels it is minus the binary cross entropy. Alone it
# would make the encoder as certain as possible ($\sigma\to 0$) and the codes of different images as far apart as
# possible: an ordinary autoencoder.
#
# *Second term.* It charges for how far $q_\phi(\mathbf z\mid\mathbf x)$ is from the prior, in nats of information that
# a code holds about its image. It keeps means near the origin and variances near 1, so that codes overlap and fill the
# region where $p(\mathbf z)$ has its mass. That makes sampling possible: a $\mathbf z$ drawn from the prior lies where
# the decoder was trained. Alone it would make all codes equal to the prior, and useless.
#
# Their difference is a bound because $\log p_\theta(\mathbf x)=\mathcal
# L_{\mathrm{ELBO}}+D_{\mathrm{KL}}(q_\phi(\mathbf z\mid\mathbf x)\,\Vert\,p_\theta(\mathbf z\mid\mathbf x))$, and the
# last term is never negative.
#
# **Grading.** 0.5 points for each term. "Reconstruction" needs what is reconstructed from what; "regularisation" needs
# towards what, or what for.
# ### END SOLUTION

# %% [markdown]
# ### Question 2 (0.5 + 0.5 points)
#
# The encoder maps each $\mathbf x$ to a mean $\boldsymbol\mu_z=f^\mu_\phi(\mathbf x)$ and a variance
# $\boldsymbol\sigma_z^2=f^\sigma_\phi(\mathbf x)$. Suppose that training went perfectly: the codes of all data
# together, $q_\phi(\mathbf z)=\mathbb E_{\mathbf x\sim p_{\mathrm{data}}}[q_\phi(\mathbf z\mid\mathbf x)]$, are
# standard normal, and $p_\theta(\mathbf x)=p_{\mathrm{data}}(\mathbf x)$.
#
# **(a)** Is the data distribution recovered if only the means $f^\mu_\phi(\mathbf x)$ are decoded, for
# $\mathbf x\sim p_{\mathrm{data}}$, or are the variances needed as well? Explain.

# %% [markdown]
# ### BEGIN SOLUTION q2a
# **Worked answer.** No, in general the variances are needed. What the assumption promises is that decoding
# $\mathbf z\sim\mathcal N(\mathbf 0,\mathbf I)$ gives the data distribution. The means have another distribution: by
# the law of total covariance
#
# $$\mathbf I=\operatorname{Cov}[\mathbf z]=\operatorname{Cov}[f^\mu_\phi(\mathbf x)]+\mathbb
# E[\operatorname{diag}f^\sigma_\phi(\mathbf x)],$$
#
# so they spread less than $\mathcal N(\mathbf 0,\mathbf I)$ in every coordinate whose variance is not zero for almost
# all $\mathbf x$. Decoding them leaves out what the decoder makes of the rest of the latent space.
#
# An example with everything perfect: $p(z)=\mathcal N(0,1)$, $p_\theta(x\mid z)=\mathcal N(z,s^2)$,
# $p_{\mathrm{data}}=\mathcal N(0,1+s^2)$. The exact posterior is
# $\mathcal N\left(\frac{x}{1+s^2},\frac{s^2}{1+s^2}\right)$, so it can be the encoder, and then
# $q_\phi(z)=\mathcal N(0,1)$. The means are $\mathcal N\left(0,\frac1{1+s^2}\right)$, and what is decoded from them
# has the variance $\frac1{1+s^2}+s^2$, less than $1+s^2$ for every $s>0$.
#
# **Grading.** 0.25 points for "no, the variances are needed"; 0.25 for a reason: the law of total variance, an
# example, or that the decoder was trained on samples of the whole $q_\phi(\mathbf z\mid\mathbf x)$, whose mixture is
# the prior, while the mixture of the means is not.
# ### END SOLUTION

# %% [markdown]
# **(b)** Is the random variable $f^\mu_\phi(\mathbf x)$ Gaussian for $\mathbf x\sim p_{\mathrm{data}}$? Explain.
#
# *Hint.* For a random $\mathbf x$, the code $\mathbf z\sim\mathcal N(f^\mu_\phi(\mathbf x),f^\sigma_\phi(\mathbf x))$
# is standard normal by assumption. It is the sum of its mean and of noise around it. Must the first of two parts be
# Gaussian if the sum is?

# %% [markdown]
# ### BEGIN SOLUTION q2b
# **Worked answer.** No, this does not follow. Given $\mathbf x$, the code is
# $\mathbf z=f^\mu_\phi(\mathbf x)+\sqrt{f^\sigma_\phi(\mathbf x)}\odot\boldsymbol\epsilon$. That this *sum* is
# Gaussian says nothing about its first part, because the second part also depends on $\mathbf x$.
#
# Counterexample in one dimension: for half of the data the encoder says $(\mu,\sigma^2)=(0,1)$; for the other half
# $\mu\sim\mathcal N(0,\frac12)$ and $\sigma^2=\frac12$. In both halves $z\sim\mathcal N(0,1)$, hence
# $q_\phi(z)=\mathcal N(0,1)$. But the means are 0 with probability $\frac12$, which no Gaussian of positive variance
# can be. A perfect VAE of this kind exists: let $x=(b,y)$ with a fair coin $b$, independent of $z$; if $b=1$ let
# $p(y\mid z)=\mathcal N(z,1)$, so that the posterior is $\mathcal N(\frac y2,\frac12)$; if $b=0$ let $y$ be
# independent of $z$, so that the posterior is the prior.
#
# Simpler still: a data set of finitely many images has finitely many means, which are no Gaussian, whatever noise is
# added to them.
#
# (If the variance were the same for every $\mathbf x$ and positive, the means would have to be Gaussian: if the sum of
# two independent variables is Gaussian, each of them is. That is Cramer's theorem, and why the dependence on
# $\mathbf x$ matters.)
#
# **Grading.** 0.25 points for "no"; 0.25 for a counterexample, or the argument that only the mixture over $\mathbf x$
# of Gaussians with different means *and variances* is Gaussian.
# ### END SOLUTION

# %% [markdown]
# ### Question 3 (1 point)
#
# Now take an ordinary autoencoder, deterministic encoder $f$ and decoder $g$, trained to perfection:
# $g(f(\mathbf x))=\mathbf x$. Does $g(\mathbf z)\sim p_{\mathrm{data}}$ follow for
# $\mathbf z\sim\mathcal N(\mathbf 0,\mathbf I)$? Explain.

# %% [markdown]
# ### BEGIN SOLUTION q3
# **Worked answer.** No. The equation speaks of $g$ on the codes $f(\mathbf x)$ of data alone, and of each of them
# separately. Nothing says how those codes are distributed: they may lie on a thin set, in distant clusters, or
# anywhere else. A $\mathbf z$ from $\mathcal N(\mathbf 0,\mathbf I)$ then falls where $g$ was never trained, and
# $g(\mathbf z)$ is arbitrary; and even where it falls on codes, it visits them with other frequencies than the data
# do. It would follow if $f(\mathbf x)\sim\mathcal N(\mathbf 0,\mathbf I)$, which is what the KL term of a VAE works
# for, and no part of the autoencoder's loss.
#
# Counterexample: $f(\mathbf x)=\mathbf x$ and $g(\mathbf z)=\mathbf z$ is perfect for all data, and
# $g(\mathbf z)\sim\mathcal N(\mathbf 0,\mathbf I)$ whatever $p_{\mathrm{data}}$ is.
#
# **Grading.** 0.5 points for "no"; 0.5 for the reason (the distribution of codes is not constrained) or a
# counterexample.
# ### END SOLUTION

# %% [markdown]
# ### Question 4 (6 points): the VAE
#
# For pixels between 0 and 1 the decoder gives the probability of ink at each pixel. The network does not give
# $\boldsymbol\sigma^2$ but `logvar`, its logarithm. The layers are yours to choose and to name: `__init__` belongs to
# `encode` and `decode`, which use them.


# %%
class VAE(nn.Module):
    """A variational autoencoder of square grey images, ``(B, 1, image_size, image_size)`` with values in [0, 1]."""

    def __init__(self, z_dims: int = 2, image_size: int = 28) -> None:
        """Make the layers that `encode` and `decode` use."""
        super().__init__()
        self.z_dims = z_dims
        self.image_size = image_size
        ### BEGIN SOLUTION q4.vae.encode
        ### PROMPT: the layers of the encoder
        self.encoder = nn.Sequential(nn.Linear(image_size**2, 400), nn.ReLU(), nn.Linear(400, 200), nn.ReLU())
        self.mu_layer = nn.Linear(200, z_dims)
        self.logvar_layer = nn.Linear(200, z_dims)
        ### END SOLUTION
        ### BEGIN SOLUTION q4.vae.decode
        ### PROMPT: the layers of the decoder
        self.decoder = nn.Sequential(
            nn.Linear(z_dims, 200),
            nn.ReLU(),
            nn.Linear(200, 400),
            nn.ReLU(),
            nn.Linear(400, image_size**2),
            nn.Sigmoid(),  # a probability for each pixel
        )
        ### END SOLUTION

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """q4.vae.encode: mean and log-variance of q(z|x), both ``(B, z_dims)``, for images ``(B, 1, H, W)``."""
        ### BEGIN SOLUTION
        features = self.encoder(x.flatten(1))  # (B, 200)
        return self.mu_layer(features), self.logvar_layer(features)
        ### END SOLUTION

    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        """q4.vae.reparameterize: one sample of N(mu, diag exp(logvar)) for each row, ``(B, z_dims)``.

        It is differentiable with respect to both arguments, with fresh noise at every call.
        """
        ### BEGIN SOLUTION
        # Kingma and Welling 2014, section 2.4: a fixed function of the parameters and of noise that has none.
        std = torch.exp(logvar / 2)
        return mu + std * torch.randn_like(std)
        ### END SOLUTION

    def decode(self, z: Tensor) -> Tensor:
        """q4.vae.decode: flat images ``(B, image_size ** 2)`` with values in (0, 1), for codes ``(B, z_dims)``."""
        ### BEGIN SOLUTION
        return self.decoder(z)
        ### END SOLUTION

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """q4.vae.forward: ``(x_hat, mu, logvar)``, x_hat decoded from one sample of q(z|x) for each image."""
        ### BEGIN SOLUTION
        mu, logvar = self.encode(x)
        x_hat = self.decode(self.reparameterize(mu, logvar))
        return x_hat, mu, logvar
        ### END SOLUTION


# %%
def vae_loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """q4.vae.loss: the negative ELBO, averaged over the batch; a scalar.

    `x_hat` is ``(B, H * W)`` as `decode` gives it, `x` are the images ``(B, 1, H, W)``. Binary cross entropy is summed
    over pixels, the KL divergence over latent dimensions; their sum is averaged over the images.
    """
    ### BEGIN SOLUTION
    reconstruction = F.binary_cross_entropy(x_hat, x.reshape(x_hat.shape), reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu.square() - logvar.exp())  # Kingma and Welling 2014, appendix B
    return (reconstruction + kl) / len(x)
    ### END SOLUTION


# %% [markdown]
# ### Question 5 (1 point): training
#
# Train the VAE on FashionMNIST, and show the loss. The grader trains your classes anew, for a few seconds and on small
# digits, and measures your VAE on images that it has not seen: that is the point. People look at your own training.


# %%
def train_vae(
    model: VAE, images: Tensor, epochs: int, batch_size: int = 128, learning_rate: float = 1e-3, checkpoint=None
) -> list[float]:
    """Train with Adam; return the loss of every epoch, in nats per image. `checkpoint` is the path of a file."""
    loader = DataLoader(TensorDataset(images), batch_size, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    losses = []
    settings = {"images": len(images), "batch_size": batch_size, "learning_rate": learning_rate}
    for _ in resumable(epochs, checkpoint, settings, {"loss": losses}, model=model, optimizer=optimizer):
        total = 0.0
        for (x,) in loader:
            x = x.to(device)
            x_hat, mu, logvar = model(x)
            loss = vae_loss(x_hat, x, mu, logvar)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        losses.append(total / len(images))
    return losses


# %% tags=["editable"]
train_images = load_images(train=True)
vae = VAE(z_dims=2).to(device)
vae_losses = train_vae(vae, train_images, epochs=30 if SMALL_DATA else 15, checkpoint="results/vae.pt")

# %%
plt.figure(figsize=(4, 3))
plt.plot(range(1, len(vae_losses) + 1), vae_losses)
plt.xlabel("epoch")
plt.ylabel("negative ELBO (nats per image)")
plt.show()

# %% [markdown]
# Say in a sentence or two how the loss falls, and whether it still fell when you stopped.
#
# ### BEGIN SOLUTION q5.training_report
# **Worked answer.** The negative ELBO falls steeply in the first epoch, from about 300 nats to below 275, because the
# decoder learns the average garment and its silhouette first. After ten epochs each further one gains less than a nat,
# and it ends near 260: two latent dimensions hold no more than kind, width and brightness of a garment. It still falls
# a little at the end, so longer training would gain a little; more latent dimensions would gain much more.
#
# **Grading.** No points of its own (the measured item has it), but look at it: a curve over all epochs that falls, of
# FashionMNIST and not of the small digits. Where it is missing, say so in a comment, and let it count in question 6.
# ### END SOLUTION

# %% [markdown]
# ### Question 6 (3 points for what your function draws, 1 point for the figure): latent space
#
# Draw a 10 x 10 grid of decoded images: rows and columns vary $z_i$ and $z_j$ over a range that is symmetric around 0,
# all other latent dimensions are exactly 0. Neighbours in such a grid are alike, and from one side to the other one
# kind of garment turns into another.


# %%
def plot_latents(model: VAE, i: int = 0, j: int = 1):
    """q6.plot_latents: draw the grid, and return it as an array ``(10 * s, 10 * s)`` for images of size s x s."""
    ### BEGIN SOLUTION
    values = torch.linspace(-3, 3, 10)
    z = torch.zeros(100, model.z_dims)
    z[:, i] = values.repeat_interleave(10)  # rows
    z[:, j] = values.repeat(10)  # columns
    size = model.image_size
    with torch.no_grad():
        images = model.decode(z.to(next(model.parameters()).device)).cpu()
    grid = images.reshape(10, 10, size, size).transpose(1, 2).reshape(10 * size, 10 * size).numpy()
    plt.figure(figsize=(6, 6))
    plt.imshow(grid, cmap="gray", extent=(-3.3, 3.3, 3.3, -3.3))
    plt.xlabel(f"$z_{j}$")
    plt.ylabel(f"$z_{i}$")
    plt.show()
    return grid
    ### END SOLUTION


# %% tags=["editable"]
latents = plot_latents(vae, 0, 1)

# %% [markdown]
# The figure is that of the VAE that you trained in question 5. What do you see? Say in two or three sentences how the
# images change along rows and columns, and what lies between two kinds of garment.
#
# ### BEGIN SOLUTION q6.plot_latents_report
# **Worked answer.** Each region of the grid holds one kind: trousers at one edge, shoes and boots at another, bags
# between, and most of the middle is taken by shirts, pullovers, coats and dresses, which share a region because they
# share their silhouette. Neighbours are alike and the change is gradual. Between two kinds the decoder shows a mixture:
# a soft overlay of both silhouettes, such as a boot with a shaft that fades or a dress that grows sleeves, since the
# prior leaves no gaps and every code must be decoded into something. All images are blurred: prints and seams are not
# in two numbers. Towards the corners (3 standard deviations off in both) codes are rare, and images extreme or spoilt.
#
# **Grading.** 1 point: the grid of a *trained* VAE, on FashionMNIST, with garments that one recognises and that change
# gradually, and a sentence that reads it. Half a point: the grid without a reading, of the small digits only, or of a
# training that was broken off early (blobs). 0: noise or a hundred equal images (an untrained or collapsed model), or
# no figure.
# ### END SOLUTION

# %% [markdown]
# ## Part 2: diffusion models (15 points)
#
# Think of a chain: the image $\mathbf x_0$ at one end, noise $\mathbf x_T$ at the other. The forward process
# $q(\mathbf x_t\mid\mathbf x_{t-1})$ goes from the image to the noise and is known, the reverse process
# $p_\theta(\mathbf x_{t-1}\mid\mathbf x_t)$ goes back and is learned.
#
# The forward process adds noise in $T$ steps, with $\alpha_t=1-\beta_t$ and $\bar\alpha_t=\prod_{s=1}^t\alpha_s$:
#
# $$q(\mathbf x_t\mid\mathbf x_{t-1})=\mathcal N(\sqrt{\alpha_t}\,\mathbf x_{t-1},\beta_t\mathbf I).\tag{2}$$
#
# ### Question 7 (2 points)
#
# Prove that
#
# $$q(\mathbf x_t\mid\mathbf x_0)=\mathcal N(\sqrt{\bar\alpha_t}\,\mathbf x_0,(1-\bar\alpha_t)\mathbf I).\tag{3}$$
#
# You may use that the sum of independent Gaussian variables is Gaussian.

# %% [markdown]
# ### BEGIN SOLUTION q7
# **Worked answer.** Write (2) as $\mathbf x_t=\sqrt{\alpha_t}\,\mathbf x_{t-1}+\sqrt{\beta_t}\,\boldsymbol\eta_t$ with
# independent $\boldsymbol\eta_1,\boldsymbol\eta_2,\dots\sim\mathcal N(\mathbf 0,\mathbf I)$, independent of
# $\mathbf x_0$, too. Induction over $t$, with $\mathbf x_0$ given:
#
# *Start.* For $t=1$, $\bar\alpha_1=\alpha_1$ and $1-\bar\alpha_1=\beta_1$, so (3) is (2).
#
# *Step.* Suppose that (3) holds for $t-1$: $\mathbf x_{t-1}=\sqrt{\bar\alpha_{t-1}}\,\mathbf
# x_0+\sqrt{1-\bar\alpha_{t-1}}\,\boldsymbol\xi$, where $\boldsymbol\xi\sim\mathcal N(\mathbf 0,\mathbf I)$ is a
# function of $\boldsymbol\eta_1,\dots,\boldsymbol\eta_{t-1}$, hence independent of $\boldsymbol\eta_t$. Insert this:
#
# $$\mathbf x_t=\sqrt{\alpha_t\bar\alpha_{t-1}}\,\mathbf
# x_0+\sqrt{\alpha_t(1-\bar\alpha_{t-1})}\,\boldsymbol\xi+\sqrt{1-\alpha_t}\,\boldsymbol\eta_t.$$
#
# The first factor is $\sqrt{\bar\alpha_t}$. The other two terms are independent Gaussians of mean $\mathbf 0$, so
# their sum is Gaussian with mean $\mathbf 0$, and their variances add up:
#
# $$\alpha_t(1-\bar\alpha_{t-1})+(1-\alpha_t)=\alpha_t-\bar\alpha_t+1-\alpha_t=1-\bar\alpha_t.$$
#
# The coordinates do not mix, so the covariance is $(1-\bar\alpha_t)\mathbf I$, which is (3) for $t$.
#
# **Grading.** 0.5 points: (2) as a sum with independent noise. 0.5: one step inserted into the other (induction, or
# unrolled). 1: variances add up, with the algebra, and independence is named. Standard deviations that are added
# instead: at most 1.
# ### END SOLUTION

# %% [markdown]
# ### Question 8 (1 point)
#
# For a Gaussian in $d$ dimensions,
#
# $$D_{\mathrm{KL}}(\mathcal N(\mathbf a,\boldsymbol\Sigma)\,\Vert\,\mathcal N(\mathbf 0,\mathbf I))
# =\tfrac12\left(\lVert\mathbf a\rVert_2^2+\operatorname{tr}\boldsymbol\Sigma-\log\det\boldsymbol\Sigma-d\right).$$
#
# Compute $D_{\mathrm{KL}}(q(\mathbf x_T\mid\mathbf x_0)\,\Vert\,\mathcal N(\mathbf 0,\mathbf I))$, and conclude what
# happens for large $T$.

# %% [markdown]
# ### BEGIN SOLUTION q8
# **Worked answer.** Here $\mathbf a=\sqrt{\bar\alpha_T}\,\mathbf x_0$ and
# $\boldsymbol\Sigma=(1-\bar\alpha_T)\mathbf I$, so $\operatorname{tr}\boldsymbol\Sigma=d(1-\bar\alpha_T)$ and
# $\log\det\boldsymbol\Sigma=d\log(1-\bar\alpha_T)$:
#
# $$D_{\mathrm{KL}}=\tfrac12\left(\bar\alpha_T\lVert\mathbf
# x_0\rVert_2^2+d(1-\bar\alpha_T)-d\log(1-\bar\alpha_T)-d\right)
# =\tfrac12\left(\bar\alpha_T\lVert\mathbf x_0\rVert_2^2-d\,\bar\alpha_T-d\log(1-\bar\alpha_T)\right).$$
#
# *Limit.* If the betas stay above some $\beta_{\min}>0$, then $\bar\alpha_T\le(1-\beta_{\min})^T\to0$, and every term
# goes to 0, so $q(\mathbf x_T\mid\mathbf x_0)$ comes as near to $\mathcal N(\mathbf 0,\mathbf I)$ as one likes. How
# fast: $-\log(1-u)=u+\frac{u^2}2+\dots$, so $D_{\mathrm{KL}}=\frac12\bar\alpha_T\lVert\mathbf x_0\rVert_2^2+\frac
# d4\bar\alpha_T^2+O(\bar\alpha_T^3)$. What is left of the picture's mean is what matters.
#
# *What decides is the sum of the betas*, not $T$ by itself: $\bar\alpha_T\le e^{-\sum_t\beta_t}$. The schedule of
# question 11 has $\sum_t\beta_t=\frac T2\left(\frac{0.1}T+\frac{20}T\right)=10.05$ for every $T$; with $T=200$ this
# gives $\bar\alpha_T=3.0\cdot10^{-5}$, and 0.006 nats for an image of 784 pixels with mean square $\frac12$. Betas
# from $10^{-4}$ to $0.02$, made for $T=1000$, leave $\bar\alpha_T=0.13$ with $T=200$, and 30 nats.
#
# **Grading.** 0.5 points: the formula, simplified or not. 0.5: $\bar\alpha_T\to0$ with a reason, hence the KL
# divergence goes to 0.
# ### END SOLUTION

# %% [markdown]
# Write your formula down as a function as well. This is worth no points: it tells you whether the formula is right.


# %%
def kl_to_standard_normal(x0: Tensor, alpha_bar: Tensor) -> Tensor:
    """q8.kl: the KL divergence of N(sqrt(alpha_bar) x0, (1 - alpha_bar) I) from N(0, I), a scalar.

    `x0` is one image as a vector ``(d,)``, `alpha_bar` a tensor with a single number between 0 and 1.
    """
    ### BEGIN SOLUTION
    d = x0.numel()
    return 0.5 * (alpha_bar * x0.square().sum() - d * alpha_bar - d * torch.log1p(-alpha_bar))
    ### END SOLUTION


# %% [markdown]
# ### Questions 9 and 10 (1 + 1 points)
#
# Given $\mathbf x_0$, the step back is a known Gaussian (Ho et al. 2020, equations 6 and 7):
#
# $$q(\mathbf x_{t-1}\mid\mathbf x_t,\mathbf x_0)=\mathcal N(\tilde{\boldsymbol\mu}(\mathbf x_t,\mathbf
# x_0),\tilde\beta_t\mathbf I),\tag{4}$$
#
# $$\tilde\beta_t=\frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}\,\beta_t,\tag{5}$$
#
# $$\tilde{\boldsymbol\mu}(\mathbf x_t,\mathbf
# x_0)=\frac{\sqrt{\alpha_t}\,(1-\bar\alpha_{t-1})}{1-\bar\alpha_t}\,\mathbf x_t
# +\frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t}\,\mathbf x_0,\tag{6}$$
#
# and by (3), with $\boldsymbol\epsilon_t\sim\mathcal N(\mathbf 0,\mathbf I)$,
#
# $$\mathbf x_t=\sqrt{\bar\alpha_t}\,\mathbf x_0+\sqrt{1-\bar\alpha_t}\,\boldsymbol\epsilon_t.\tag{7}$$
#
# **9.** Give mean and variance of the step back in terms of $\mathbf x_t$ and $\boldsymbol\epsilon_t$, without
# $\mathbf x_0$.

# %% [markdown]
# ### BEGIN SOLUTION q9
# **Worked answer.** Solve (7) for $\mathbf x_0=\left(\mathbf
# x_t-\sqrt{1-\bar\alpha_t}\,\boldsymbol\epsilon_t\right)/\sqrt{\bar\alpha_t}$ and insert it into (6), with
# $\sqrt{\bar\alpha_{t-1}/\bar\alpha_t}=1/\sqrt{\alpha_t}$. The factor of $\mathbf x_t$ is
#
# $$\frac{\sqrt{\alpha_t}\,(1-\bar\alpha_{t-1})}{1-\bar\alpha_t}+\frac{\beta_t}{\sqrt{\alpha_t}\,(1-\bar\alpha_t)}
# =\frac{\alpha_t-\bar\alpha_t+1-\alpha_t}{\sqrt{\alpha_t}\,(1-\bar\alpha_t)}=\frac1{\sqrt{\alpha_t}},$$
#
# and that of $\boldsymbol\epsilon_t$ is $-\beta_t\big/\left(\sqrt{\alpha_t}\sqrt{1-\bar\alpha_t}\right)$. Hence
#
# $$\tilde{\boldsymbol\mu}=\frac1{\sqrt{\alpha_t}}\left(\mathbf
# x_t-\frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\boldsymbol\epsilon_t\right),
# \qquad\text{variance}\quad\tilde\beta_t\mathbf I=\frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}\,\beta_t\,\mathbf I.$$
#
# *What this is.* It is the Gaussian (4), written with $\boldsymbol\epsilon_t$ in the place of $\mathbf x_0$: it still
# depends on which $\mathbf x_0$ it was. The distribution without that knowledge, $q(\mathbf x_{t-1}\mid\mathbf
# x_t)=\int q(\mathbf x_{t-1}\mid\mathbf x_t,\mathbf x_0)\,q(\mathbf x_0\mid\mathbf x_t)\,d\mathbf x_0$, is a mixture
# of such Gaussians, in general not a Gaussian itself. Its mean is the formula above with
# $\mathbb E[\boldsymbol\epsilon_t\mid\mathbf x_t]$, which is what a network that is trained on (8) learns.
#
# *If (6) is taken as the original text prints it*, with $\sqrt{\bar\alpha_t}$ as the factor of $\mathbf x_t$, the
# factor becomes $\left(\sqrt{\bar\alpha_t}\,(1-\bar\alpha_{t-1})+\beta_t/\sqrt{\alpha_t}\right)/(1-\bar\alpha_t)$,
# which cannot be simplified; that of $\boldsymbol\epsilon_t$ and the variance stay.
#
# **Grading.** 0.5 points: $\mathbf x_0$ from (7), inserted into (6). 0.25: the mean. 0.25: the variance
# $\tilde\beta_t$. A consistent derivation from the printed (6) gets full marks, and so does an answer that is not
# simplified.
# ### END SOLUTION

# %% [markdown]
# **10.** The model's step back is $p_\theta(\mathbf x_{t-1}\mid\mathbf x_t)=\mathcal N(\boldsymbol\mu_\theta(\mathbf
# x_t),\boldsymbol\Sigma_t)$. Give the KL divergence of the Gaussian of question 9 from it. For two Gaussians in $d$
# dimensions,
#
# $$D_{\mathrm{KL}}(\mathcal N(\mathbf a,\boldsymbol\Sigma_a)\,\Vert\,\mathcal N(\mathbf
# b,\boldsymbol\Sigma_b))=\tfrac12\left(\log\det\boldsymbol\Sigma_b-\log\det\boldsymbol\Sigma_a-d
# +(\mathbf a-\mathbf b)^\top\boldsymbol\Sigma_b^{-1}(\mathbf a-\mathbf
# b)+\operatorname{tr}(\boldsymbol\Sigma_b^{-1}\boldsymbol\Sigma_a)\right).$$

# %% [markdown]
# ### BEGIN SOLUTION q10
# **Worked answer.** With $\mathbf a=\tilde{\boldsymbol\mu}$, $\boldsymbol\Sigma_a=\tilde\beta_t\mathbf I$,
# $\mathbf b=\boldsymbol\mu_\theta(\mathbf x_t)$ and $\boldsymbol\Sigma_b=\boldsymbol\Sigma_t$:
#
# $$D_{\mathrm{KL}}=\tfrac12\left(\log\det\boldsymbol\Sigma_t-d\log\tilde\beta_t-d
# +(\tilde{\boldsymbol\mu}-\boldsymbol\mu_\theta)^\top\boldsymbol\Sigma_t^{-1}
# (\tilde{\boldsymbol\mu}-\boldsymbol\mu_\theta)
# +\tilde\beta_t\operatorname{tr}\boldsymbol\Sigma_t^{-1}\right).$$
#
# If the model's variance is chosen as $\boldsymbol\Sigma_t=\tilde\beta_t\mathbf I$, everything but the means cancels:
#
# $$D_{\mathrm{KL}}=\frac1{2\tilde\beta_t}\left\lVert\tilde{\boldsymbol\mu}-\boldsymbol\mu_\theta(\mathbf
# x_t)\right\rVert_2^2.$$
#
# If the model's mean has the form of question 9, with a prediction $\boldsymbol\epsilon_\theta(\mathbf x_t,t)$ in the
# place of $\boldsymbol\epsilon_t$, then
#
#
# $$D_{\mathrm{KL}}=\frac{\beta_t^2}{2\tilde\beta_t\,\alpha_t\,(1-\bar\alpha_t)}\left\lVert\boldsymbol\epsilon_t
# -\boldsymbol\epsilon_\theta(\mathbf x_t,t)\right\rVert_2^2,$$
#
# and the loss (8) leaves out the factor. All this is for $t>1$: $\tilde\beta_1=0$, and the last step has a likelihood
# in the place of a KL divergence.
#
# **Grading.** 0.5 points: the right Gaussians inserted in the right order. 0.5: the result, for a general
# $\boldsymbol\Sigma_t$ or for $\tilde\beta_t\mathbf I$ (or another stated multiple of $\mathbf I$). A mean that is
# wrong in question 9 and used consistently here costs nothing again.
# ### END SOLUTION

# %% [markdown]
# ### Question 11 (6 points): the diffusion model
#
# One trains a network $\boldsymbol\epsilon_\theta(\mathbf x_t,t)$ to predict the noise of (7), with
#
# $$\mathcal L=\lVert\boldsymbol\epsilon_t-\boldsymbol\epsilon_\theta(\mathbf x_t,t)\rVert_2^2,\tag{8}$$
#
# averaged over all elements, at random $t$. To sample, one starts from
# $\mathbf x_T\sim\mathcal N(\mathbf 0,\mathbf I)$ and takes the steps of question 9 with $\boldsymbol\epsilon_\theta$
# in the place of $\boldsymbol\epsilon_t$. Images have values in $[-1, 1]$.
#
# **Indices start at 0:** index 0 of every table and of `t` holds $t=1$ of the text, index $T-1$ holds $t=T$.

# %%
T = 200


def linear_beta_schedule(timesteps: int) -> Tensor:
    """q11.diffusion.linear_beta_schedule: `timesteps` betas at equal distances, from 0.1/timesteps to 20/timesteps."""
    ### BEGIN SOLUTION
    return torch.linspace(0.1 / timesteps, 20 / timesteps, timesteps)
    ### END SOLUTION


def extract(table: Tensor, t: Tensor, x: Tensor) -> Tensor:
    """The entries of a table ``(T,)`` at the indices t ``(B,)``, as ``(B, 1, 1, 1)``: a factor for each image of x."""
    return table.to(x.device)[t].reshape(-1, *[1] * (x.ndim - 1))


# %% [markdown]
# The other coefficients follow from the betas. Compute them in the functions that need them, or once, as tables
# ``(T,)`` in a cell of your own above those functions.

# %% tags=["editable"]
betas = linear_beta_schedule(T)


# %%
def q_sample(x_0: Tensor, t: Tensor, noise: Tensor | None = None) -> Tensor:
    """q11.diffusion.q_sample: x_t of equation 7 for images ``(B, C, H, W)``, each at its own index t ``(B,)``.

    Without `noise`, fresh standard normal noise is drawn.
    """
    ### BEGIN SOLUTION
    signal = torch.cumprod(1 - betas, dim=0)  # alpha-bar, what is left of the image's variance
    signal_scale = torch.sqrt(signal)
    noise_scale = torch.sqrt(1 - signal)
    noise = torch.randn_like(x_0) if noise is None else noise
    return extract(signal_scale, t, x_0) * x_0 + extract(noise_scale, t, x_0) * noise
    ### END SOLUTION


def p_losses(model: nn.Module, x_0: Tensor, t: Tensor, noise: Tensor | None = None) -> Tensor:
    """q11.diffusion.p_losses: the mean squared error between the noise and `model(x_t, t)`, a scalar.

    Without `noise`, fresh standard normal noise is drawn; the network must predict the same noise that went into x_t.
    """
    ### BEGIN SOLUTION
    noise = torch.randn_like(x_0) if noise is None else noise
    predicted = model(q_sample(x_0, t, noise), t)
    return F.mse_loss(predicted, noise)
    ### END SOLUTION


# %%
@torch.no_grad()
def p_sample(model: nn.Module, x: Tensor, t: Tensor, t_index: int) -> Tensor:
    """q11.diffusion.p_sample: one step back, from images x ``(B, C, H, W)`` at index t to the index before.

    `t` is ``(B,)`` and holds `t_index` everywhere. The mean is that of question 9 with `model(x, t)` as the noise (no
    clamping), the variance beta-tilde of equation 5. At index 0 no noise is added.
    """
    ### BEGIN SOLUTION
    alphas = 1 - betas
    alphas_cumprod = torch.cumprod(alphas, dim=0)
    alphas_cumprod_prev = F.pad(alphas_cumprod[:-1], (1, 0), value=1.0)
    step_scale = torch.sqrt(1 / alphas)
    noise_share = betas / torch.sqrt(1 - alphas_cumprod)
    posterior_std = torch.sqrt(betas * (1 - alphas_cumprod_prev) / (1 - alphas_cumprod))
    predicted = model(x, t)
    mean = extract(step_scale, t, x) * (x - extract(noise_share, t, x) * predicted)
    if t_index == 0:
        return mean
    return mean + extract(posterior_std, t, x) * torch.randn_like(x)
    ### END SOLUTION


@torch.no_grad()
def p_sample_loop(model: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """q11.diffusion.p_sample_loop: the whole way back from fresh noise of this shape ``(B, C, H, W)``.

    Returns all T + 1 stages in the order of sampling, ``(T + 1, B, C, H, W)``: x_T first, x_0 last.
    """
    ### BEGIN SOLUTION
    where = next(model.parameters()).device
    x = torch.randn(shape, device=where)
    stages = [x]
    for t_index in reversed(range(T)):
        t = torch.full((shape[0],), t_index, dtype=torch.long, device=where)
        x = p_sample(model, x, t, t_index)
        stages.append(x)
    return torch.stack(stages)
    ### END SOLUTION


# %% [markdown]
# The network is given: a small U-Net that knows the time.


# %%
class TimedBlock(nn.Module):
    """Two convolutions with an offset for each channel that depends on the time."""

    def __init__(self, inputs: int, outputs: int, time_dims: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.norm = nn.GroupNorm(4, outputs)
        self.offset = nn.Linear(time_dims, outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        hidden = F.silu(self.norm(self.first(x)) + self.offset(time)[:, :, None, None])
        return F.silu(self.second(hidden)) + self.shortcut(x)


class Unet(nn.Module):
    """Predicts the noise in images ``(B, channels, H, W)``, H and W multiples of 4, at time indices t ``(B,)``."""

    def __init__(self, channels: int = 1, width: int = 32, time_dims: int = 64) -> None:
        super().__init__()
        self.time_dims = time_dims
        self.time = nn.Sequential(nn.Linear(time_dims, time_dims), nn.SiLU(), nn.Linear(time_dims, time_dims))
        self.down1 = TimedBlock(channels, width, time_dims)
        self.down2 = TimedBlock(width, 2 * width, time_dims)
        self.middle = TimedBlock(2 * width, 2 * width, time_dims)
        self.up2 = TimedBlock(4 * width, width, time_dims)
        self.up1 = TimedBlock(2 * width, width, time_dims)
        self.out = nn.Conv2d(width, channels, 1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        frequencies = torch.exp(
            -math.log(10_000) * torch.arange(0, self.time_dims, 2, device=x.device) / self.time_dims
        )
        angles = t[:, None] * frequencies
        time = self.time(torch.cat([angles.sin(), angles.cos()], dim=1))
        fine = self.down1(x, time)
        coarse = self.down2(F.avg_pool2d(fine, 2), time)
        hidden = self.middle(F.avg_pool2d(coarse, 2), time)
        hidden = self.up2(torch.cat([F.interpolate(hidden, scale_factor=2), coarse], dim=1), time)
        return self.out(self.up1(torch.cat([F.interpolate(hidden, scale_factor=2), fine], dim=1), time))


# %% [markdown]
# Train it, and show the loss. (The grader measures what your `p_losses` teaches a network of its own.)


# %%
def train_diffusion(
    model: nn.Module, images: Tensor, epochs: int, batch_size: int = 128, checkpoint=None
) -> list[float]:
    """Train with Adam at random time indices; return the loss of every epoch. `checkpoint` is the path of a file."""
    loader = DataLoader(TensorDataset(2 * images - 1), batch_size, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    settings = {"images": len(images), "batch_size": batch_size, "T": T}
    for _ in resumable(epochs, checkpoint, settings, {"loss": losses}, model=model, optimizer=optimizer):
        total = 0.0
        for (x_0,) in loader:
            x_0 = x_0.to(device)
            t = torch.randint(0, T, (len(x_0),), device=device)
            loss = p_losses(model, x_0, t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x_0)
        losses.append(total / len(images))
    return losses


# %% tags=["editable"]
unet = Unet(width=8 if SMALL_DATA else 32).to(device)
diffusion_losses = train_diffusion(unet, train_images, epochs=6 if SMALL_DATA else 10, checkpoint="results/unet.pt")

# %%
plt.figure(figsize=(4, 3))
plt.plot(range(1, len(diffusion_losses) + 1), diffusion_losses)
plt.xlabel("epoch")
plt.ylabel("mean squared error of the noise")
plt.show()

# %% [markdown]
# ### Question 12 (1 point for what your function draws, 1 point for the figure): snapshots
#
# Show the way from noise to image: six panels side by side, $\mathbf x_t$ for $t=200,100,50,20,10,0$, in this order.
# The first of them is pure noise, the last a garment; which one, the noise decides.


# %%
def plot_snapshots(images: Tensor):
    """q12.snapshots: six panels of one image on its way back; `images` is what `p_sample_loop` returns."""
    ### BEGIN SOLUTION
    figure, axes = plt.subplots(1, 6, figsize=(12, 2.4))
    for axis, t in zip(axes, (200, 100, 50, 20, 10, 0), strict=True):
        stage = images[T - t, 0]  # x_T comes first
        axis.imshow(stage.clamp(-1, 1).permute(1, 2, 0).cpu().numpy(), cmap="gray", vmin=-1, vmax=1)
        axis.set_title(f"t = {t}")
        axis.axis("off")
    plt.show()
    return figure
    ### END SOLUTION


# %% tags=["editable"]
stages = p_sample_loop(unet, (4, 1, 28, 28))
snapshots = plot_snapshots(stages)

# %% [markdown]
# The figure is that of the model that you trained in question 11. What do you see? Say in two or three sentences at
# which of the six steps the kind of garment can be told, and what is still added afterwards.
#
# ### BEGIN SOLUTION q12.snapshots_report
# **Worked answer.** At $t=200$ there is only noise, at $100$ nothing can be seen yet: $\bar\alpha_{100}\approx0.08$, so
# the image has a twelfth of the noise's variance. At $t=50$ ($\bar\alpha\approx0.53$) a
# silhouette stands out from the grain, and the kind of garment is decided; at $20$ it is plain. From there to $0$
# mostly grain disappears, and edges and folds appear. Most of the steps thus go by before anything is to be seen, and
# the large features are fixed long before the small ones, because noise hides the fine ones first.
#
# **Grading.** 1 point: six panels of a *trained* model, from noise to a garment that one recognises, and a sentence
# that reads them. Half a point: panels without a reading, of the small digits only, or with a last panel that is a
# blob. 0: noise in the last panel (an untrained model), or no figure.
# ### END SOLUTION

# %% [markdown]
# ### Question 13 (1 + 1 points)
#
# **(a)** What plays the part of the encoder, of the decoder and of the latent variable in a diffusion model?

# %% [markdown]
# ### BEGIN SOLUTION q13a
# **Worked answer.** *Encoder:* the forward process $q(\mathbf x_{1:T}\mid\mathbf x_0)$, which turns an image into
# noise. *Decoder:* the learned reverse process $p_\theta(\mathbf x_{t-1}\mid\mathbf x_t)$, applied $T$ times. *Latent
# variable:* the noisy images $\mathbf x_1,\dots,\mathbf x_T$, a hierarchy of them, or $\mathbf x_T$ alone, which has
# the prior $\mathcal N(\mathbf 0,\mathbf I)$ and is what one samples first.
#
# **Grading.** One third of a point each; $\mathbf x_T$ or $\mathbf x_{1:T}$ are both right for the latent variable.
# ### END SOLUTION

# %% [markdown]
# **(b)** In which way does this encoder differ from that of a VAE?

# %% [markdown]
# ### BEGIN SOLUTION q13b
# **Worked answer.** It is fixed and has no parameters: scaling and adding Gaussian noise, by a schedule chosen
# beforehand, where a VAE learns a network $q_\phi(\mathbf z\mid\mathbf x)$ together with the decoder. (It also keeps
# the dimension, where a VAE's code is usually much smaller; it has many steps; and in the end it forgets the image, so
# that $D_{\mathrm{KL}}(q(\mathbf x_T\mid\mathbf x_0)\,\Vert\,p(\mathbf x_T))\approx0$ holds by construction and not by
# training.)
#
# **Grading.** 1 point for "fixed, not learned"; 0.5 for another true difference alone.
# ### END SOLUTION
