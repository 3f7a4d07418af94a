"""The U-Net that predicts noise. You get this file and hand in nothing of it; grading uses its own copy.

Source: Ho et al. 2020, appendix B, made smaller.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def time_embedding(time: Tensor, dim: int) -> Tensor:
    """Sines and cosines of the time index at geometric frequencies: ``(b,)`` to ``(b, dim)``, dim even.

    Source: Vaswani et al. 2017, section 3.5.
    """
    half = dim // 2
    frequencies = torch.exp(-math.log(10_000.0) * torch.arange(half, device=time.device) / max(half - 1, 1))
    angles = time[:, None].float() * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Block(nn.Module):
    """Two normalised convolutions with a shortcut; the time embedding shifts the features between them."""

    def __init__(self, in_channels: int, out_channels: int, time_dim: int) -> None:
        super().__init__()
        groups = math.gcd(8, out_channels)
        self.first = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.first_norm = nn.GroupNorm(groups, out_channels)
        self.shift = nn.Linear(time_dim, out_channels)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.second_norm = nn.GroupNorm(groups, out_channels)
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        h = F.silu(self.first_norm(self.first(x)))
        h = h + self.shift(embedding)[:, :, None, None]
        return F.silu(self.second_norm(self.second(h))) + self.shortcut(x)


class Attention(nn.Module):
    """Self-attention over all positions, with a shortcut; used only where the picture is smallest."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = math.gcd(4, channels)
        self.norm = nn.GroupNorm(1, channels)
        self.to_qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.to_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        qkv = self.to_qkv(self.norm(x)).reshape(b, 3, self.heads, c // self.heads, h * w)
        q, k, v = qkv.transpose(-1, -2).unbind(1)  # each (b, heads, positions, channels / heads)
        out = F.scaled_dot_product_attention(q, k, v)
        return x + self.to_out(out.transpose(-1, -2).reshape(b, c, h, w))


class Unet(nn.Module):
    """Predicts the noise in images ``(b, channels, h, w)`` at time indices ``(b,)``; returns the shape of the images.

    h and w must be divisible by 2 once per entry of `dim_mults` but the last.
    """

    def __init__(self, dim: int = 16, dim_mults: Sequence[int] = (1, 2, 4, 8), channels: int = 3) -> None:
        super().__init__()
        widths = [dim * multiple for multiple in dim_mults]
        inputs = [dim, *widths[:-1]]
        time_dim = 4 * dim
        self.dim = dim
        self.time = nn.Sequential(nn.Linear(dim, time_dim), nn.SiLU(), nn.Linear(time_dim, time_dim))
        self.stem = nn.Conv2d(channels, dim, 3, padding=1)
        self.down = nn.ModuleList(Block(i, w, time_dim) for i, w in zip(inputs, widths, strict=True))
        self.shrink = nn.ModuleList(nn.Conv2d(w, w, 4, stride=2, padding=1) for w in widths[:-1])
        self.middle = Block(widths[-1], widths[-1], time_dim)
        self.attention = Attention(widths[-1])
        self.up = nn.ModuleList(
            Block(2 * w, i, time_dim) for i, w in zip(reversed(inputs), reversed(widths), strict=True)
        )
        self.grow = nn.ModuleList(nn.ConvTranspose2d(w, w, 4, stride=2, padding=1) for w in reversed(widths[:-1]))
        self.head = nn.Sequential(nn.Conv2d(2 * dim, dim, 3, padding=1), nn.SiLU(), nn.Conv2d(dim, channels, 1))

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        embedding = self.time(time_embedding(time, self.dim))
        x = self.stem(x)  # (b, dim, h, w)
        skips = [x]
        for level, block in enumerate(self.down):
            x = block(x, embedding)
            skips.append(x)
            if level < len(self.shrink):
                x = self.shrink[level](x)  # half as high and wide
        x = self.attention(self.middle(x, embedding))
        for level, block in enumerate(self.up):
            x = block(torch.cat([x, skips.pop()], dim=1), embedding)
            if level < len(self.grow):
                x = self.grow[level](x)  # twice as high and wide
        return self.head(torch.cat([x, skips.pop()], dim=1))
