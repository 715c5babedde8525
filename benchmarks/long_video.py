"""A long video from disk to disk: volumes a second, and the memory that the command takes.

    python benchmarks/long_video.py [--frames 1000] [--side 256] [--slabs 4] [-n 6] [--cells 60] [--folder .]

The tissue of `video.py` with 30 photons where its projections are brightest. `microdiffusion video` runs in a
process of its own, whose memory is looked at four times a second: what it holds of its own, and what lies in
memory of files, which the system takes back when it needs it. Linux only.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from video import RATE, crowd

from napari_microdiffusion.io import write_image
from napari_microdiffusion.optics import ProjectionOperator
from napari_microdiffusion.specimens.activity import active_tissue

PHOTONS = 30
# Grey levels of a photon, and of the dark.
UNIT, DARK = 20, 100


def record(folder: Path, frames: int, shape: tuple[int, int, int], n: int, cells: int) -> None:
    """Write the video and a reference of its tissue."""
    volume, regions, _ = crowd(shape, cells, 1)
    tissue, operator = active_tissue(volume, regions, frames, RATE, 2), ProjectionOperator(np.full(n, 1 / n))
    rng = np.random.default_rng(3)
    photons = PHOTONS / float(np.percentile(operator.project(tissue.frame(0)), 99.9))
    recorded = np.memmap(folder / "raw", np.uint16, "w+", shape=(frames, shape[0] // n, shape[1], shape[2]))
    for t in range(frames):
        recorded[t] = DARK + UNIT * rng.poisson(photons * operator.project(tissue.frame(t)))
    scale = (1.0, 0.5, 0.5)
    write_image(folder / "frames.ome.tif", recorded, axes="tzyx", scale=(n * 1.0, *scale[1:]))
    scanned = rng.poisson(np.roll(volume, (1, 2, -3), (0, 1, 2)) / volume.max() * 200)
    write_image(folder / "scan.ome.tif", scanned.astype(np.uint16), scale=scale)
    (folder / "raw").unlink()


def memory_of(process: int) -> tuple[float, float]:
    """What a process holds of its own, and of files; in MB."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    kilobytes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
    return float(kilobytes.get("RssAnon", 0)) / 1e3, float(kilobytes.get("RssFile", 0)) / 1e3


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--slabs", type=int, default=4)
    parser.add_argument("-n", type=int, default=6)
    parser.add_argument("--cells", type=int, default=60)
    parser.add_argument("--folder", type=Path, default=Path())
    arguments = parser.parse_args()
    n = arguments.n
    shape = (n * arguments.slabs, arguments.side, arguments.side)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        record(folder, arguments.frames, shape, n, arguments.cells)
        command = [sys.executable, "-m", "napari_microdiffusion", "video", str(folder / "frames.ome.tif")]
        command += ["-n", str(n), "--reference", str(folder / "scan.ome.tif"), "--diffusion", "off"]
        command += ["-o", str(folder / "video.ome.zarr"), "--traces", str(folder / "traces.csv")]
        command += ["--rate", str(RATE), "--json"]
        started, own, files = time.perf_counter(), 0.0, 0.0
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
            while run.poll() is None:
                held, mapped = memory_of(run.pid)
                own, files = max(own, held), max(files, mapped)
                time.sleep(0.25)
            assert run.stdout is not None
            told = json.loads(run.stdout.read())
        seconds = time.perf_counter() - started
        written = sum(file.stat().st_size for file in (folder / "video.ome.zarr").rglob("*"))
    print(
        f"{told['frames']} frames of {arguments.slabs} x {arguments.side} x {arguments.side}, n = {n}: "
        f"{told['volumes_per_second']:.1f} volumes a second once the structure is known, {seconds:.0f} s in "
        f"all; {told['regions_found']} regions. At most {own:.0f} MB of its own and {files:.0f} MB of files "
        f"in memory; {written / 1e6:.0f} MB written."
    )


if __name__ == "__main__":
    main()
