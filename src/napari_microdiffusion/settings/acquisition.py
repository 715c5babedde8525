"""The fields of the acquisition, merged from what was asked for and what files record of the beam."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..optics import Acquisition
from ..optics.recorded_beam import BEAM_FIELDS
from .document import InputSettings, Origin, Tables
from .method import checked
from .recorded import Recorded

# What was measured instead of these does not outlive their being asked for.
_DISPLACING = frozenset({"bend", "apex", "tilt", "direction", "side_lobes"})
_MEASURED = ("axial_profile", "displacement")
# Stays as recorded, though another beam or step length is asked for.
_LASTING = frozenset({"beam", "views"})
_IN_SLICES = BEAM_FIELDS - _LASTING


def merged_acquisition(
    asked: Tables,
    earlier: Tables,
    recorded: Recorded,
    read: InputSettings,
    words: Mapping[str, str],
    assume: bool,
) -> tuple[dict[str, Any], dict[str, Origin], tuple[str, ...]]:
    """The fields of the acquisition, not yet checked, where each is from, and sentences on them.

    Parameters
    ----------
    asked, earlier, recorded, assume
        As in `resolve`.
    read : InputSettings
    words : mapping
        How the person calls a field, by its dotted path.
    """
    own, said = asked_acquisition(asked), recorded.acquisition.get("step_length")
    step, width, origin = step_and_width(asked, earlier, said)
    if step is None:
        step, origin = _assumed_step(recorded, words, assume)
    base, former = _former(earlier, recorded)
    measured_file = _beam_file(asked, earlier)
    notices: tuple[str, ...] = ()
    if said not in (None, step):
        notices = (f"{recorded.name} records step length {said}; {step} is used, as asked",)
    if former not in (None, step):
        gone = [name for name, (value, _) in base.items() if name in _IN_SLICES - own.keys() and value]
        if gone:
            notices += (
                f"{', '.join(gone)} of the beam belong to step length {former} and are left aside; give what "
                f"they are at {step}",
            )
    if own.get("beam") not in (None, base.get("beam", ("uniform",))[0]) or former not in (None, step):
        # In slices of another length, or of another beam: neither describes this one.
        lasting = _LASTING | (base.keys() - BEAM_FIELDS)
        base = {name: value for name, value in base.items() if name in lasting}
    elif measured_file is not None or width or not {own.get("beam"), own.get("width")} <= {None}:
        base = {name: value for name, value in base.items() if name not in _MEASURED}
    if any(own.get(name) is not None for name in _DISPLACING):
        base.pop("displacement", None)
    base |= {name: (value, "asked") for name, value in (width | own).items()}
    if read.second_view is not None:
        base["views"] = (2, "asked")
    base["step_length"] = (step, origin)
    fields = {name: value for name, (value, _) in base.items()}
    if measured_file is not None:
        measured = _measured(measured_file, fields, read, recorded, step_words(asked, words))
        fields |= measured
        base |= {name: (value, "asked") for name, value in measured.items()}
    return fields, {name: where for name, (_, where) in base.items()}, notices


def _former(earlier: Tables, recorded: Recorded) -> tuple[dict[str, tuple[Any, Origin]], Any]:
    """What is known before anything is asked for, with its origins, and the step length its beam is in."""
    before, said = earlier.get("acquisition", {}), recorded.acquisition
    describes_beam = bool(BEAM_FIELDS & before.keys())
    base: dict[str, tuple[Any, Origin]] = {
        name: (value, "file") for name, value in said.items() if not (describes_beam and name in BEAM_FIELDS)
    }
    base |= {name: (value, "asked") for name, value in before.items()}
    return base, (before if describes_beam else said).get("step_length")


def asked_acquisition(asked: Tables) -> dict[str, Any]:
    """The fields of the acquisition that were asked for, but its step length."""
    own = dict(asked.get("acquisition", {}))
    own.pop("step", None)
    own.pop("step_length", None)
    return own


def step_and_width(asked: Tables, earlier: Tables, said: int | None) -> tuple[Any, dict[str, Any], Origin]:
    """The step length, None where it is not known, the width that comes with it, and where it is from."""
    own = asked.get("acquisition", {})
    n, step = own.get("step_length"), own.get("step")
    if step is not None:
        is_wider = n not in (None, step) and own.get("width") is None
        return step, {"width": n} if is_wider else {}, "asked"
    before = earlier.get("acquisition", {}).get("step_length")
    if n is not None or before is not None:
        return (before if n is None else n), {}, "asked"
    return said, {}, "file"


def _assumed_step(recorded: Recorded, words: Mapping[str, str], assume: bool) -> tuple[int, Origin]:
    if recorded.suggested is not None and assume:
        return recorded.suggested, "assumed"
    called = words.get("acquisition.step_length", "step_length")
    if recorded.suggested is None:
        raise UsageError(f"the step length is not known; give it with {called}, in slices per projection")
    raise UsageError(
        f"the step length is not in {recorded.name}; give it with {called} "
        f"(isotropic voxels would mean {called} {recorded.suggested})"
    )


def _beam_file(asked: Tables, earlier: Tables) -> Path | None:
    """A measured beam that is to be read; of an earlier run's, what was read is among its settings."""
    own = asked.get("input", {}).get("beam_file")
    if own is None and earlier.get("acquisition", {}).get("axial_profile") is None:
        own = earlier.get("input", {}).get("beam_file")
    return None if own is None else Path(own)


def _measured(
    path: Path, fields: Mapping[str, Any], read: InputSettings, recorded: Recorded, words: Mapping[str, str]
) -> dict[str, Any]:
    straight = checked(Acquisition, {"step_length": fields["step_length"]}, "acquisition", words)
    spacing = read.slice_spacing or recorded.slice_spacing_for(straight.step_length)
    if spacing is None:
        called = words.get("input.slice_spacing", "slice_spacing")
        raise UsageError(
            "the spacing of the volume's slices is not known, which a measured beam needs; give it with "
            f"{called}, in um"
        )
    from ..io.beam_files import read_beam

    return read_beam(path).fields(straight.step_length, spacing, read.pixel_size or recorded.pixel_size)


def step_words(asked: Tables, words: Mapping[str, str]) -> dict[str, str]:
    """Names for messages where the step and the width are asked for as two numbers."""
    own = asked.get("acquisition", {})
    if own.get("step") is None:
        return dict(words)
    called = {"acquisition.step_length": words.get("acquisition.step", "step")}
    if own.get("width") is None and "acquisition.step_length" in words:
        called["acquisition.width"] = words["acquisition.step_length"]
    return {**words, **called}
