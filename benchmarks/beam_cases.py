"""What a beam's physics is worth: the true beam against a wrong one, on the same projections."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from napari_microdiffusion.evaluation import compare
from napari_microdiffusion.optics import Acquisition, BeamOperator, DetectorNoise
from napari_microdiffusion.optics.simulation import photon_gain
from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.reconstruction.events import Finished
from napari_microdiffusion.settings.method import ReconstructionConfig


@dataclass(frozen=True)
class BeamCase:
    """Projections of the inside of a volume, with what light comes from outside, and the truth."""

    name: str
    projections: np.ndarray
    truth: np.ndarray
    acquisition: Acquisition


def beam_case(
    name: str, volume: np.ndarray, acquisition: Acquisition, noise: DetectorNoise | None = None
) -> BeamCase:
    """Record the slabs of a volume whose beams stay within it.

    Unlike `simulate_projections`, which continues the outermost voxels, nothing is made up here: what reaches
    the outermost projections from outside the truth is real structure that a reconstruction cannot know.

    Parameters
    ----------
    name : str
    volume : ndarray, shape (Z, H, W)
    acquisition : Acquisition
    noise : DetectorNoise, optional
        None is noiseless.

    Returns
    -------
    BeamCase
    """
    n = acquisition.step_length
    whole = BeamOperator(acquisition.beams, n, (1, 1, 1))
    virtual, (rows, columns) = whole.virtual_slabs, whole.margin
    slabs = len(volume) // n - 2 * virtual
    if slabs < 2:
        raise ValueError(f"{len(volume)} slices hold no two slabs of {n} with all that their beams see")
    shape = (slabs, volume.shape[1] - 2 * rows, volume.shape[2] - 2 * columns)
    operator = BeamOperator(acquisition.beams, n, shape)
    extended = volume[: operator.extended_shape[0]].astype(np.float64)
    clean = operator.project(extended)
    truth = np.array(operator.crop(extended), dtype=np.float32)
    noise = noise or DetectorNoise()
    rng = np.random.default_rng(noise.seed)
    if noise.photons is not None:
        gain = photon_gain(truth, noise.photons)
        clean = rng.poisson(np.maximum(clean, 0) / gain) * gain
    if noise.read_noise:
        clean = clean + rng.normal(0, noise.read_noise, clean.shape)
    return BeamCase(name, clean.astype(np.float32), truth, acquisition)


def score(case: BeamCase, assumed: Acquisition, config: ReconstructionConfig) -> dict[str, float]:
    """Reconstruct a case with an assumed acquisition and compare with the truth.

    A step length that is not the true one makes a volume of another depth: what both have is compared.
    """
    measured = case.projections
    if assumed.views < case.acquisition.views:
        measured = measured[: len(measured) // 2]
    for event in reconstruct(measured, assumed, config):
        if isinstance(event, Finished):
            result = event.result
    n, m = case.acquisition.step_length, assumed.step_length
    volume = result.volume if n == m else _at_other_step(result.volume, n, m)
    scores = compare(volume, case.truth, n)
    return {
        "psnr": float(scores["psnr"]),
        "null_space_r2": float(scores["null_space_r2"]),
        "reprojection_max": result.reprojection_max,
        "seconds": sum(result.seconds.values()),
    }


def _at_other_step(volume: np.ndarray, true: int, assumed: int) -> np.ndarray:
    """A volume of slabs of `assumed` slices, drawn out or pressed together to slabs of `true` slices."""
    from scipy.ndimage import zoom

    drawn = zoom(volume, (true / assumed, 1, 1), order=1, mode="nearest", grid_mode=True)
    return np.asarray(drawn, dtype=np.float32)


def mistaken(acquisition: Acquisition) -> Iterator[tuple[str, Acquisition]]:
    """The errors that a person may make about a beam, each with its name."""
    known = acquisition.model_dump(exclude_defaults=True)
    width = acquisition.width or acquisition.step_length
    for share in (0.8, 1.2):
        yield f"width x {share:g}", Acquisition(**{**known, "width": share * width})
    for change in (-1, 1):
        step = acquisition.step_length + change
        yield f"step {change:+d}", Acquisition(**{**known, "width": width, "step_length": step})
