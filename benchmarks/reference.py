"""What a reference stack is worth: null-space R2 with one that is aligned, moved, changed, foreign, or noisy.

    python benchmarks/reference.py [VOLUME ...] [--frozen [NAME ...]] [-n 6 12] [--clean] [--shape 48 64 64]

Of each volume the middle is projected. The reference is the middle with a margin around it, with photon noise
(`--photons` in its brightest voxels): where it belongs; shifted by up to 3 slices and 5 pixels and turned by
up to 2 degrees, with 2 % or 30 % of its bright light exchanged for what lies elsewhere in it, or deformed by
up to 2 slices and 4 pixels; upside down; and one of the next volume. The projections are clean, or have 30
photons where they are brightest. What misses what is asked for is said in lines marked MISSED.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from frozen_cases import frozen_cases
from scipy.ndimage import affine_transform, gaussian_filter, map_coordinates

from napari_microdiffusion.evaluation import compare
from napari_microdiffusion.interpolation import shared
from napari_microdiffusion.io import read_image
from napari_microdiffusion.optics import Acquisition, ProjectionOperator
from napari_microdiffusion.reconstruction.engine import reconstruct
from napari_microdiffusion.reconstruction.events import Finished
from napari_microdiffusion.reconstruction.result import ReconstructionResult
from napari_microdiffusion.registration.pose import Pose
from napari_microdiffusion.registration.reference_stack import ReferenceStack
from napari_microdiffusion.settings.method import ReconstructionConfig

MARGIN = np.array((8, 10, 10))
VIDEO_PHOTONS = 30
# Slices, and pixels across, by which deformed tissue is shifted at most.
DEFORMED = (2.0, 4.0)


@dataclass(frozen=True)
class Outcome:
    """Quality of a run, how far its registration was off, and whether the reference was used."""

    r2: float
    psnr: float
    error: tuple[float, float, float, float] | None
    used: bool | None

    def __str__(self) -> str:
        """One cell of the table."""
        text = f"{self.r2:.3f} {self.psnr:.2f} dB"
        if self.error is not None:
            z, y, x, angle = self.error
            text += f" (z {z:+.2f}, y {y:+.2f}, x {x:+.2f}, {angle:+.2f} deg)"
        return text if self.used is not False else f"{text} left aside"


def middle(volume: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """The middle of a volume."""
    start = [(size - part) // 2 for size, part in zip(volume.shape, shape, strict=True)]
    return np.ascontiguousarray(volume[tuple(slice(a, a + b) for a, b in zip(start, shape, strict=True))])


def lying_at(volume: np.ndarray, pose: Pose) -> np.ndarray:
    """The stack that, put at a pose, is the volume."""
    angle = np.deg2rad(pose.angle)
    turned = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    centre = (np.array(volume.shape) - 1) / 2
    offset = centre + pose.shift - turned @ centre
    return np.maximum(affine_transform(volume, turned, offset, order=3, mode="nearest"), 0)


def deformed(volume: np.ndarray, most: tuple[float, float], seed: int = 3, length: float = 16) -> np.ndarray:
    """A stack whose tissue has moved smoothly from place to place, by up to so many slices and pixels."""
    rng = np.random.default_rng(seed)
    shifts = np.stack([gaussian_filter(rng.normal(size=volume.shape), length) for _ in range(3)])
    shifts -= shifts.mean((1, 2, 3), keepdims=True)
    shifts[0] *= most[0] / np.abs(shifts[0]).max()
    shifts[1:] *= most[1] / np.hypot(shifts[1], shifts[2]).max()
    places = np.mgrid[tuple(slice(size) for size in volume.shape)] + shifts
    return np.maximum(map_coordinates(volume, places, order=3, mode="nearest"), 0)


def photon_noise(volume: np.ndarray, photons: float, seed: int = 1) -> np.ndarray:
    """A volume or projections with so many photons where they are brightest, and no read noise."""
    unit = float(np.percentile(volume, 99.9)) / photons
    return (np.random.default_rng(seed).poisson(np.maximum(volume, 0) / unit) * unit).astype(np.float32)


def changed(
    volume: np.ndarray, share: float, seed: int = 3, radius: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """A volume with balls, `share` of its light, exchanged for what lies elsewhere; and where."""
    rng = np.random.default_rng(seed)
    light = np.maximum(volume - np.percentile(volume, 50), 0).astype(np.float64)
    running, mask = np.cumsum(light), np.zeros(volume.shape, bool)
    grid = np.ogrid[: volume.shape[0], : volume.shape[1], : volume.shape[2]]
    while light[mask].sum() < share * running[-1]:
        found = min(int(np.searchsorted(running, rng.uniform(0, running[-1]))), volume.size - 1)
        centre = np.unravel_index(found, volume.shape)
        mask |= sum((axis - at) ** 2 for axis, at in zip(grid, centre, strict=True)) <= radius**2
    return np.where(mask, volume[::-1, ::-1], volume), mask


def roc_area(score: np.ndarray, label: np.ndarray) -> float:
    """Area under the ROC curve of a score for a label."""
    ordered = label.ravel()[np.argsort(score, axis=None, kind="stable")]
    positive = int(ordered.sum())
    ranks = np.flatnonzero(ordered).sum() + positive
    return float((ranks - positive * (positive + 1) / 2) / (positive * (len(ordered) - positive)))


def run(
    projections: np.ndarray, n: int, reference: np.ndarray | None, diffusion: str, samples: int = 0
) -> ReconstructionResult:
    """Reconstruct to the end."""
    config = ReconstructionConfig(
        guide="logspline" if reference is None else "reference", diffusion=diffusion, samples=samples
    )
    given = None if reference is None else ReferenceStack(reference)
    for event in reconstruct(projections, Acquisition(step_length=n), config, reference=given):
        if isinstance(event, Finished):
            return event.result
    raise AssertionError("a run ends with its result")


def outcome(result: ReconstructionResult, truth: np.ndarray, n: int, pose: Pose | None = None) -> Outcome:
    """Score a run."""
    metrics = compare(result.volume, truth, n)
    known = result.provenance["reference"]
    used = None if known is None else known["registration"]["used"]
    error = None
    if known is not None and used and pose is not None:
        z, y, x = (a - b for a, b in zip(known["registration"]["shift"], pose.shift, strict=True))
        error = (z, y, x, known["registration"]["angle"] - pose.angle)
    return Outcome(metrics["null_space_r2"], metrics["psnr"], error, used)


def one_line(projections: np.ndarray, reference: np.ndarray, truth: np.ndarray, n: int) -> float:
    """Null-space R2 of the simplest there is: light shared out as a smoothed, aligned reference has it."""
    weights = gaussian_filter(middle(reference, np.array(truth.shape)), 0.7)
    made = shared(np.maximum(projections, 0), weights, ProjectionOperator(np.full(n, 1 / n)))
    return compare(made, truth, n)["null_space_r2"]


def volumes_of(paths: list[Path], frozen: list[str] | None) -> dict[str, np.ndarray]:
    """Volumes by name, zero being their dimmest; of the frozen set all where no name is given."""
    found = {path.stem: np.asarray(read_image(path).data, np.float32) for path in paths}
    if frozen is not None:
        found |= {
            case.name: np.asarray(case.truth, np.float32)
            for case in frozen_cases()
            if not frozen or case.name in frozen
        }
    return {name: volume - volume.min() for name, volume in found.items()}


def references_of(
    whole: np.ndarray, other: np.ndarray, shape: np.ndarray, pose: Pose
) -> dict[str, tuple[np.ndarray | None, Pose | None]]:
    """What is given as a reference, and where it lies where that is known."""
    around = shape + 2 * MARGIN
    moved = middle(lying_at(whole, pose), around)
    return {
        "none": (None, None),
        "aligned": (middle(whole, around), Pose()),
        "moved, 2 % changed": (changed(moved, 0.02)[0], pose),
        "moved, 30 % changed": (changed(moved, 0.3)[0], pose),
        "moved, deformed": (middle(deformed(lying_at(whole, pose), DEFORMED), around), None),
        "upside down": (middle(whole, around)[::-1], None),
        "another volume": (middle(other, around), None),
    }


def shortfalls(rows: dict[str, Outcome]) -> list[str]:
    """In what a volume misses what is asked for; empty where in nothing."""
    none, aligned, few, many = (
        rows[name] for name in ("none", "aligned", "moved, 2 % changed", "moved, 30 % changed")
    )
    found = []
    for name in ("aligned", "moved, 2 % changed"):
        error = rows[name].error
        if error is None:
            found.append(f"{name}: left aside")
        elif abs(error[0]) > 0.3 or max(abs(error[1]), abs(error[2])) > 0.3:
            found.append(f"{name}: registered z {error[0]:+.2f}, y {error[1]:+.2f}, x {error[2]:+.2f} off")
    if few.r2 < aligned.r2 - 0.05:
        found.append(f"moved, 2 % changed: {aligned.r2 - few.r2:.3f} below the aligned case")
    if many.r2 < none.r2:
        found.append(f"moved, 30 % changed: {none.r2 - many.r2:.3f} below none")
    for name in ("upside down", "another volume"):
        if rows[name].psnr < none.psnr - 0.1:
            found.append(f"{name}: {none.psnr - rows[name].psnr:.2f} dB below none")
    return found


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("volumes", nargs="*", type=Path)
    parser.add_argument("--frozen", nargs="*", help="the specimens of specimens.yaml, too, or those named")
    parser.add_argument("-n", type=int, nargs="+", default=[6, 12])
    parser.add_argument("--shape", type=int, nargs=3, default=[48, 64, 64])
    parser.add_argument("--photons", type=float, default=200)
    parser.add_argument("--clean", action="store_true", help="no noisy projections")
    parser.add_argument("--diffusion", default="slab")
    arguments = parser.parse_args()
    shape, rng = np.array(arguments.shape), np.random.default_rng(5)
    volumes = volumes_of(arguments.volumes, arguments.frozen)
    for index, (title, whole) in enumerate(volumes.items()):
        truth = middle(whole, shape)
        around = shape + 2 * MARGIN
        other = list(volumes.values())[(index + 1) % len(volumes)]
        for n in arguments.n:
            clean = np.asarray(ProjectionOperator(np.full(n, 1 / n)).project(truth), np.float32)
            pose = Pose(
                (rng.uniform(-3, 3), rng.uniform(-5, 5), rng.uniform(-5, 5)), float(rng.uniform(-2, 2))
            )
            references = references_of(whole, other, shape, pose)
            lights = {"clean": clean}
            if not arguments.clean:
                lights[f"{VIDEO_PHOTONS} photons"] = photon_noise(clean, VIDEO_PHOTONS, 0)
            for light, projections in lights.items():
                where, rows = f"{title:24} n={n:<3} {light:11}", {}
                for name, (reference, place) in references.items():
                    given = None if reference is None else photon_noise(reference, arguments.photons)
                    result = run(projections, n, given, arguments.diffusion)
                    rows[name] = outcome(result, truth, n, place)
                    print(f"{where} {name:20} {rows[name]}", flush=True)
                simplest = one_line(
                    projections, photon_noise(middle(whole, around), arguments.photons), truth, n
                )
                print(f"{where} {'in one line of code':20} {simplest:.3f}", flush=True)
                for text in shortfalls(rows):
                    print(f"{where} MISSED {text}", flush=True)
            # Where the tissue has changed, and nothing else moved, the uncertainty should say so.
            exchanged, mask = changed(middle(whole, around), 0.3)
            result = run(clean, n, photon_noise(exchanged, arguments.photons), "slab", samples=2)
            assert result.uncertainty is not None
            area = roc_area(result.uncertainty, middle(mask, shape))
            print(f"{title:24} n={n:<3} clean       area under the ROC curve {area:.3f}", flush=True)


if __name__ == "__main__":
    main()
