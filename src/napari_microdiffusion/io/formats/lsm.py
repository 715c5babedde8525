"""Zeiss LSM: scale and channels of a stack whose thumbnails are left out."""

from collections.abc import Mapping
from typing import Any

from napari_microdiffusion.io.metadata import FileMetadata, converted_length, lateral_and_depth, positive


def lsm_metadata(header: Mapping[str, Any]) -> FileMetadata:
    """Read the scale (metres in the file) and the channel names from a Zeiss LSM header."""
    z, y, x = (converted_length(positive(header.get(f"VoxelSize{axis}")), 1e6) for axis in "ZYX")
    colours = header.get("ChannelColors")
    names = colours.get("ColorNames") if isinstance(colours, Mapping) else None
    channels = tuple(str(name) for name in names) if isinstance(names, list | tuple) else ()
    return FileMetadata(
        format="LSM", channels=channels if len(channels) > 1 else (), **lateral_and_depth(z, y, x)
    )
