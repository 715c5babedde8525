"""In the foot of a dock: what a run would cost, its button, and how a running one gets on."""

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QProgressBar, QWidget

from ...settings.wording import in_a_window
from ...tasks.progress import Step, time_left
from ..widgets.dock import with_keys
from ..widgets.form import check_box
from ..widgets.section import button, column, flow, label, row

# Parts of the bar; finer ones could not be seen.
_BAR = 200


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
    beside : QWidget, optional
        Another button that goes with the first.
    """

    start_wanted = Signal()
    stop_wanted = Signal()
    cancel_wanted = Signal()

    def __init__(
        self, text: str, tip: str = "", has_slices: bool = False, beside: QWidget | None = None
    ) -> None:
        super().__init__()
        self._tip, self._has_slices = tip, has_slices
        self._reason = ""
        self._task, self._is_ending = "", False
        self.estimate = label(tone="dim", wrap=True)
        self.button = button(text, tip, self.start_wanted)
        self.button.setObjectName("main")
        self.stage = label(wrap=True)
        self.bar = QProgressBar()
        self.bar.setRange(0, _BAR)
        self.bar.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.follow = check_box(
            "follow slice", "Show the slices as they arrive. Moving the slider yourself ends it."
        )
        self.stop = button("Stop and keep", "End now and keep the best of every slab.", self.stop_wanted)
        self.cancel = button("Cancel", "End now and keep nothing of this run.", self.cancel_wanted)
        self._running = QWidget()
        buttons = flow(self.follow, self.stop, self.cancel)
        column(self.stage, self.bar, buttons, inside=self._running)
        self._idle = [self.button] if beside is None else [beside, self.button]
        column(self.estimate, row(*self._idle, stretch=len(self._idle) - 1), self._running, inside=self)
        self.idle()

    def set_reason(self, reason: str) -> None:
        """Switch the button off for a reason, or on."""
        self._reason = in_a_window(reason)
        self._update()

    def begin(self, task: str, can_stop: bool) -> None:
        """Show progress of a task, in words."""
        self._task, self._is_ending = task, False
        self.show_step(Step(task))
        self.follow.setVisible(can_stop and self._has_slices)
        self.stop.setVisible(can_stop)
        self.stop.setEnabled(True)
        self.cancel.setEnabled(True)
        self._update()

    def idle(self) -> None:
        """Nothing runs."""
        self._task = ""
        self._update()

    def ending(self, text: str) -> None:
        """The run was asked to end and has not yet."""
        self._is_ending = False
        self.show_step(Step(text))
        self._is_ending = True
        self.stop.setEnabled(False)
        self.cancel.setEnabled(text != "Cancelling …")

    def show_step(self, step: Step, waited: float = 0.0) -> None:
        """Show what is being done and how far it is; where that is not known, the seconds since it began.

        The bar stands still in between, and what changes often is written on it: every picture of a moving
        one, and every label that changes its size, has the whole window painted anew.
        """
        if self._is_ending:
            return
        self.stage.setText(step.text or self._task)
        self.bar.setFormat(f"{waited:.0f} s" if step.fraction is None and waited >= 1 else time_left(step))
        # Otherwise Qt paints at once, and once more for the text.
        self.bar.setUpdatesEnabled(False)
        self.bar.setValue(round(_BAR * (step.fraction or 0)))
        self.bar.setUpdatesEnabled(True)

    def _update(self) -> None:
        is_running = bool(self._task)
        self._running.setVisible(is_running)
        for widget in self._idle:
            widget.setVisible(not is_running)
            widget.setEnabled(not is_running and not self._reason)
        self.estimate.setVisible(not is_running and bool(self.estimate.text()))
        self.button.setToolTip(self._reason or with_keys(self.button, f"<qt>{self._tip}</qt>"))

    def set_estimate(self, text: str) -> None:
        """Say what the run would cost."""
        self.estimate.setText(text)
        self._update()
