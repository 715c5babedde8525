"""Time and peak memory of reconstructions from disk to disk, against size, slabs, samples and memory.

    python benchmarks/scale.py --shape 64 1024 1024 [-n 6] [--memory GB] [--samples K] [--ending .ome.zarr]
    python benchmarks/scale.py --shape 64 1024 1024 --kill 5        # killed at random moments and resumed

Each shape (slabs, rows, columns; --shape may be given several times) is run by the command line in a process
of its own, on projections of a procedural specimen that is repeated over the image. Printed: seconds,
nanoseconds a voxel, and the peak of resident memory of the whole process, as the system counted it. With
--kill the same command is killed with SIGKILL that many times, started again until it ends, and its volume
compared with that of an uninterrupted run, byte by byte.
"""

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from napari_microdiffusion.io import write_image
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.specimens import make_specimen

_TILE = 128
_PHOTONS = 200.0


def write_stack(path: Path, shape: tuple[int, int, int], n: int) -> None:
    """Projections of a specimen, repeated laterally and mirrored from tile to tile, uint16."""
    slabs, height, width = shape
    few = min(slabs, 16)
    truth = 4000 * make_specimen("vasculature", (few * n, _TILE, _TILE), 1)
    tile = simulate_projections(truth, Acquisition(step_length=n), photons=_PHOTONS, seed=1) + 100
    tall = np.concatenate([tile, tile[:, ::-1]], 1)
    square = np.concatenate([tall, tall[:, :, ::-1]], 2)
    repeats = (-(-slabs // few), -(-height // square.shape[1]), -(-width // square.shape[2]))
    whole = np.tile(np.clip(square, 0, 65535).astype(np.uint16), repeats)[:slabs, :height, :width]
    write_image(path, whole, scale=(float(n), 1.0, 1.0), step_length=n)


def command(source: Path, output: Path, options: argparse.Namespace) -> list[str]:
    """The command line of a run."""
    words = [sys.executable, "-m", "napari_microdiffusion", "reconstruct", str(source), "-o", str(output)]
    words += ["--device", "cpu", "--diffusion", options.diffusion]
    if options.memory:
        words += ["--memory", str(options.memory)]
    if options.samples:
        uncertainty = output.with_name(f"uncertainty{options.ending}")
        words += ["--samples", str(options.samples), "--uncertainty", str(uncertainty)]
    if options.threads:
        words += ["--threads", str(options.threads)]
    return words


def run(words: list[str]) -> tuple[float, float]:
    """Seconds, and the peak of resident memory in bytes."""
    started = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"ended with {status}: {' '.join(words)}")
    unit = 1 if sys.platform == "darwin" else 1024
    return time.perf_counter() - started, float(usage.ru_maxrss * unit)


def killed(words: list[str], times: int, longest: float, seed: int) -> int:
    """Kill a run at so many random moments of its `longest` seconds, then let it end; how often it was."""
    chance, count = random.Random(seed), 0
    # Not at the very end, or a run that is a little quicker than the one before would escape the last.
    moments = sorted(chance.uniform(0.03, 0.85) for _ in range(times))
    for after, moment in zip([0.0, *moments], moments, strict=False):
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        try:
            process.wait(timeout=(moment - after) * longest)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            count += 1
        else:
            # Quicker than the run before: another start would begin anew.
            return count
    run(words)
    return count


def fingerprint(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder with their names."""
    found = hashlib.sha256()
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    for file in files:
        found.update(str(file.relative_to(path.parent)).split(path.name, 1)[-1].encode())
        with file.open("rb") as content:
            while part := content.read(2**22):
                found.update(part)
    return found.hexdigest()


def main() -> int:
    """Measure and print; the exit code is 1 where a resumed volume differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", type=int, nargs=3, action="append", required=True, metavar=("N", "H", "W"))
    parser.add_argument("-n", type=int, default=6)
    parser.add_argument("--memory", type=float)
    parser.add_argument("--samples", type=int, default=0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--diffusion", default="slab")
    parser.add_argument("--ending", default=".ome.zarr")
    parser.add_argument("--kill", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the files lie meanwhile")
    options = parser.parse_args()
    rows, is_same = [], True
    print(
        f"{'slabs, rows, columns':>22}{'voxels':>14}{'seconds':>10}{'ns/voxel':>10}{'peak, GB':>10}",
        flush=True,
    )
    for shape in map(tuple, options.shape):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            source, output = Path(folder, "p.ome.tif"), Path(folder, f"v{options.ending}")
            write_stack(source, shape, options.n)
            seconds, peak = run(command(source, output, options))
            voxels = int(np.prod(shape)) * options.n
            row = {"shape": shape, "voxels": voxels, "seconds": round(seconds, 1), "peak_bytes": int(peak)}
            size = " x ".join(map(str, shape))
            print(
                f"{size:>22}{voxels:14,d}{seconds:10.1f}{1e9 * seconds / voxels:10.0f}{peak / 1e9:10.2f}",
                flush=True,
            )
            if options.kill:
                again = Path(folder, "again", output.name)
                again.parent.mkdir()
                row["killed"] = killed(command(source, again, options), options.kill, seconds, options.seed)
                row["same_bytes"] = fingerprint(output) == fingerprint(again)
                is_same &= bool(row["same_bytes"])
                print(
                    f"killed {row['killed']} times and resumed: same bytes: {row['same_bytes']}", flush=True
                )
            rows.append(row)
    print(json.dumps(rows))
    return 0 if is_same else 1


if __name__ == "__main__":
    sys.exit(main())
