"""What the prior is trained on, seen from above and from the side; beside real volumes where given.

    python benchmarks/specimens_figure.py -o FIGURE.png [VOLUME ...] [--count 14] [--seed 7]

Grey levels from the 1st to the 99.7th percentile of each volume are shown.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from napari_microdiffusion.io import depth_stack, read_image
from napari_microdiffusion.training.pool import SpecimenPool
from napari_microdiffusion.training.settings import BatchSettings

SIDE = 96


def main() -> None:
    """Draw and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("volumes", nargs="*", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=14)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    shown = [(p.name.split(".")[0], np.asarray(depth_stack(read_image(p)).data)) for p in arguments.volumes]
    pool = SpecimenPool(BatchSettings(pool=arguments.count, images_per_structure=1), arguments.seed)
    shown += [(f"specimen {i}", volume) for i, volume in enumerate(pool.volumes, 1)]
    columns = 7
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(1.5 * columns, 3.3 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2 * rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for number, (name, whole) in enumerate(shown):
        volume = whole[:SIDE, :SIDE, :SIDE].astype(np.float32)
        row, column = 2 * (number // columns), number % columns
        low, high = np.percentile(volume, (1, 99.7))
        # Sparse specimens have empty planes: the one with most structure is shown.
        fullest = [int(volume.std(others).argmax()) for others in ((1, 2), (0, 2))]
        views = {"xy": volume[fullest[0]], "xz": volume[:, fullest[1]]}
        for offset, (view, plane) in enumerate(views.items()):
            axis = axes[row + offset, column]
            axis.imshow(plane, vmin=low, vmax=max(high, low + 1e-6), cmap="gray", interpolation="nearest")
            axis.set_title(f"{name}, {view}" if not offset else view, fontsize=7, pad=2)
    figure.savefig(arguments.output, dpi=60)


if __name__ == "__main__":
    main()
