"""A stack of projections inside a layer: what it records, and where its volume lies."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..io.images import ImageStack
from ..optics.recorded_beam import KEY
from ..settings.recorded import Recorded
from .metadata import known_of
from .placement import Placement, as_recorded, place_by_rule, spacing_um
from .stack import Stack


@dataclass(frozen=True, eq=False)
class Projections(Stack):
    """A stack of projections (N, H, W) inside a layer."""

    def volume_placement(self, n: int) -> Placement:
        """Where the volume will lie; projections that nothing places are put where it begins at zero."""
        place_by_rule(self.layer, n)
        return self.placement.of_volume(n)

    def source_of(self, volume: Any) -> ImageStack:
        """These projections, as the source of a volume that lies where its layer does now."""
        lies = Placement.of_layer(volume)
        slabs = lies.of_projections(known_of(volume)["step_length"])
        path = self.known.get("path") or self.layer.source.path
        return ImageStack(
            data=self.data,
            # Where nothing is known, the volume has neither scale nor origin, and opens where it lies now.
            scale=None if lies == Placement() else slabs.scale,
            unit=slabs.units[-1],
            origin=slabs.translate,
            path=Path(path) if path and self.part is None else None,
            name=self.name,
        )

    @property
    def recorded(self) -> Recorded:
        """What the layer's file and scale say of the acquisition."""
        placement, known = as_recorded(self.layer), self.known
        spacing = spacing_um(placement)
        return Recorded.of_projections(
            ImageStack(
                data=np.empty((0, 0, 0)),
                scale=spacing if placement.is_known else placement.scale,
                unit="um" if spacing is not None else placement.units[-1],
                step_length=known.get("step_length"),
                beam=known.get("beam"),
                name="the file",
                metadata={"description": {KEY: known.get(KEY) or {}}},
            )
        )
