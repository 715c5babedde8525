"""Traces and speed of a video at the light of a video: how well activity is told apart along the beam.

    python benchmarks/video.py [-n 6] [--slabs 4] [--side 96] [--frames 150] [--photons 30] [--cells 60]
    python benchmarks/video.py --find-regions [--seed 1]
    python benchmarks/video.py --speed [--side 256] [--frames 100]

Cells (balls of 3 to 5 voxels' radius, rims brighter than cores) and boutons (radius 1.4) lie anywhere, many
above each other in one slab. Each is active in its own time. The reference is of another day: 200 photons in
its brightest voxels, shifted by (1, 2, -3) voxels, every voxel brighter or dimmer by up to 2 %. Regions are
the true ones, or with `--find-regions` those that the run finds: then it is told at which depth the volumes
brighten as a cell or bouton does. The raw trace of one is the mean of the projections over its outline in its
slab. Both are deconvolved in the same way; the activity is as the deconvolution takes it to be.
"""

import argparse
import time

import numpy as np

from napari_microdiffusion.optics import Acquisition, ProjectionOperator
from napari_microdiffusion.registration.reference_stack import ReferenceStack
from napari_microdiffusion.settings.method import ReconstructionConfig
from napari_microdiffusion.specimens.activity import ActiveTissue, active_tissue
from napari_microdiffusion.video.deconvolution import deconvolved
from napari_microdiffusion.video.events import FrameReady, StructureReady, VideoFinished
from napari_microdiffusion.video.reconstruction import Video, reconstruct_video

RATE = 10.0
BOUTONS = 0.4


def crowd(shape: tuple[int, int, int], cells: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A volume of cells and boutons, their regions, and which of them are boutons."""
    rng = np.random.default_rng(seed)
    grid = np.ogrid[: shape[0], : shape[1], : shape[2]]
    volume, regions = np.full(shape, 0.05), np.zeros(shape, np.int32)
    small = rng.random(cells) < BOUTONS
    for number, is_bouton in enumerate(small):
        radius = 1.4 if is_bouton else rng.uniform(3, 5)
        centre = [rng.uniform(radius, size - radius) for size in shape]
        square = sum((axis - at) ** 2 for axis, at in zip(grid, centre, strict=True))
        place = (square <= radius**2) & (regions == 0)
        regions[place] = number + 1
        volume[place] += rng.uniform(0.4, 1.0) * (0.5 + 0.5 * square / radius**2)[place]
    return volume, regions, small


def recorded(tissue: ActiveTissue, n: int, photons: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The frames of a video, clean and noisy, (T, N, H, W)."""
    operator = ProjectionOperator(np.full(n, 1 / n))
    clean = np.stack([operator.project(tissue.frame(t)) for t in range(len(tissue.activity))])
    unit = float(np.percentile(clean[0], 99.9)) / photons
    return clean, (np.random.default_rng(seed).poisson(clean / unit) * unit).astype(np.float32)


def correlations(light: np.ndarray, activity: np.ndarray) -> np.ndarray:
    """Correlation coefficient of each trace with its truth; NaN of those that do not change."""
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = [part - part.mean(0) for part in (light, activity)]
        return (centred[0] * centred[1]).sum(0) / np.sqrt(np.prod([np.square(c).sum(0) for c in centred], 0))


def light_by_slice(volume: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Mean over the outline of every region in each slice, shape (K, Z)."""
    outlines = [(regions == k + 1).any(0) for k in range(int(regions.max()))]
    return np.stack([volume[:, outline].sum(1) / max(int(outline.sum()), 1) for outline in outlines])


def tell_depths(columns: np.ndarray, activity: np.ndarray, regions: np.ndarray, small: np.ndarray) -> None:
    """How far the slice that follows a region's activity most, (T, K, Z), lies from where its light is."""
    # A body that others cover altogether has no region.
    known = (activity.std(0) > 0.05) & (np.bincount(regions.ravel(), minlength=len(small) + 1)[1:] > 0)
    changes = activity - activity.mean(0)
    follows = np.einsum("tk,tkz->kz", changes, columns - columns.mean(0))
    errors = np.full(len(small), np.inf)
    for k in range(len(small)):
        there = np.flatnonzero((regions == k + 1).any((1, 2)))
        if known[k] and len(there):
            errors[k] = abs(int(follows[k].argmax()) - there.mean())
    for name, which in (("cells", ~small & known), ("boutons", small & known)):
        within = errors[which] <= 1
        print(f"{name:36} {which.sum():3}  within one slice {100 * within.mean():.0f} %", flush=True)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-n", type=int, default=6)
    parser.add_argument("--slabs", type=int, default=4)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--photons", type=float, default=30)
    parser.add_argument("--cells", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--find-regions", action="store_true")
    parser.add_argument("--diffusion", default="slab")
    arguments = parser.parse_args()
    n, slabs = arguments.n, arguments.slabs
    shape = (n * slabs, arguments.side, arguments.side)
    volume, regions, small = crowd(shape, arguments.cells, arguments.seed)
    tissue = active_tissue(volume, regions, arguments.frames, RATE, arguments.seed + 1)
    _, frames = recorded(tissue, n, arguments.photons, arguments.seed + 2)
    rng = np.random.default_rng(arguments.seed + 3)
    another_day = np.roll(volume, (1, 2, -3), (0, 1, 2))
    another_day[another_day > 0.06] *= rng.uniform(0.98, 1.02, int((another_day > 0.06).sum()))
    scanned = (rng.poisson(another_day / volume.max() * 200) / 200).astype(np.float32)
    config = ReconstructionConfig(
        guide="reference", diffusion="off" if arguments.speed else arguments.diffusion, samples=0
    )
    started, first, last = time.perf_counter(), 0.0, 0.0
    columns: list[np.ndarray] = []
    for event in reconstruct_video(
        Video(frames, RATE, None if arguments.find_regions else regions),
        Acquisition(step_length=n),
        config,
        reference=ReferenceStack(scanned),
    ):
        if isinstance(event, StructureReady):
            first = time.perf_counter()
        elif isinstance(event, FrameReady):
            last = time.perf_counter()
            if arguments.find_regions:
                columns.append(light_by_slice(event.volume, regions))
        elif isinstance(event, VideoFinished):
            traces = event.traces
    print(
        f"structure after {first - started:.1f} s, then {len(frames) / (last - first):.1f} volumes a second"
    )
    if arguments.speed:
        return
    if arguments.find_regions:
        tell_depths(np.array(columns), tissue.activity, regions, small)
        return
    raw, overlap = [], []
    for k in range(len(small)):
        mask = (regions == k + 1).reshape(slabs, n, *shape[1:])
        slab = int(mask.sum((1, 2, 3)).argmax())
        outline = mask[slab].any(0)
        others = ((regions > 0) & (regions != k + 1)).reshape(slabs, n, *shape[1:])[slab].any(0)
        raw.append(frames[:, slab][:, outline].sum(1) / max(int(outline.sum()), 1))
        overlap.append(float((others & outline).sum() / max(outline.sum(), 1)))
    theirs_light = np.array(raw).T
    gain = float(np.percentile(frames, 99.9)) / arguments.photons
    pixels = [max(int((regions == k + 1).any(0).sum()), 1) for k in range(len(small))]
    theirs_noise = np.sqrt(gain * np.maximum(theirs_light, 1e-9) / pixels)
    clean = traces.deconvolved, deconvolved(theirs_light, theirs_noise)
    assert clean[0] is not None and clean[1] is not None, "there are more than a few frames"
    ours, theirs, ours_clean, theirs_clean = (
        correlations(light, tissue.activity)
        for light in (traces.light, theirs_light, clean[0].light, clean[1].light)
    )
    known = np.isfinite(ours) & np.isfinite(theirs) & (tissue.activity.std(0) > 0.05)
    over = np.array(overlap)
    for name, which in (
        ("cells", known & ~small),
        ("cells that others overlap by half", known & ~small & (over > 0.5)),
        ("boutons", known & small),
        ("boutons that others overlap by half", known & small & (over > 0.5)),
    ):
        if which.any():
            print(
                f"{name:36} {which.sum():3}  median correlation {np.median(ours[which]):.3f}, "
                f"of the raw trace {np.median(theirs[which]):.3f}; deconvolved "
                f"{np.median(ours_clean[which]):.3f} and {np.median(theirs_clean[which]):.3f}"
            )


if __name__ == "__main__":
    main()
