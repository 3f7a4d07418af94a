"""DDPM for SVHN. Run with `sbatch train.sh`."""
import os

import torch
import torch.nn as nn
import torch.nn.functional as F
import wandb
from networks import Unet
from torch.cuda.amp import GradScaler, autocast
from tqdm import tqdm

from utils import AverageMeter, fix_experiment_seed

fix_experiment_seed()
torch.backends.cudnn.benchmark = True
os.environ["CUDA_VISIBLE_DEVICES"] = "0"

device = "cuda:0"
T = 1000


def linear_beta_schedule(beta_start, beta_end, timesteps):
    return torch.linspace(beta_start, beta_end, timesteps)


def extract(a, t, x_shape):
    """No gather on the CPU: all coefficients live on the GPU."""
    return a.to(t.device)[t].view(-1, 1, 1, 1)


betas = linear_beta_schedule(0.0001, 0.02, T).to(device)
alphas = 1.0 - betas
sqrt_recip_alphas = torch.rsqrt(alphas)
alphas_cumprod = torch.cumprod(alphas, dim=0)
sqrt_alphas_cumprod = torch.sqrt(alphas_cumprod)
sqrt_one_minus_alphas_cumprod = torch.sqrt(1.0 - alphas_cumprod)
alphas_cumprod_prev = torch.roll(alphas_cumprod, 1)
alphas_cumprod_prev[0] = 1.0
posterior_variance = (1.0 - alphas_cumprod_prev) / (1.0 - alphas_cumprod) * betas


def q_sample(x_start, t, noise=None):
    noise = torch.randn(x_start.shape, device=device) if noise is None else noise
    return extract(sqrt_alphas_cumprod, t, x_start.shape) * x_start + noise * extract(
        sqrt_one_minus_alphas_cumprod, t, x_start.shape
    )


@torch.inference_mode()
def p_sample(model, x, t, t_index):
    coef = extract(betas / sqrt_one_minus_alphas_cumprod, t, x.shape)
    mean = extract(sqrt_recip_alphas, t, x.shape) * (x - coef * model(x, t))
    noise = torch.randn_like(x) if t_index > 0 else torch.zeros_like(x)
    return mean + extract(posterior_variance, t, x.shape).sqrt() * noise


@torch.inference_mode()
def p_sample_loop(model, shape, timesteps):
    x = torch.randn(shape, device=device)
    history = torch.empty(timesteps, *shape)
    for k, i in enumerate(reversed(range(timesteps))):
        x = p_sample(model, x, torch.tensor([i] * shape[0], device=device), i)
        history[k] = x.cpu()
    return history


def sample(model, image_size, batch_size=16, channels=3):
    return p_sample_loop(model, (batch_size, channels, image_size, image_size), timesteps=T)


criterion = nn.SmoothL1Loss()


def p_losses(denoise_model, x_start, t):
    noise = torch.randn(x_start.shape).to(x_start.device)
    noisy = q_sample(x_start, t, noise)
    with torch.autocast("cuda", enabled=torch.cuda.is_available()):
        predicted = denoise_model(noisy, t)
    return criterion(predicted.float(), noise)


def t_sample(timesteps, batch_size):
    return torch.randint(timesteps, size=(batch_size,), device=device, dtype=torch.int64)


def train():
    from data import svhn_loaders

    wandb.init(project="ift6135-a3")
    loader, _ = svhn_loaders(os.environ["SLURM_TMPDIR"], 64)
    model = Unet(dim=32, dim_mults=(1, 2, 4)).to(device)
    opt = torch.optim.Adam(model.parameters(), lr=1e-4)
    scaler = GradScaler()
    for epoch in range(30):
        meter = AverageMeter()
        for x, _ in tqdm(loader):
            loss = p_losses(model, x.to(device), t_sample(T, x.size(0)))
            opt.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(opt)
            scaler.update()
            meter.update(loss.item())
        wandb.log({"loss": meter.avg})


if __name__ == "__main__":
    train()
