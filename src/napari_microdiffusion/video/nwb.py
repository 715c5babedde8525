"""Traces as Neurodata Without Borders has them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from ..errors import UsageError
from ..io import check_output, whole_file
from .traces import Traces


def check_nwb(path: Path) -> None:
    """Refuse at once what `write_nwb` would refuse.

    Raises
    ------
    UsageError
        Where pynwb is not installed.
    UserError
        For a name that cannot be written.
    """
    check_output(path, (".nwb",))
    try:
        import pynwb  # noqa: F401
    except ImportError:
        raise UsageError("NWB files need pynwb: pip install 'napari-microdiffusion[nwb]'") from None


def write_nwb(path: Path, traces: Traces, labels: np.ndarray, about: Sequence[str] = ()) -> None:
    """Write traces as suite2p, CaImAn and others read them, whole or not at all; needs the extra `nwb`.

    Parameters
    ----------
    path : Path
    traces : Traces
    labels : ndarray of int, shape (Z, H, W)
        The regions, from 1.
    about : sequence of str
        Sentences for its notes.

    Raises
    ------
    UsageError, UserError
        As `check_nwb`.
    """
    check_nwb(path)
    import h5py
    from pynwb import NWBHDF5IO

    content = _content(traces, labels, about)
    with (
        whole_file(path) as partial,
        h5py.File(partial, "w") as file,
        NWBHDF5IO(file=file, mode="w") as handle,
    ):
        handle.write(content)


def _content(traces: Traces, labels: np.ndarray, about: Sequence[str]) -> Any:
    """Regions as voxel masks; F, dF/F and F without noise as response series."""
    from pynwb import NWBFile
    from pynwb.ophys import DfOverF, Fluorescence, ImageSegmentation, OpticalChannel

    nwb = NWBFile(
        session_description="Regions of a video of projections, resolved in depth",
        identifier=str(uuid4()),
        session_start_time=datetime.now(UTC),
        notes="\n".join(about) or None,
    )
    rate = traces.rate or 1.0
    plane = nwb.create_imaging_plane(
        name="volume",
        optical_channel=OpticalChannel(
            name="channel", description="not stated", emission_lambda=float("nan")
        ),
        description="The reconstructed volume; without a stated rate, one frame counts as a second",
        device=nwb.create_device(name="microscope"),
        excitation_lambda=float("nan"),
        imaging_rate=rate,
        indicator="not stated",
        location="not stated",
    )
    images = ImageSegmentation()
    segmentation = images.create_plane_segmentation(
        description="regions of the volume", imaging_plane=plane, name="regions"
    )
    for region in traces.regions:
        z, y, x = np.nonzero(labels == region)
        mask = [(int(a), int(b), int(c), 1.0) for a, b, c in zip(x, y, z, strict=True)]
        segmentation.add_roi(voxel_mask=mask, id=region)
    module = nwb.create_processing_module(name="ophys", description="Traces of the regions")
    module.add(images)
    columns = [region - 1 for region in traces.regions]
    every = list(range(len(columns)))
    light, change = Fluorescence(name="Fluorescence"), DfOverF(name="DfOverF")
    module.add(light)
    module.add(change)
    series = [
        (light, "fluorescence", traces.light, "grey levels"),
        (change, "dfoverf", traces.relative_change, "1"),
    ]
    if traces.deconvolved is not None:
        series.append((light, "deconvolved", traces.deconvolved.light, "grey levels"))
        series.append((light, "events", traces.deconvolved.events, "grey levels"))
    for container, name, values, unit in series:
        regions = segmentation.create_roi_table_region(description="all regions", region=every)
        container.create_roi_response_series(
            name=name, data=values[:, columns], rois=regions, unit=unit, rate=rate
        )
    return nwb
