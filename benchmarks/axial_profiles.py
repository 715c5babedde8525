"""How light falls off around bright spots, and how far the brightest exceed the others.

    python benchmarks/axial_profiles.py [--data DIR] [-n 6] [--fresh 12]

Prints one line a volume: light on the axis 1, 2, 4, 6, 8 and 10 slices away, light in the slice of the spot
1, 2, 4 and 6 pixels away, both above the surroundings and relative to the spot; and the brightest projection
pixels, hot ones apart, relative to the span of the projections. Real volumes first, then fresh specimens of
the training.
"""

import numpy as np
from quality import arguments_parser, cases
from scipy.ndimage import gaussian_filter, maximum_filter

from napari_microdiffusion.optics import IntensityScale, ProjectionOperator
from napari_microdiffusion.training.pool import SpecimenPool
from napari_microdiffusion.training.settings import BatchSettings

_REACH = 12
_SLICES, _PIXELS = (1, 2, 4, 6, 8, 10), (1, 2, 4, 6)


def profiles(volume: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean profile along z and laterally of the brighter local maxima, NaN where there is none inside."""
    smooth = gaussian_filter(volume, 0.7)
    inner = (slice(_REACH, -_REACH),) * 3
    is_top = np.zeros(volume.shape, bool)
    is_top[inner] = (smooth == maximum_filter(smooth, 5))[inner] & (smooth[inner] > 0)
    if not is_top.any():
        unknown = np.full(_REACH + 1, np.nan)
        return unknown, unknown
    spots = np.argwhere(is_top & (smooth >= np.quantile(smooth[is_top], 0.85)))
    around = np.mean(
        [volume[tuple(slice(c - _REACH, c + _REACH + 1) for c in spot)] for spot in spots], axis=0
    )
    middle = around[_REACH]
    # The surroundings of a slice as far from the spot as is looked at.
    around = (around - middle[:3].mean()) / (middle[_REACH, _REACH] - middle[:3].mean())
    lines = around[:, _REACH, _REACH], around[_REACH, :, _REACH], around[_REACH, _REACH]
    z, y, x = ((line[_REACH:] + line[_REACH::-1]) / 2 for line in lines)
    return z, (y + x) / 2


def main() -> None:
    """Print."""
    parser = arguments_parser(__doc__)
    parser.add_argument("--fresh", type=int, default=12)
    arguments = parser.parse_args()
    arguments.real_only = True
    volumes = [(case.name, case.truth) for case in cases(arguments)]
    pool = SpecimenPool(BatchSettings(pool=1, images_per_structure=1), seed=601)
    for number in range(arguments.fresh):
        volumes.append((f"fresh {number + 1}", pool.volumes[0].astype(np.float32)))
        pool.renew(1)
    n = arguments.n
    operator = ProjectionOperator(np.full(n, 1 / n))
    print(f"{'':24} along z {_SLICES}, laterally {_PIXELS}, brightest over span")
    for name, volume in volumes:
        whole = volume[: len(volume) // n * n].astype(np.float32)
        projections = operator.project(whole)
        scale = IntensityScale.of(projections)
        reach = scale.widened(projections).span / scale.span
        along, across = profiles(whole)
        shown = " ".join(f"{v:5.2f}" for v in along[list(_SLICES)])
        print(
            f"{name:24} {shown}   " + " ".join(f"{v:5.2f}" for v in across[list(_PIXELS)]) + f"   {reach:.2f}"
        )


if __name__ == "__main__":
    main()
