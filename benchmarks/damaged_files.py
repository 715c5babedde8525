"""Small files of every kind that is read, damaged at random: in their bytes, their texts and their tables."""

import json
import random
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_microdiffusion.errors import UserError
from napari_microdiffusion.io import describe, read_image, read_table, save_checkpoint, write_image
from napari_microdiffusion.io.beam_files import read_beam
from napari_microdiffusion.settings.files import read_run

MOST_BYTES = 2**29
"""Pixels that a file of a few kilobytes may at most be read as."""

_DATA = np.arange(6 * 12 * 14, dtype="uint16").reshape(6, 12, 14)
_NUMBERS = ("0", "-1", "1", "2", "3", "65535", "4294967295", "999999999999", "1e400", "nan", "", "0x10", "½")
_CHARACTERS = ("<", ">", "&", '"', "'", "\0", "\n", "=", "/", "\\", "{", "[", "é", "\U0001f52c", "&lol;")
_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2**31, 2**70, 1e308, "", "x", "../..", [], {}, [[]], [0, 0, 0], [10**9] * 3),
    *("nan", {"a": 1}, "\0", ["z", "z", "x"]),
)


def ome_text(places: str = "") -> str:
    """The description of an image of two channels of three slices; by default in one file."""
    places = places or "".join(
        f'<TiffData FirstZ="{z}" FirstC="{c}" IFD="{3 * c + z}" PlaneCount="1"/>'
        for c in (0, 1)
        for z in (0, 1, 2)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><OME '
        'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        'UUID="urn:uuid:00000000-0000-0000-0000-000000000001"><Image ID="Image:0" Name="a"><Pixels '
        'ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="14" SizeY="12" SizeZ="3" SizeC="2" '
        'SizeT="1" PhysicalSizeX="0.5" PhysicalSizeXUnit="µm" PhysicalSizeY="0.5" PhysicalSizeZ="3"><Channel '
        f'ID="Channel:0:0" Name="A"/><Channel ID="Channel:0:1" Name="B"/>{places}</Pixels></Image></OME>'
    )


_SCANIMAGE = "\n".join(
    f"SI.{line}"
    for line in (
        "hChannels.channelSave = [1;2]",
        "hStackManager.enable = true",
        "hStackManager.actualNumSlices = 3",
        "hStackManager.framesPerSlice = 1",
        "hStackManager.stackZStepSize = 2.5",
        "hStackManager.zs = [0 2.5 5]",
        "hRoiManager.imagingFovUm = [-45 -70;45 -70;45 70;-45 70]",
    )
)
_IMAGEJ = "ImageJ=1.54f\nimages=6\nchannels=2\nslices=3\nhyperstack=true\nunit=\\u00B5m\nspacing=3.0\n"
_TIFFFILE = json.dumps({"shape": [2, 3, 12, 14], "axes": "CZYX", "spacing": 3.0, "unit": "um"})
_BEAM = "# depth in um, intensity\ndepth,intensity,dy,dx\n" + "".join(
    f"{z},{np.exp(-((z / 3) ** 2)):.4f},0.1,{z / 10}\n" for z in range(-6, 7)
)
_SETTINGS = {
    "version": 2,
    "acquisition": {"step_length": 6, "beam": "bessel", "width": 7.5},
    "method": {"guide": "logspline", "samples": 4, "seed": 1},
    "input": {"channel": "1"},
}


def _described(path: Path, text: str, **options: Any) -> None:
    with tifffile.TiffWriter(path) as writer:
        for number, plane in enumerate(_DATA):
            about = text.encode("utf-8", "replace") if number == 0 else None
            options = {"photometric": "minisblack", "metadata": None, "contiguous": False} | options
            writer.write(plane, description=about, **options)


def _plain(folder: Path, chance: random.Random) -> Path:
    path = folder / "plain.tif"
    options: dict[str, Any] = {"photometric": "minisblack", "byteorder": chance.choice("<>")}
    tifffile.imwrite(path, _DATA, **options, bigtiff=chance.random() < 0.3, metadata=None)
    return _bytes(path, chance)


def _compressed(folder: Path, chance: random.Random) -> Path:
    path = folder / "compressed.tif"
    kind = chance.choice(["zlib", "lzw", "packbits", "zstd"])
    tifffile.imwrite(path, _DATA, photometric="minisblack", compression=kind, metadata=None)
    return _bytes(path, chance)


def _own(folder: Path, chance: random.Random) -> Path:
    path = folder / chance.choice(["own.tif", "own.ome.tif"])
    write_image(path, _DATA, scale=(3, 0.5, 0.5), step_length=6, description={"seed": 1})
    return _bytes(path, chance)


def _ome(folder: Path, chance: random.Random) -> Path:
    path = folder / "a.ome.tif"
    _described(path, damaged_text(ome_text(), chance))
    return path


def _ome_set(folder: Path, chance: random.Random) -> Path:
    places = "".join(
        f'<TiffData FirstZ="{z}" FirstC="{c}" IFD="{z}"><UUID FileName="set_{c}.ome.tif">urn:uuid:{c}</UUID>'
        "</TiffData>"
        for c in (0, 1)
        for z in (0, 1, 2)
    )
    text = damaged_text(ome_text(places), chance)
    for c in (0, 1):
        _described(folder / f"set_{c}.ome.tif", text.replace("0-000000000001", f"{c}"))
    return folder / f"set_{chance.randrange(2)}.ome.tif"


def _imagej(folder: Path, chance: random.Random) -> Path:
    path = folder / "imagej.tif"
    _described(path, damaged_text(_IMAGEJ, chance), resolution=(2, 2), resolutionunit=1)
    return path


def _tifffile(folder: Path, chance: random.Random) -> Path:
    path = folder / "json.tif"
    _described(path, damaged_text(_TIFFFILE, chance))
    return path


def _scanimage(folder: Path, chance: random.Random) -> Path:
    path = folder / "scanimage.tif"
    software = damaged_text(_SCANIMAGE, chance)
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for number, plane in enumerate(_DATA):
            line = f"frameNumbers = {number // 2 + 1}\nframeNumberAcquisition = {number // 2 + 1}\n"
            about = damaged_text(line, chance) if chance.random() < 0.2 else line
            options = {"photometric": "minisblack", "metadata": None, "contiguous": False}
            writer.write(plane, software=software.encode(), description=about.encode(), **options)
    return path


def _zarr(folder: Path, chance: random.Random) -> Path:
    path = folder / "a.ome.zarr"
    write_image(path, _DATA, scale=(3, 0.5, 0.5), description={"seed": 1})
    victim = chance.choice([p for p in sorted(path.rglob("*")) if p.is_file()])
    if victim.name.startswith(".z"):
        content = json.loads(victim.read_text(encoding="utf-8"))
        victim.write_text(json.dumps(damaged_table(content, chance)), encoding="utf-8")
    elif chance.random() < 0.5:
        victim.unlink()
    else:
        _bytes(victim, chance)
    return path


def _checkpoint(folder: Path, chance: random.Random) -> Path:
    path = folder / "a.safetensors"
    save_checkpoint(path, "prior", {"w": np.ones((4, 3), "f4"), "n": np.array(1)}, {"width": 4})
    return _bytes(path, chance)


def _beam(folder: Path, chance: random.Random) -> Path:
    path = folder / "beam.csv"
    path.write_bytes(
        damaged_text(_BEAM, chance).encode(chance.choice(["utf-8", "utf-16", "cp1252"]), "replace")
    )
    return path


def _settings(folder: Path, chance: random.Random) -> Path:
    path = folder / "settings.json"
    text = json.dumps(damaged_table(_SETTINGS, chance))
    path.write_text(damaged_text(text, chance) if chance.random() < 0.5 else text, encoding="utf-8")
    return path


Reader = Callable[[Path], Any]
KINDS: dict[str, tuple[Callable[[Path, random.Random], Path], Reader]] = {
    "plain": (_plain, read_image),
    "compressed": (_compressed, read_image),
    "own": (_own, describe),
    "ome": (_ome, read_image),
    "ome set": (_ome_set, read_image),
    "imagej": (_imagej, read_image),
    "tifffile": (_tifffile, read_image),
    "scanimage": (_scanimage, read_image),
    "zarr": (_zarr, describe),
    "checkpoint": (_checkpoint, read_table),
    "beam": (_beam, read_beam),
    "settings": (_settings, read_run),
}
"""By what they are damaged copies of: what writes one into a folder, and what reads it."""


def _bytes(path: Path, chance: random.Random) -> Path:
    """Damage some bytes, mostly where headers and directories lie; cut or repeat a part now and then."""
    content = bytearray(path.read_bytes())
    for _ in range(chance.randrange(1, 6)):
        if len(content) < 8:
            break
        at = chance.choice([chance.randrange(4, min(len(content), 400)), chance.randrange(4, len(content))])
        if chance.random() < 0.5:
            at = max(4, len(content) - chance.randrange(1, 600))
        kind = chance.random()
        if kind < 0.8:
            content[min(at, len(content) - 1)] = chance.choice([0, 1, 2, 255, chance.randrange(256)])
        elif kind < 0.9:
            del content[at:]
        else:
            content[at:at] = content[at : at + chance.randrange(1, 64)]
    path.write_bytes(content)
    return path


def damaged_text(text: str, chance: random.Random) -> str:
    """Change numbers and characters of a text, leave parts out, repeat parts."""
    for _ in range(chance.randrange(1, 5)):
        digits = [index for index, character in enumerate(text) if character.isdigit()]
        kind = chance.random()
        at = chance.randrange(max(len(text), 1))
        if kind < 0.4 and digits:
            at = chance.choice(digits)
            text = text[:at] + chance.choice(_NUMBERS) + text[at + 1 :]
        elif kind < 0.6:
            text = text[:at] + chance.choice(_CHARACTERS) + text[at + chance.randrange(2) :]
        elif kind < 0.8:
            text = text[:at] + text[at + chance.randrange(1, 60) :]
        elif kind < 0.9:
            text = text[:at] + text[at : at + chance.randrange(1, 120)] + text[at:]
        else:
            text = text[:at]
    return text


def damaged_table(table: Any, chance: random.Random) -> Any:
    """Replace, leave out or add values somewhere in a table of tables and lists."""
    copy = json.loads(json.dumps(table))
    for _ in range(chance.randrange(1, 4)):
        holder = copy
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = chance.choice(keys)
            if isinstance(holder[key], dict | list) and chance.random() < 0.7:
                holder = holder[key]
                continue
            if chance.random() < 0.2:
                del holder[key]
            else:
                holder[key] = deepcopy(chance.choice(_VALUES))
            break
    return copy


def attempt(kind: str, seed: int, folder: Path) -> str:
    """Damage a file of one kind and read it.

    Returns
    -------
    str
        What is wrong with the answer; empty where it is a result or one sentence.
    """
    write, read = KINDS[kind]
    for old in folder.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    path = write(folder, random.Random(f"{kind} {seed}"))
    try:
        found = read(path)
    except UserError as error:
        message = str(error)
        return "" if message and "\n" not in message else f"no one sentence: {message!r}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    data = getattr(found, "data", None)
    if data is not None and (data.nbytes > MOST_BYTES or data.ndim != len(found.axes)):
        return f"{data.nbytes} bytes with axes {found.axes}, shape {data.shape}"
    return ""
