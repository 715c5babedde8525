"""TIFF files in no dialect of their own: pages written together or apart, and tifffile's own description."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import UnchosenPosition, read_image

from ..golden import ramp

PLANES = ramp((12, 8, 10))
PLAIN: dict[str, Any] = {"photometric": "minisblack"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "stack.tif"


class TestSeveralSeries:
    @pytest.mark.parametrize("batches", [[4, 4, 4], [5, 5, 2], [1, 11], [6, 5, 1]])
    def test_batches_of_equal_planes_are_one_stack(self, file: Path, batches: list[int]) -> None:
        with tifffile.TiffWriter(file) as writer:
            for part in np.split(PLANES, np.cumsum(batches)[:-1]):
                writer.write(part, **PLAIN)
        image = read_image(file)
        np.testing.assert_array_equal(image.data, PLANES)
        assert "images of equal planes; they are read as one stack" in image.metadata["notes"][-1]

    def test_pages_compressed_in_different_ways_keep_their_order(self, file: Path) -> None:
        with tifffile.TiffWriter(file) as writer:
            for number, plane in enumerate(PLANES):
                writer.write(plane, metadata=None, compression=(None, "lzw", "zlib")[number % 3], **PLAIN)
        np.testing.assert_array_equal(read_image(file).data, PLANES)

    def test_volumes_that_are_named_so_are_not_mixed(self, file: Path) -> None:
        with tifffile.TiffWriter(file) as writer:
            for part in np.split(PLANES, 3):
                writer.write(part, metadata={"axes": "ZYX"}, **PLAIN)
        with pytest.raises(UnchosenPosition, match=r"holds 3 images; .* \(--position\): 0, 1, 2"):
            read_image(file)
        np.testing.assert_array_equal(read_image(file, position=1).data, PLANES[4:8])

    def test_stacks_of_unequal_planes_are_not_mixed(self, file: Path) -> None:
        with tifffile.TiffWriter(file) as writer:
            writer.write(PLANES, **PLAIN)
            writer.write(PLANES[:5, :, :7], **PLAIN)
        with pytest.raises(UnchosenPosition, match="holds 2 images"):
            read_image(file)
        np.testing.assert_array_equal(read_image(file, position=1).data, PLANES[:5, :, :7])

    def test_a_page_of_another_size_is_left_out_with_a_note(self, file: Path) -> None:
        with tifffile.TiffWriter(file) as writer:
            for number, plane in enumerate(PLANES):
                # Where only some pages are looked at, this one is not.
                writer.write(plane[:, : 7 if number == 4 else None], metadata=None, contiguous=False, **PLAIN)
        image = read_image(file)
        np.testing.assert_array_equal(image.data, np.delete(PLANES, 4, axis=0))
        assert "1 planes of another size or type are left out." in image.metadata["notes"]

    def test_planes_of_another_type_are_not_mixed(self, file: Path) -> None:
        with tifffile.TiffWriter(file) as writer:
            writer.write(PLANES, **PLAIN)
            writer.write(PLANES.astype("float32"), **PLAIN)
        with pytest.raises(UnchosenPosition, match="holds 2 images"):
            read_image(file)


class TestDescriptionOfTifffile:
    def crop(self, file: Path, planes: np.ndarray, axes: str | None, shape: list[int]) -> None:
        """A file whose planes another program has changed and whose description it has kept."""
        table = {"shape": shape} | ({} if axes is None else {"axes": axes})
        with tifffile.TiffWriter(file) as writer:
            for number, plane in enumerate(planes):
                text = json.dumps(table) if number == 0 else None
                writer.write(plane, metadata=None, contiguous=False, description=text, **PLAIN)

    def test_axes_are_used_where_the_planes_are_as_many(self, file: Path) -> None:
        self.crop(file, PLANES[:, 1:, 2:], "ZCYX", [4, 3, 8, 10])
        image = read_image(file)
        assert image.axes == "czyx"
        np.testing.assert_array_equal(image.data, PLANES[:, 1:, 2:].reshape(4, 3, 7, 8).swapaxes(0, 1))

    @pytest.mark.parametrize("count", [8, 11])
    def test_channels_are_no_depths_where_planes_are_lost(self, file: Path, count: int) -> None:
        self.crop(file, PLANES[:count, 1:], "ZCYX", [4, 3, 8, 10])
        with pytest.raises(UserError, match=r"^stack\.tif .*--axes zyx"):
            read_image(file)
        np.testing.assert_array_equal(read_image(file, axes="zyx").data, PLANES[:count, 1:])

    @pytest.mark.parametrize(
        ("table", "scale", "unit"),
        [
            ({"spacing": 3.0, "unit": "um"}, (3.0, 0.5, 0.5), "um"),
            ({"spacing": 3.0, "unit": "\\u00B5m"}, (3.0, 0.5, 0.5), "um"),
            ({"spacing": 3.0}, (3.0, 0.5, 0.5), "pixel"),
            (
                {"PhysicalSizeX": 0.25, "PhysicalSizeY": 250, "PhysicalSizeYUnit": "nm", "PhysicalSizeZ": 2},
                (2.0, 0.25, 0.25),
                "um",
            ),
        ],
    )
    def test_the_step_that_it_holds_is_read(
        self, file: Path, table: dict[str, Any], scale: tuple[float, ...], unit: str
    ) -> None:
        options = PLAIN | {"resolution": (2, 2), "resolutionunit": 1}
        tifffile.imwrite(file, PLANES, metadata={"axes": "ZYX", **table}, **options)
        image = read_image(file)
        assert (image.scale, image.unit) == (scale, unit)

    def test_a_unit_that_is_not_understood_is_noted(self, file: Path) -> None:
        tifffile.imwrite(file, PLANES, metadata={"axes": "ZYX", "spacing": 3.0, "unit": "verst"}, **PLAIN)
        image = read_image(file)
        assert image.scale is None
        assert "'verst' is no length" in image.metadata["notes"][0]


class TestSamplesOfAPixel:
    @pytest.mark.parametrize("count", [3, 4])
    def test_slabs_that_look_like_a_colour_image(self, file: Path, count: int) -> None:
        """As tifffile writes three or four planes of bytes when it is not told better."""
        data = ramp((count, 8, 10), "uint8")
        tifffile.imwrite(file, data, photometric="rgb", planarconfig="separate")
        with pytest.raises(UserError, match=rf"RGB image.* if its {count} planes are slabs, .*--axes zyx"):
            read_image(file)
        np.testing.assert_array_equal(read_image(file, axes="zyx").data, data)

    def test_cmyk_is_no_depth(self, file: Path) -> None:
        tifffile.imwrite(file, ramp((8, 10, 4), "uint8"), photometric="separated", planarconfig="contig")
        with pytest.raises(UserError, match="another colour space"):
            read_image(file)

    @pytest.mark.parametrize("extra", ["unassalpha", "assocalpha", "unspecified"])
    def test_alpha_is_no_depth(self, file: Path, extra: str) -> None:
        options = PLAIN | {"planarconfig": "contig", "extrasamples": [extra]}
        tifffile.imwrite(file, ramp((8, 10, 2), "uint8"), metadata=None, **options)
        with pytest.raises(UserError, match="holds 2 channels of one plane"):
            read_image(file)

    @pytest.mark.parametrize(("letter", "word"), [("A", "angle"), ("P", "phase"), ("H", "lifetime")])
    def test_other_axes_are_no_depth(self, file: Path, letter: str, word: str) -> None:
        tifffile.imwrite(file, PLANES, metadata={"axes": f"{letter}YX"}, **PLAIN)
        with pytest.raises(UserError, match=rf"{word} \(12\)"):
            read_image(file)
