"""Traces of regions, following what the viewer shows: the region under the cursor, the time on the slider."""

from typing import Any

import numpy as np
from magicgui.widgets import ComboBox, SpinBox
from napari import Viewer

from ...optics.placement import short_unit
from ...tasks.video.shown_traces import QUANTITIES, ShownTraces
from ..widgets.form import ignore_wheel, narrow
from ..widgets.line_plot import Curve, LinePlot
from ..widgets.section import Section, button, column, flow, label, titled
from .layers import VideoLayers

_TIP = (
    "A region's light in time with its standard deviation, and the same without its noise. Point at a region "
    "in the viewer to see its trace; click here to go to a time."
)


class TracesSection(Section):
    """A plot of the trace of one region."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__("Traces", page="video")
        self._viewer = viewer
        self._traces: ShownTraces | None = None
        self._layers: VideoLayers | None = None
        self._regions = np.zeros((0, 0, 0), np.int32)
        self._is_chosen = False
        self._hint = label("Traces are shown here once a video is reconstructed.", tone="dim", wrap=True)
        self.region = SpinBox(name="region", value=1, min=1, max=1)
        self.region.native.setObjectName("region")
        ignore_wheel(self.region.native)
        self.quantity = ComboBox(choices=[(words, name) for name, words in QUANTITIES.items()])
        self.quantity.native.setObjectName("quantity")
        self.plot = LinePlot("frame", height=170)
        self.plot.setToolTip(f"<qt>{_TIP}</qt>")
        self._about = label(tone="dim", wrap=True)
        about = "A table (.csv), or what suite2p, CaImAn and others read (.nwb)."
        self.save = button("Save traces…", about)
        region_tip = "The region whose trace is shown; the viewer goes to its middle."
        fields = (
            titled("Region", self.region.native, region_tip),
            titled("Plotted", narrow(self.quantity.native), "Light, or its change relative to rest."),
        )
        self._shown = [self.region.native, self.quantity.native, self.save]
        self.set_content(column(self._hint, *fields, self.plot, self._about, flow(self.save)))
        self.region.changed.connect(self._picked)
        self.quantity.changed.connect(self._draw)
        self.plot.picked.connect(self._go_to)
        viewer.dims.events.point.connect(self._follow)
        viewer.mouse_move_callbacks.append(self._mouse_moved)
        self.clear()

    @property
    def has_traces(self) -> bool:
        """Whether there are any."""
        return self._traces is not None and self._traces.regions > 0

    def clear(self) -> None:
        """Show nothing."""
        self._traces = self._layers = None
        self._update()

    def show_traces(self, traces: ShownTraces, regions: np.ndarray, layers: VideoLayers) -> None:
        """Show the traces of a video in its layers; the brightest change first.

        Those of the same layers take the place of earlier ones, which they have outgrown; a region that the
        person has chosen stays.
        """
        is_new = layers is not self._layers
        self._is_chosen &= not is_new
        self._traces, self._regions, self._layers = traces, regions, layers
        self.plot.x_title = "time, s" if traces.rate else "frame"
        if self.has_traces:
            with self.region.changed.blocked():
                self.region.max = traces.regions
                if not self._is_chosen:
                    self.region.value = traces.liveliest
        self._update()
        if is_new:
            self.open()
        self._draw()

    def show_region(self, region: int) -> None:
        """Show the trace of a region, from 1."""
        if self.has_traces and self._traces is not None and 1 <= region <= self._traces.regions:
            self._is_chosen = True
            with self.region.changed.blocked():
                self.region.value = region
            self._draw()

    def release(self) -> None:
        """Let go of the viewer; the dock is going."""
        self._viewer.dims.events.point.disconnect(self._follow)
        self._viewer.mouse_move_callbacks.remove(self._mouse_moved)
        for box in (self.region, self.quantity):
            box.changed.disconnect()
            box.close()
        self.clear()

    # What is shown

    def _update(self) -> None:
        self._hint.setVisible(not self.has_traces)
        for widget in self._shown:
            widget.setEnabled(self.has_traces)
        for widget in (self.plot, self._about):
            widget.setVisible(self.has_traces)
        count = 0 if self._traces is None else self._traces.count
        self.set_state(f"{count} region{'' if count == 1 else 's'}" if self._traces is not None else "")

    def _draw(self, _value: Any = None) -> None:
        if self._traces is None or not self.has_traces:
            return
        region, quantity = int(self.region.value), self.quantity.value
        shown = self._traces.of(region, quantity)
        times = shown.times.tolist()
        curves = [Curve("as measured", times, shown.values.tolist(), deviation=shown.deviation.tolist())]
        if shown.clean is not None:
            curves.append(Curve("without noise", times, shown.clean.tolist()))
        self.plot.show_curves(curves, f"region {region}: {QUANTITIES[quantity]}")
        self._about.setText(self._where(region))
        self._follow()

    def _where(self, region: int) -> str:
        """Where a region lies, in words."""
        if self._traces is None or self._layers is None:
            return ""
        place, centre = self._layers.placement, self._traces.centres[region - 1]
        if not np.isfinite(centre).all():
            return f"No voxel has the number {region}."
        unit = short_unit(place.units[0])
        z, y, x = (
            at * step + first for at, step, first in zip(centre, place.scale, place.translate, strict=True)
        )
        return f"Region {region}: z {z:.3g}, y {y:.3g}, x {x:.3g} {unit}"

    # The viewer

    def _follow(self, _event: Any = None) -> None:
        """Mark the time that the viewer shows."""
        if self._layers is None or self._traces is None or not self.has_traces:
            return
        frame = self._layers.frame
        times = self._traces.times
        self.plot.set_cursor(float(times[frame]) if 0 <= frame < len(times) else None)

    def _go_to(self, time: float) -> None:
        if self._layers is not None and self._traces is not None:
            self._layers.go_to(int(np.abs(self._traces.times - time).argmin()))

    def _picked(self, _region: int) -> None:
        """Show the trace of the region of the box, and the slice that it lies in."""
        self._is_chosen = True
        self._draw()
        if self._layers is not None and self._traces is not None and self._viewer.dims.ndim >= 3:
            place, z = self._layers.placement, self._traces.centres[int(self.region.value) - 1][0]
            if np.isfinite(z):
                world = place.translate[0] + round(float(z)) * place.scale[0]
                self._viewer.dims.set_point(self._viewer.dims.ndim - 3, world)

    def _mouse_moved(self, viewer: Viewer, event: Any) -> None:
        """Show the trace of the region under the cursor."""
        layers = self._layers
        if layers is None or layers.volumes is None or not self.has_traces or viewer.dims.ndisplay == 3:
            return
        if len(event.position) < 4 or not self.isVisibleTo(self.window()):
            return
        at = np.rint(layers.volumes.world_to_data(event.position)[-3:]).astype(int)
        if (at >= 0).all() and (at < self._regions.shape).all():
            region = int(self._regions[tuple(at)])
            if region and region != self.region.value:
                self.show_region(region)
