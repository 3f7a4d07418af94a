# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 1: an autoencoder, two ELBO estimators, and a torus
#
# Fill the blanks, run the notebook from top to bottom, and hand it in with its outputs (Problem 0, 1 point). Each
# blank names its item and its points; the handout has the formulas and the rules. Do not rename functions or classes,
# and keep the order of their arguments. Cells that do not name an item are complete.
#
# On a CPU the whole notebook takes a quarter of an hour; on a GPU a few minutes. On Colab, choose one before you start:
# *Runtime*, *Change runtime type*, *GPU* under *Hardware accelerator*, *Save*.
#
# To try it in a minute, without a download, set the environment variable `SMALL_DATA=1` before you start Jupyter: the
# handwritten digits of scikit-learn take the place of MNIST. The figures of your report are about MNIST.

# %%
# %matplotlib inline
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision import datasets, transforms

# %% tags=["editable"]
SMALL_DATA = os.environ.get("SMALL_DATA", "").lower() not in ("", "0", "no", "false")
RESUME = False  # True: every training goes on from its checkpoint in results/
SEED = 0
BATCH_SIZE = 256
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

torch.manual_seed(SEED)

# %% tags=["instructor-only"]
from itertools import pairwise  # noqa: E402

# %% [markdown]
# ## Data
#
# Images are flat: `(B, 784)`, with values in $[0, 1]$.


# %%
def load_images(train):
    """Return flat images (N, 784) in [0, 1] and labels (N,): MNIST, or small digits drawn larger."""
    if SMALL_DATA:
        from sklearn.datasets import load_digits

        digits = load_digits()
        ink = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
        held_out = torch.arange(len(ink)) % 5 == 0
        chosen = ~held_out if train else held_out
        images = F.interpolate(ink[chosen], size=(28, 28), mode="bilinear", align_corners=False)
        return images.flatten(1), torch.tensor(digits.target)[chosen]
    mnist = datasets.MNIST("data", train=train, download=True, transform=transforms.ToTensor())
    return mnist.data.float().flatten(1) / 255, mnist.targets


# %%
train_images, train_labels = load_images(train=True)
test_images, test_labels = load_images(train=False)
train_loader = DataLoader(TensorDataset(train_images, train_labels), batch_size=BATCH_SIZE, shuffle=True)
print(f"{len(train_images)} images for training, {len(test_images)} held out, on {device}")


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
# # Problem 1: an autoencoder
#
# ## 1a. Encoder and decoder
#
# `AE(input_dim, hidden_dims)`: the encoder leads from `input_dim` numbers through layers of the widths in
# `hidden_dims` to a latent vector of two numbers (`hidden_dims[-1] == 2`, so that the latent space can be drawn); the
# decoder leads back. The two numbers must be able to take either sign.


# %%
class AE(nn.Module):
    """An autoencoder of flat inputs (B, input_dim); its latent vectors are (B, hidden_dims[-1])."""

    def __init__(self, input_dim, hidden_dims):
        """p1.autoencoder: make `self.encoder` and `self.decoder`."""
        super().__init__()
        ### BEGIN SOLUTION
        widths = [input_dim, *hidden_dims]
        encoder_layers, decoder_layers = [], []
        for before, after in pairwise(widths):
            encoder_layers = [*encoder_layers, nn.Linear(before, after), nn.ReLU()]
            decoder_layers = [nn.Linear(after, before), nn.ReLU(), *decoder_layers]
        self.encoder = nn.Sequential(*encoder_layers[:-1])  # no ReLU on the latent vector
        self.decoder = nn.Sequential(*decoder_layers[:-1], nn.Sigmoid())
        ### END SOLUTION

    def encode(self, x):
        """Latent vectors of flat inputs."""
        return self.encoder(x)

    def decode(self, z):
        """Flat images of latent vectors (B, hidden_dims[-1]): (B, input_dim)."""
        return self.decoder(z)

    def forward(self, x):
        """Return {"imgs": reconstructions (B, input_dim)}."""
        return {"imgs": self.decode(self.encode(x))}


# %% [markdown]
# ## The loss, and the training loop
#
# `loss_func` serves all problems. Its first term is the mean squared error; `reg_func` gives one number for each
# latent vector, **minus** a KL divergence, which is to be large.

# %%
mse = nn.MSELoss()


def loss_func(model, x, reg_func=None, coeff=1e-3):
    """Return the mean squared error of the reconstructions, less `coeff` times the mean of `reg_func(output)`."""
    output = model(x)
    loss = mse(output["imgs"], x)
    if reg_func is not None:
        loss = loss - coeff * reg_func(output).mean()
    return loss


def loss_AE(model, x):
    """The loss of the autoencoder: the reconstruction alone."""
    return loss_func(model, x)


def train(model, loader, loss, epochs=20, lr=1e-3, checkpoint=None, every=1):
    """Minimise `loss(model, x)` with Adam; return its average in every epoch. `checkpoint` is a file, or None."""
    model.to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    history = {"loss": []}
    settings = {"lr": lr, "batch size": loader.batch_size, "small data": SMALL_DATA}
    for _ in resumable(epochs, checkpoint, settings, history, every, model=model, optimizer=optimizer):
        total, count = 0.0, 0
        for batch in loader:
            x = (batch[0] if isinstance(batch, (tuple, list)) else batch).to(device)
            optimizer.zero_grad()
            value = loss(model, x)
            value.backward()
            optimizer.step()
            total, count = total + value.item() * len(x), count + len(x)
        history["loss"].append(total / count)
    return history["loss"]


# %% [markdown]
# ## Looking at a model


# %%
@torch.no_grad()
def plot_latent_images(model, n, digit_size=28):
    """Draw the images of an n x n grid of latent vectors, which lie at quantiles of the standard normal."""
    quantiles = torch.distributions.Normal(0, 1).icdf(torch.linspace(0.05, 0.95, n))
    z = torch.cartesian_prod(-quantiles, quantiles)[:, [1, 0]]  # the first number to the right, the second upwards
    images = model.decode(z.to(device)).cpu().reshape(n, n, digit_size, digit_size)
    picture = images.permute(0, 2, 1, 3).reshape(n * digit_size, n * digit_size)
    plt.figure(figsize=(6, 6))
    plt.imshow(picture.numpy(), cmap="gray", extent=(-1.645, 1.645, -1.645, 1.645))
    plt.xlabel("$z_1$")
    plt.ylabel("$z_2$")
    plt.title("images of the latent plane")
    plt.show()


@torch.no_grad()
def eval(model):
    """Show held-out images above their reconstructions, then the latent plane. (The name hides Python's own eval.)"""
    model.eval()
    x = test_images[:10].to(device)
    reconstructed = model(x)["imgs"]
    rows = torch.cat([x, reconstructed]).cpu().reshape(2, 10, 28, 28).permute(0, 2, 1, 3).reshape(56, 280)
    plt.figure(figsize=(8, 2))
    plt.imshow(rows.numpy(), cmap="gray")
    plt.axis("off")
    plt.title(f"held-out images, and what comes back (mean squared error {mse(reconstructed, x).item():.4f})")
    plt.show()
    plot_latent_images(model, n=16)


# %% [markdown]
# ## 1b. Training
#
# Adam with learning rate $10^{-3}$, 20 epochs. Choose other values if yours do better.

# %% tags=["editable"]
EPOCHS = 100 if SMALL_DATA else 20
ae = AE(784, [128, 32, 16, 2])
ae_losses = train(ae, train_loader, loss_AE, epochs=EPOCHS, lr=1e-3, checkpoint="results/autoencoder.pt")
eval(ae)

# %% [markdown]
# **Report** (`p1.training_report`, 4 points). Put both figures of the last epoch into your report: reconstructions of
# held-out images, and the latent plane. Say which values you trained with, what two numbers can keep of a digit and
# what they lose, and what you see in the plane where no image of the training set lies.
#
# ### BEGIN SOLUTION p1.training_report
# **Worked answer.** Trained for 20 epochs of MNIST with Adam, learning rate $10^{-3}$, batches of 256, widths 128,
# 32, 16, 2. The held-out error falls from 0.067 (the mean image) to about 0.040; the best plane (two principal
# components) stays near 0.056. What is kept is the class in most cases, and the slant; what is lost is the style of a
# stroke. 4 and 9, 3, 5 and 8 are taken for each other, and a code between two classes gives an image that is no
# digit. The latent plane is no picture of the data: nothing asks the codes to be near 0 or to fill a region. They lie
# in long rays whose scale is arbitrary (tens, not ones), so the square of quantiles of $\mathcal N(0, I)$ meets only
# a few classes, and large parts of it show smears. That an autoencoder reconstructs does not make it a generative
# model: there is no distribution to draw $z$ from.
#
# **Grading.** 1 point: reconstructions of *held-out* images beside their originals. 1 point: the figure of the latent
# plane. 1 point: what two numbers lose. 1 point: holes or an arbitrary scale in the plane are seen and explained by
# the loss, which says nothing of the codes. Without the code in the report, no points.
# ### END SOLUTION

# %% [markdown]
# # Problem 2: a variational autoencoder, and the SGVB estimator
#
# ## 2a. The evidence lower bound (`p2.proof`, 8 points)
#
# Let $x$ be observed and $z$ be latent, and $q(z\mid x)$ any density that is positive wherever $p(z\mid x)$ is.
# Starting from $\log p(x)$, prove
#
# $$\log p(x)\ \ge\ \mathbb E_{q(z\mid x)}\left[\log\frac{p(x,z)}{q(z\mid x)}\right]=\mathrm{ELBO}$$
#
# and say when equality holds. Name what you use in each step.
#
# ### BEGIN SOLUTION p2.proof
# **Worked answer.** $\log p(x)$ does not depend on $z$, so it is its own mean under $q(z\mid x)$, which integrates to
# one. By the product rule $p(x)=p(x,z)/p(z\mid x)$ for every $z$ with $p(z\mid x)>0$. Hence
#
# $$\log p(x)=\mathbb E_q\left[\log\frac{p(x,z)}{p(z\mid x)}\right]
# =\mathbb E_q\left[\log\frac{p(x,z)}{q(z\mid x)}\right]
# +\mathbb E_q\left[\log\frac{q(z\mid x)}{p(z\mid x)}\right],$$
#
# where fraction and logarithm were extended by $q(z\mid x)$ and the mean of a sum is the sum of the means. The second
# term is $D_{KL}(q(z\mid x)\,\Vert\,p(z\mid x))$. It is not negative: $-\log$ is convex, so by Jensen's inequality
#
# $$\mathbb E_q\left[-\log\frac{p(z\mid x)}{q(z\mid x)}\right]
# \ge-\log\mathbb E_q\left[\frac{p(z\mid x)}{q(z\mid x)}\right]
# =-\log\int_{q>0}p(z\mid x)\,dz\ \ge\ -\log 1=0.$$
#
# So $\log p(x)\ge\mathrm{ELBO}$. Since $-\log$ is strictly convex, equality holds exactly if the fraction is constant
# under $q$, that is, if $q(z\mid x)=p(z\mid x)$ almost everywhere. (Shorter, by Jensen alone: $\log p(x)=\log\mathbb
# E_q[p(x,z)/q(z\mid x)]\ge\mathbb E_q[\log p(x,z)/q(z\mid x)]$; this gives the bound but not the gap.)
#
# **Grading.** 2 points: a correct beginning ($p(x)=\int p(x,z)\,dz$, or the product rule). 2 points: $q$ is brought
# in without a gap. 3 points: the inequality is justified (Jensen with the direction given by concavity, or the KL
# divergence is not negative). 1 point: when equality holds. Jensen in the wrong direction: at most 4.
# ### END SOLUTION

# %% [markdown]
# ## The estimator
#
# For images $x_1,\dots,x_N$ and $J$ samples $z_{i,1},\dots,z_{i,J}$ of $q(z\mid x_i)=\mathcal
# N(z;\mu_i,\mathrm{diag}(\sigma_i^2))$ for each of them, the stochastic gradient variational Bayes estimator is
#
# $$\sum_i\mathrm{ELBO}(x_i)\ \approx
# \sum_i\frac1J\sum_j\Big[\log p(x_i\mid z_{i,j})+\log p(z_{i,j})-\log q(z_{i,j}\mid x_i)\Big].$$
#
# The network does not give $\sigma^2$ but `logvar`, its logarithm. With several samples, `forward` repeats each row
# of `mean` and `logvar` $J$ times (`n_samples_per_z`) **before** it calls `reparameterize`.
#
# ## 2b, 2c. The networks, and the reparameterisation trick


# %%
class VAE(nn.Module):
    """A variational autoencoder of flat inputs (B, input_dim)."""

    def __init__(self, input_dim, hidden_dims, decode_dim=-1, use_sigmoid=True):
        """p2.networks: make `self.encoder` and `self.decoder`.

        The encoder gives `hidden_dims[-1]` numbers, half of them the mean and half the log-variance of q(z|x). The
        decoder leads from `z_size` numbers back to `decode_dim` ones, or to `input_dim` where `decode_dim` is -1; these
        lie in (0, 1) if `use_sigmoid`, and are free otherwise.
        """
        super().__init__()
        self.z_size = hidden_dims[-1] // 2
        ### BEGIN SOLUTION
        output_dim = input_dim if decode_dim == -1 else decode_dim
        encoder_widths = [input_dim, *hidden_dims]
        decoder_widths = [self.z_size, *reversed(hidden_dims[:-1]), output_dim]
        encoder_layers, decoder_layers = [], []
        for before, after in pairwise(encoder_widths):
            encoder_layers += [nn.Linear(before, after), nn.ReLU()]
        for before, after in pairwise(decoder_widths):
            decoder_layers += [nn.Linear(before, after), nn.ReLU()]
        last = [nn.Sigmoid()] if use_sigmoid else []
        self.encoder = nn.Sequential(*encoder_layers[:-1])  # mean and log-variance can have either sign
        self.decoder = nn.Sequential(*decoder_layers[:-1], *last)
        ### END SOLUTION

    def encode(self, x):
        """Mean and log-variance of q(z|x), (B, z_size) each."""
        mean, logvar = torch.split(self.encoder(x), self.z_size, dim=1)
        return mean, logvar

    def reparameterize(self, mean, logvar, n_samples_per_z=1):
        """p2.reparameterize: one sample for each row of `mean` and `logvar`, differentiable in both.

        Both have the shape (B * n_samples_per_z, z_size): their rows are repeated already. So has the result.
        """
        ### BEGIN SOLUTION
        noise = torch.randn_like(mean)
        return mean + torch.exp(0.5 * logvar) * noise
        ### END SOLUTION

    def decode(self, z):
        """What the decoder makes of latent vectors (B, z_size)."""
        return self.decoder(z)

    def forward(self, x, n_samples_per_z=1):
        """Return imgs (B, output width), averaged over samples, and z, mean, logvar (B * n_samples_per_z, z_size)."""
        mean, logvar = self.encode(x)
        mean = mean.repeat_interleave(n_samples_per_z, dim=0)
        logvar = logvar.repeat_interleave(n_samples_per_z, dim=0)
        z = self.reparameterize(mean, logvar, n_samples_per_z)
        imgs = self.decode(z).reshape(len(x), n_samples_per_z, -1).mean(1)
        return {"imgs": imgs, "z": z, "mean": mean, "logvar": logvar}


# %% [markdown]
# ## 2d. The log-density of a normal distribution
#
# With it, `loss_SGVB` gives $\log p(z)-\log q(z\mid x)$ for every sample: what is left of the estimator beside the
# reconstruction.

# %%
log2pi = torch.log(torch.tensor(2 * torch.pi))
torch_zero = torch.tensor(0.0)


def log_normal_pdf(sample, mean, logvar, raxis=1):
    """p2.log_normal_pdf: log N(sample; mean, diag(exp(logvar))), summed over the axis `raxis`.

    `mean` and `logvar` have the shape of `sample`, or are single numbers (0-d tensors).
    """
    ### BEGIN SOLUTION
    squares = (sample - mean) ** 2 * torch.exp(-logvar)
    return -0.5 * torch.sum(squares + logvar + log2pi, dim=raxis)
    ### END SOLUTION


def loss_SGVB(output):
    """log p(z) - log q(z|x) at the samples in `output`: (B * n_samples_per_z,), minus the KL divergence on average."""
    log_prior = log_normal_pdf(output["z"], torch_zero, torch_zero)
    log_posterior = log_normal_pdf(output["z"], output["mean"], output["logvar"])
    return log_prior - log_posterior


# %% [markdown]
# # Problem 3: the KL divergence without sampling
#
# ## 3a. The closed form (`p3.proof`, 8 points)
#
# Let $p(z)=\mathcal N(z;0,I)$ and $q(z\mid x_i)=\mathcal N(z;\mu_i,\mathrm{diag}(\sigma_i^2))$, with coordinates $d$.
# Prove that
#
# $$\sum_i\mathrm{ELBO}(x_i)=\sum_i\mathbb E_{q(z\mid x_i)}[\log p(x_i\mid z)]
# -\sum_iD_{KL}\big(q(z\mid x_i)\,\Vert\,p(z)\big)$$
#
# $$\approx\ \sum_i\frac1J\sum_j\log p(x_i\mid z_{i,j})
# +\frac12\sum_i\sum_d\left(1+\log\sigma_{i,d}^2-\mu_{i,d}^2-\sigma_{i,d}^2\right).$$
#
# ### BEGIN SOLUTION p3.proof
# **Worked answer.** For one $x$ the product rule $p(x,z)=p(x\mid z)p(z)$ splits the logarithm:
#
# $$\mathrm{ELBO}(x)=\mathbb E_q\left[\log\frac{p(x\mid z)p(z)}{q(z\mid x)}\right]
# =\mathbb E_q[\log p(x\mid z)]+\mathbb E_q[\log p(z)-\log q(z\mid x)],$$
#
# and the second mean is $-D_{KL}(q(z\mid x)\,\Vert\,p(z))$. Both densities are products over coordinates, so their
# logarithms are sums, and means can be taken coordinate by coordinate:
#
# $$\log p(z)-\log q(z\mid x)=\sum_d\left[-\frac12\log 2\pi-\frac{z_d^2}2+\frac12\log 2\pi
# +\frac12\log\sigma_d^2+\frac{(z_d-\mu_d)^2}{2\sigma_d^2}\right].$$
#
# Under $q$, $\mathbb E[(z_d-\mu_d)^2]=\sigma_d^2$ by the definition of the variance, and $\mathbb
# E[z_d^2]=\mu_d^2+\sigma_d^2$. The constants cancel, and
#
# $$-D_{KL}=\frac12\sum_d\left(\log\sigma_d^2+1-\mu_d^2-\sigma_d^2\right).$$
#
# The mean of $\log p(x\mid z)$ has no closed form, since the decoder is a network; the average over $J$ samples
# estimates it without bias. Summing over $i$ gives the claim.
#
# **Grading.** 2 points: the ELBO is split. 2 points: both log-densities written out, coordinate by coordinate. 3
# points: both second moments justified, and the result. 1 point: the sum over $i$ and the average over $j$ are
# treated rightly, with the sign of the divergence.
# ### END SOLUTION


# %%
def loss_KL_wo_E(output):
    """Minus the KL divergence of q(z|x) from the standard normal, without sampling: (B * n_samples_per_z,)."""
    mean, logvar = output["mean"], output["logvar"]
    return 0.5 * torch.sum(1 + logvar - mean**2 - torch.exp(logvar), dim=1)


# %% [markdown]
# ## 3b. Do they agree? (`p3.kl`, 10 points)
#
# For one posterior, the average of `loss_SGVB` over many samples must come near `loss_KL_wo_E`. The error falls with
# the square root of the number of samples. Run the cell; if the numbers do not come nearer, one of your pieces is
# wrong.

# %%
posterior_mean = torch.tensor([[1.0, -0.5], [0.2, 2.0], [-1.5, 0.0]])
posterior_logvar = torch.tensor([[-1.0, 0.5], [0.0, -2.0], [0.7, -0.3]])
with torch.no_grad():
    for samples in (100, 10_000, 1_000_000):
        mean, logvar = (row.repeat_interleave(samples, dim=0) for row in (posterior_mean, posterior_logvar))
        z = VAE(784, [128, 32, 16, 4]).reparameterize(mean, logvar, samples)
        output = {"z": z, "mean": mean, "logvar": logvar}
        estimate = loss_SGVB(output).reshape(3, samples).mean(1)
        exact = loss_KL_wo_E(output).reshape(3, samples)[:, 0]
        print(f"{samples:7d} samples: {estimate.tolist()}, without sampling: {exact.tolist()}")

# %% [markdown]
# ## 3c. Two models
#
# The same network, trained with either form. Adam, learning rate $10^{-4}$ in the course's first version of this
# notebook; $10^{-3}$ gets there in fewer epochs. Change epochs, widths, learning rate and `coeff` as you like, and
# say so.

# %% tags=["editable"]
VAE_EPOCHS = 100 if SMALL_DATA else 20
COEFF = 1e-3
torch.manual_seed(SEED)
vae_sgvb = VAE(784, [128, 32, 16, 4])
sgvb_losses = train(
    vae_sgvb,
    train_loader,
    lambda model, x: loss_func(model, x, loss_SGVB, COEFF),
    epochs=VAE_EPOCHS,
    lr=1e-3,
    checkpoint="results/vae_sgvb.pt",
)
eval(vae_sgvb)

# %% tags=["editable"]
torch.manual_seed(SEED)
vae_kl = VAE(784, [128, 32, 16, 4])
kl_losses = train(
    vae_kl,
    train_loader,
    lambda model, x: loss_func(model, x, loss_KL_wo_E, COEFF),
    epochs=VAE_EPOCHS,
    lr=1e-3,
    checkpoint="results/vae_kl.pt",
)
eval(vae_kl)

# %%
plt.figure(figsize=(5, 3))
plt.plot(sgvb_losses, label="SGVB")
plt.plot(kl_losses, label="KL divergence without sampling")
plt.xlabel("epoch")
plt.ylabel("loss")
plt.legend()
plt.show()

# %% [markdown]
# **Report** (`p3.training_report`, 6 points). For both models: reconstructions of held-out images and the latent
# plane, of the last epoch, and the values that you trained with. Compare the two estimators, and compare this latent
# plane with that of Problem 1.
#
# ### BEGIN SOLUTION p3.training_report
# **Worked answer.** Both with Adam, learning rate $10^{-3}$, 20 epochs, `coeff` $10^{-3}$. The two losses have the
# same mean, so the two models end alike: error and divergence agree to within what another seed changes. SGVB adds
# noise to the gradient, which shows as a slightly more restless curve, and hardly more, because the noise of the
# reconstruction is there in both. The pictures are blurrier than the autoencoder's, and the held-out error is a
# little higher: the code is noisy, and the divergence costs something. In exchange the latent plane is filled: codes
# lie around 0 with about unit spread, neighbours look alike, and nearly every place shows a digit or the passage from
# one to another. One can draw $z$ from $\mathcal N(0,I)$, which was not possible in Problem 1.
#
# What the loss means: with $p(x\mid z)=\mathcal N(\hat x,s^2I)$ and 784 pixels, $-\log p(x\mid z)$ is
# $\frac{784}{2s^2}$ times the mean squared error, plus a constant. Mean squared error plus $10^{-3}$ times the
# divergence is therefore a multiple of the negative ELBO with $\frac{784}{2s^2}\cdot10^{-3}=1$, that is $s^2=0.392$.
# Such a decoder calls pixels unreliable, and lets the code keep little.
#
# **Grading.** 2 points: both figures for both models, of held-out images, with the values of training. 2 points: the
# estimators are compared rightly (same mean, more noise; models need not agree number by number). 2 points: the
# latent planes are compared rightly (prior, no holes, blur as its price). `coeff` = 0 or a latent plane that has
# collapsed to one picture, unremarked: at most 3.
# ### END SOLUTION


# %% [markdown]
# # Problem 4: a torus
#
# Points in space take the place of images. The VAE sees sines and cosines of their coordinates, and gives coordinates
# back. Its loss is the mean squared error with the KL divergence in closed form.


# %%
def on_torus(around, tube, R=1.0, r=0.5):
    """Points (..., 3) of the torus around the z axis: circles of radius r around a circle of radius R."""
    distance = R + r * np.cos(tube)
    return np.stack([distance * np.cos(around), distance * np.sin(around), r * np.sin(tube)], axis=-1)


def generate_torus_point_cloud(R=1.0, r=0.5, num_points=1000, seed=0):
    """Points (num_points, 3) all over the torus."""
    rng = np.random.default_rng(seed)
    around, tube = 2 * np.pi * rng.random((2, num_points))
    return torch.tensor(on_torus(around, tube, R, r), dtype=torch.float32)


class TorusPointCloudDataset(Dataset):
    """The points of a torus, one by one."""

    def __init__(self, R=1.0, r=0.5, num_points=1000, seed=0):
        self.points = generate_torus_point_cloud(R, r, num_points, seed)

    def __len__(self):
        return len(self.points)

    def __getitem__(self, index):
        return self.points[index]


class PositionalEncoding3D(nn.Module):
    """Coordinates (N, 3) as sines and cosines of `num_frequencies` frequencies: (N, 6 * num_frequencies)."""

    def __init__(self, num_frequencies=10):
        super().__init__()
        self.register_buffer("frequencies", 1.0 + torch.arange(num_frequencies))

    def forward(self, points):
        angles = points[:, :, None] * self.frequencies  # (N, 3, num_frequencies)
        return torch.cat([angles.sin(), angles.cos()], dim=2).flatten(1)


class PointVAE(VAE):
    """A VAE of points (N, 3) that sees their positional encoding."""

    def __init__(self, hidden_dims):
        super().__init__(60, hidden_dims, decode_dim=3, use_sigmoid=False)
        self.positional_encoding = PositionalEncoding3D(num_frequencies=10)

    def encode(self, x):
        return super().encode(self.positional_encoding(x))


# %%
def plot_points(**clouds):
    """Draw point clouds side by side, each under its name."""
    figure = plt.figure(figsize=(4 * len(clouds), 4))
    for number, (name, points) in enumerate(clouds.items(), 1):
        axes = figure.add_subplot(1, len(clouds), number, projection="3d")
        axes.scatter(*points.detach().cpu().numpy().T, s=2)
        axes.set(title=name.replace("_", " "), xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), zlim=(-1.5, 1.5))
    plt.show()


def plot_paths(**paths):
    """Draw paths (steps, 3), each under its name, in one view with the surface of the torus: obliquely, from above."""
    around, tube = np.meshgrid(np.linspace(0, 2 * np.pi, 61), np.linspace(0, 2 * np.pi, 31))
    surface = np.moveaxis(on_torus(around, tube), -1, 0)
    figure = plt.figure(figsize=(10, 5))
    for number, elevation in enumerate((35, 90), 1):
        axes = figure.add_subplot(1, 2, number, projection="3d", computed_zorder=False)
        axes.plot_surface(*surface, color="lightgrey", alpha=0.3, linewidth=0)
        for name, points in paths.items():
            x, y, z = torch.as_tensor(points).detach().cpu().numpy().T
            (line,) = axes.plot(x, y, z, linewidth=2, label=name.replace("_", " "))
            axes.scatter(x[[0, -1]], y[[0, -1]], z[[0, -1]], color=line.get_color(), s=30)
        axes.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), zlim=(-1.5, 1.5), box_aspect=(1, 1, 1))
        axes.view_init(elev=elevation, azim=-60 if elevation < 90 else -90)
    axes.set_axis_off()  # seen from above, the numbers of the axes lie upon each other
    axes.legend(loc="upper right")
    plt.show()


# %% [markdown]
# ## 4a. Training
#
# The coefficient of the divergence is small here: a torus does not fit a Gaussian, and a strong pull towards one
# makes a ball of it.

# %% tags=["editable"]
TORUS_EPOCHS = 1000
TORUS_COEFF = 1e-4
torch.manual_seed(SEED)
torus = TorusPointCloudDataset(R=1.0, r=0.5, num_points=1000, seed=SEED)
torus_loader = DataLoader(torus, batch_size=1000, shuffle=True)
point_vae = PointVAE([32, 16, 8])
torus_losses = train(
    point_vae,
    torus_loader,
    lambda model, x: loss_func(model, x, loss_KL_wo_E, TORUS_COEFF),
    epochs=TORUS_EPOCHS,
    lr=1e-3,
    checkpoint="results/torus.pt",
    every=50,
)

# %%
point_vae.eval()
mean_codes, _ = point_vae.encode(torus.points.to(device))
plot_points(original=torus.points, reconstructed=point_vae.decode(mean_codes))

# %% [markdown]
# **Report** (`p4.training_report`, 6 points). Show original and reconstructed points side by side, with the values
# that you trained with. How good is the reconstruction, where is it worst, and what would `coeff` ten times larger or
# smaller do?
#
# ### BEGIN SOLUTION p4.training_report
# **Worked answer.** 1000 epochs with Adam, learning rate $10^{-3}$, widths 32, 16, 8 (four latent variables), `coeff`
# $10^{-4}$. The reconstructed points form a torus with its hole; they are a few hundredths off, which is visible as a
# rough surface. Errors are greatest where the surface bends most, at the inner side of the tube. Four latent
# variables are more than three coordinates, so nothing forces the network to find the surface: codes can simply be a
# bent copy of space. A larger `coeff` makes the codes noisier and draws them to the middle: points move to the inside
# of the tube, then the hole closes ($10^{-2}$: a disc). A smaller one, or 0, gives sharper reconstructions and a
# latent space in which nothing is said of the places between the codes.
#
# **Grading.** 2 points: both clouds in one view, with the values of training. 2 points: the quality is judged
# rightly, with the place of the largest errors or a number. 2 points: the role of `coeff`. A run with `coeff` = 0
# gets full points where it is said to be an autoencoder with noise.
# ### END SOLUTION

# %% [markdown]
# ## 4b. A straight line in the latent space (`p4.interpolation`, 8 points)


# %%
@torch.no_grad()
def straight_line(model, first, last, steps=50):
    """Decode `steps` codes on the straight line between the mean codes of two points (3,): (steps, 3)."""
    (start, end), _ = model.encode(torch.stack([first, last]))
    weight = torch.linspace(0, 1, steps, device=start.device)[:, None]
    return model.decode((1 - weight) * start + weight * end)


def distance_to_torus(points, R=1.0, r=0.5):
    """How far points (N, 3) are from the surface: (N,)."""
    return (((points[:, :2].norm(dim=1) - R) ** 2 + points[:, 2] ** 2).sqrt() - r).abs()


# %% tags=["editable"]
torch.manual_seed(SEED)
points = torus.points.to(device)
first, last, third = points[torch.randperm(len(points))[:3]]
opposite = points[(points - third).norm(dim=1).argmax()]  # of the third, across the hole
paths = {
    "two_random_points": straight_line(point_vae, first, last),
    "opposite_sides": straight_line(point_vae, third, opposite),
}
for name, path in paths.items():
    off = distance_to_torus(path)
    print(f"{name}: distance to the surface {off.mean():.3f} on average, {off.max():.3f} at most")
plot_paths(**paths)

# %% [markdown]
# For comparison, a path as one would wish it: it bends around the hole and around the tube, and never leaves the
# surface.

# %%
plot_paths(ideal=on_torus(np.linspace(0, 2.4, 50), np.linspace(-0.5, 2.0, 50)))

# %% [markdown]
# **Report** (`p4.interpolation`, 8 points). Show the paths of two pairs of points at least, in one view with the
# torus, one of the pairs on opposite sides of the hole; add pairs of your own, near ones too. Where do the paths leave
# the surface, and why does a straight line in this latent space not follow the torus? What would a latent space
# need, so that it does?
#
# ### BEGIN SOLUTION p4.interpolation
# **Worked answer.** For two points that are near each other the path stays close to the surface. For opposite ones it
# cuts through the tube or through the hole, almost straight in space; its distance to the surface is largest in the
# middle (0.1 to 0.5 where the reconstruction is off by some hundredths). Reason: codes of torus points form a torus
# inside the latent space, a closed surface with a hole. A straight line between two of its points leaves it, and
# visits codes that the decoder has never been trained on; there the decoder goes on smoothly, and what is smooth and
# fits both ends is nearly a straight line in space. This is a matter of topology and not of training: a Euclidean
# space can be pulled together to a point, the torus cannot, so no continuous decoder maps straight lines between all
# pairs of codes to the torus, if codes are an injective continuous image of it. A better fit or a larger divergence
# does not mend it. What helps is a latent space that is itself a product of two circles: two angles, as points
# $(\cos,\sin)$ on two circles, with straight lines in the angles, taken the short way round.
#
# **Grading.** 2 points: paths of two pairs or more, in one view with the torus. 2 points: what is seen is described
# rightly. 3 points: the reason (the line leaves the set of codes; topology). 1 point: a way out. "The model is not
# trained enough": no point for the reason.
# ### END SOLUTION

# %% [markdown]
# ## 4c. Optional: a latent space with the shape of a torus (`p4.torus_latent`, 0 points)
#
# Write a model whose paths stay on the surface. What is measured, after 2000 steps of Adam on `loss`, with learning
# rate $10^{-3}$: the mean distance of paths between random points to the surface, and how near their ends are to the
# points. The paths should look like the ideal one above. Set `TRY_TORUS_LATENT` to `True` to train and look at it here.


# %%
class TorusVAE(nn.Module):
    """Points (N, 3) and codes that live on a torus."""

    def __init__(self):
        """p4.torus_latent: make the networks."""
        super().__init__()
        ### BEGIN SOLUTION
        self.positional_encoding = PositionalEncoding3D(num_frequencies=2)
        self.encoder = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
        self.decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
        ### END SOLUTION

    def loss(self, points):
        """p4.torus_latent: a number to be minimised, for points (N, 3)."""
        ### BEGIN SOLUTION
        angles = self.angles(points)
        noisy = angles + 0.05 * torch.randn_like(angles)
        return mse(self.at(noisy), points)
        ### END SOLUTION

    def path(self, start, end, steps):
        """p4.torus_latent: `steps` points (steps, 3) from `start` (3,) to `end` (3,)."""
        ### BEGIN SOLUTION
        first, last = self.angles(torch.stack([start, end]))
        turn = torch.remainder(last - first + torch.pi, 2 * torch.pi) - torch.pi  # the short way round
        return self.at(first + torch.linspace(0, 1, steps, device=start.device)[:, None] * turn)
        ### END SOLUTION

    ### BEGIN SOLUTION p4.torus_latent
    def angles(self, points):
        """Two angles (N, 2) of points."""
        pairs = self.encoder(self.positional_encoding(points)).reshape(-1, 2, 2)
        return torch.atan2(pairs[..., 1], pairs[..., 0])

    def at(self, angles):
        """The points (N, 3) at two angles."""
        turns = torch.cat([angles, angles.sum(1, keepdim=True), angles[:, :1] - angles[:, 1:]], dim=1)
        return self.decoder(torch.cat([turns.cos(), turns.sin()], dim=1))

    ### END SOLUTION


# %% tags=["editable"]
TRY_TORUS_LATENT = False
if TRY_TORUS_LATENT:
    torus_vae = TorusVAE()
    train(
        torus_vae,
        torus_loader,
        lambda model, x: model.loss(x),
        epochs=2000,
        lr=1e-3,
        checkpoint="results/torus_latent.pt",
        every=100,
    )
    with torch.no_grad():
        plot_paths(
            two_random_points=torus_vae.path(first, last, 50), opposite_sides=torus_vae.path(third, opposite, 50)
        )
