"""In the foot of a dock: what a run would cost, its button, and how a running one gets on."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QProgressBar, QWidget

from ...reconstruction.events import Progress, StageStarted
from ...tasks.progress import Step, time_left
from ..widgets.dock import with_keys
from ..widgets.form import check_box
from ..widgets.section import button, column, label, row


class RunPanel(QWidget):
    """The button and the progress.

    Parameters
    ----------
    text : str
        On the button.
    tip : str
        The button's tooltip while it can be pressed.
    has_slices : bool
        Whether slices arrive that the viewer can follow.
    """

    start_wanted = Signal()
    stop_wanted = Signal()
    cancel_wanted = Signal()

    def __init__(self, text: str, tip: str = "", has_slices: bool = False) -> None:
        super().__init__()
        self._tip, self._has_slices = tip, has_slices
        self._reason = ""
        self._task = ""
        self.estimate = label(tone="dim")
        self.button = button(text, tip, self.start_wanted)
        self.button.setObjectName("main")
        self.stage = label()
        self.left = label(tone="dim")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.follow = check_box(
            "follow slice", "Show the slices as they arrive. Moving the slider yourself ends it."
        )
        self.stop = button("Stop and keep", "End now and keep the best of every slab.", self.stop_wanted)
        self.cancel = button("Cancel", "End now and keep nothing of this run.", self.cancel_wanted)
        self._running = QWidget()
        buttons = row(self.follow)
        buttons.addWidget(self.stop)
        buttons.addWidget(self.cancel)
        column(row(self.stage, self.left), self.bar, buttons, inside=self._running)
        column(self.estimate, self.button, self._running, inside=self)
        self.idle()

    def set_reason(self, reason: str) -> None:
        """Switch the button off for a reason, or on."""
        self._reason = reason
        self._update()

    def begin(self, task: str, can_stop: bool) -> None:
        """Show progress of a task, in words."""
        self._task = task
        self.stage.setText(task)
        self.left.setText("")
        self.bar.setRange(0, 0)  # busy, until the first figure
        self.follow.setVisible(can_stop and self._has_slices)
        self.stop.setVisible(can_stop)
        self.stop.setEnabled(True)
        self.cancel.setEnabled(True)
        self._update()

    def idle(self) -> None:
        """Nothing runs."""
        self._task = ""
        self.bar.setRange(0, 1000)
        self._update()

    def ending(self, text: str) -> None:
        """The run was asked to end and has not yet."""
        self._task = text
        self.stage.setText(text)
        self.left.setText("")
        self.stop.setEnabled(False)
        self.cancel.setEnabled(text != "Cancelling …")

    def handle(self, event: object) -> None:
        """Show what an event says of the progress."""
        is_ending = self._task.endswith(" …") and not self.stop.isEnabled()
        if isinstance(event, StageStarted) and not is_ending:
            self._task = event.text
            self.stage.setText(event.text)
            self.left.setText("")
            self.bar.setRange(0, 0)
        elif isinstance(event, Step) and not is_ending:
            self._task = event.text
            self.stage.setText(event.text)
            self._show_share(event)
        elif isinstance(event, Progress) and not is_ending:
            self._show_share(event)

    def _show_share(self, event: Progress | Step) -> None:
        share = event.fraction
        self.bar.setRange(0, 0 if share is None else 1000)
        if share is not None:
            self.bar.setValue(round(1000 * share))
        self.left.setText(time_left(event))

    def _update(self) -> None:
        is_running = bool(self._task)
        self._running.setVisible(is_running)
        self.button.setVisible(not is_running)
        self.estimate.setVisible(not is_running and bool(self.estimate.text()))
        self.button.setEnabled(not is_running and not self._reason)
        self.button.setToolTip(self._reason or with_keys(self.button, f"<qt>{self._tip}</qt>"))

    def set_estimate(self, text: str) -> None:
        """Say what the run would cost."""
        self.estimate.setText(text)
        self._update()
