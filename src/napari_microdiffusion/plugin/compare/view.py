"""The dock "Compare with ground truth": scores, where along z they hold, and ways of looking."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari import Viewer
from qtpy.QtWidgets import QFileDialog

from ...stacks.placement import Placement
from ...stacks.stack import Stack
from ...tasks.comparing import CompareVolumes, ErrorMade, ExportScores, MapError, Scored
from ..jobs.activity import Activity
from ..jobs.run_panel import RunPanel
from ..jobs.runner import Runner
from ..widgets.dock import Dock
from ..widgets.message_panel import MessagePanel
from .looking import CompareViews, add_error
from .looking_section import LookingSection
from .scores_section import ScoresSection
from .volumes_section import VolumesSection

FIGURES = "Figure (*.png *.pdf *.svg)"
TABLES = "Table (*.csv)"


@dataclass(eq=False)
class Row:
    """A reconstruction that was measured; its arrays are those that were, whatever the layer holds now."""

    stack: Stack
    metrics: dict[str, Any]
    volume: Any


class CompareWidget(Dock):
    """The dock."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.volumes = VolumesSection(napari_viewer)
        self.scores = ScoresSection()
        self.looking = LookingSection(napari_viewer)
        self.panel = RunPanel("Compare", "Measure the ticked reconstructions against the ground truth.")
        self.messages = MessagePanel()
        self.runner = Runner(self.panel, self.messages, self)
        self.views = CompareViews(napari_viewer)
        self.rows: list[Row] = []
        self.truth: Stack | None = None
        self.truth_array: Any = None
        self.n: int | None = None
        self.fill((self.volumes, self.scores, self.looking), (self.panel, self.messages))
        self._connect()
        self._volumes_changed()
        self._show_rows()

    def _connect(self) -> None:
        self.volumes.changed.connect(self._volumes_changed)
        self.panel.start_wanted.connect(self.start)
        self.runner.began.connect(self._switch)
        self.runner.ended.connect(self._switch)
        self.scores.row_chosen.connect(self._row_chosen)
        self.scores.slice_picked.connect(self.looking.sections.show_slice)
        self.scores.export_wanted.connect(self._ask_where)
        self.looking.mode_wanted.connect(self._look)
        self.looking.curtain_moved.connect(self.views.move_curtain)
        self.looking.error_wanted.connect(self.map_error)
        self.looking.sections.moved.connect(self.scores.plot.set_cursor)
        self.watch_layers(self.volumes.refresh, self._layer_removed)
        self.listen(self.viewer.layers.events.renamed, self._show_rows)
        self.bind("Ctrl+Alt+C", self.panel.button.click, self.panel.button)
        self.outlast(self.runner)
        self.at_end(self.views.end)

    # What can be asked for

    def choose(self, truth: Any, reconstructions: list[Any]) -> None:
        """Choose a truth and reconstructions, for another dock that has just made them."""
        self.volumes.choose(truth, reconstructions)

    def start(self) -> None:
        """Measure."""
        truth, chosen = self.volumes.truth_stack, self.volumes.chosen
        if truth is None or not chosen or self.volumes.reason() or self.runner.is_running:
            return
        self._stop_looking()
        self.rows, self.truth, self.n = [], truth, self.volumes.n
        self._show_rows()
        task = CompareVolumes(
            truth.data, [(stack.name, stack.data) for stack in chosen], self.n, self.volumes.profile
        )

        def take(event: Any) -> None:
            if isinstance(event, Scored):
                self._add_row(chosen[event.index], event)

        needed = [stack.layer for stack in (truth, *chosen)]
        self.runner.begin(Activity("Comparing", task, take, needed, "The comparison is ready."))

    def map_error(self) -> None:
        """Add a layer of the reconstruction less the truth."""
        row = self.chosen_row
        if row is None:
            return
        stack = row.stack

        def take(event: Any) -> None:
            if isinstance(event, ErrorMade):
                add_error(self.viewer, stack.name, event.error, event.bound, stack.placement)

        task = MapError(self.truth_array, row.volume)
        self.runner.begin(Activity("Error map", task, take, keeps_messages=True))

    def export_to(self, path: Path) -> None:
        """Write the per-slice figure, or the table for a spreadsheet."""
        named = [(row.stack.name, row.metrics) for row in self.rows]
        task = ExportScores(path, named, self.n)
        self.runner.begin(Activity("Writing", task, self.runner.say_where, keeps_messages=True))

    @property
    def chosen_row(self) -> Row | None:
        """The reconstruction that is looked at."""
        index = self.scores.chosen
        return self.rows[index] if 0 <= index < len(self.rows) else None

    # What comes of it

    def _add_row(self, stack: Stack, scored: Scored) -> None:
        """Show the scores of one more reconstruction."""
        self.truth_array = scored.truth
        self.rows.append(Row(stack, scored.metrics, scored.volume))
        self._show_rows()

    def _show_rows(self, _event: Any = None) -> None:
        self.scores.show_scores([(row.stack.name, row.metrics) for row in self.rows], self.n)
        self.looking.set_ready(bool(self.rows))
        if self.truth is not None and self.rows:
            limits = self.truth.layer.contrast_limits
            self.looking.show_volumes(
                [(self.truth.name, self.truth_array), *((row.stack.name, row.volume) for row in self.rows)],
                (float(limits[0]), float(limits[1])),
                self.truth.placement,
            )
        else:
            self.looking.show_volumes([], (0.0, 1.0), Placement())

    def _row_chosen(self, _index: int) -> None:
        if self.views.mode:
            self._look(self.views.mode)

    def _look(self, mode: str) -> None:
        row = self.chosen_row
        if not mode or row is None or self.truth is None:
            self._stop_looking()
            return
        everyone = [other.stack for other in self.rows]
        self.views.show(mode, self.truth, row.stack, everyone)
        self.views.move_curtain(self.looking.curtain_position)

    def _stop_looking(self) -> None:
        self.views.end()
        self.looking.show_mode("")

    # The viewer's events

    def _volumes_changed(self) -> None:
        self.panel.set_reason(self.volumes.reason())

    def _switch(self, text: str = "") -> None:
        self.scores.set_busy(text)
        self.looking.set_busy(text)

    def _layer_removed(self, layer: Any) -> None:
        self.runner.layer_removed(layer)
        gone = self.truth is not None and layer == self.truth.layer
        left = [] if gone else [row for row in self.rows if row.stack.layer != layer]
        if len(left) < len(self.rows) or gone:
            self._stop_looking()
            self.rows = left
            self._show_rows()
        elif layer == self.views.mixed:
            self._stop_looking()

    def _ask_where(self, kind: str) -> None:
        figure = kind == "figure"
        suggested = "comparison.png" if figure else "comparison.csv"
        path, _ = QFileDialog.getSaveFileName(
            self.window(), f"Save the {kind}", suggested, FIGURES if figure else TABLES
        )
        if path:
            self.export_to(Path(path))
