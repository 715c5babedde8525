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
    before, said, own = earlier.get("acquisition", {}), recorded.acquisition, asked_acquisition(asked)
    base: dict[str, tuple[Any, Origin]] = {name: (value, "file") for name, value in said.items()}
    if BEAM_FIELDS & before.keys():
        base = {name: value for name, value in base.items() if name not in BEAM_FIELDS}
        former = before.get("step_length")
    else:
        former = said.get("step_length")
    base |= {name: (value, "asked") for name, value in before.items()}
    step, width, origin = step_and_width(asked, earlier, said.get("step_length"))
    if step is None:
        step, origin = _assumed_step(recorded, words, assume)
    beam = own.get("beam")
    measured_file = _beam_file(asked, earlier)
    if beam not in (None, base.get("beam", ("uniform",))[0]) or former not in (None, step):
        # In slices of another length, or of another beam: neither describes this one.
        lasting = _LASTING | (base.keys() - BEAM_FIELDS)
        base = {name: value for name, value in base.items() if name in lasting}
    elif beam is not None or measured_file is not None or width or own.get("width") is not None:
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
    notices: tuple[str, ...] = ()
    if said.get("step_length") not in (None, step):
        notices = (f"{recorded.name} records step length {said['step_length']}; {step} is used, as asked",)
    return fields, {name: where for name, (_, where) in base.items()}, notices


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
