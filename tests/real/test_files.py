"""The real volumes and their projections, as the description beside them has it."""

from pathlib import Path

import numpy as np
import pytest

from napari_microdiffusion.io import read_image, suggest_step_length, validate_projections
from napari_microdiffusion.optics.detector.flaws import find_flaws

pytestmark = pytest.mark.real

VOLUMES = {
    "vessel_lsfm_ve100": (100, 100, 100),
    "axon_lsfm_trailmap": (144, 160, 150),
    "neuron_pyramidal_pnt": (128, 128, 256),
    "nuclei_mesospim_c5": (124, 86, 94),
}


@pytest.mark.parametrize("name", VOLUMES)
def test_volume(data_dir: Path, name: str) -> None:
    image = read_image(data_dir / f"{name}.ome.tif")
    assert (image.axes, image.data.shape, image.data.dtype) == ("zyx", VOLUMES[name], np.uint16)
    assert image.metadata["format"] == "OME-TIFF"
    # The voxel sizes of these volumes are not known, and their files state none.
    assert image.scale is None
    assert suggest_step_length(image) is None


@pytest.mark.parametrize("name", VOLUMES)
def test_projections(data_dir: Path, name: str) -> None:
    image = read_image(data_dir / f"{name}_projections_n6.tif")
    depth, height, width = VOLUMES[name]
    assert (image.axes, image.data.shape, image.data.dtype) == ("zyx", (depth // 6, height, width), np.uint16)
    assert (image.scale, image.unit) == ((6.0, 1.0, 1.0), "um")
    assert suggest_step_length(image) == (6, "from file")
    validate_projections(image.data, image.name)


@pytest.mark.parametrize("name", VOLUMES)
def test_projections_are_means_of_six_slices(data_dir: Path, name: str) -> None:
    volume = read_image(data_dir / f"{name}.ome.tif").data.astype("float64")
    projections = read_image(data_dir / f"{name}_projections_n6.tif").data
    count = len(projections)
    means = volume[: count * 6].reshape(count, 6, *volume.shape[1:]).mean(axis=1)
    # A mean of six whole numbers, rounded to one.
    np.testing.assert_allclose(projections, means, atol=0.5 + 1e-9)


@pytest.mark.parametrize("name", VOLUMES)
def test_a_moved_slab_is_found_and_only_that(data_dir: Path, name: str) -> None:
    projections = read_image(data_dir / f"{name}_projections_n6.tif").data
    assert [text for text in find_flaws(projections) if "sideways" in text] == []
    if name == "neuron_pyramidal_pnt":
        return  # a single cell: its neighbouring slabs have too little in common to tell
    moved = projections.copy()
    moved[7] = np.roll(moved[7], (3, -5), axis=(0, 1))
    (text,) = [text for text in find_flaws(moved) if "sideways" in text]
    assert text.startswith("Slab 8 (by about 6 pixels)")
