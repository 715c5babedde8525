"""What image files record of the acquisition: step length, beam, and spacing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from ..io import ImageStack, suggest_step_length
from ..optics import Acquisition
from ..optics.recorded_beam import beam_in
from .migration import migrated

PixelSize = tuple[float, float]


@dataclass(frozen=True)
class Recorded:
    """What is known of an image beside what was asked for.

    Attributes
    ----------
    acquisition : mapping
        Fields of `Acquisition` that the file records.
    suggested : int or None
        The step length that voxels of equal sides would mean, 2 to 64, where the file records none.
    slab_spacing : float or None
        Between two projections, in um.
    slice_spacing : float or None
        Between two slices of a volume that is to be projected, in um.
    pixel_size : tuple of 2 floats or None
        Of a pixel (y, x), in um.
    name : str
        What messages call the image.
    notices : tuple of str
        Sentences on what was left aside.
    """

    acquisition: Mapping[str, Any] = field(default_factory=dict)
    suggested: int | None = None
    slab_spacing: float | None = None
    slice_spacing: float | None = None
    pixel_size: PixelSize | None = None
    name: str = "the file"
    notices: tuple[str, ...] = ()

    @classmethod
    def of_projections(cls, image: ImageStack) -> "Recorded":
        """What a stack of projections records."""
        described = image.metadata.get("description") or {}
        beam = {} if image.beam is None else {"beam": image.beam}
        suggestion = suggest_step_length(image)
        spacing, pixel_size = _spacing(image)
        return cls.of_beam(
            image.step_length,
            {**beam, **beam_in(described)},
            suggested=None if suggestion is None or image.step_length is not None else suggestion[0],
            slab_spacing=spacing,
            pixel_size=pixel_size,
            name=image.name,
        )

    @classmethod
    def of_beam(cls, step_length: int | None, beam: Mapping[str, Any], **more: Any) -> "Recorded":
        """A step length and the fields of a beam as a file has them, with other attributes.

        A beam that cannot be, as another program may write it, is left aside, but for its name if that is
        one; a notice reports it.
        """
        fields = dict(beam)
        notices: tuple[str, ...] = ()
        if not _can_be(step_length, fields):
            named = {"beam": fields["beam"]} if "beam" in fields else {}
            fields = named if _can_be(step_length, named) else {}
            notices = (f"{more.get('name', cls.name)} describes a beam that cannot be; it is left aside",)
        known = {} if step_length is None else {"step_length": step_length}
        return cls(acquisition=known | fields, notices=notices, **more)

    @classmethod
    def of_volume(cls, image: ImageStack) -> "Recorded":
        """What a point-scanned volume records that is to be projected."""
        spacing, pixel_size = _spacing(image)
        return cls(slice_spacing=spacing, pixel_size=pixel_size, name=image.name)

    @classmethod
    def of_result(cls, image: ImageStack) -> "Recorded":
        """What a reconstructed volume records of the projections that it was made from."""
        found = migrated(image.metadata.get("description") or {}).get("acquisition")
        made_with = dict(found) if isinstance(found, Mapping) else {}
        return replace(cls.of_volume(image), acquisition=made_with)

    def slice_spacing_for(self, step_length: int) -> float | None:
        """Spacing of the volume's slices in um, as far as it is known."""
        if self.slice_spacing is not None or self.slab_spacing is None:
            return self.slice_spacing
        return self.slab_spacing / step_length


NOTHING_RECORDED = Recorded()


def _can_be(step_length: int | None, beam: Mapping[str, Any]) -> bool:
    if step_length is None and beam.get("axial_profile") is not None:
        # How many slices a measured profile belongs to is not known.
        return False
    try:
        Acquisition(**{"step_length": 2 if step_length is None else step_length, **beam})
    except (ValidationError, TypeError):
        return False
    return True


def _spacing(image: ImageStack) -> tuple[float | None, PixelSize | None]:
    """Spacing of the image's planes and of its pixels (y, x) in um, as far as they are known."""
    if image.unit != "um":
        return None, None
    if image.scale is not None:
        return image.scale[0], image.scale[1:]
    return None, image.metadata.get("pixel_size")
