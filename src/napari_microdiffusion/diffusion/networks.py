"""The slab network: lateral convolutions within slabs, channel shifts between them.

It works at half the lateral resolution on unshuffled pixels (all of the full resolution's information in
four times the channels) and at a quarter of it for context. It has no normalisation layers, so that a tile
gives the same answer as the whole image; residual branches start at zero instead.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class SlabNetwork(nn.Module):
    """Maps a noisy state and a condition on the slab grid to a prediction of the state.

    Parameters
    ----------
    state_channels, condition_channels, global_features : int
        Sizes of the state, the condition and the global description.
    linear_channels : int
        The first channels of the condition, those that are linear in intensity.
    width : int
        Channels at half resolution.
    deep_width : int
        Channels at quarter resolution.
    blocks : int
        Residual blocks on the way down and again on the way up.
    deep_blocks : int
        Residual blocks at quarter resolution.
    embedding : int
        Numbers into which noise level and global description are turned.
    knows_clean : bool
        Whether its code and its last layers are others where the projections hold no noise.
    tissue_directions : int
        How many directions of the code are known in which tissues differ.
    """

    def __init__(
        self,
        state_channels: int,
        condition_channels: int,
        global_features: int,
        linear_channels: int,
        width: int = 96,
        deep_width: int = 160,
        blocks: int = 2,
        deep_blocks: int = 2,
        embedding: int = 128,
        knows_clean: bool = False,
        tissue_directions: int = 0,
    ) -> None:
        super().__init__()
        self.sizes = {
            "state_channels": state_channels,
            "condition_channels": condition_channels,
            "global_features": global_features,
            "linear_channels": linear_channels,
            "width": width,
            "deep_width": deep_width,
            "blocks": blocks,
            "deep_blocks": deep_blocks,
            "embedding": embedding,
            "knows_clean": knows_clean,
            "tissue_directions": tissue_directions,
        }
        self.embed = nn.Sequential(
            nn.Linear(global_features + 2, embedding), nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU()
        )
        self.stem = nn.Conv2d(4 * (state_channels + condition_channels), width, 1)
        self.down_blocks = nn.ModuleList(SlabBlock(width, embedding) for _ in range(blocks))
        self.down = nn.Conv2d(width, deep_width, 2, stride=2)
        self.deep = nn.ModuleList(SlabBlock(deep_width, embedding) for _ in range(deep_blocks))
        self.up = nn.Conv2d(deep_width, 4 * width, 1)
        self.up_blocks = nn.ModuleList(SlabBlock(width, embedding) for _ in range(blocks))
        self.head = nn.Conv2d(width, 4 * state_channels, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        self.readout = nn.Linear(embedding, (state_channels - 1) * linear_channels)
        nn.init.zeros_(self.readout.weight)
        nn.init.zeros_(self.readout.bias)
        self.if_clean = _CleanChange(embedding, self.head, self.readout) if knows_clean else None
        self.tissues = TissueDirections(tissue_directions, embedding) if tissue_directions else None

    def forward(
        self,
        state: Tensor,
        noise: Tensor,
        condition: Tensor,
        globals_: Tensor,
        cleanness: Tensor | None = None,
    ) -> Tensor:
        """Evaluate the network.

        Parameters
        ----------
        state : Tensor, shape (B, N, state_channels, H, W)
        noise : Tensor, shape (B, 2)
            Noise level as the preconditioning encodes it, and the flag of an uninformative state.
        condition : Tensor, shape (B, N, condition_channels, H, W)
        globals_ : Tensor, shape (B, global_features)
        cleanness : Tensor, shape (B,), optional
            How much counts of what code and last layers are on clean projections, 0 to 1.

        Returns
        -------
        Tensor, shape (B, N, state_channels, H, W)
        """
        batch, slabs, _, height, width = state.shape
        code = self.embed(torch.cat([noise, globals_], 1))
        if self.if_clean is not None and cleanness is not None:
            code = code + cleanness[:, None] * self.if_clean.code
        # Summed number by number: a library splits so small a product otherwise on other numbers of threads.
        coefficients = (code.float()[:, None] * self.readout.weight).sum(2) + self.readout.bias
        if self.if_clean is not None and cleanness is not None:
            coefficients = coefficients + cleanness[:, None] * self.if_clean.readout
        linear = self._linear(coefficients, condition)
        # Both downsamplings must divide the image; the padding is cut off again at the end.
        parts = [_padded(part.flatten(0, 1), -height % 4, -width % 4) for part in (state, condition)]
        x = _of_unshuffled(self.stem, parts).contiguous(memory_format=torch.channels_last)
        for block in self.down_blocks:
            x = block(x, code, slabs)
        y = self.down(x)
        for block in self.deep:
            y = block(y, code, slabs)
        x = x + functional.pixel_shuffle(self.up(y), 2)
        for block in self.up_blocks:
            x = block(x, code, slabs)
        found = self.head(x)
        if self.if_clean is not None and cleanness is not None and bool(cleanness.any()):
            share = cleanness.repeat_interleave(slabs)[:, None, None, None]
            found = found + share * self.if_clean.head(x)
        x = functional.pixel_shuffle(found, 2)
        return x[..., :height, :width].unflatten(0, (batch, slabs)) + linear

    def _linear(self, coefficients: Tensor, condition: Tensor) -> Tensor:
        """A linear estimate of all orders but 0, pixel by pixel; its coefficients depend on the whole sample.

        Linear in intensities: it is divided by the local amplitude, the unit of the state, whose logarithm is
        the last channel of the condition.
        """
        channels = self.sizes["linear_channels"]
        coefficients = functional.pad(coefficients.unflatten(1, (-1, channels)), (0, 0, 1, 0))[:, None]
        estimate = (coefficients @ condition[:, :, :channels].flatten(3)).unflatten(3, condition.shape[3:])
        return estimate * torch.exp(-condition[:, :, -1:])

    def description(self) -> dict[str, Any]:
        """The sizes that rebuild this network."""
        return dict(self.sizes)


class _CleanChange(nn.Module):
    """What the code and the last layers change by where there is no noise; nothing until it is learned."""

    def __init__(self, embedding: int, head: nn.Conv2d, readout: nn.Linear) -> None:
        super().__init__()
        self.code = nn.Parameter(torch.zeros(embedding))
        self.head = nn.Conv2d(head.in_channels, head.out_channels, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        self.readout = nn.Parameter(torch.zeros(readout.out_features))


class TissueDirections(nn.Module):
    """Directions of the code in which tissues differ; they take no part in an answer.

    Attributes
    ----------
    directions : Tensor, shape (count, embedding)
        Scaled alike: a unit along any of them changes answers on usual tissue as much.
    trust : Tensor, shape (count,)
        How much of the step along each that is best for a piece of a tissue is best for other pieces of it.
    """

    directions: Tensor
    trust: Tensor

    def __init__(self, count: int, embedding: int) -> None:
        super().__init__()
        self.register_buffer("directions", torch.zeros(count, embedding))
        self.register_buffer("trust", torch.zeros(count))


class SlabBlock(nn.Module):
    """Residual block of two 3x3 convolutions; a quarter of its input comes from the slabs above and below."""

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * channels)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, code: Tensor, slabs: int) -> Tensor:
        """X : (B*N, C, H, W); code : (B, embedding)."""
        modulation = self.modulation(code).repeat_interleave(slabs, 0)
        scale, shift = modulation[:, :, None, None].chunk(2, 1)
        h = self.first(shift_between_slabs(functional.silu(x), slabs))
        h = functional.silu(torch.addcmul(shift, h, 1 + scale), inplace=True)
        return self.second(h).add_(x)


def shift_between_slabs(x: Tensor, slabs: int) -> Tensor:
    """Give each slab an eighth of the channels of the slab before it and an eighth of the one after it.

    Lets 2D convolutions see along the slab axis at no cost in multiplications (temporal shift, Lin et al.
    2019). Beyond the ends of the stack those channels are zero. In place: the rest need not be copied.
    """
    part = x.shape[1] // 8
    stack = x.unflatten(0, (-1, slabs))
    first, second = stack[:, :, :part], stack[:, :, part : 2 * part]
    before, after = first[:, :-1].clone(), second[:, 1:].clone()
    first[:, 1:], second[:, :-1] = before, after
    first[:, 0], second[:, -1] = 0, 0
    return x


def _padded(x: Tensor, rows: int, columns: int) -> Tensor:
    return functional.pad(x, (0, columns, 0, rows), mode="replicate") if rows or columns else x


def _of_unshuffled(layer: nn.Conv2d, images: Sequence[Tensor]) -> Tensor:
    """What a layer of 1 x 1 pixels makes of images (B, C_i, H, W) whose 2 x 2 pixels are its channels.

    Computed as a convolution of 2 x 2 pixels in steps of two, image by image, so that their pixels need not
    be rearranged nor their channels joined, which took a tenth of an evaluation.
    """
    weights = layer.weight.unflatten(1, (-1, 2, 2))[..., 0, 0].split([x.shape[1] for x in images], 1)
    found = functional.conv2d(images[0], weights[0], layer.bias, stride=2)
    for image, weight in zip(images[1:], weights[1:], strict=True):
        found = found + functional.conv2d(image, weight, None, stride=2)
    return found
