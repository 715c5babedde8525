"""The chosen result along z, with its truth where there is one."""

from typing import Any

from napari import Viewer

from ....stacks.placement import Placement
from ....stacks.series import stack_on_screen
from ....stacks.stack import array_of, coarse_array_of
from ....tasks.large_stacks.sections import ReadSections, SectionsRead
from ....tasks.threads import End
from ...jobs.job import Job
from ...widgets.cross_sections import CrossSections, Shown
from ...widgets.section import Section, column, label
from ..results import Results

NO_RESULT = "There is no result yet."


class AlongZSection(Section):
    """Sections xz and yz of the chosen result through the cursor."""

    def __init__(self, viewer: Viewer, results: Results) -> None:
        super().__init__("Sections along z", page="dock")
        self._results = results
        self.sections = CrossSections(viewer)
        self._hint = label(NO_RESULT, tone="dim", wrap=True)
        self.set_content(column(self._hint, self.sections))
        self._viewer = viewer
        self._on_screen: tuple[int, ...] = ()
        self._job = Job(self)
        self._job.arrived.connect(self._take)
        self._job.ended.connect(self._end)
        self.sections.wanted.connect(self._read)
        results.changed.connect(self.refresh)
        viewer.dims.events.point.connect(self._follow)
        self.refresh()

    def release(self) -> None:
        """Let go of the viewer; the dock is going."""
        self._viewer.dims.events.point.disconnect(self._follow)
        self._job.abandon()

    def _read(self, volumes: Any) -> None:
        """Read what lies in a file, in a thread."""
        self._job.abandon()
        if volumes:
            self._job.start(ReadSections(volumes))

    def _take(self, event: Any) -> None:
        if isinstance(event, SectionsRead):
            self.sections.take(event.number, event.xz, event.yz)

    def _end(self, end: End) -> None:
        if end.message:
            self._hint.setText(end.message)
            self._hint.show()

    def _follow(self, _event: Any = None) -> None:
        """Show another time point of a series when the viewer does."""
        volume = self._results.volume
        if volume is not None and stack_on_screen(volume, self._viewer.dims.point) != self._on_screen:
            self.refresh()

    def refresh(self) -> None:
        """Show what is chosen."""
        volume, truth = self._results.volume, self._results.truth
        self._hint.setText(NO_RESULT)
        self._hint.setVisible(volume is None)
        self.sections.setVisible(volume is not None)
        self.set_state("" if volume is None else volume.name)
        if volume is None:
            self.sections.show_volumes([], (0.0, 1.0), Placement())
            return
        self._on_screen = stack_on_screen(volume, self._viewer.dims.point)
        size, data = array_of(volume).shape[-3:], coarse_array_of(volume)
        shown = [Shown(volume.name, data[self._on_screen] if self._on_screen else data, size)]
        if truth is not None:
            shown.append(Shown(truth.name, coarse_array_of(truth)[: size[0]], size))
        low, high = volume.contrast_limits
        self.sections.show_volumes(shown, (float(low), float(high)), Placement.of_layer(volume))
