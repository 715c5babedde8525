"""What came of the last run: one honest line, and what can be done with the result."""

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from ..widgets.message_panel import MessagePanel
from ..widgets.section import row

if TYPE_CHECKING:
    from ...reconstruction.result import ReconstructionResult

# A re-projection this close is rounding (float32), as a fraction of the projections' range.
ROUNDING = 1e-4


class OutcomePanel(MessagePanel):
    """The line "Done in …", warnings, errors, and the buttons of a result."""

    uncertainty_wanted = Signal(bool)
    three_d_wanted = Signal(bool)
    side_by_side_wanted = Signal(bool)
    compare_wanted = Signal()
    save_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.uncertainty = QPushButton("Show uncertainty")
        self.three_d = QPushButton("3D")
        self.side_by_side = QPushButton("Side by side")
        self.compare = QPushButton("Compare…")
        self.compare.clicked.connect(self.compare_wanted)
        self.save = QPushButton("Save volume + uncertainty + settings")
        for button in (self.uncertainty, self.three_d, self.side_by_side):
            button.setCheckable(True)
        self.uncertainty.toggled.connect(self.uncertainty_wanted)
        self.three_d.toggled.connect(self.three_d_wanted)
        self.side_by_side.toggled.connect(self.side_by_side_wanted)
        self.save.clicked.connect(self.save_wanted)
        self.three_d.setToolTip("<qt>Attenuated maximum projection of the volume, in true proportions.</qt>")
        self._buttons = QWidget()
        buttons = QVBoxLayout(self._buttons)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(6)
        buttons.addLayout(row(self.uncertainty, self.three_d, stretch=0))
        buttons.addLayout(row(self.side_by_side, self.compare, stretch=0))
        buttons.addWidget(self.save)
        self.column.addWidget(self._buttons)
        self._buttons.hide()

    def clear(self) -> None:
        """Show nothing."""
        super().clear()
        self._buttons.hide()

    def offer(self, has_uncertainty: bool, has_truth: bool) -> None:
        """Show the buttons of a result."""
        for button in (self.uncertainty, self.three_d, self.side_by_side):
            button.blockSignals(True)
            button.setChecked(False)
            button.blockSignals(False)
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
        self.save.setText(f"Save volume {'+ uncertainty ' if has_uncertainty else ''}+ settings")
        self.save.setToolTip(
            "<qt>Images with their scale, and a JSON file that is enough to run it again.</qt>"
        )
        self._buttons.show()

    def enable_save(self, reason: str) -> None:
        """Switch saving off for a reason, or on."""
        self.save.setEnabled(not reason)
        if reason:
            self.save.setToolTip(reason)


def describe_outcome(
    result: "ReconstructionResult", median_uncertainty: float | None, metrics: dict[str, Any] | None
) -> str:
    """The line under a finished run."""
    time = duration(sum(result.seconds.values()))
    if result.stopped:
        stages = [stage for stage in dict.fromkeys(result.reached) if stage]
        parts = ", ".join(f"{result.reached.count(stage)} slabs at the stage {stage}" for stage in stages)
        text = f"Stopped after {time}; kept: {parts or 'nothing yet'}."
    else:
        text = f"Done in {time}."
    if result.misfit is not None:
        text += f" Reproduces the projections within their noise (misfit {result.misfit:.2f})"
    elif result.reprojection_max <= ROUNDING:
        text += " Re-projects onto the measurement (by construction)"
    else:
        text += f" Re-projects within {100 * result.reprojection_max:.2g} % of the projections' range"
    if median_uncertainty is not None:
        text += f"; depth within a slab is estimated: median uncertainty {100 * median_uncertainty:.0f} %."
    else:
        text += "; depth within a slab is estimated, here without a measure of its uncertainty."
    if metrics is not None:
        text += f" Against the ground truth: PSNR {metrics['psnr']:.1f} dB"
        r2 = metrics.get("null_space_r2")
        text += "." if r2 is None else f", null-space R² {r2:.2f}."
    return text


def duration(seconds: float) -> str:
    """A measured time, e.g. "38 s"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
