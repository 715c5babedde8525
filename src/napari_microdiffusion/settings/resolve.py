"""Acquisition and configuration from words and numbers, or one sentence about what is wrong with them."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from pydantic import ValidationError

from ..errors import UsageError
from ..optics import Acquisition
from .method import ReconstructionConfig, settings_error

# Arguments of `make_acquisition`, by which the optics are known among the settings.
OPTICS = frozenset(Acquisition.model_fields) - {"step_length"} | {
    "step",
    "beam_file",
    "slice_spacing",
    "pixel_size",
}


def make_acquisition(
    n: Any,
    names: Mapping[str, str] | None = None,
    *,
    step: Any = None,
    beam_file: str | PathLike[str] | None = None,
    slice_spacing: float | None = None,
    pixel_size: Sequence[float] | None = None,
    **optics: Any,
) -> Acquisition:
    """The acquisition for a step length and optics, or a `UsageError` with one sentence.

    Parameters
    ----------
    n
        Step length in slices: from one projection to the next, and the beam's width where no other is given.
    names
        How the person calls a setting, where that is not its field's name.
    step
        Slices from one projection to the next, where the beam's width, `n`, is another.
    beam_file
        A measured beam: a table or a z-stack of a bead, see `io.beam_files.read_beam`. It replaces the axial
        profile and, where it has one, the displacement.
    slice_spacing
        Of the volume, in um; needed with `beam_file`.
    pixel_size
        Of the projections (y, x), in um; needed where the measured beam is displaced laterally.
    **optics
        Other fields of `Acquisition`.

    Raises
    ------
    UsageError
        For a setting that cannot be.
    UserError
        For a measured beam that cannot be used.
    """
    fields: dict[str, Any] = {"step_length": n} | optics
    if step is not None:
        fields["step_length"] = step
        if n is not None and n != step:
            fields.setdefault("width", n)
    try:
        acquisition = Acquisition(**fields)
        if beam_file is None:
            return acquisition
        if slice_spacing is None:
            raise UsageError("a measured beam needs the slice_spacing of the volume, in um")
        from ..io.beam_files import read_beam

        measured = read_beam(beam_file).fields(acquisition.step_length, slice_spacing, pixel_size)
        return Acquisition(**(fields | measured))
    except ValidationError as error:
        raise settings_error(error, dict(names or {})) from error


def make_config(names: Mapping[str, str] | None = None, **settings: Any) -> ReconstructionConfig:
    """The configuration for some settings, or a `UsageError` with one sentence.

    A saved INR implies the guide `inr` where no guide is named.
    """
    if settings.get("inr_file") is not None and settings.setdefault("guide", "inr") != "inr":
        raise UsageError(f"an INR file is given, but the guide is {settings['guide']}; choose the guide inr")
    if isinstance(settings.get("prior"), PathLike):
        settings["prior"] = str(settings["prior"])
    try:
        return ReconstructionConfig(**settings)
    except ValidationError as error:
        raise settings_error(error, dict(names or {})) from error
