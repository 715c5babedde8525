"""How far from usual stacks are: specimens, real volumes, and what is no tissue at all.

    python benchmarks/out_of_distribution.py [--data DIR] [--prior FILE]

Prints the distances of the frozen set and of the real volumes for several step lengths, then those of noise,
of a photograph, printed text and a checkerboard cut into slabs, and of a resolution chart, at n = 6. Beyond
the limit a run warns.
"""

import numpy as np
from quality import arguments_parser, cases, frozen_kind
from skimage import data

from napari_microdiffusion.diffusion.out_of_distribution import TrainingDistribution
from napari_microdiffusion.diffusion.statistics import statistics
from napari_microdiffusion.optics import IntensityScale
from napari_microdiffusion.reconstruction.priors import load_prior

STEP_LENGTHS = (4, 6, 8, 12, 16)


def score(distribution: TrainingDistribution, projections: np.ndarray, n: int) -> float:
    """Distance of a stack as a run sees it."""
    scale = IntensityScale.of(projections).widened(projections)
    return distribution.score(statistics(scale.to_unit(projections), n))


def pieces(image: np.ndarray, side: int, offset: int, columns: int, count: int) -> np.ndarray:
    """Square pieces of an image as slabs, row by row, each `offset` pixels from the one before."""
    corners = [(i // columns * offset, i % columns * offset) for i in range(count)]
    return np.stack([image[y : y + side, x : x + side] for y, x in corners]).astype(np.float32)


def no_tissue() -> dict[str, np.ndarray]:
    """Stacks that nobody should reconstruct."""
    rng = np.random.default_rng(0)
    shape = (16, 128, 128)
    rows, columns = np.mgrid[-64:64, -64:64]
    chart = 200 * (np.sin(36 * np.arctan2(rows, columns)) > 0)
    return {
        "uniform noise": rng.random(shape, dtype=np.float32),
        "Gaussian noise": rng.normal(100, 10, shape).astype(np.float32),
        "photograph": pieces(data.camera(), 128, 128, 4, 16),
        "text": pieces(data.text(), 64, 60, 7, 14),
        "checkerboard": pieces(data.checkerboard(), 128, 18, 4, 16),
        "resolution chart": (chart + rng.random(shape)).astype(np.float32),
    }


def main() -> None:
    """Print."""
    arguments = arguments_parser(__doc__).parse_args()
    distribution = load_prior(arguments.prior).distribution
    assert distribution is not None
    print(f"limit {distribution.limit:.2f}")
    for n in STEP_LENGTHS:
        arguments.n = n
        found: dict[str, list[float]] = {}
        for case in cases(arguments):
            name = "frozen" if frozen_kind(case) else case.name
            found.setdefault(name, []).append(score(distribution, case.projections, n))
        ranges = (f"{name} {min(values):.2f} to {max(values):.2f}" for name, values in found.items())
        print(f"n = {n}: " + ", ".join(ranges), flush=True)
    for name, stack in no_tissue().items():
        print(f"{name}: {score(distribution, stack, 6):.2f}")


if __name__ == "__main__":
    main()
