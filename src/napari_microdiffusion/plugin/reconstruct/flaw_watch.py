"""Has chosen projections looked at for what would ruin a result, before any run."""

from qtpy.QtCore import QObject

from ...tasks.flaws import Flaws, LookForFlaws
from ...tasks.threads import End
from ..jobs.job import Job
from .document import ReconstructionDocument
from .sections.projections import ProjectionsSection


class FlawWatch(QObject):
    """Shows the flaws of whatever projections are chosen."""

    def __init__(
        self, document: ReconstructionDocument, section: ProjectionsSection, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._document, self._section = document, section
        self._seen: tuple[object, ...] | None = None
        self.job = Job(self)
        self.job.arrived.connect(self._show)
        self.job.ended.connect(self._end)
        document.events.revision.connect(self.look)
        self.look()

    def look(self, _revision: int = 0) -> None:
        """Look at the chosen projections, unless that has been done."""
        found, views = self._document.projections, self._document.views_in_the_stack
        settings = [self._document.value(path) for path in ("acquisition.dark_level", "method.mask_missing")]
        if found is not None and found.shape[0] % views:
            views = 1  # that they are too few or too many is said elsewhere
        stack = None if found is None else (hash(found.layer), id(found.layer.data), found.chosen)
        seen = stack and (*stack, views, *settings)
        if seen == self._seen:
            return
        self._seen = seen
        self._section.show_flaws([])
        self.job.abandon()
        if found is not None:
            by_another = "" if found.known else str(found.layer.source.path or "")
            self.job.start(LookForFlaws(found.data, by_another, views, *settings))

    def _show(self, event: object) -> None:
        if isinstance(event, Flaws):
            self._section.show_flaws(event.texts, event.is_mixed)

    def _end(self, end: End) -> None:
        """Leave a stack that cannot be read, such as one whose file is gone, to the run that needs it."""
        if end.message:
            self._seen = None
