# ruff: noqa: E501 - one replacement a line
"""What is in the zoo, and what each hand-in deserves; the scores were written down from the rubric before grading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

ZOO = Path(__file__).parent
FILES = ("vae_solution.py", "ddpm_solution.py", "q3_solution.py")
VAE, DDPM, Q3 = FILES

CORRECT = (
    "beginner",
    "cluster",
    "colab_export",
    "compact",
    "defensive",
    "einops_typed",
    "numpy_lists",
    "objects",
    "starter_2023",
)


class Deserved(StrEnum):
    """Points of an item: none; some but not all; at most half; less than all."""

    ZERO = "zero"
    PART = "part"
    HALF_AT_MOST = "half at most"
    NOT_ALL = "not all"

    def allows(self, share: float) -> bool:
        """Whether a share of the item's points, between 0 and 1, is what is deserved."""
        return {
            Deserved.ZERO: share == 0,
            Deserved.PART: 0 < share < 1,
            Deserved.HALF_AT_MOST: share <= 0.5,
            Deserved.NOT_ALL: share < 1,
        }[self]


ZERO, PART, HALF_AT_MOST, NOT_ALL = Deserved

VAE_ITEMS = (
    "vae.sample_gaussian",
    "vae.kl",
    "vae.nll",
    "vae.mode",
    "vae.encode",
    "vae.decode",
    "vae.sample",
    "vae.log_likelihood",
    "vae.forward",
    "vae.interpolate",
)
DDPM_ITEMS = (
    "ddpm.coefficients",
    "ddpm.q_sample",
    "ddpm.p_sample",
    "ddpm.p_sample_loop",
    "ddpm.p_losses",
    "ddpm.t_sample",
)
Q3_ITEMS = ("simsiam.forward", "simsiam.cosine_similarity", "simsiam.loss")


@dataclass(frozen=True)
class HandIn:
    """A complete hand-in with exact replacements in its files; items that ``deserves`` does not name are right."""

    base: str
    edits: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    deserves: Mapping[str, Deserved] = field(default_factory=dict)
    names: Mapping[str, str | None] = field(default_factory=dict)
    """Other names of files; None: not handed in."""
    notices: tuple[str, ...] = ()
    """What the report must mention."""

    def sources(self) -> dict[str, str]:
        """Return the files as (path, text)."""
        files = {}
        for name in FILES:
            text = (ZOO / self.base / name).read_text(encoding="utf-8")
            for old, new in self.edits.get(name, ()):
                assert text.count(old) == 1, f"{self.base}/{name}: {text.count(old)} times {old!r}"
                text = text.replace(old, new)
            if (handed_in := self.names.get(name, name)) is not None:
                files[handed_in] = text
        return files


def at_end(base: str, name: str, text: str) -> tuple[tuple[str, str], ...]:
    """Return the edit that adds text at the end of a file."""
    last = (ZOO / base / name).read_text(encoding="utf-8")[-200:]
    return ((last, last + text),)


WRONG = {
    "std for variance": HandIn(
        "beginner",
        {
            VAE: (("var = torch.exp(self.logvar)\n        kl =", "var = torch.exp(0.5 * self.logvar)\n        kl ="),),
            DDPM: (
                (
                    "a = extract(sqrt_alphas_cumprod, t, x_start.shape)\n"
                    "    b = extract(sqrt_one_minus_alphas_cumprod, t, x_start.shape)",
                    "a = extract(alphas_cumprod, t, x_start.shape)\n    b = 1 - a",
                ),
            ),
            Q3: (("return top / torch.clamp(bottom, min=self.eps)", "return top / bottom"),),
        },
        {"vae.kl": HALF_AT_MOST, "ddpm.q_sample": HALF_AT_MOST, "simsiam.cosine_similarity": PART},
    ),
    "constants forgotten": HandIn(
        "starter_2023",
        {
            VAE: (
                ("kl_div = 0.5 * torch.sum", "kl_div = torch.sum"),
                ("torch.sum(np.log(2.0 * np.pi) + self.logvar", "torch.sum(self.logvar"),
                ("torch.logsumexp(log_likelihood, dim=1) - np.log(K)", "torch.logsumexp(log_likelihood, dim=1)"),
            ),
            DDPM: (("model_mean + torch.sqrt(posterior_variance_t) * noise", "model_mean + posterior_variance_t * noise"),),
            Q3: (("criterion(p2, z1).mean()) * 0.5", "criterion(p2, z1).mean())"),),
        },
        {
            "vae.kl": HALF_AT_MOST,
            "vae.nll": HALF_AT_MOST,
            "vae.log_likelihood": NOT_ALL,
            "ddpm.p_sample": NOT_ALL,
            "simsiam.loss": HALF_AT_MOST,
        },
    ),
    "off by one": HandIn(
        "colab_export",
        {
            VAE: (("w = i / (n_samples - 1)", "w = i / n_samples"),),
            DDPM: (
                ("torch.floor(torch.rand(batch_size) * timesteps).long()", "torch.randint(1, timesteps, (batch_size,))"),
                ("range(timesteps - 1, -1, -1)", "range(timesteps - 1, 0, -1)"),
            ),
            Q3: (("D2 = -sim(p2, z1).mean()", "D2 = -sim(p1, z2).mean()"),),
        },
        {
            "vae.interpolate": NOT_ALL,
            "ddpm.t_sample": NOT_ALL,
            "ddpm.p_sample_loop": HALF_AT_MOST,
            "simsiam.loss": HALF_AT_MOST,
        },
    ),
    "more than asked": HandIn(
        "cluster",
        {
            VAE: (
                ("log_w = -self.decode(z).nll(x_K) - prior.nll(z, dims=[1]) + q_K", "log_w = -self.decode(z).nll(x_K) + q_K"),
                ("likelihood.nll(x), posterior.kl()", "likelihood.nll(x), posterior.kl(), z"),
            ),
            DDPM: (
                ("    return mean + extract(posterior", "    mean = mean.clamp(-1.0, 1.0)\n    return mean + extract(posterior"),
                ("reversed(range(timesteps))", "range(timesteps)"),
            ),
            Q3: (("return p1, p2, z1, z2", "return z1, z2, p1, p2"),),
        },
        {
            "vae.log_likelihood": NOT_ALL,
            "vae.forward": HALF_AT_MOST,
            "ddpm.p_sample": NOT_ALL,
            "ddpm.p_sample_loop": NOT_ALL,
            "simsiam.forward": HALF_AT_MOST,
        },
    ),
    "mean for log-sum-exp": HandIn(
        "defensive",
        {
            VAE: (
                ("ll = max_w.squeeze(1) + torch.log(torch.sum(torch.exp(log_w - max_w), dim=1)) - math.log(K)",
                 "ll = log_w.mean(dim=1)"),
            ),
            DDPM: (("F.smooth_l1_loss(predicted, noise, reduction=\"sum\") / noise.numel()", "F.mse_loss(noise, predicted)"),),
            Q3: (
                ("z1, z2 = z1.detach(), z2.detach()\n            assert not z1.requires_grad", "z1.detach()\n            z2.detach()"),
            ),
        },
        {"vae.log_likelihood": NOT_ALL, "ddpm.p_losses": HALF_AT_MOST, "simsiam.forward": NOT_ALL},
    ),
    "wrong reductions": HandIn(
        "compact",
        {
            VAE: (
                ("self.logvar - 1).sum(-1) / 2", "self.logvar - 1).sum() / 2"),
                ("math.log(2 * math.pi)) / 2).sum(dims)", "math.log(2 * math.pi)) / 2).mean(dims)"),
            ),
            DDPM: (("torch.randn_like(x_start)), t), noise)", "torch.randn_like(x_start)), t), noise, reduction=\"sum\")"),),
            Q3: (
                ("torch.cat([z2, z1]))).mean()", "torch.cat([z2, z1]))).sum()"),
                ("(x1.norm(dim=self.dim) * x2.norm(dim=self.dim)).clamp_min(self.eps)", "(x1.norm() * x2.norm()).clamp_min(self.eps)"),
            ),
        },
        {
            "vae.kl": HALF_AT_MOST,
            "vae.nll": HALF_AT_MOST,
            "ddpm.p_losses": HALF_AT_MOST,
            "simsiam.loss": HALF_AT_MOST,
            "simsiam.cosine_similarity": HALF_AT_MOST,
        },
    ),
    "unfinished": HandIn(
        "beginner",
        {
            VAE: (
                ("var = torch.exp(self.logvar)\n        kl = 0.5 * (self.mean**2 + var - self.logvar - 1)\n        return torch.sum(kl, 1)", "..."),
                ("x = self.decoder(z)\n        return DiagonalGaussianDistribution(x)", "pass"),
                ("        z = torch.randn(batch_size, self.z_dim, device=self.device)\n        p = self.decode(z)\n        return p.mode()", "        samples = None\n        return samples"),
                ("        all = torch.cat(all, 1)\n        return torch.logsumexp(all, 1) - torch.log(torch.tensor(float(K)))", "        ll = torch.zeros(1)\n        return ll  # TODO"),
                ("    zs = torch.vstack(zs)\n    return model.decode(zs).mode()", "    raise NotImplementedError"),
            ),
            DDPM: (
                ("posterior_variance = (1 - alphas_cumprod_prev) / (1 - alphas_cumprod) * betas", "posterior_variance = None"),
                ("    return a * x_start + b * noise", "    x_t = a * x_start + b * noise  # forgot to return it"),
                ("    return torch.stack(imgs)", "    return imgs[:0]"),
                ("return torch.randint(0, timesteps, (batch_size,))", 'raise NotImplementedError("ddpm.t_sample (2 points): Random time steps")'),
            ),
            Q3: (
                ("p1 = self.predictor(z1)\n        p2 = self.predictor(z2)", "p1 = None  # TODO\n        p2 = None"),
                ("return top / torch.clamp(bottom, min=self.eps)", "return top / bottom_"),
            ),
        },
        {
            "vae.kl": ZERO,
            "vae.decode": ZERO,
            "vae.sample": ZERO,
            "vae.log_likelihood": ZERO,
            "vae.interpolate": ZERO,
            "ddpm.coefficients": PART,
            "ddpm.q_sample": ZERO,
            "ddpm.p_sample_loop": ZERO,
            "ddpm.t_sample": ZERO,
            "simsiam.forward": ZERO,
            "simsiam.cosine_similarity": ZERO,
        },
    ),
    "one file missing": HandIn(
        "objects", names={Q3: None}, deserves=dict.fromkeys(Q3_ITEMS, ZERO), notices=("q3_solution.py",)
    ),
    "syntax error at the end": HandIn(
        "einops_typed",
        {VAE: at_end("einops_typed", VAE, "\n\ndef latent_profile(model, loader\n    means = []\n")},
        dict.fromkeys(VAE_ITEMS, ZERO),
        notices=("vae_solution.py",),
    ),
    "merge conflict": HandIn(
        "numpy_lists",
        {DDPM: (("    if t_index == 0:\n", "<<<<<<< HEAD\n    if t_index == 0:\n=======\n    if t_index == 1:\n>>>>>>> b\n"),)},
        dict.fromkeys(DDPM_ITEMS, ZERO),
        notices=("ddpm_solution.py",),
    ),
    "no main guard, data set at import": HandIn(
        "starter_2023",
        {VAE: (("if __name__ == '__main__':\n", "if True:\n"),), DDPM: (("if __name__ == '__main__':\n", "if 1:\n"),)},
        notices=("vae_solution.py", "ddpm_solution.py"),
    ),
    "other names": HandIn(
        "cluster",
        names={VAE: "vae_solution_final_v2.py", DDPM: "ddpm_solution (1).py", Q3: "simsiam.py"},
        deserves=dict.fromkeys(Q3_ITEMS, ZERO),
        notices=("vae_solution_final_v2.py", "ddpm_solution (1).py", "q3_solution.py"),
    ),
    "torch.distributions": HandIn(
        "numpy_lists",
        {
            VAE: (
                ("from torch import nn\n", "from torch import nn\nfrom torch.distributions import Normal, kl_divergence\n"),
                ("        B = self.mean.shape[0]\n", "        std = (0.5 * self.logvar).exp()\n        return kl_divergence(Normal(self.mean, std), Normal(0.0, 1.0)).sum(1)\n        B = self.mean.shape[0]\n"),
            ),
            DDPM: (
                ("import torch.nn.functional as F\n", "import torch.nn.functional as F\nimport torch.distributions as D\n"),
                ("torch.from_numpy(np.random.randint(0, timesteps, size=batch_size)).long().to(device)", "D.Categorical(torch.ones(timesteps)).sample((batch_size,))"),
            ),
        },
        {"vae.kl": ZERO, "ddpm.t_sample": ZERO},
    ),
    "batches forgotten": HandIn(
        "starter_2023",
        {
            VAE: (
                ("1.0 - self.logvar, dim=[1])", "1.0 - self.logvar, dim=[1]).mean()"),
                ("(sample - self.mean) ** 2 / self.var, dim=dims)", "(sample - self.mean) ** 2 / self.var, dim=[1, 2, 3])"),
                ("z = torch.randn(batch_size, self.z_dim)", "z = torch.randn(batch_size, 32)"),
            ),
            DDPM: (
                ("    x_t = sqrt_alphas_cumprod_t * x_start + sqrt_one_minus_alphas_cumprod_t * noise",
                 "    x_t = sqrt_alphas_cumprod[t[0]] * x_start + sqrt_one_minus_alphas_cumprod[t[0]] * noise"),
                ("posterior_variance_t = extract(posterior_variance, t, x.shape)", "posterior_variance_t = betas_t"),
            ),
        },
        {"vae.kl": HALF_AT_MOST, "vae.nll": PART, "vae.sample": NOT_ALL, "ddpm.q_sample": NOT_ALL, "ddpm.p_sample": NOT_ALL},
    ),
    "networks mixed up": HandIn(
        "colab_export",
        {
            VAE: (
                ("mean=self.mean(features), logvar=self.logvar(features)", "mean=self.logvar(features), logvar=self.mean(features)"),
                ("mean=mu, logvar=torch.zeros_like(mu)", "mean=mu, logvar=mu"),
                ("return eps.mul(self.std).add_(self.mean)", "return torch.normal(self.mean, self.std)"),
                ("return self.mean.clone()", "return self.sample()"),
            ),
            DDPM: (
                ("sqrt_recip_alphas = 1 / alphas.sqrt()", "sqrt_recip_alphas = 1 / alphas.cumprod(0).sqrt()"),
                ("torch.cat([torch.ones(1), alphas_cumprod[:-1]])", "torch.cat([torch.zeros(1), alphas_cumprod[:-1]])"),
            ),
        },
        {
            "vae.encode": NOT_ALL,
            "vae.decode": NOT_ALL,
            "vae.sample_gaussian": PART,
            "vae.mode": HALF_AT_MOST,
            "ddpm.coefficients": PART,
        },
    ),
    "forward without noise": HandIn(
        "objects",
        {
            VAE: (
                ("conditional = self.decode(posterior.sample())", "conditional = self.decode(posterior.mode())"),
                ("return self.decode(DiagonalGaussianDistribution(zeros).sample()).mode()", "return self.decode(DiagonalGaussianDistribution(zeros).sample()).sample()"),
                (".flatten() for p in self.points(a, b, n)])).mode()", ".flatten() for p in self.points(a, b, n)]))"),
            ),
            DDPM: (
                ("        return torch.cat([s[None] for s in steps])", "        return steps[-1]"),
                ("noise = torch.randn_like(x_start)\n        return nn.HuberLoss", "noise = torch.rand_like(x_start)\n        return nn.HuberLoss"),
            ),
            Q3: (
                ("return (self.predictor(z1), self.predictor(z2), *self.target(z1, z2))", "z1, z2 = self.target(z1, z2)\n        return (self.predictor(z1), self.predictor(z2), z1, z2)"),
                ("return -self.similarity(p, z).mean(dim=0)", "return self.similarity(p, z).mean(dim=0)"),
            ),
        },
        {
            "vae.forward": NOT_ALL,
            "vae.sample": NOT_ALL,
            "vae.interpolate": HALF_AT_MOST,
            "ddpm.p_sample_loop": HALF_AT_MOST,
            "ddpm.p_losses": NOT_ALL,
            "simsiam.forward": NOT_ALL,
            "simsiam.loss": HALF_AT_MOST,
        },
    ),
    "arguments changed in place": HandIn(
        "compact",
        {
            VAE: (("return ((((sample - self.mean) ** 2)", "return ((((sample.sub_(self.mean)) ** 2)"),),
            DDPM: (
                ("return x_start * sqrt_alphas_cumprod[t][:, None, None, None] + noise", "return x_start.mul_(sqrt_alphas_cumprod[t][:, None, None, None]) + noise"),
            ),
        },
        {"vae.nll": NOT_ALL, "ddpm.q_sample": NOT_ALL},
    ),
    "left-overs of debugging": HandIn(
        "defensive",
        {
            VAE: (
                ("        assert self.mean.dim() == 2\n", "        import pdb; pdb.set_trace()\n"),
                ("        assert reconstruction.shape == x.shape\n", "        input('press enter')\n"),
            ),
            DDPM: (("model = Unet(dim=image_size, channels=channels", "print(q_sample(torch.randn(2, 3, 32, 32), 0))\nmodel = Unet(dim=image_size, channels=channels"),),
            Q3: at_end("defensive", Q3, "\n\nimport sys\n\nsys.exit(0)\n"),
        },
        {"vae.kl": ZERO, "vae.forward": ZERO},
        notices=("ddpm_solution.py",),
    ),
    "arrays returned": HandIn(
        "numpy_lists",
        {
            VAE: (
                ("            out.append(((lv.exp() + mu * mu - 1.0 - lv) / 2.0).sum())\n        return torch.stack(out)",
                 "            out.append(((lv.exp() + mu * mu - 1.0 - lv) / 2.0).sum().item())\n        return np.array(out)"),
                ("lls.append(torch.logsumexp(log_x + log_p - log_q, 0) - math.log(K))", "lls.append(torch.log(torch.exp(log_x + log_p - log_q).mean(0)))"),
            ),
            DDPM: (("        return torch.from_numpy(np.stack(imgs))", "        return imgs"),),
            Q3: (("        return total / n", "        return (total / n).item()"),),
        },
        {"vae.kl": HALF_AT_MOST, "vae.log_likelihood": HALF_AT_MOST, "ddpm.p_sample_loop": HALF_AT_MOST, "simsiam.loss": HALF_AT_MOST},
    ),
    "signs": HandIn(
        "cluster",
        {
            VAE: (
                ("return 0.5 * (squared + self.logvar + LOG_2PI).sum(dim=dims)", "return -0.5 * (squared + self.logvar + LOG_2PI).sum(dim=dims)"),
                ("return self.mean + self.std * noise", "return self.mean + self.logvar * noise"),
                ("likelihood.nll(x), posterior.kl()", "posterior.kl(), likelihood.nll(x)"),
            ),
            DDPM: (
                ("    mean = extract(sqrt_recip_alphas, t, x.shape) * (x - coef * model(x, t))", "    mean = extract(sqrt_recip_alphas, t, x.shape) * (x + coef * model(x, t))"),
                ("noise * extract(\n        sqrt_one_minus_alphas_cumprod, t, x_start.shape\n    )", "noise * extract(\n        posterior_variance, t, x_start.shape\n    )"),
            ),
        },
        {
            "vae.nll": HALF_AT_MOST,
            "vae.sample_gaussian": HALF_AT_MOST,
            "vae.forward": HALF_AT_MOST,
            "ddpm.p_sample": HALF_AT_MOST,
            "ddpm.q_sample": HALF_AT_MOST,
        },
    ),
}  # fmt: skip
"""Wrong or partial hand-ins that are graded in seconds."""

ENDLESS = {
    "loop without end": HandIn(
        "objects", {VAE: (("            left -= n\n", ""),)}, {"vae.log_likelihood": ZERO}, notices=()
    ),
    "training at import": HandIn(
        "beginner",
        {
            VAE: at_end(
                "beginner", VAE,
                "\nmodel = VAE(device='cpu')\nopt = torch.optim.Adam(model.parameters())\nfor epoch in range(100000):\n"
                "    x = torch.randn(64, 3, 32, 32)\n    _, nll, kl = model(x)\n    (nll + kl).mean().backward()\n    opt.step()\n",
            ),
        },
        notices=("vae_solution.py",),
    ),
}  # fmt: skip
"""Hand-ins that use up their time."""
