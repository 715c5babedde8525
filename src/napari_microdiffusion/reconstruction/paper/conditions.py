"""What the paper's diffusion is conditioned on: the projection, the encoded depth and the guide."""

from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from ...diffusion.paper.model import ImageConditions, PaperModel
from ...errors import UsageError
from ...inr.encodings import (
    gaussian_encoding,
    gaussian_frequencies,
    sine_cosine_encoding,
    voxel_coordinates,
)
from ...inr.fitted import FittedInr, inference_taps
from ..conditioning import Conditioning
from ..events import Events
from ..run_state import RunState

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ...inr.paper_field import PaperField

# Projection pixels in a step of the INR's own loss, where it is trained jointly.
_INR_PIXELS = 1024


class PaperConditions:
    """The conditions of a run; images are mapped to [-1, 1].

    Parameters
    ----------
    state : RunState
        Whose INR is trained along, where the settings ask for that.
    conditioning : Conditioning
    device : torch.device
    """

    def __init__(self, state: RunState, conditioning: Conditioning, device: "torch.device") -> None:
        import torch

        self.state, self.facts, self.device = state, conditioning.facts, device
        self.guide = conditioning.guide
        config = self.facts.config
        self.settings, self.n = config.paper, self.facts.step_length
        self.has_guide = config.guide != "none"
        self.moves = self.settings.inr_training != "frozen"
        unit = self.facts.scale.to_unit(conditioning.projections)
        self._projections = torch.from_numpy(2 * unit - 1)[:, None].to(device)
        self.limits = (float(self._projections.min()), float(self._projections.max()))
        self._centres = np.arange(len(unit)) * self.n + (self.n - 1) / 2
        s = self.settings
        self._frequencies = gaussian_frequencies(s.frequencies, s.bandwidth, config.seed)
        self.encoded = 2 * s.frequencies if s.encoding == "gaussian" else 6 * s.octaves
        self._centre_guides = self._images(self._between_slices(self._centres)) if self.has_guide else None

    def clean(self, chosen: "Tensor") -> "Tensor":
        """The chosen projections, shape (B, 1, H, W)."""
        return self._projections[chosen.to(self.device)]

    def of_slabs(self, chosen: "Tensor") -> ImageConditions:
        """What is seen in training: each projection, at the centre of its slab."""
        indices = chosen.numpy()
        guide = None
        if self.moves:
            guide = self._live_guide(self._centres[indices])
        elif self._centre_guides is not None:
            guide = self._centre_guides[chosen.to(self.device)]
        return ImageConditions(self.clean(chosen), self._encode(self._centres[indices]), guide)

    def of_slices(self, slabs: slice) -> ImageConditions:
        """What is seen of the slices of some slabs: each with the projection of the slab it lies in."""
        import torch

        depths = np.arange(slabs.start * self.n, slabs.stop * self.n)
        owners = torch.from_numpy(depths // self.n)
        guide = self._images(self.guide[depths]) if self.has_guide else None
        return ImageConditions(self.clean(owners), self._encode(depths), guide)

    def hand_over(self, model: PaperModel) -> None:
        """Give the INR's tensors to the model, where they are trained with it."""
        from torch import nn

        if not self.moves:
            return
        # A copy: an INR that was given to the run stays as its owner fitted it.
        given = self.state.inr
        assert given is not None
        field = copy(self._field)
        self.state.inr = FittedInr(field, given.settings, given.profile, given.extra)
        own = {
            name: nn.Parameter(tensor.detach().clone())
            for name, tensor in field.tensors.items()
            if name != "frequencies"
        }
        model.inr = nn.ParameterDict(own)
        field.tensors = {**field.tensors, **own}

    def inr_loss(self, step: int) -> "Tensor":
        """The INR's own loss (equation 2) on some pixels, drawn from seed and step."""
        import torch

        from ...inr.paper_fitting import equation_2

        x = self._projections.reshape(-1)
        rng = np.random.default_rng([self.facts.config.seed, 3, step])
        chosen = rng.choice(len(x), min(_INR_PIXELS, len(x)), replace=False)
        axial = torch.from_numpy(self.facts.acquisition.profile.astype(np.float32)).to(self.device)
        # The field speaks in unit intensities, the projections here lie in [-1, 1].
        return equation_2(self._field, chosen, self._projections[0].numel(), (x + 1) / 2, axial)

    def render(self) -> Events:
        """Read the guide anew from an INR that has moved."""
        from ..guides import render_inr

        assert self.state.inr is not None
        self.guide = self.state.guide = yield from render_inr(self.facts, self.state, self.state.inr)

    @property
    def _field(self) -> "PaperField":
        from ...inr.paper_field import PaperField

        assert self.state.inr is not None
        if not isinstance(self.state.inr.field, PaperField):
            raise UsageError("an INR can be trained with the diffusion only where its field is paper")
        return self.state.inr.field

    def _live_guide(self, depths: np.ndarray) -> "Tensor":
        """The INR at some depths, read as its settings say, with gradients."""
        import torch

        field, fitted = self._field, self.state.inr
        assert fitted is not None
        slices, height, width = self.facts.volume_shape
        offsets, weights = inference_taps(fitted.profile, fitted.settings.inference)
        taps = torch.from_numpy(weights.astype(np.float32)).to(self.device)
        places = np.clip(depths[:, None] + offsets, 0, slices - 1)[:, :, None]
        values = field.at(field.coordinates(places, np.arange(height * width)))
        unit = (values * taps[:, None]).sum(1).reshape(len(depths), 1, height, width)
        return 2 * unit - 1

    def _between_slices(self, depths: np.ndarray) -> np.ndarray:
        """The guide at depths between slices, linear in between."""
        lower = np.floor(depths).astype(int)
        share = (depths - lower).astype(np.float32)[:, None, None]
        upper = np.minimum(lower + 1, len(self.guide) - 1)
        return np.asarray((1 - share) * self.guide[lower] + share * self.guide[upper])

    def _images(self, grey: np.ndarray) -> "Tensor":
        import torch

        unit = self.facts.scale.to_unit(grey)
        return torch.from_numpy(2 * unit - 1)[:, None].to(self.device)

    def _encode(self, depths: np.ndarray) -> "Tensor":
        """Depths as the condition has them, on the axis through the image's centre: shape (B, encoded)."""
        import torch

        points = np.zeros((len(depths), 3), np.float32)
        points[:, 0] = voxel_coordinates(depths, self.facts.volume_shape[0])
        at = torch.from_numpy(points)
        if self.settings.encoding == "gaussian":
            encoded = gaussian_encoding(at, torch.from_numpy(self._frequencies))
        else:
            encoded = sine_cosine_encoding(at, self.settings.octaves)
        return encoded.to(self.device)
