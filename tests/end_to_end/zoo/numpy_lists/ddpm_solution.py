import numpy as np
import torch
import torch.nn.functional as F
from networks import Unet

T = 1000
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def linear_beta_schedule(beta_start, beta_end, timesteps):
    return torch.linspace(beta_start, beta_end, timesteps)


def extract(a, t, x_shape):
    out = a.gather(-1, t.cpu())
    return out.reshape(len(t), *([1] * (len(x_shape) - 1))).to(t.device)


# in numpy with float64, because float32 looked bad near t = 0
_betas = np.linspace(0.0001, 0.02, T)
_alphas = 1.0 - _betas
_abar = []
prod = 1.0
for a in _alphas:
    prod = prod * a
    _abar.append(prod)
_abar = np.array(_abar)
_abar_prev = np.append(1.0, _abar[:-1])


def to_torch(array):
    return torch.tensor(array, dtype=torch.float32)


betas = to_torch(_betas)
alphas = to_torch(_alphas)
sqrt_recip_alphas = to_torch(np.sqrt(1.0 / _alphas))
alphas_cumprod = to_torch(_abar)
sqrt_alphas_cumprod = to_torch(np.sqrt(_abar))
sqrt_one_minus_alphas_cumprod = to_torch(np.sqrt(1.0 - _abar))
alphas_cumprod_prev = to_torch(_abar_prev)
posterior_variance = to_torch(_betas * (1.0 - _abar_prev) / (1.0 - _abar))


def q_sample(x_start, t, noise=None):
    if noise is None:
        noise = torch.from_numpy(np.random.randn(*x_start.shape)).to(x_start)
    out = []
    for i in range(x_start.shape[0]):
        ti = t[i].item()
        out.append(sqrt_alphas_cumprod[ti] * x_start[i] + sqrt_one_minus_alphas_cumprod[ti] * noise[i])
    return torch.stack(out)


@torch.no_grad()
def p_sample(model, x, t, t_index):
    eps = model(x, t)
    b = float(_betas[t_index])
    abar = float(_abar[t_index])
    mean = (x - b / (1 - abar) ** 0.5 * eps) / (1 - b) ** 0.5
    if t_index == 0:
        return mean
    sigma = float(np.sqrt(_betas[t_index] * (1 - _abar_prev[t_index]) / (1 - _abar[t_index])))
    return mean + sigma * torch.randn(x.shape, device=x.device)


def p_sample_loop(model, shape, timesteps):
    with torch.no_grad():
        dev = device
        img = torch.randn(shape, device=dev)
        imgs = []
        for i in list(range(timesteps))[::-1]:
            t = torch.full((shape[0],), i, device=dev, dtype=torch.long)
            img = p_sample(model, img, t, i)
            imgs.append(img.cpu().numpy())
        return torch.from_numpy(np.stack(imgs))


def sample(model, image_size, batch_size=16, channels=3):
    return p_sample_loop(model, (batch_size, channels, image_size, image_size), T)


def p_losses(denoise_model, x_start, t):
    noise = torch.randn_like(x_start)
    pred = denoise_model(q_sample(x_start, t, noise), t)
    diff = torch.abs(noise - pred)
    # smooth L1 by hand
    loss = torch.where(diff < 1, 0.5 * diff**2, diff - 0.5)
    return loss.mean()


def t_sample(timesteps, batch_size):
    return torch.from_numpy(np.random.randint(0, timesteps, size=batch_size)).long().to(device)
