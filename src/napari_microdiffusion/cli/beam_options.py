"""The options of the command line that describe the beam, and the acquisition that they make."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer

from ..errors import UsageError, UserError
from ..io import ImageStack
from ..optics import Acquisition
from ..optics.recorded_beam import BEAM_FIELDS, beam_in
from ..settings.resolve import make_acquisition

Beam = Literal["uniform", "gaussian", "bessel", "airy"]

_FLAGS = {
    "step_length": "-n",
    "width": "-n",
    **{
        field: f"--{field.replace('_', '-')}"
        for field in ("bend", "apex", "tilt", "direction", "side_lobes", "lobe_spacing", "views")
    },
}
# What was measured instead of these does not outlive their being asked for.
_DISPLACING = {"bend", "apex", "tilt", "direction", "side_lobes"}


def optics_option(field: str, *flags: str, **more: Any) -> Any:
    """An option for a field of the acquisition, with its words and unit."""
    info = Acquisition.model_fields[field]
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    unit = f" In {extra['unit']}." if "unit" in extra else ""
    return typer.Option(*flags, help=f"{info.description}{unit}", **more)


StepLength = Annotated[str | None, optics_option("step_length", "-n", "--step-length", metavar="N")]
BeamOption = Annotated[Beam | None, optics_option("beam", "--beam")]
BeamFile = Annotated[
    Path | None,
    typer.Option(
        help="Measured beam: a table (.csv, .tsv, .txt) of depth in um and intensity, or of depth, intensity "
        "and displacement y and x in um; or a z-stack of a bead. It replaces the profile of --beam."
    ),
]
Step = Annotated[
    str | None,
    typer.Option(
        metavar="S",
        help="Slices from one projection to the next, where the beam, whose width -n then is, is wider or "
        "narrower than the step.",
    ),
]
SliceSpacing = Annotated[
    float | None,
    typer.Option(help="Spacing of the volume's slices in um, for --beam-file, where the image has no scale."),
]
Bend = Annotated[float | None, optics_option("bend", "--bend")]
Apex = Annotated[float | None, optics_option("apex", "--apex")]
Tilt = Annotated[float | None, optics_option("tilt", "--tilt")]
Direction = Annotated[float | None, optics_option("direction", "--direction")]
SideLobes = Annotated[int | None, optics_option("side_lobes", "--side-lobes")]
LobeSpacing = Annotated[float | None, optics_option("lobe_spacing", "--lobe-spacing")]
Views = Annotated[
    str | None,
    typer.Option(
        metavar="2|FILE",
        help="2: every slab was also recorded with the mirrored beam; all projections of the first view come "
        "first in the file, then those of the second. Or the file with the second view.",
    ),
]


@dataclass(frozen=True)
class BeamRequest:
    """What was asked of the beam; None is left to the file, the settings or the default."""

    beam: str | None = None
    step: str | None = None
    beam_file: Path | None = None
    slice_spacing: float | None = None
    views: str | None = None
    bend: float | None = None
    apex: float | None = None
    tilt: float | None = None
    direction: float | None = None
    side_lobes: int | None = None
    lobe_spacing: float | None = None

    @property
    def second_view(self) -> Path | None:
        """The file with the mirrored view, where it is one of its own."""
        return None if self.views is None or self.views.strip().isdigit() else Path(self.views)

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the acquisition that were asked for, without those of a measured beam."""
        names = ("beam", "bend", "apex", "tilt", "direction", "side_lobes", "lobe_spacing")
        fields = {name: value for name in names if (value := getattr(self, name)) is not None}
        if self.views is not None:
            fields["views"] = 2 if self.second_view else int(self.views)
        return fields


NO_REQUEST = BeamRequest()


def step_and_width(n: Any, step: str | None) -> tuple[Any, dict[str, Any]]:
    """The step length, and the width of the beam where it is another one."""
    if step is None:
        return n, {}
    length = number(step)
    return length, {} if n is None or n == length else {"width": n}


def number(text: str) -> int | float | str:
    """What was written as a number; what is none stays as it is, for `make_acquisition` to refuse."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def acquisition_for(
    n: Any,
    asked: BeamRequest = NO_REQUEST,
    image: ImageStack | None = None,
    recorded: Mapping[str, Any] | None = None,
    volume: ImageStack | None = None,
) -> Acquisition:
    """The acquisition, with what was asked for, or else was recorded, or else is in the file.

    Parameters
    ----------
    n
        Step length, or with `asked.step` the width of the beam.
    asked : BeamRequest
    image : ImageStack, optional
        Projections.
    recorded : mapping, optional
        Fields of the acquisition in settings. Where they tell of a beam, the image's are left aside.
    volume : ImageStack, optional
        What will be projected, whose spacing a measured beam needs; else it is that of the projections.

    Raises
    ------
    UsageError
        For a setting that cannot be.
    """
    fields = {key: value for key, value in (recorded or {}).items() if key != "step_length"}
    before = (recorded or {}).get("step_length")
    if image is not None and not BEAM_FIELDS & fields.keys():
        before = image.step_length
        if image.beam in Beam.__args__:  # type: ignore[attr-defined]
            fields["beam"] = image.beam
        fields |= beam_in(image.metadata.get("description") or {})
    step, width = step_and_width(n, asked.step)
    renamed = asked.beam not in (None, fields.get("beam", "uniform"))
    if renamed or before not in (None, step):
        # In slices of another length, or of another beam: neither describes this one. How many views the
        # file holds stays as it is.
        kept = {"beam", "views"}
        fields = {key: value for key, value in fields.items() if key not in BEAM_FIELDS or key in kept}
    elif asked.beam is not None or asked.beam_file is not None or width:
        fields |= {"axial_profile": None, "displacement": None}
    if _DISPLACING & asked.fields.keys():
        fields["displacement"] = None
    flags = _FLAGS | ({"step_length": "--step"} if asked.step is not None else {})
    fields |= width | asked.fields
    if asked.beam_file is None:
        return make_acquisition(step, flags, **fields)
    slices, pixels = (None, None) if image is None else _spacing(image)
    if slices is not None:
        slices /= make_acquisition(step, flags).step_length
    if volume is not None:
        slices, pixels = _spacing(volume)
    if asked.slice_spacing is not None:
        slices = asked.slice_spacing
    if slices is None:
        raise UsageError(
            "the spacing of the volume's slices is not known, which --beam-file needs; give it with "
            "--slice-spacing, in um"
        )
    return make_acquisition(
        step, flags, beam_file=asked.beam_file, slice_spacing=slices, pixel_size=pixels, **fields
    )


def _spacing(image: ImageStack) -> tuple[float | None, tuple[float, float] | None]:
    """Spacing of the image's planes and of its pixels (y, x) in um, as far as they are known."""
    if image.unit != "um":
        return None, None
    if image.scale is not None:
        return image.scale[0], image.scale[1:]
    return None, image.metadata.get("pixel_size")


def with_second_view(image: ImageStack, second: ImageStack) -> ImageStack:
    """The projections of both views, the first view's first.

    Raises
    ------
    UserError
        If they are not of one size.
    """
    if image.data.shape != second.data.shape:
        raise UserError(
            f"{second.name} is of shape {second.data.shape}, but the mirrored view needs that of "
            f"{image.name}, {image.data.shape}"
        )
    return replace(image, data=np.concatenate([image.data, second.data]))
