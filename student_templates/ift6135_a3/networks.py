"""The networks of the assignment. You get this file and hand in nothing of it; grading uses its own copy.

`Encoder` and `Decoder` are the two halves of the VAE, `Unet` predicts the noise of the DDPM, and `SmallResNet` is a
base encoder for SimSiam. They are small on purpose: all of them run on a CPU, and nothing in them is to be filled in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# ---------------------------------------------------------------------------------------------------------------- VAE


SLOPE = 0.2  # of the LeakyReLUs in Encoder and Decoder


def _check_size(input_size: int) -> int:
    if input_size <= 0 or input_size % 16:
        raise ValueError(f"input_size must be a positive multiple of 16, got {input_size}")
    return input_size // 16


@torch.no_grad()
def _initialise(module: nn.Module) -> None:
    """Keep the variance of the signal from layer to layer (He et al. 2015, section 2.2).

    There is no normalisation layer, so that no image depends on the rest of its batch; this is what replaces it.
    """
    if isinstance(module, nn.Conv2d | nn.Linear):
        inputs = module.weight[0].numel()
    elif isinstance(module, nn.ConvTranspose2d):
        inputs = module.in_channels * 4  # kernel 4, stride 2: 2 x 2 entries of the kernel reach each pixel
    else:
        return
    module.weight.normal_(0.0, math.sqrt(2.0 / ((1.0 + SLOPE**2) * inputs)))
    nn.init.zeros_(module.bias)


class Encoder(nn.Module):
    """Turns images ``(batch, in_channels, S, S)``, S a multiple of 16, into flat features ``(batch, out_features)``."""

    def __init__(self, in_channels: int = 3, features: int = 32, input_size: int = 32) -> None:
        super().__init__()
        side = _check_size(input_size)
        self.out_features = 8 * features * side * side
        widths = [in_channels, features, 2 * features, 4 * features, 8 * features]
        stages: list[nn.Module] = []
        for before, after in pairwise(widths):  # the side halves four times
            stages += [nn.Conv2d(before, after, kernel_size=4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
        self.net = nn.Sequential(*stages, nn.Flatten())
        self.net.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)  # (batch, out_features)


class Decoder(nn.Module):
    """Turns latent vectors ``(batch, z_dim)`` into the mean of an image ``(batch, out_channels, S, S)``."""

    def __init__(self, out_channels: int = 3, features: int = 32, z_dim: int = 100, input_size: int = 32) -> None:
        super().__init__()
        side = _check_size(input_size)
        widths = [8 * features, 4 * features, 2 * features, features, out_channels]
        stages: list[nn.Module] = [
            nn.Linear(z_dim, widths[0] * side * side),
            nn.Unflatten(1, (widths[0], side, side)),  # (batch, 8 features, S/16, S/16)
        ]
        for before, after in pairwise(widths):  # the side doubles four times
            stages += [nn.LeakyReLU(SLOPE), nn.ConvTranspose2d(before, after, kernel_size=4, stride=2, padding=1)]
        self.net = nn.Sequential(*stages)  # ends without an activation: the mean is unbounded
        self.net.apply(_initialise)
        with torch.no_grad():
            stages[-1].weight.mul_(0.1)  # start near a grey picture, whatever z is

    def forward(self, z: Tensor) -> Tensor:
        return self.net(z)  # (batch, out_channels, S, S)


# --------------------------------------------------------------------------------------------------------------- DDPM


def time_embedding(time: Tensor, dim: int) -> Tensor:
    """Sines and cosines of the time step at geometric frequencies: ``(batch,)`` to ``(batch, dim)``, dim even.

    Source: Vaswani et al. 2017, section 3.5.
    """
    half = dim // 2
    frequencies = torch.exp(-math.log(10_000.0) * torch.arange(half, device=time.device) / max(half - 1, 1))  # (half,)
    angles = time[:, None].float() * frequencies  # (batch, half)
    return torch.cat([angles.sin(), angles.cos()], dim=1)  # (batch, dim)


class ResnetBlock(nn.Module):
    """Two normalised convolutions with a shortcut; the time embedding shifts the features between them."""

    def __init__(self, in_channels: int, out_channels: int, time_dim: int | None, groups: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm1 = nn.GroupNorm(groups, out_channels)
        self.time_shift = nn.Linear(time_dim, out_channels) if time_dim is not None else None
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, out_channels)
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:
        h = F.silu(self.norm1(self.conv1(x)))  # (batch, out_channels, H, W)
        if self.time_shift is not None and embedding is not None:
            h = h + self.time_shift(embedding)[:, :, None, None]
        return F.silu(self.norm2(self.conv2(h))) + self.shortcut(x)


class Attention(nn.Module):
    """Self-attention over all positions, with a shortcut; used only where the picture is smallest."""

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads if channels % heads == 0 else 1
        self.norm = nn.GroupNorm(1, channels)
        self.to_qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.to_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        qkv = self.to_qkv(self.norm(x)).reshape(batch, 3, self.heads, channels // self.heads, height * width)
        q, k, v = qkv.transpose(-1, -2).unbind(1)  # each (batch, heads, positions, channels / heads)
        out = F.scaled_dot_product_attention(q, k, v)
        return x + self.to_out(out.transpose(-1, -2).reshape(batch, channels, height, width))


class Unet(nn.Module):
    """Predicts the noise in ``x``: images ``(batch, channels, H, W)`` and time steps ``(batch,)`` to the shape of x.

    H and W must be divisible by 2 once per entry of `dim_mults` but the last; `resnet_block_groups` must divide every
    width ``dim * multiple`` and `init_dim` (which is `dim` if not given).
    Source: Ho et al. 2020, appendix B, made smaller.
    """

    def __init__(
        self,
        dim: int,
        init_dim: int | None = None,
        out_dim: int | None = None,
        dim_mults: Sequence[int] = (1, 2, 4, 8),
        channels: int = 3,
        with_time_emb: bool = True,
        resnet_block_groups: int = 8,
    ) -> None:
        super().__init__()
        init_dim = dim if init_dim is None else init_dim
        widths = [dim * multiple for multiple in dim_mults]
        time_dim = 4 * dim if with_time_emb else None
        self.dim = dim
        self.time_mlp = (
            nn.Sequential(nn.Linear(dim, 4 * dim), nn.SiLU(), nn.Linear(4 * dim, 4 * dim)) if with_time_emb else None
        )
        self.stem = nn.Conv2d(channels, init_dim, 3, padding=1)

        def block(in_channels: int, out_channels: int) -> ResnetBlock:
            return ResnetBlock(in_channels, out_channels, time_dim, resnet_block_groups)

        inputs = [init_dim, *widths[:-1]]
        self.down_blocks = nn.ModuleList(block(i, w) for i, w in zip(inputs, widths, strict=True))
        self.downsamples = nn.ModuleList(nn.Conv2d(w, w, 4, stride=2, padding=1) for w in widths[:-1])
        self.middle = nn.ModuleList([block(widths[-1], widths[-1]), block(widths[-1], widths[-1])])
        self.attention = Attention(widths[-1])
        self.up_blocks = nn.ModuleList(block(2 * w, i) for i, w in zip(reversed(inputs), reversed(widths), strict=True))
        self.upsamples = nn.ModuleList(nn.ConvTranspose2d(w, w, 4, stride=2, padding=1) for w in reversed(widths[:-1]))
        self.head_block = block(2 * init_dim, dim)
        self.head = nn.Conv2d(dim, channels if out_dim is None else out_dim, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        embedding = self.time_mlp(time_embedding(time, self.dim)) if self.time_mlp is not None else None
        x = self.stem(x)  # (batch, init_dim, H, W)
        skips = [x]
        for level, down_block in enumerate(self.down_blocks):
            x = down_block(x, embedding)  # (batch, widths[level], H / 2^level, W / 2^level)
            skips.append(x)
            if level < len(self.downsamples):
                x = self.downsamples[level](x)
        x = self.attention(self.middle[0](x, embedding))
        x = self.middle[1](x, embedding)
        for level, up_block in enumerate(self.up_blocks):
            x = up_block(torch.cat([x, skips.pop()], dim=1), embedding)
            if level < len(self.upsamples):
                x = self.upsamples[level](x)  # twice as high and wide
        x = self.head_block(torch.cat([x, skips.pop()], dim=1), embedding)  # (batch, dim, H, W)
        return self.head(x)  # (batch, out_dim or channels, H, W)


# ------------------------------------------------------------------------------------------------------------ SimSiam


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut. Source: He et al. 2016, section 4.2."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(h)) + self.shortcut(x))


class SmallResNet(nn.Module):
    """A ResNet for small images: ``(batch, 3, H, W)`` to ``(batch, num_classes)``; its last layer is ``.fc``.

    With ``width=64`` it is ResNet-18 in its CIFAR form (3x3 stem, no pooling after it). `zero_init_residual` makes
    every block start as its shortcut, by setting the last scale of its residual branch to zero.
    """

    def __init__(
        self, num_classes: int = 10, zero_init_residual: bool = False, width: int = 64, channels: int = 3
    ) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        blocks: list[nn.Module] = []
        for level, (before, after) in enumerate(zip([width, *widths[:-1]], widths, strict=True)):
            blocks += [BasicBlock(before, after, stride=1 if level == 0 else 2), BasicBlock(after, after, stride=1)]
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(widths[-1], num_classes)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, BasicBlock):
                    nn.init.zeros_(module.norm2.weight)

    def forward(self, x: Tensor) -> Tensor:
        h = self.blocks(self.stem(x))  # (batch, 8 width, H/8, W/8)
        return self.fc(h.mean(dim=(2, 3)))  # (batch, num_classes)
