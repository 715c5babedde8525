"""What a run leaves in files: the volume, its uncertainty and INR, and the provenance beside them."""

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UsageError, UserError
from ..io import (
    IMAGE_SUFFIXES,
    ImageStack,
    ZarrKind,
    check_not_read,
    check_output,
    check_size,
    input_record,
    missing_room,
    provenance_path,
    set_aside,
    sources_of,
    write_image,
    write_json,
)
from ..optics.placement import StackPlacement
from ..settings.document import OutputSettings, RunSettings
from ..settings.files import short_record
from ..settings.method import ReconstructionConfig
from ..settings.resolve import Resolved
from .result import ReconstructionResult


@dataclass(frozen=True)
class Outputs:
    """Names of the files that a reconstruction is written to.

    Attributes
    ----------
    volume : Path
        An image, `.ome.tif` or `.tif`.
    uncertainty : Path or None
        An image.
    inr : Path or None
        A checkpoint.
    """

    volume: Path
    uncertainty: Path | None = None
    inr: Path | None = None

    @classmethod
    def beside(cls, path: Path, with_uncertainty: bool) -> "Outputs":
        """The files for a volume at `path`, the uncertainty beside it under the same name."""
        lower = path.name.lower()
        ending = next((s for s in IMAGE_SUFFIXES if lower.endswith(s)), None)
        if ending is None:
            ending = ".ome.tif"
            path = path.with_name(path.name + ending)
        stem = path.name[: -len(ending)].removesuffix(" volume")
        beside = path.with_name(f"{stem} uncertainty{path.name[-len(ending) :]}")
        return cls(path, beside if with_uncertainty else None)

    @property
    def provenance(self) -> Path:
        """The JSON beside the volume."""
        return provenance_path(self.volume)

    @property
    def blocks(self) -> Path:
        """The folder for the finished blocks of a large stack, hidden beside the volume."""
        return self.volume.with_name(f".{self.volume.name}.blocks")

    def check_room(self, size: int) -> None:
        """Refuse a large result that its formats or the disk cannot hold, before it is made.

        Parameters
        ----------
        size : int
            Bytes of the volume; the uncertainty has as many.

        Raises
        ------
        UserError
            Naming the output and what would be right.
        """
        images = [path for path in (self.volume, self.uncertainty) if path is not None]
        for path in images:
            check_size(path, size)
        # The finished blocks lie beside the result until that is whole; coarser copies are a third more.
        needed = sum(2 * size + (size // 3 if path.suffix.lower() == ".zarr" else 0) for path in images)
        folder = self.volume.resolve().parent
        if why := missing_room(str(self.volume), needed, folder, "make room or choose another disk"):
            raise UserError(why)

    def are_written(self) -> bool:
        """Whether an earlier run wrote all of them: the provenance is written last."""
        images = [path for path in (self.volume, self.uncertainty, self.inr) if path is not None]
        return self.provenance.is_file() and all(path.exists() for path in images)

    def check(self, config: ReconstructionConfig, sources: Iterable[Path | None] = ()) -> None:
        """Refuse before a long run what could not be written after it.

        Parameters
        ----------
        config : ReconstructionConfig
            What will be run.
        sources : iterable of Path or None
            Files that must not be overwritten: those that the run reads. With an image goes its whole set.

        Raises
        ------
        UsageError
            If the settings do not make what is to be saved.
        UserError
            If a name cannot be written, or is that of a source or of another output.
        """
        if self.uncertainty is not None and (config.samples == 0 or config.diffusion == "off"):
            raise UsageError("the uncertainty needs the diffusion and at least one sample")
        if self.inr is not None and config.guide != "inr":
            raise UsageError(f"there is no INR to save with the guide {config.guide}; choose the guide inr")
        check_output(self.volume, IMAGE_SUFFIXES)
        if self.uncertainty is not None:
            check_output(self.uncertainty, IMAGE_SUFFIXES)
        if self.inr is not None:
            check_output(self.inr, (".safetensors",))
        read = {file for path in sources if path is not None for file in sources_of(path)}
        taken: set[str] = set()
        for path in (self.volume, self.provenance, self.uncertainty, self.inr):
            if path is None:
                continue
            check_not_read(path, read)
            name = os.path.realpath(path)
            if name in taken:
                raise UserError(f"{path} would be overwritten, which is another output; choose another name")
            taken.add(name)

    def stopped(self) -> "Outputs":
        """Names for a run that was stopped: an unfinished volume never passes for a finished one."""
        return Outputs(
            _with_suffix(self.volume), _with_suffix(self.uncertainty) if self.uncertainty else None, self.inr
        )

    def write(
        self,
        result: ReconstructionResult,
        source: ImageStack,
        settings: Resolved | None = None,
        *,
        zarr: ZarrKind | None = None,
    ) -> dict[str, str]:
        """Write what the result has, each file whole or not at all, and the provenance last.

        The provenance of an earlier run under these names is gone before its volume is, so that none ever
        lies beside another volume than its own.

        Parameters
        ----------
        result : ReconstructionResult
        source : ImageStack
            The projections, with their scale.
        settings : Resolved, optional
            The document of the run and where its values came from, for the provenance.
        zarr : str, optional
            Version of an OME-Zarr, instead of the document's.

        Returns
        -------
        dict
            The names of the files by what they hold.

        Raises
        ------
        UserError
            Where the operating system refuses.
        """
        n = result.provenance["acquisition"]["step_length"]
        # Projections that record no origin are put where their volume begins at zero, whatever their n.
        slabs = StackPlacement.recorded(source.scale, source.unit, source.origin, step_length=n)
        output = OutputSettings() if settings is None else settings.document.output
        how: dict[str, Any] = {"unit": source.unit, "zarr": zarr or output.zarr}
        if source.scale is not None:
            volume = slabs.of_volume(n)
            how |= {"scale": volume.scale, "origin": volume.translate}
        record = short_record(result.provenance)
        written: dict[str, str] = {}

        def image(what: str, path: Path, data: Any) -> None:
            write_image(path, data, axes=result.axes, description={"quantity": what, **record}, **how)
            written[what] = str(path)

        with set_aside(self.provenance):
            image("volume", self.volume, result.volume)
        if self.uncertainty is not None and result.uncertainty is not None:
            image("uncertainty", self.uncertainty, result.uncertainty)
        if self.inr is not None and result.inr is not None:
            result.inr.save(self.inr)
            written["inr"] = str(self.inr)
        content = result.provenance | (settings.provenance() if settings is not None else {})
        content |= {"outputs": dict(written)}
        read = input_record(source)
        told = {"file": read["file"], "name": read["name"], "read": read}
        content["input"] = {**content["input"], **result.provenance["input"], **told}
        write_json(self.provenance, content)
        shutil.rmtree(self.blocks, ignore_errors=True)
        return written | {"provenance": str(self.provenance)}


def summary(
    result: ReconstructionResult, document: RunSettings, written: Mapping[str, str]
) -> dict[str, Any]:
    """What is told of a finished run, ready for JSON.

    Parameters
    ----------
    result : ReconstructionResult
    document : RunSettings
        That it was made with.
    written : mapping
        The names of its files, as `Outputs.write` returns them.
    """
    acquisition, method = document.acquisition, document.method
    noise = {
        "photon_gain": acquisition.photon_gain,
        "read_noise": acquisition.read_noise,
        "source": "stated" if acquisition.has_noise_model else "estimated",
    }
    return {
        "output": written["volume"],
        "uncertainty": written.get("uncertainty"),
        "inr": written.get("inr"),
        "provenance": written["provenance"],
        "shape": list(result.volume.shape),
        "step_length": acquisition.step_length,
        "beam": acquisition.beam,
        "guide": method.guide,
        "diffusion": method.diffusion if "posterior mean" in result.seconds else "off",
        "consistency": method.consistency,
        "samples": method.samples if "samples" in result.seconds else 0,
        "seed": method.seed,
        "device": result.device,
        "seconds": result.seconds,
        "reprojection_max": result.reprojection_max,
        "misfit": result.misfit,
        "misfit_correlation": result.misfit_correlation,
        # As far as the run found it.
        "noise": {**noise, **(result.provenance.get("noise") or {})},
        "reference": result.provenance["reference"],
        "stopped": result.stopped,
        "notices": result.notices,
    }


def _with_suffix(path: Path) -> Path:
    """`volume.stopped.ome.tif` for `volume.ome.tif`."""
    ending = next(s for s in IMAGE_SUFFIXES if path.name.lower().endswith(s))
    cut = len(path.name) - len(ending)
    return path.with_name(f"{path.name[:cut]}.stopped{path.name[cut:]}")
