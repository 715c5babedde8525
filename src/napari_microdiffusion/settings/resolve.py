"""What was asked for, what files record and what may be assumed, merged into the document of a run.

This, with `acquisition` beside it, is the only place that knows which of them comes first. The command line,
batches, the Python calls and the docks collect what was asked and call `resolve`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ..errors import UsageError
from ..optics import Acquisition
from .acquisition import asked_acquisition, merged_acquisition, step_and_width, step_words
from .document import InputSettings, Origin, OutputSettings, RunSettings, Tables
from .fields import fields_of, leaves
from .method import ReconstructionConfig, checked, part_words, settings_error
from .presets import merged, preset
from .recorded import NOTHING_RECORDED, Recorded

# Choices within one file, which mean nothing for another.
_WITHIN_FILE = frozenset({"second_view", "position", "channel", "time", "times", "average_frames", "axes"})


@dataclass(frozen=True)
class Resolved:
    """The document of a run, and where its values came from.

    Attributes
    ----------
    document : RunSettings
    origins : mapping of str to str
        For each field by its dotted path, "acquisition.beam": "asked" for the options, the settings of an
        earlier run and presets, "file" for what an image records, "assumed", or "default".
    notices : tuple of str
        Sentences that a person should see.
    """

    document: RunSettings
    origins: Mapping[str, Origin] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @property
    def acquisition(self) -> Acquisition:
        """Step length, beam and detector."""
        return self.document.acquisition

    @property
    def method(self) -> ReconstructionConfig:
        """How the volume is made."""
        return self.document.method

    def provenance(self) -> dict[str, Any]:
        """Settings and origins for the provenance of a run, ready for JSON; `files.read_run` reads them."""
        table = self.document.model_dump(mode="json")
        table["settings"] = table.pop("method")
        known = {path: origin for path, origin in self.origins.items() if origin != "default"}
        return table | {"origins": known}


def resolve(
    asked: Tables,
    recorded: Recorded = NOTHING_RECORDED,
    *,
    earlier: Tables | None = None,
    preset_name: str | None = None,
    names: Mapping[str, str] | None = None,
    assume: bool = False,
) -> Resolved:
    """Merge all that is known of a run into its document.

    What was asked comes first, then the settings of an earlier run, then a preset (of the method), then what
    the image records (of the acquisition), then what may be assumed, then the defaults. A beam is taken as a
    whole: where the earlier settings describe one, the image's is left aside; where another beam or step
    length is asked for, what was recorded of the former, in its slices, no longer counts, but for the number
    of views.

    Parameters
    ----------
    asked : mapping of mappings
        By part of the document. Under "acquisition", `step` may be given beside `step_length`: then it is the
        step, and `step_length` is the width of the beam where none is given.
    recorded : Recorded
        What the image records.
    earlier : mapping of mappings, optional
        Of an earlier run, as `files.read_run` gives them. Of the outputs only their format is taken, and
        choices within the input (channel, time, ...) only where the input is the same file.
    preset_name : str, optional
    names : mapping, optional
        How the person calls a field, by its dotted path, where that is not its name.
    assume : bool
        Whether voxels of equal sides may be assumed where no step length is known.

    Raises
    ------
    UsageError
        For a setting that cannot be, or a step length that is not known.
    UserError
        For a measured beam that cannot be used.
    """
    before = earlier or {}
    words = dict(names or {})
    method, method_origins = _method(asked, before, preset_name, words)
    inputs = _inputs(asked, before)
    read = resolve_input(asked, before, words)
    outputs = _outputs(asked, before)
    written = checked(OutputSettings, outputs, "output", words)
    fields, acquisition_origins, notices = merged_acquisition(asked, before, recorded, read, words, assume)
    acquisition = checked(Acquisition, fields, "acquisition", step_words(asked, words))
    document = RunSettings(acquisition=acquisition, method=method, input=read, output=written)
    found: dict[str, Origin] = {f"acquisition.{name}": origin for name, origin in acquisition_origins.items()}
    found |= {f"method.{path}": origin for path, origin in method_origins.items()}
    found |= {f"input.{name}": "asked" for name in inputs}
    found |= {f"output.{name}": "asked" for name in outputs}
    origins: dict[str, Origin] = {
        leaf.path: found.get(leaf.path, "default")
        for leaf in fields_of(RunSettings)
        if leaf.path != "version"
    }
    return Resolved(document, origins, recorded.notices + notices)


def resolve_input(
    asked: Tables, earlier: Tables | None = None, names: Mapping[str, str] | None = None
) -> InputSettings:
    """The settings of the input, which depend on nothing that an image records.

    Raises
    ------
    UsageError
        For a choice that cannot be.
    """
    return checked(InputSettings, _inputs(asked, earlier or {}), "input", names or {})


def check_asked(
    asked: Tables,
    *,
    earlier: Tables | None = None,
    preset_name: str | None = None,
    names: Mapping[str, str] | None = None,
) -> ReconstructionConfig:
    """The method; refuses settings that are wrong whatever the image records, before it is opened.

    Raises
    ------
    UsageError
        For a setting that cannot be.
    """
    before, words = earlier or {}, dict(names or {})
    method, _ = _method(asked, before, preset_name, words)
    read = resolve_input(asked, before, words)
    if method.guide == "reference" and read.reference is None:
        name = words.get("input.reference", "reference")
        raise UsageError(f"the guide is reference, but there is none; name a point-scanned stack with {name}")
    checked(OutputSettings, _outputs(asked, before), "output", words)
    step, width, _ = step_and_width(asked, before, None)
    fields = {**before.get("acquisition", {}), **asked_acquisition(asked), **width}
    try:
        Acquisition(**(fields | {"step_length": 2 if step is None else step}))
    except ValidationError as error:
        # How fields fit together is known only with what the image records.
        if error.errors()[0]["loc"]:
            raise settings_error(error, part_words("acquisition", step_words(asked, words))) from error
    return method


def keeping_samples_only_where_written(resolved: Resolved) -> Resolved:
    """The same without samples where no uncertainty is written, since they make nothing else."""
    document = resolved.document
    if document.output.uncertainty is not None or not document.method.samples:
        return resolved
    method = document.method.model_copy(update={"samples": 0})
    return replace(resolved, document=document.model_copy(update={"method": method}))


def tables(n: Any, settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What a Python call asks for, a step length and settings by their names, by part of the document.

    Parameters
    ----------
    n
        Step length in slices; with a `step` among the settings the width of the beam; None leaves it open.
    settings : mapping
        Fields of `Acquisition`, `ReconstructionConfig` and those of `InputSettings` on a measured beam.
    """
    parts: dict[str, dict[str, Any]] = {"acquisition": {}, "method": {}, "input": {}}
    for name, value in settings.items():
        part = "acquisition" if name in ACQUISITION else "input" if name in BEAM_INPUTS else "method"
        parts[part][name] = value
    if n is not None:
        parts["acquisition"]["step_length"] = n
    return parts


BEAM_INPUTS = frozenset({"beam_file", "slice_spacing", "pixel_size"})
ACQUISITION = frozenset(Acquisition.model_fields) | {"step"}
OPTICS = ACQUISITION - {"step_length"} | BEAM_INPUTS
"""Arguments of `make_acquisition`, by which the optics are known among the settings."""


def make_acquisition(n: Any, names: Mapping[str, str] | None = None, **optics: Any) -> Acquisition:
    """The acquisition for a step length and optics.

    Parameters
    ----------
    n
        Step length in slices: from one projection to the next, and the beam's width where no other is given.
    names
        How the person calls a field, where that is not its name.
    **optics
        Fields of `Acquisition`, and `step`, slices from one projection to the next, where the beam's width,
        `n`, is another; `beam_file`, a measured beam: a table or a z-stack of a bead, see
        `io.beam_files.read_beam`, which replaces the axial profile and, where it has one, the displacement;
        `slice_spacing` of the volume, in um, needed with it, and `pixel_size` of the projections (y, x), in
        um, needed where it is displaced laterally.

    Raises
    ------
    UsageError
        For a setting that cannot be.
    UserError
        For a measured beam that cannot be used.
    """
    words = {f"acquisition.{name}": called for name, called in (names or {}).items()}
    return resolve(tables(n, optics), names=words).acquisition


def _method(
    asked: Tables, earlier: Tables, preset_name: str | None, words: Mapping[str, str]
) -> tuple[ReconstructionConfig, dict[str, Origin]]:
    chosen = {} if preset_name is None else preset(preset_name)
    own = {name: _plain(value) for name, value in asked.get("method", {}).items()}
    settings = merged(chosen, earlier.get("method", {}), own)
    if settings.get("inr_file") is not None and settings.setdefault("guide", "inr") != "inr":
        raise UsageError(f"an INR file is given, but the guide is {settings['guide']}; choose the guide inr")
    if asked.get("input", {}).get("reference") is not None:
        if own.get("guide", "reference") != "reference":
            raise UsageError(
                f"a reference is given, but the guide is {own['guide']}; choose the guide reference"
            )
        settings["guide"] = "reference"
    if isinstance(settings.get("prior"), PathLike):
        settings["prior"] = str(settings["prior"])
    config = checked(ReconstructionConfig, settings, "method", words)
    return config, {path: "asked" for path, _ in leaves(settings)}


def _plain(value: Any) -> Any:
    """Settings of a part of the method as a table."""
    return value.model_dump(exclude_unset=True) if isinstance(value, BaseModel) else value


def _inputs(asked: Tables, earlier: Tables) -> dict[str, Any]:
    own, before = dict(asked.get("input", {})), dict(earlier.get("input", {}))
    path, former = own.get("path"), before.get("path")
    if path is not None and (former is None or Path(path) != Path(former)):
        before = {name: value for name, value in before.items() if name not in _WITHIN_FILE}
    return before | own


def _outputs(asked: Tables, earlier: Tables) -> dict[str, Any]:
    # Names are not taken over, lest a result be replaced.
    earlier_format = {name: value for name, value in earlier.get("output", {}).items() if name == "zarr"}
    return earlier_format | dict(asked.get("output", {}))
