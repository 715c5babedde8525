"""What came of the last run: one honest line, and what can be done with the chosen result."""

from qtpy.QtWidgets import QWidget
from superqt.utils import signals_blocked

from ..widgets.dock import with_keys
from ..widgets.form import switch
from ..widgets.message_panel import MessagePanel
from ..widgets.section import button, column, flow, label
from .results import Results
from .turntable import why_no_movie

NO_TRUTH = "There is no ground truth to compare with: choose one above."
MANY = "A ground truth is of one volume: reconstruct a single time point to compare it."


class OutcomePanel(MessagePanel):
    """The line "Done in …", warnings, errors, and the buttons of the chosen result."""

    def __init__(self) -> None:
        super().__init__()
        about_3d = "Attenuated maximum projection of the volume, in true proportions."
        self.name = label(tone="dim", wrap=True)
        self.uncertainty = button("Show uncertainty", stays=True)
        self.three_d = button("3D", about_3d, stays=True)
        self.side_by_side = button("Side by side", stays=True)
        self.compare = button("Compare…")
        self.save = button("Save…")
        self.export = button("Export 16 bit")
        self.movie = button("Movie…", stays=True)
        self.bring_back = button("Bring it back", "The layer was removed and is not saved.")
        self.bring_back.hide()
        self._buttons = QWidget()
        column(
            self.name,
            flow(
                *(self.uncertainty, self.three_d, self.side_by_side, self.compare),
                *(self.save, self.export, self.movie),
            ),
            inside=self._buttons,
        )
        self.column.addWidget(self.bring_back)
        self.column.addWidget(self._buttons)
        self._buttons.hide()

    def show_result(self, results: Results, busy: str) -> None:
        """Show the buttons of the chosen result as the viewer's state has them; `busy` says what is done."""
        volume, uncertainty, truth = results.volume, results.uncertainty, results.truth
        self._buttons.setVisible(volume is not None)
        if volume is None:
            return
        self.name.setText(f"Result: {volume.name}")
        states = (results.shows_uncertainty, results.is_3d, results.is_beside)
        for held, is_on in zip((self.uncertainty, self.three_d, self.side_by_side), states, strict=True):
            with signals_blocked(held):
                held.setChecked(is_on)
        no_samples = "Nothing was drawn for it: set Uncertainty draws above 0 in Diffusion."
        removed = "Its layer was removed, or is not open."
        has_none = results.run is not None and results.run.result.uncertainty is None
        _switch(
            self.uncertainty,
            "" if uncertainty is not None else no_samples if has_none else removed,
            "How far the draws lie from the volume (standard deviation), in its grey levels.",
        )
        beside = "volume and ground truth" if truth is not None else "the visible layers"
        _switch(self.side_by_side, "", f"Show {beside} beside each other.")
        _switch(
            self.compare,
            "" if truth is not None else MANY if volume.ndim > 3 else NO_TRUTH,
            "Every metric against the ground truth, slice by slice, in a dock of its own.",
        )
        and_uncertainty = " and its uncertainty" if uncertainty is not None else ""
        _switch(
            self.save,
            busy,
            f"The volume{and_uncertainty}, with the scale and all settings that are needed to run it again.",
        )
        _switch(
            self.export,
            busy,
            "Writes the volume beside the projections as a TIFF of 16-bit whole numbers with its scale, as "
            "Fiji and Imaris open it.",
        )

        _switch(
            self.movie,
            why_no_movie(),
            "Saves a movie of the volume turning once in 3D, as the window is large; again to cancel it.",
        )

    def offer_back(self, name: str) -> None:
        """Offer a result that was removed without being saved; with an empty name no longer."""
        self.bring_back.setVisible(bool(name))
        if name:
            self.say(f"“{name}” was removed and is not saved.")


def _switch(widget: QWidget, reason: str, meaning: str) -> None:
    switch(widget, reason, with_keys(widget, f"<qt>{meaning}</qt>"))
