"""Images with their axes and scale, and checkpoints with their header: everything that touches a file."""

from napari_microdiffusion.io.atomic import (
    check_output,
    missing_room,
    output_folder,
    set_aside,
    whole_file,
    write_json,
)
from napari_microdiffusion.io.axes import UnnamedAxes
from napari_microdiffusion.io.checkpoints import (
    Checkpoint,
    check_tensors,
    load_checkpoint,
    read_table,
    save_checkpoint,
)
from napari_microdiffusion.io.description import describe, provenance_path
from napari_microdiffusion.io.formats.ome_zarr.writing import ZarrKind
from napari_microdiffusion.io.formats.positions import UnchosenPosition
from napari_microdiffusion.io.images import (
    ImageStack,
    depth_stack,
    image_name,
    suggest_step_length,
    time_series,
)
from napari_microdiffusion.io.input_record import file_record, input_record
from napari_microdiffusion.io.overwriting import check_not_read
from napari_microdiffusion.io.projections import validate_projections
from napari_microdiffusion.io.reading import (
    is_stack,
    open_image,
    open_resolutions,
    read_header,
    read_image,
    read_sizes,
    sources_of,
)
from napari_microdiffusion.io.writing import IMAGE_SUFFIXES, Planes, check_size, write_image

__all__ = [
    "IMAGE_SUFFIXES",
    "Checkpoint",
    "ImageStack",
    "Planes",
    "UnchosenPosition",
    "UnnamedAxes",
    "ZarrKind",
    "check_not_read",
    "check_output",
    "check_size",
    "check_tensors",
    "depth_stack",
    "describe",
    "file_record",
    "image_name",
    "input_record",
    "is_stack",
    "load_checkpoint",
    "missing_room",
    "open_image",
    "open_resolutions",
    "output_folder",
    "provenance_path",
    "read_header",
    "read_image",
    "read_sizes",
    "read_table",
    "save_checkpoint",
    "set_aside",
    "sources_of",
    "suggest_step_length",
    "time_series",
    "validate_projections",
    "whole_file",
    "write_image",
    "write_json",
]
