"""Looks at chosen projections for what would ruin a result, beside the window and before any run."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QObject

from ...errors import UserError
from ...reconstruction.events import CancelToken
from ..jobs.job import End, Job
from .document import ReconstructionDocument
from .sections.projections import ProjectionsSection


@dataclass(frozen=True)
class Flaws:
    """What is wrong with projections, a sentence each; nothing where all is well.

    `is_mixed` where it is that another reader mixed the planes of the file up, so that ours would mend it.
    """

    texts: list[str]
    is_mixed: bool = False


@dataclass(frozen=True, eq=False)
class LookForFlaws:
    """Looks for flaws of projections (views * N, H, W), which may be lazy; `path` is another reader's."""

    projections: Any
    path: str = ""
    views: int = 1
    dark_level: float = 0

    def __call__(self, cancel: CancelToken) -> Iterator[Flaws]:
        """One `Flaws`."""
        from ...io import validate_projections
        from ...io.mixed_planes import mixed_up
        from ...optics.detector.flaws import find_flaws

        if mixed := mixed_up(self.projections.shape[0], self.path):
            yield Flaws([mixed], is_mixed=True)
            return
        try:
            validate_projections(self.projections, mask_missing=True)
        except UserError:
            return  # the run itself will say why
        found = []
        for text in find_flaws(self.projections, views=self.views, dark_level=self.dark_level):
            cancel.check()
            if text:
                found.append(text)
        yield Flaws(found)


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
        dark_level = self._document.value("acquisition.dark_level")
        if found is not None and found.shape[0] % views:
            views = 1  # that they are too few or too many is said elsewhere
        stack = None if found is None else (hash(found.layer), id(found.layer.data), found.chosen)
        seen = stack and (*stack, views, dark_level)
        if seen == self._seen:
            return
        self._seen = seen
        self._section.show_flaws([])
        self.job.abandon()
        if found is not None:
            by_another = "" if found.known else str(found.layer.source.path or "")
            self.job.start(LookForFlaws(found.data, by_another, views, dark_level))

    def _show(self, event: object) -> None:
        if isinstance(event, Flaws):
            self._section.show_flaws(event.texts, event.is_mixed)

    def _end(self, end: End) -> None:
        """Leave a stack that cannot be read, such as one whose file is gone, to the run that needs it."""
        if end.message:
            self._seen = None
