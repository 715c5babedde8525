"""Files as microscopes write them, made here with known pixels, after the formats' own descriptions."""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

SHAPE = (5, 7, 9)
OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def ramp(shape: tuple[int, ...] = SHAPE, dtype: str = "uint16") -> np.ndarray:
    """Every pixel has another value, so that no transposition or byte order goes unnoticed."""
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def matlab(value: Any) -> str:
    """A value as MATLAB prints it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, list):
        if value and isinstance(value[0], list):
            return "[" + ";".join(" ".join(map(str, row)) for row in value) + "]"
        if value and isinstance(value[0], str):
            return "{" + " ".join(f"'{text}'" for text in value) + "}"
        return "[" + ";".join(map(str, value)) + "]"
    return str(value)


def write_scanimage(
    path: Path,
    pages: np.ndarray,
    header: Mapping[str, Any],
    rois: int = 1,
    static: bool = True,
    numbers: Sequence[str] | None = None,
) -> None:
    """ScanImage's BigTIFF, version 4: settings before the first page (`static`), and again in every page.

    `numbers` are the lines on the frame's number in each page; counted from 1 where they are not given.
    """
    saved = header.get("hChannels.channelSave", 1)
    channels = len(saved) if isinstance(saved, list) else 1
    numbers = numbers or [f"frameNumbers = {page // channels + 1}" for page in range(len(pages))]
    text = "\n".join(f"SI.{key} = {matlab(value)}" for key, value in header.items()).encode() + b"\0"
    artist = json.dumps({"RoiGroups": {"imagingRoiGroup": {"rois": [{}] * rois}}}).encode() + b"\0"
    width_of_text = max(len(text) for text in numbers) + 2
    texts = [f"{line}\n".ljust(width_of_text - 1).encode() + b"\0" for line in numbers]
    start = struct.pack("<IIII", 0x07030301, 4, len(text), len(artist)) if static else b""
    places, offset = {}, 16 + len(start)
    for name, blob in (("software", text), ("artist", artist), ("description", b"".join(texts))):
        places[name] = (len(blob), offset)
        offset += len(blob)
    count, height, width = pages.shape
    data = np.ascontiguousarray(pages, dtype=pages.dtype.newbyteorder("<"))
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8 * data.dtype.itemsize),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (270, 2, width_of_text, None),
        (273, 16, 1, None),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 16, 1, data[0].nbytes),
        (305, 2, *places["software"]),
        (315, 2, *places["artist"]),
        (339, 3, 1, {"i": 2, "u": 1, "f": 3}[data.dtype.kind]),
    ]
    directory = 8 + 20 * len(entries) + 8
    output = bytearray(
        struct.pack("<2sHHHQ", b"II", 43, 8, 0, offset) + start + text + artist + b"".join(texts)
    )
    for index in range(count):
        here = len(output)
        following = here + directory + data[0].nbytes if index < count - 1 else 0
        output += struct.pack("<Q", len(entries))
        for code, kind, number, value in entries:
            if value is None:
                value = here + directory
                if code == 270:
                    value = places["description"][1] + index * width_of_text
            output += struct.pack("<HHQQ", code, kind, number, value)
        output += struct.pack("<Q", following) + data[index].tobytes()
    path.write_bytes(bytes(output))


def interleaved(stack: np.ndarray, flyback: int = 0) -> np.ndarray:
    """Pages of a stack (volume, slice, frame, channel, y, x) in the order of recording."""
    volumes, _, _, channels, height, width = stack.shape
    pages = stack.reshape(volumes, -1, channels, height, width)
    lost = np.full((volumes, flyback, channels, height, width), 7, stack.dtype)
    return np.concatenate([pages, lost], axis=1).reshape(-1, height, width)


def write_bruker(folder: Path, data: np.ndarray, master: str = "all") -> list[Path]:
    """One image (c, z, y, x) with a plane a file, as Prairie View writes it.

    The description lies in every file ("all"), in the first alone ("first"), or in an XML file beside them
    ("companion"); files without it name the one that has it.
    """
    channels, slices = data.shape[:2]
    planes = [(c, z) for z in range(slices) for c in range(channels)]
    files = [folder / f"ZSeries_Cycle00001_Ch{c + 1}_{z + 1:06d}.ome.tif" for c, z in planes]
    uuids = [f"urn:uuid:00000000-0000-0000-0000-{index:012d}" for index in range(len(files))]
    places = "".join(
        f'<TiffData FirstC="{c}" FirstZ="{z}" FirstT="0" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{file.name}">{uuid}</UUID></TiffData>'
        for (c, z), file, uuid in zip(planes, files, uuids, strict=True)
    )
    names = "".join(f'<Channel ID="Channel:0:{c}" Name="Ch{c + 1}"/>' for c in range(channels))

    def described(uuid: str) -> str:
        return (
            f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{OME}" UUID="{uuid}"><Image ID="Image:0">'
            f'<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="{data.shape[3]}" '
            f'SizeY="{data.shape[2]}" SizeZ="{slices}" SizeC="{channels}" SizeT="1" PhysicalSizeX="0.5" '
            f'PhysicalSizeY="0.5" PhysicalSizeZ="3">{names}{places}</Pixels></Image></OME>'
        )

    companion = folder / "ZSeries.companion.ome"
    head = companion if master == "companion" else files[0]
    if master == "companion":
        companion.write_text(described("urn:uuid:00000000-0000-0000-0000-999999999999"), encoding="utf-8")
    for index, ((c, z), file, uuid) in enumerate(zip(planes, files, uuids, strict=True)):
        text = described(uuid)
        if master == "companion" or (master == "first" and index):
            text = (
                f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{OME}" UUID="{uuid}">'
                f'<BinaryOnly MetadataFile="{head.name}" UUID="{uuids[0]}"/></OME>'
            )
        tifffile.imwrite(file, data[c, z], metadata=None, description=text)
    return files


def write_lsm(path: Path, data: np.ndarray, micrometres: tuple[float, float, float]) -> None:
    """LSM with one or several channels: (z, y, x) or (z, c, y, x), voxel size (z, y, x)."""
    slices, height, width = data.shape[0], *data.shape[-2:]
    channels = data.shape[1] if data.ndim == 4 else 1
    info = np.zeros((), tifffile.TIFF.CZ_LSMINFO)
    info["MagicNumber"], info["StructureSize"] = 0x0400494C, info.nbytes
    info["DimensionX"], info["DimensionY"], info["DimensionZ"] = width, height, slices
    info["DimensionChannels"], info["DimensionTime"], info["DataType"] = channels, 1, 2
    for axis, length in zip("ZYX", micrometres, strict=True):
        info[f"VoxelSize{axis}"] = length * 1e-6
    info["ScanType"] = 0  # x, y and z
    content = info.tobytes()
    with tifffile.TiffWriter(path, byteorder="<") as writer:
        for z in range(slices):
            tag = [(34412, "B", len(content), content, True)] if z == 0 else []
            options: dict[str, Any] = {"planarconfig": "separate"} if channels > 1 else {}
            writer.write(data[z], photometric="minisblack", metadata=None, extratags=tag, **options)
            thumbnail = np.zeros((3, 4, 4), "uint8")
            writer.write(thumbnail, photometric="rgb", planarconfig="separate", subfiletype=1, metadata=None)


def write_ngff(
    path: Path,
    data: np.ndarray,
    axes: str,
    scale: Sequence[float],
    version: str = "0.5",
    unit: str | None = "micrometer",
    **more: Any,
) -> None:
    """OME-Zarr with two levels, the second at half the width; `more` goes beside "multiscales"."""
    newer = version == "0.5"
    named = []
    for axis in axes:
        kind = {"t": "time", "c": "channel"}.get(axis, "space")
        named.append({"name": axis, "type": kind, **({"unit": unit} if unit and kind == "space" else {})})
    datasets = []
    for level in range(2):
        factors = [s * (2**level if a in "yx" else 1) for s, a in zip(scale, axes, strict=True)]
        datasets.append(
            {"path": f"{level}", "coordinateTransformations": [{"type": "scale", "scale": factors}]}
        )
    multiscale = {"axes": named, "datasets": datasets, "name": "image"}
    content: dict[str, Any] = {"multiscales": [multiscale], **more}
    if not newer:
        multiscale["version"] = version
    attributes = {"ome": {"version": version, **content}} if newer else content
    group = zarr.create_group(path, zarr_format=3 if newer else 2, attributes=attributes)
    for level in range(2):
        part = data[..., :: 2**level, :: 2**level]
        keys = {"name": "default" if newer else "v2", "separator": "/"}
        chunks = tuple(min(4, size) for size in part.shape)
        group.create_array(f"{level}", data=part, chunks=chunks, chunk_key_encoding=keys)
