"""Seconds that a batch of time points takes with one worker and with more, and whether its volumes are equal.

    python benchmarks/workers.py [--time-points 20] [--shape 16 128 128] [-n 6] [--workers 1 2] [--threads 1]

A worker that uses all cores leaves nothing to another: each gets so many threads.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scale import fingerprint

from napari_microdiffusion.io import write_image
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.specimens import make_specimen


def main() -> int:
    """Measure and print; the exit code is 1 where files differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--time-points", type=int, default=20)
    parser.add_argument("--shape", type=int, nargs=3, default=[16, 128, 128], metavar=("N", "H", "W"))
    parser.add_argument("-n", type=int, default=6)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--threads", type=int, default=1, help="of each worker")
    options = parser.parse_args()
    slabs, *plane = options.shape
    truth = 4000 * make_specimen("vasculature", (slabs * options.n, *plane), 1)
    acquisition = Acquisition(step_length=options.n)
    frames = [
        simulate_projections(truth, acquisition, photons=200, seed=seed)
        for seed in range(options.time_points)
    ]
    found, first = set(), None
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "frames.ome.tif")
        pixels = np.clip(np.stack(frames) + 100, 0, 65535).astype(np.uint16)
        write_image(source, pixels, axes="tzyx", scale=(float(options.n), 1.0, 1.0), step_length=options.n)
        for workers in options.workers:
            output = Path(folder, f"volumes-{workers}")
            words = [sys.executable, "-m", "napari_microdiffusion", "batch", str(source), "-o", str(output)]
            words += ["--device", "cpu", "--threads", str(options.threads), "--workers", str(workers)]
            started = time.perf_counter()
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
            seconds = time.perf_counter() - started
            first = first or seconds
            found.add("".join(fingerprint(path) for path in sorted(output.glob("*.ome.tif"))))
            print(f"{workers:3} workers {seconds:7.1f} s {first / seconds:6.2f} times as fast", flush=True)
    print(f"same bytes: {len(found) == 1}")
    return len(found) != 1


if __name__ == "__main__":
    sys.exit(main())
