"""OME-TIFF: sets of files, and descriptions that do not fit them."""

import shutil
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import tifffile

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import UnchosenPosition, is_stack, open_image, read_image
from napari_microdiffusion.io.formats.ome_tiff.description import parse_ome

from ..golden import OME, ramp, write_bruker


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


NAMESPACE = f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{OME}"'
PLANES = np.stack([np.full((16, 20), 100 * z + 5000 * c, "uint16") for z in range(4) for c in range(2)])
PLANES[:, 0, 0] += 1


def tiff_data(uuid: str = "", first: int = 0, count: int = 8) -> str:
    return "".join(
        f'<TiffData FirstZ="{i // 2 + first}" FirstC="{i % 2}" FirstT="0" IFD="{i}" PlaneCount="1">{uuid}'
        "</TiffData>"
        for i in range(count)
    )


def described(places: str, name: str = "a", size: str = 'SizeX="20" SizeY="16"', more: str = "") -> str:
    return (
        f'{NAMESPACE}><Image ID="Image:0" Name="{name}"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" '
        f'Type="uint16" {size} SizeZ="4" SizeC="2" SizeT="1" PhysicalSizeX="0.5" PhysicalSizeY="0.5" '
        f'PhysicalSizeZ="3"><Channel ID="Channel:0:0" Name="A"/><Channel ID="Channel:0:1" Name="B"/>'
        f"{places}</Pixels></Image>{more}</OME>"
    )


def named(file: str, number: int = 1) -> str:
    return f'<UUID FileName="{file}">urn:uuid:00000000-0000-0000-0000-{number:012d}</UUID>'


def write_described(path: Path, text: str, planes: np.ndarray = PLANES, **options: Any) -> None:
    tifffile.imwrite(
        path, planes, photometric="minisblack", metadata=None, description=text.encode(), **options
    )


class TestPlacesOfPlanes:
    """OME-XML that cannot be followed: channels never count as depths."""

    lost: ClassVar = {
        "renamed": (described(tiff_data(named("before.ome.tif"))), "was called before.ome.tif"),
        "windows path": (described(tiff_data(named(r"D:\run\a.ome.tif"))), "was called a.ome.tif"),
        "cropped": (described(tiff_data(first=9)), "does not say where"),
        "no places": (described(""), "does not say where"),
        "ampersand": (described(tiff_data(), name="5 & 6"), "malformed"),
        "control character": (described(tiff_data(), name="a\x01"), "malformed"),
        "unclosed": (described(tiff_data()).replace("</Image>", ""), "malformed"),
        "cut at its end": (described(tiff_data())[:-20], "malformed"),
    }

    @pytest.mark.parametrize("kind", lost)
    def test_sizes_and_order_are_used_where_they_fit(self, tmp_path: Path, kind: str) -> None:
        text, note = self.lost[kind]
        path = tmp_path / "stack.tif"
        write_described(path, text)
        image = read_image(path)
        assert image.axes == "czyx"
        np.testing.assert_array_equal(image.data, PLANES.reshape(4, 2, 16, 20).swapaxes(0, 1))
        assert any(note in text for text in image.metadata["notes"]), image.metadata["notes"]
        assert image.scale == (3.0, 0.5, 0.5)

    @pytest.mark.parametrize("kind", lost)
    @pytest.mark.parametrize("planes", [6, 10])
    def test_where_they_do_not_fit_axes_are_asked_for(self, tmp_path: Path, kind: str, planes: int) -> None:
        path = tmp_path / "stack.tif"
        write_described(path, self.lost[kind][0], np.resize(PLANES, (planes, 16, 20)))
        with pytest.raises(UserError, match=r"^stack\.tif (?:has|lacks) .*--axes zyx\.$|does not name"):
            image = read_image(path)
            # Followed by the numbers of its pages, with a note on those left over.
            assert image.axes == "czyx"
            assert planes > 8
            raise UserError(image.metadata["notes"][-1])
        if planes == 6:
            np.testing.assert_array_equal(read_image(path, axes="zyx").data, PLANES[:6])

    def test_places_that_contradict_the_order_are_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "stack.tif"
        twice = tiff_data(count=6).replace('IFD="3"', 'IFD="2"')
        write_described(path, described(twice))
        with pytest.raises(UserError, match=r"--axes zyx"):
            read_image(path)

    def test_places_in_another_order_are_followed(self, tmp_path: Path) -> None:
        path = tmp_path / "stack.tif"
        places = "".join(
            f'<TiffData FirstZ="{z}" FirstC="{c}" IFD="{c * 4 + z}"/>' for z in range(4) for c in range(2)
        )
        ordered = PLANES.reshape(4, 2, 16, 20).swapaxes(0, 1)
        write_described(path, described(places), ordered.reshape(8, 16, 20))
        np.testing.assert_array_equal(read_image(path).data, ordered)

    def test_pages_of_another_size_lose_the_scale(self, tmp_path: Path) -> None:
        path = tmp_path / "stack.tif"
        write_described(path, described(tiff_data(), size='SizeX="40" SizeY="32"'))
        image = read_image(path)
        assert image.scale is None
        assert "32 by 40 pixels, the pages have 16 by 20" in image.metadata["notes"][0]

    def test_phases_folded_into_the_depth_are_no_depth(self, tmp_path: Path) -> None:
        path = tmp_path / "stack.tif"
        folded = (
            "<StructuredAnnotations><XMLAnnotation><Value><Modulo><ModuloAlongZ Type='phase' Start='0' "
            "End='1'/></Modulo></Value></XMLAnnotation></StructuredAnnotations>"
        )
        write_described(path, described(tiff_data(), more=folded))
        with pytest.raises(UserError, match="phases folded into its depth axis"):
            read_image(path)

    @pytest.mark.parametrize(
        "text",
        [
            described("").replace('SizeZ="4"', 'SizeZ="four"'),
            described("").replace('SizeZ="4"', ""),
            described("").replace('SizeZ="4"', 'SizeZ="999999999"'),
            described("").replace("XYCZT", "XYZ"),
            described(tiff_data()).replace('IFD="3"', 'IFD="-3"'),
            f"{NAMESPACE}></OME>",
            described(tiff_data()).replace("<OME", '<!DOCTYPE a [<!ENTITY b "c">]><OME'),
        ],
    )
    def test_what_makes_no_sense_is_one_sentence(self, tmp_path: Path, text: str) -> None:
        write_described(tmp_path / "stack.tif", text)
        with pytest.raises(UserError, match=r"^stack\.tif ") as caught:
            read_image(tmp_path / "stack.tif")
        assert "\n" not in str(caught.value)


def write_cycles(folder: Path, cycles: int = 2, compression: str | None = None) -> dict[int, list[Path]]:
    """Cycles of one set, a plane a file; every file but the first names the first as its description."""
    shape = (3, 16, 16)
    files = {c: [folder / f"Z_Cycle{c:05d}_{z:06d}.ome.tif" for z in range(3)] for c in range(cycles)}
    images = ""
    for c in range(cycles):
        places = "".join(
            f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1">{named(file.name, 10 * c + z)}</TiffData>'
            for z, file in enumerate(files[c])
        )
        images += (
            f'<Image ID="Image:{c}" Name="cycle {c}"><Pixels DimensionOrder="XYZCT" Type="uint16" SizeX="16" '
            f'SizeY="16" SizeZ="3" SizeC="1" SizeT="1">{places}</Pixels></Image>'
        )
    for c in range(cycles):
        for z, file in enumerate(files[c]):
            body = images if (c, z) == (0, 0) else f'<BinaryOnly MetadataFile="{files[0][0].name}"/>'
            uuid = f"urn:uuid:00000000-0000-0000-0000-{10 * c + z:012d}"
            text = f'{NAMESPACE} UUID="{uuid}">{body}</OME>'
            write_described(file, text, ramp(shape)[z] + 1000 * c, compression=compression)
    return files


def write_positions(folder: Path) -> dict[int, list[Path]]:
    """Two positions as Micro-Manager saves them: each in two files, and every file describes both."""
    planes, first = 6, 4  # planes of a position, and of them those in its first file
    files = {p: [folder / f"a_MMStack_Pos{p}{part}.ome.tif" for part in ("", "_1")] for p in range(2)}
    images = ""
    for p, pair in files.items():
        places = "".join(
            f'<TiffData FirstZ="{z}" IFD="{z % first}" PlaneCount="1">'
            f"{named(pair[z // first].name, 10 * p + z // first)}</TiffData>"
            for z in range(planes)
        )
        images += (
            f'<Image ID="Image:{p}" Name="Pos{p}"><Pixels DimensionOrder="XYZCT" Type="uint16" SizeX="16" '
            f'SizeY="16" SizeZ="{planes}" SizeC="1" SizeT="1">{places}</Pixels></Image>'
        )
    data = ramp((planes, 16, 16))
    for p, pair in files.items():
        for number, (file, part) in enumerate(zip(pair, (data[:first], data[first:]), strict=True)):
            uuid = f"urn:uuid:00000000-0000-0000-0000-{10 * p + number:012d}"
            write_described(file, f'{NAMESPACE} UUID="{uuid}">{images}</OME>', part + 1000 * p)
    return files


class TestSetsOfSeveralImages:
    @pytest.mark.parametrize("compression", [None, "zlib"])
    def test_the_image_of_the_named_file_is_read(self, tmp_path: Path, compression: str | None) -> None:
        for c, files in write_cycles(tmp_path, 3, compression).items():
            for file in files:
                image = read_image(file)
                np.testing.assert_array_equal(image.data, ramp((3, 16, 16)) + 1000 * c)
                assert set(files) <= image.sources
                with open_image(file) as opened:
                    np.testing.assert_array_equal(opened.data[1], image.data[1])

    def test_the_position_of_the_named_file_is_read(self, tmp_path: Path) -> None:
        for p, files in write_positions(tmp_path).items():
            for file in files:
                np.testing.assert_array_equal(read_image(file).data, ramp((6, 16, 16)) + 1000 * p)

    def test_the_rest_of_a_position_is_no_stack_of_its_own(self, tmp_path: Path) -> None:
        files = write_positions(tmp_path)
        files[1][0].unlink()
        with pytest.raises(UserError, match="lacks 4 of its 6 planes"):
            read_image(files[1][1])
        np.testing.assert_array_equal(read_image(files[0][1]).data, ramp((6, 16, 16)))

    def test_files_of_a_set_with_new_names_are_found_by_their_identifiers(self, tmp_path: Path) -> None:
        files = write_cycles(tmp_path)
        for number, file in enumerate(files[1]):
            file.rename(tmp_path / f"mouse {number}.tif")
        image = read_image(tmp_path / "mouse 2.tif")
        np.testing.assert_array_equal(image.data, ramp((3, 16, 16)) + 1000)

    def test_files_whose_names_were_exchanged_are_told_apart(self, tmp_path: Path) -> None:
        (first, second, _) = write_cycles(tmp_path)[1]
        first.rename(tmp_path / "x.tif")
        second.rename(first)
        (tmp_path / "x.tif").rename(second)
        np.testing.assert_array_equal(read_image(second).data, ramp((3, 16, 16)) + 1000)

    @pytest.mark.parametrize("compression", [None, "lzw"])
    def test_several_images_in_one_file_are_listed_and_chosen(
        self, tmp_path: Path, compression: str | None
    ) -> None:
        path = tmp_path / "all.ome.tif"
        with tifffile.TiffWriter(path, ome=True) as writer:
            for number, name in enumerate(("left", "right")):
                options = {"photometric": "minisblack", "compression": compression}
                writer.write(ramp() + 1000 * number, metadata={"axes": "ZYX", "Name": name}, **options)
        with pytest.raises(UnchosenPosition, match=r"holds 2 images; .*0 \(left\), 1 \(right\)") as caught:
            read_image(path)
        assert [one.name for one in caught.value.positions] == ["left", "right"]
        for choice in (1, "1", "right"):
            np.testing.assert_array_equal(read_image(path, position=choice).data, ramp() + 1000)
        with pytest.raises(UserError, match=r"has no position 2; there are 0 \(left\), 1 \(right\)"):
            read_image(path, position=2)
        assert is_stack(path)

    def test_one_stack_beside_an_overview_is_read_with_a_note(self, tmp_path: Path) -> None:
        path = tmp_path / "all.ome.tif"
        with tifffile.TiffWriter(path, ome=True) as writer:
            writer.write(ramp((30, 40)), photometric="minisblack", metadata={"axes": "YX"})
            writer.write(ramp(), photometric="minisblack", metadata={"axes": "ZYX"})
        image = read_image(path)
        np.testing.assert_array_equal(image.data, ramp())
        assert "holds 2 images; the one stack among them is read" in image.metadata["notes"][0]

    def test_the_companion_file_lists_the_images_of_the_set(self, tmp_path: Path) -> None:
        files = write_cycles(tmp_path)
        with tifffile.TiffFile(files[0][0]) as file:
            text = file.pages.first.description
        companion = tmp_path / "set.companion.ome"
        companion.write_text(text, encoding="utf-8")
        with pytest.raises(UnchosenPosition, match="holds 2 images"):
            read_image(companion)
        image = read_image(companion, position="cycle 1")
        np.testing.assert_array_equal(image.data, ramp((3, 16, 16)) + 1000)
        assert image.name == "set cycle 1"

    def test_a_missing_file_of_another_image_does_not_matter(self, tmp_path: Path) -> None:
        files = write_cycles(tmp_path)
        files[1][1].unlink()
        np.testing.assert_array_equal(read_image(files[0][2]).data, ramp((3, 16, 16)))
        with pytest.raises(UserError, match="lacks 1 of its 3 planes"):
            read_image(files[1][0])


def test_ome_that_is_no_image_has_no_scale() -> None:
    sizes = " ".join(f'PhysicalSize{axis}="2" PhysicalSize{axis}Unit="reference frame"' for axis in "XYZ")
    text = described("").replace('PhysicalSizeX="0.5" PhysicalSizeY="0.5" PhysicalSizeZ="3"', sizes)
    (image,) = parse_ome(text, "a.tif").images
    assert image.metadata.scale is None
    assert "'reference frame' is no length" in image.metadata.notes[0]
