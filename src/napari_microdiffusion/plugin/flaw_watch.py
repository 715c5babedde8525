"""Looks at chosen projections for what would ruin a result, beside the window and before any run."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QObject

from ..errors import UserError
from ..reconstruction.events import CancelToken
from .job import End, Job
from .projections_section import ProjectionsSection


@dataclass(frozen=True)
class Flaws:
    """What is wrong with projections, a sentence each; nothing where all is well."""

    texts: list[str]


@dataclass(frozen=True, eq=False)
class LookForFlaws:
    """Looks for flaws of projections (N, H, W), as lazy as they like."""

    projections: Any

    def __call__(self, cancel: CancelToken) -> Iterator[Flaws]:
        """One `Flaws`."""
        from ..io import validate_projections
        from ..optics.flaws import find_flaws

        try:
            validate_projections(self.projections)
        except UserError:
            return  # the run itself will say why
        found = []
        for text in find_flaws(self.projections):
            cancel.check()
            if text:
                found.append(text)
        yield Flaws(found)


class FlawWatch(QObject):
    """Shows the flaws of whatever projections are chosen.

    Parameters
    ----------
    section : ProjectionsSection
    parent : QObject
    """

    def __init__(self, section: ProjectionsSection, parent: QObject) -> None:
        super().__init__(parent)
        self._section = section
        self._seen: tuple[object, ...] | None = None
        self.job = Job(self)
        self.job.arrived.connect(self._show)
        self.job.ended.connect(self._end)
        section.changed.connect(self.look)
        self.look()

    def look(self) -> None:
        """Look at the chosen projections, unless that has been done."""
        found = self._section.projections
        seen = None if found is None else (hash(found.layer), id(found.layer.data), found.chosen)
        if seen == self._seen:
            return
        self._seen = seen
        self._section.show_flaws([])
        self.job.abandon()
        if found is not None:
            self.job.start(LookForFlaws(found.data))

    def _show(self, event: object) -> None:
        if isinstance(event, Flaws):
            self._section.show_flaws(event.texts)

    def _end(self, end: End) -> None:
        """Leave a stack that cannot be read, such as one whose file is gone, to the run that needs it."""
        if end.message:
            self._seen = None
