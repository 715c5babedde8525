"""OME-TIFF: sets of files, and descriptions that do not fit them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import read_image

from ..golden import ramp, write_bruker


class TestBruker:
    data = ramp((2, 3, 7, 9))

    @pytest.mark.parametrize("master", ["all", "first", "companion"])
    def test_a_set_is_whole_from_any_of_its_files(self, tmp_path: Path, master: str) -> None:
        for file in write_bruker(tmp_path, self.data, master):
            image = read_image(file)
            assert image.axes == "czyx"
            np.testing.assert_array_equal(image.data, self.data)
            assert image.scale == (3.0, 0.5, 0.5)
            assert image.metadata["channels"] == ("Ch1", "Ch2")

    @pytest.mark.parametrize("master", ["first", "companion"])
    def test_without_its_description_a_set_is_refused(self, tmp_path: Path, master: str) -> None:
        files = write_bruker(tmp_path, self.data, master)
        alone = tmp_path / "elsewhere"
        alone.mkdir()
        shutil.copy(files[2], alone)
        with pytest.raises(UserError, match=r"one file of a set that .* describes; keep all of them in one"):
            read_image(alone / files[2].name)

    def test_a_missing_plane_is_noticed(self, tmp_path: Path) -> None:
        files = write_bruker(tmp_path, self.data, "first")
        files[3].unlink()
        with pytest.raises(UserError, match="lacks 1 of its 6 planes"):
            read_image(files[0])

    def test_a_master_in_another_folder_is_not_followed(self, tmp_path: Path) -> None:
        files = write_bruker(tmp_path, self.data, "first")
        with tifffile.TiffFile(files[1]) as file:
            text = file.pages.first.description.replace(files[0].name, f"../{files[0].name}")
        below = tmp_path / "below"
        below.mkdir()
        tifffile.imwrite(below / "one.ome.tif", self.data[0, 0], description=text, metadata=None)
        with pytest.raises(UserError, match="one file of a set"):
            read_image(below / "one.ome.tif")
