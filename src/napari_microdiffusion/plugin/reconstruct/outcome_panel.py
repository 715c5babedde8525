"""What came of the last run: one honest line, and what can be done with the result."""

from qtpy.QtWidgets import QWidget
from superqt.utils import signals_blocked

from ..widgets.message_panel import MessagePanel
from ..widgets.section import button, column, flow


class OutcomePanel(MessagePanel):
    """The line "Done in …", warnings, errors, and the buttons of a result."""

    def __init__(self) -> None:
        super().__init__()
        about_3d = "Attenuated maximum projection of the volume, in true proportions."
        self.uncertainty = button("Show uncertainty", stays=True)
        self.three_d = button("3D", about_3d, stays=True)
        self.side_by_side = button("Side by side", stays=True)
        self.compare = button("Compare…")
        self.save = button("Save result…")
        self._buttons = QWidget()
        column(
            flow(self.uncertainty, self.three_d, self.side_by_side, self.compare),
            self.save,
            inside=self._buttons,
        )
        self.column.addWidget(self._buttons)
        self._buttons.hide()

    def clear(self) -> None:
        """Show nothing."""
        super().clear()
        self._buttons.hide()

    def offer(self, has_uncertainty: bool, has_truth: bool) -> None:
        """Show the buttons of a result."""
        for switch in (self.uncertainty, self.three_d, self.side_by_side):
            with signals_blocked(switch):
                switch.setChecked(False)
        self.uncertainty.setEnabled(has_uncertainty)
        self.uncertainty.setToolTip(
            "<qt>Standard deviation of the samples around the volume, in its grey levels.</qt>"
            if has_uncertainty
            else "<qt>No samples were drawn: set Samples above 0 in Diffusion.</qt>"
        )
        self.side_by_side.setToolTip(
            "<qt>Show volume and ground truth beside each other.</qt>"
            if has_truth
            else "<qt>Show the visible layers beside each other.</qt>"
        )
        self.compare.setEnabled(has_truth)
        self.compare.setToolTip(
            "<qt>Every metric against the ground truth, slice by slice, in a dock of its own.</qt>"
            if has_truth
            else "<qt>There is no ground truth to compare with: choose one above before the run.</qt>"
        )
        images = "volume and uncertainty" if has_uncertainty else "volume"
        self.save.setToolTip(
            f"<qt>The {images} with their scale, and a JSON file with all that a run like it needs.</qt>"
        )
        self._buttons.show()

    def enable_save(self, reason: str) -> None:
        """Switch saving off for a reason, or on."""
        self.save.setEnabled(not reason)
        if reason:
            self.save.setToolTip(reason)
