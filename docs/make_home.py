"""Makes the pictures of the home page: projections, volume and uncertainty of a procedural vasculature.

    python docs/make_home.py [--side 144] [--samples 2]

Sections along z (xz), which no projection resolves, in the same grey levels, and the uncertainty in its own.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from PIL import Image

import napari_microdiffusion as md
from napari_microdiffusion.optics import Acquisition, simulate_projections
from napari_microdiffusion.specimens import make_specimen
from napari_microdiffusion.stacks.contrast_limits import limits_of

IMAGES = Path(__file__).parent / "images"
N, SLABS = 6, 16
ENLARGED = 4
# Rows whose brightest voxels are shown, as in a maximum projection of a thick section.
ROWS = 8
COLOURS = {"home-projections": "gray", "home-volume": "gray", "home-uncertainty": "magma"}


def main() -> None:
    """Reconstruct and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--side", type=int, default=144)
    parser.add_argument("--samples", type=int, default=2)
    arguments = parser.parse_args()
    side = arguments.side
    truth = 200 + 3800 * make_specimen("vasculature", (N * SLABS, side, side), 7)
    projections = simulate_projections(truth, Acquisition(step_length=N))
    result = md.reconstruct(projections.astype(np.uint16), N, samples=arguments.samples)
    rows = slice(side // 2, side // 2 + ROWS)
    sections = {
        "home-projections": projections[:, rows].max(1).repeat(N, axis=0),
        "home-volume": result.volume[:, rows].max(1),
        "home-uncertainty": result.uncertainty[:, rows].max(1),
    }
    shown = limits_of(sections["home-volume"])
    for name, section in sections.items():
        low, high = shown if COLOURS[name] == "gray" else (0.0, limits_of(section)[1])
        colours = colormaps[COLOURS[name]](np.clip((section - low) / (high - low), 0, 1), bytes=True)
        size = (ENLARGED * side, ENLARGED * N * SLABS)
        picture = Image.fromarray(colours[..., :3]).resize(size, Image.Resampling.NEAREST)
        picture.quantize(128).save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
