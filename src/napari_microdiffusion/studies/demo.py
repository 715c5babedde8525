"""The main job on a procedural specimen: simulate, reconstruct, compare, and show what came out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..evaluation import compare, comparison_figure, comparison_table
from ..interpolation import histospline
from ..io import ImageStack, check_output, output_folder, write_image, write_json
from ..optics import Acquisition, simulate_projections
from ..reconstruction.engine import reconstruct
from ..reconstruction.events import Events
from ..reconstruction.outputs import Outputs
from ..reconstruction.result import ReconstructionResult
from ..settings.method import ReconstructionConfig
from ..specimens import make_specimen

KIND = "vasculature"
SHAPE = (96, 128, 128)
STEP_LENGTH = 6
PHOTONS = 500.0
READ_NOISE = 0.005
VOXEL_UM = 1.0
TABLE = ("psnr", "psnr_foreground", "ssim", "dice", "null_space_r2")


@dataclass(frozen=True)
class DemoReport:
    """What the demo found and where it lies.

    Attributes
    ----------
    files : dict of str to str
        Names of the files by what they hold.
    metrics : dict
        Metrics of the reconstruction and of the histospline, by name.
    result : ReconstructionResult
    """

    files: dict[str, str]
    metrics: dict[str, dict[str, Any]]
    result: ReconstructionResult

    @property
    def table(self) -> str:
        """Both rows of the comparison as plain text."""
        return comparison_table(self.metrics.items(), TABLE)


def run_demo(
    folder: Path,
    follow: Callable[[Events], ReconstructionResult],
    config: ReconstructionConfig | None = None,
    shape: tuple[int, int, int] = SHAPE,
    seed: int = 1,
) -> DemoReport:
    """Run the demo and write everything into a folder.

    Parameters
    ----------
    folder : Path
        Made if it is not there; files of an earlier demo are replaced.
    follow : callable
        Consumes the events of the reconstruction and returns its result.
    config : ReconstructionConfig, optional
        The recommended settings by default.
    shape : tuple of int
        Slices, rows and columns of the specimen, in voxels of 1 um.
    seed : int
        Seed of the specimen and its noise.

    Raises
    ------
    UserError
        If the folder cannot be made or written to.
    """
    config = config or ReconstructionConfig()
    output_folder(folder)
    names = ("ground_truth.ome.tif", "projections.tif", "volume.ome.tif", "uncertainty.ome.tif")
    truth_path, projections_path, volume_path, uncertainty_path = (folder / name for name in names)
    figure_path, report_path = folder / "comparison.png", folder / "report.json"
    check_output(report_path)

    voxel = (VOXEL_UM,) * 3
    slab = (VOXEL_UM * STEP_LENGTH, VOXEL_UM, VOXEL_UM)
    acquisition = Acquisition(step_length=STEP_LENGTH)
    truth = make_specimen(KIND, shape, seed)
    projections = simulate_projections(truth, acquisition, photons=PHOTONS, read_noise=READ_NOISE, seed=seed)
    specimen = {"quantity": "ground truth", "specimen": KIND, "seed": seed}
    write_image(truth_path, truth, scale=voxel, description=specimen)
    write_image(
        projections_path,
        projections,
        scale=slab,
        step_length=STEP_LENGTH,
        beam=acquisition.beam,
        description={"photons": PHOTONS, "read_noise": READ_NOISE, "seed": seed},
    )

    result = follow(reconstruct(projections, acquisition, config))
    outputs = Outputs(volume_path, uncertainty_path if result.uncertainty is not None else None)
    source = ImageStack(projections, scale=slab, path=projections_path, name="projections")
    written = outputs.write(result, source)

    baseline = histospline(projections, STEP_LENGTH)
    metrics = {
        "histospline": compare(baseline, truth, STEP_LENGTH),
        "reconstruction": compare(result.volume, truth, STEP_LENGTH),
    }
    comparison_figure(
        figure_path,
        result.volume,
        truth,
        projections=projections,
        baseline=("histospline", baseline),
        uncertainty=result.uncertainty,
        metrics=metrics["reconstruction"],
        baseline_metrics=metrics["histospline"],
        scale=voxel,
        title=f"A procedural {KIND}, {len(projections)} projections of {STEP_LENGTH} slices each",
    )
    files = {
        "ground_truth": str(truth_path),
        "projections": str(projections_path),
        **written,
        "figure": str(figure_path),
        "report": str(report_path),
    }
    write_json(
        report_path, {"files": files, "metrics": metrics, "seconds": result.seconds, "device": result.device}
    )
    return DemoReport(files, metrics, result)
