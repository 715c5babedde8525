"""The paper's conditional U-Net (Sec. 4.2), with the encoders of what it is conditioned on.

Time and condition are added to the output of every ResNet block. One vector describes the condition: the
concatenation of an encoded image and an encoded position. The network takes images of any size.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Fusion = Literal["addition", "cross-attention", "none"]


class ConditionalUnet(nn.Module):
    """Maps noisy images, times and conditions to a prediction of the same shape as the images.

    Parameters
    ----------
    width : int
        Channels at full resolution.
    multipliers : sequence of int
        Channels of each level, relative to `width`; each level has half the resolution of the one before.
    blocks : int
        ResNet blocks of a level on the way down; one more on the way up.
    condition_features : int
        Length of the condition.
    fusion : {"addition", "cross-attention", "none"}
        How the condition enters: added to the output of every block; as key and value of the attention at the
        lowest level; or not at all. Without cross-attention the attention is self-attention.
    """

    def __init__(
        self,
        width: int,
        multipliers: Sequence[int],
        blocks: int,
        condition_features: int,
        fusion: Fusion = "addition",
    ) -> None:
        super().__init__()
        self.width, self.fusion = width, fusion
        self.halvings = len(multipliers) - 1
        times = 4 * width
        self.embed_time = nn.Sequential(nn.Linear(width, times), nn.SiLU(), nn.Linear(times, times))
        added = condition_features if fusion == "addition" else 0
        asked = condition_features if fusion == "cross-attention" else 0

        def block(inputs: int, outputs: int) -> ResBlock:
            return ResBlock(inputs, outputs, times, added)

        channels = width * multipliers[0]
        self.stem = nn.Conv2d(1, channels, 3, padding=1)
        self.down = nn.ModuleList()
        self.shrink = nn.ModuleList()
        skipped = [channels]
        for level, multiplier in enumerate(multipliers):
            for _ in range(blocks):
                self.down.append(block(channels, width * multiplier))
                channels = width * multiplier
                skipped.append(channels)
            if level < self.halvings:
                self.shrink.append(nn.Conv2d(channels, channels, 3, stride=2, padding=1))
                skipped.append(channels)
        self.middle = nn.ModuleList([block(channels, channels), block(channels, channels)])
        self.attention = Attention(channels, asked)
        self.up = nn.ModuleList()
        self.grow = nn.ModuleList()
        for level, multiplier in reversed(list(enumerate(multipliers))):
            for _ in range(blocks + 1):
                self.up.append(block(channels + skipped.pop(), width * multiplier))
                channels = width * multiplier
            if level:
                self.grow.append(nn.Conv2d(channels, channels, 3, padding=1))
        self.head = nn.Sequential(_norm(channels), nn.SiLU(), nn.Conv2d(channels, 1, 3, padding=1))
        self.blocks = blocks

    def forward(self, images: Tensor, times: Tensor, condition: Tensor) -> Tensor:
        """Evaluate the network.

        Parameters
        ----------
        images : Tensor, shape (B, 1, H, W)
        times : Tensor, shape (B,)
            0 to T.
        condition : Tensor, shape (B, condition_features)
            Zero where it is dropped.

        Returns
        -------
        Tensor, shape (B, 1, H, W)
        """
        height, width = images.shape[-2:]
        step = 1 << self.halvings
        x = functional.pad(images, (0, -width % step, 0, -height % step), mode="replicate")
        time = self.embed_time(sinusoids(times, self.width))
        x = self.stem(x)
        skipped = [x]
        for number, down in enumerate(self.down, 1):
            x = down(x, time, condition)
            skipped.append(x)
            if number % self.blocks == 0 and number // self.blocks <= self.halvings:
                x = self.shrink[number // self.blocks - 1](x)
                skipped.append(x)
        x = self.middle[0](x, time, condition)
        x = self.attention(x, condition)
        x = self.middle[1](x, time, condition)
        for number, up in enumerate(self.up, 1):
            x = up(torch.cat([x, skipped.pop()], 1), time, condition)
            level = number // (self.blocks + 1)
            if number % (self.blocks + 1) == 0 and level <= self.halvings:
                x = self.grow[level - 1](functional.interpolate(x, scale_factor=2.0))
        out: Tensor = self.head(x)[..., :height, :width]
        return out


class ResBlock(nn.Module):
    """Two normalised convolutions beside a skip; time and condition are added to the output."""

    def __init__(self, inputs: int, outputs: int, times: int, condition: int) -> None:
        super().__init__()
        self.first = nn.Sequential(_norm(inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.second = nn.Sequential(_norm(outputs), nn.SiLU(), nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)
        self.time = nn.Linear(times, outputs)
        self.condition = nn.Linear(condition, outputs) if condition else None

    def forward(self, x: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """X : (B, C, H, W); time : (B, times); condition : (B, features)."""
        added = self.time(functional.silu(time))
        if self.condition is not None:
            added = added + self.condition(condition)
        result: Tensor = self.skip(x) + self.second(self.first(x)) + added[:, :, None, None]
        return result


class Attention(nn.Module):
    """Attention of the pixels to each other or, with a condition, to the condition alone.

    The condition is a single key, so that its weight is 1 whatever the query: cross-attention is then an
    addition to every pixel, at one place of the network instead of at all.
    """

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.norm = _norm(channels)
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(condition or channels, 2 * channels)
        self.out = nn.Linear(channels, channels)
        self.is_cross = condition > 0

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """X : (B, C, H, W); condition : (B, features)."""
        pixels = self.norm(x).flatten(2).transpose(1, 2)
        seen = condition[:, None] if self.is_cross else pixels
        key, value = self.key_value(seen).chunk(2, -1)
        heard = functional.scaled_dot_product_attention(self.query(pixels), key, value)
        return x + self.out(heard).transpose(1, 2).unflatten(2, x.shape[-2:])


class ImageEncoder(nn.Module):
    """An image of any size to a vector: strided convolutions, then the mean over what is left."""

    def __init__(self, width: int, features: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((1, width), (width, 2 * width), (2 * width, 4 * width)):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.SiLU()]
        self.layers = nn.Sequential(*layers)
        self.out = nn.Linear(4 * width, features)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 1, H, W) to (B, features)."""
        encoded: Tensor = self.out(self.layers(images).mean((2, 3)))
        return encoded


def sinusoids(times: Tensor, features: int) -> Tensor:
    """Sines and cosines of times, shape (B, features), with periods from 2 pi to 10,000 times that."""
    half = features // 2
    rates = torch.exp(-torch.arange(half, device=times.device) * (9.210340 / max(half - 1, 1)))
    angle = times[:, None].to(torch.float32) * rates
    return torch.cat([angle.sin(), angle.cos()], 1)


def _norm(channels: int) -> nn.GroupNorm:
    groups = next(g for g in (8, 4, 2, 1) if channels % g == 0)
    return nn.GroupNorm(groups, channels)
