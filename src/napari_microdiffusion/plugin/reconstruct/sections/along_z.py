"""The chosen result along z, with its truth where there is one."""

from napari import Viewer

from ....stacks.placement import Placement
from ....stacks.stack import array_of
from ...widgets.cross_sections import CrossSections, Shown
from ...widgets.section import Section, column, label
from ..results import Results


class AlongZSection(Section):
    """Sections xz and yz of the chosen result through the cursor."""

    def __init__(self, viewer: Viewer, results: Results) -> None:
        super().__init__("Sections along z", page="dock")
        self._results = results
        self.sections = CrossSections(viewer)
        self._hint = label("There is no result yet.", tone="dim", wrap=True)
        self.set_content(column(self._hint, self.sections))
        results.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is chosen."""
        volume, truth = self._results.volume, self._results.truth
        self._hint.setVisible(volume is None)
        self.sections.setVisible(volume is not None)
        self.set_state("" if volume is None else volume.name)
        if volume is None:
            self.sections.show_volumes([], (0.0, 1.0), Placement())
            return
        data = array_of(volume)
        # A large volume is on disk: what is sliced of it would be read.
        shown = [Shown(volume.name, data)]
        if truth is not None:
            shown.append(Shown(truth.name, array_of(truth)[: len(data)]))
        low, high = volume.contrast_limits
        self.sections.show_volumes(shown, (float(low), float(high)), Placement.of_layer(volume))
